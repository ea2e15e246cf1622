"""What leaks into a synapse: planted leaks are found and named, and what is known to be local is."""

import pytest
import torch

import corticalnet as cn
from corticalnet.audit.locality import ROUNDING, locality
from corticalnet.audit.probe import Probe
from corticalnet.audit.samples import random_batch, random_mlp, relative_change, weight_update
from corticalnet.audit.synapses import synapses, tying
from corticalnet.errors import RuleError
from corticalnet.rules import Sweep, Trigger
from corticalnet.rules.observer import Observer
from corticalnet.rules.predictive_coding.inference import PredictiveCodingState
from tests.networks import F64


class Peeking(Trigger):
    """Z-IL, but the output's error also scales what distant synapses learn."""

    needs_layers = True
    levelled = True

    def run(self, trial):
        columns, depth = PredictiveCodingState(trial), trial.wiring.depth
        for step in range(depth[0]):
            if step:
                columns.move(1.0)
            far = 1 + columns.errors[-1].mean(1, keepdim=True)
            columns.teach([e * far if depth[k] == step else None for k, e in enumerate(columns.errors)])


class Hebbian(cn.LearningRule):
    """Fire together, wire together: Δw = ⟨post × pre⟩, of rates."""

    name = "hebbian"
    tell = None  # what it says at its moment

    @torch.no_grad()
    def learn(self, net, x, targets, *, accumulate=False):
        activity = self.sweep(net, x)
        if self.tell:
            self.observer.snapshot(net.wiring, *self.tell(net, activity))
        for node in range(1, net.wiring.output + 1):
            for source, link in net.wiring.arriving[node]:
                if link.weight.grad is None:
                    link.weight.grad = torch.zeros_like(link.weight)
                post = self.post(activity.rates, node, link)
                link.hebbian(activity.rates[source], post, link.weight.grad, -1 / len(x), float(accumulate))

    def sweep(self, net, x):
        return net.sweep(x)

    def post(self, rates, node, link):
        return rates[node]


def network(**area):
    areas = [cn.Area(cn.Dense(7, bias=True), "tanh", **area), cn.Area(cn.Dense(6), "tanh", **area)]
    return cn.Network((5,), [*areas, cn.Area(cn.Dense(4), "linear")], dtype=F64)


@pytest.mark.parametrize("name", ["z-il", "kolen-pollack", "brainprop", "difference-target-propagation"])
def test_rules_that_are_local_have_no_leak(name):
    """All others: tests/audit/test_report.py."""
    found = locality(cn.rule(name))
    assert found.leaks == {}
    assert found.paths < ROUNDING
    assert found.checks > 30
    assert found.moments > 0


class Nosy(cn.WeightMirror):
    """A mirror whose synapses also hear the noise of the column next door."""

    def learn(self, trial):
        super().learn(trial)
        for b in self.named_parameters().values():
            b.grad += b.grad.roll(1, 1)


class Overheard(cn.Perturbed):
    """Perturbed feedback whose synapses also hear what comes down to the column next door."""

    def _fit(self, trial, wiring, node, wanted, signal, errors):
        super()._fit(trial, wiring, node, wanted, signal + signal.roll(1, 1), errors)


def test_synapses_down_are_watched_as_those_up():
    straight = locality(cn.rule("perturbed-feedback", direct=True))
    assert straight.leaks == {}
    assert {"noise", "feedback", "error"} <= set(straight.states)
    assert straight.broadcasts == ("loss difference",)
    through_kernels = cn.Network(
        (1, 5, 5),
        [
            cn.Area(cn.Convolution(2, 3), "tanh"),
            cn.Area(cn.Convolution(2, 2), "tanh"),
            cn.Area(cn.Dense(3), "linear"),
        ],
        dtype=F64,
    )
    assert locality(cn.rule("weight-mirror"), through_kernels).leaks == {}
    assert "noise of other columns of area2" in locality(cn.Rule(feedback=Nosy())).leaks
    overheard = locality(cn.Rule(feedback=Overheard(), trigger=Sweep(feedback_cells=True))).leaks
    assert overheard
    assert set(overheard) <= {f"feedback of other columns of area{k}" for k in (1, 2)}
    solved = locality(cn.rule("perturbed-feedback", fit="least squares")).leaks
    assert {"error of other columns of area2", "error of other columns of output"} <= set(solved)


def test_backprop_needs_other_areas_unless_columns_hold_feedback():
    found = locality(cn.rule("backprop"))
    assert {
        "weights of area1->area2",
        "weights of area2->output",
        "target",
        "rate of output",
    } <= found.leaks.keys()
    assert list(found.leaks.values()) == sorted(found.leaks.values(), reverse=True)
    assert "error" not in found.states
    held = locality(cn.rule("backprop", feedback_cells=True))
    assert held.leaks == {}
    assert "error" in held.states


def test_a_leak_is_as_large_as_it_is():
    """By hand: the change of the first link in a 1-1-1 linear chain is w₂ (t − w₂ w₁ x) x."""
    net = cn.mlp([1, 1, 1], hidden="linear", dtype=F64)
    probe = Probe(net, cn.rule("backprop"), torch.ones(1, 1, dtype=F64), torch.tensor([0]))
    (number,) = probe.moments
    w1, w2 = (link.weight.item() for link in net.links)
    before = probe.undisturbed[number]
    assert before["areas.area1.links.0.weight"].item() == pytest.approx(-w2 * (1 - w2 * w1), abs=1e-15)

    def target(probed):
        probed.targets += 0.3

    after = probe.disturbed(number, target)
    assert after["areas.area1.links.0.weight"].item() == pytest.approx(-w2 * (1.3 - w2 * w1), abs=1e-15)


def test_a_peek_at_a_distant_error_is_caught_and_named():
    rule = cn.Rule(trigger=Peeking())
    found = locality(rule)
    assert next(iter(found.leaks)) == "error of output"
    assert not any("weights" in name for name in found.leaks)
    net = random_mlp("tanh", 3, 0)
    x, y = random_batch(net, 0)
    one, other = weight_update(net, rule, x, y)[0], weight_update(net, cn.rule("z-il"), x, y)[0]
    assert relative_change(one, other) > 0.01  # it did matter


def test_a_rule_that_says_nothing_is_watched_from_its_forward_sweep_on():
    assert locality(Hebbian()).leaks == {}

    class Wide(Hebbian):
        def post(self, rates, node, link):
            return rates[node] * rates[-1].sum(1, keepdim=True)

    class Grown(Hebbian):
        def post(self, rates, node, link):
            return rates[node] / link.weight.norm()

    class Neighbours(Hebbian):
        def post(self, rates, node, link):
            return rates[node] - rates[node].mean(1, keepdim=True)

    assert next(iter(locality(Wide()).leaks)) == "rate of output"
    grown = locality(Grown())
    assert grown.leaks
    assert all(name.startswith("other weights of ") for name in grown.leaks)
    beside = locality(Neighbours())
    assert set(beside.leaks) == {f"rate of other columns of {name}" for name in ("area1", "area2", "output")}


@pytest.mark.parametrize("wiring", ["wiring", "levelled"])
def test_sweeps_that_a_rule_does_by_itself_are_watched(wiring):
    class Wide(Hebbian):
        def sweep(self, net, x):
            return net.wiring.forward(x) if wiring == "wiring" else net.levelled().forward(x)

        def post(self, rates, node, link):
            return rates[node] * rates[-1].sum(1, keepdim=True)

    found = locality(Wide())
    assert next(iter(found.leaks)) == "rate of output"
    assert set(found.states) == {"rate", "drive"}


def test_a_declared_broadcast_is_allowed_and_named():
    class Modulated(Hebbian):
        """Dopamine multiplies every change."""

        def tell(self, net, activity):
            self.dopamine = activity.rates[-1].sum(1)
            return {}, {"dopamine": self.dopamine}

        def post(self, rates, node, link):
            return rates[node] * self.dopamine[:, None]

    found = locality(Modulated())
    assert found.broadcasts == ("dopamine",)
    assert found.leaks == {}

    class TooMuch(Modulated):
        def tell(self, net, activity):
            return {}, {"everything": activity.rates[-1]}

    with pytest.raises(RuleError, match="one number for each"):
        locality(TooMuch())


@pytest.mark.parametrize("name", ["brainprop", "z-il", "streaming-fa-z-il", "il", "feedback-alignment"])
def test_batch_statistics_mix_samples_and_slow_ones_do_not(name):
    batch = locality(cn.rule(name), network(homeostasis="batch"))
    assert next(iter(batch.leaks)) == "other samples of the batch"
    assert batch.largest > 0.01
    assert locality(cn.rule(name), network(homeostasis="slow")).leaks == {}


@pytest.mark.parametrize("kind", [cn.Convolution, cn.Local])
def test_sheets_and_skips_are_local_too(kind):
    areas = [
        cn.Area(kind(2, 3, padding="same", bias=True), "tanh", "low", pool=2),
        cn.Area(cn.Dense(6), "tanh", "mid"),
        cn.Area([cn.Dense(4), cn.Dense(4, source="low")], "linear"),
    ]
    net = cn.Network((3, 4, 4), areas, dtype=F64)
    assert locality(cn.rule("z-il"), net).leaks == {}
    assert "weights of mid->output" in locality(cn.rule("backprop"), net).leaks
    shared = tying(net)
    assert shared == (1.0 if kind is cn.Local else pytest.approx(100 / 9))  # 4·4·9 taps, 44 beyond the border


def test_ends_of_synapses_by_hand():
    first, *_ = synapses(cn.Network((3,), [cn.Area(cn.Dense(2), "linear", "out")]))
    assert first.touches("input", 1, 3).tolist() == [False, True, False] * 2
    assert first.touches("out", 0, 2).tolist() == [True] * 3 + [False] * 3
    assert first.touches("input.relay1").all()
    assert not first.touches("elsewhere").any()


def test_a_threshold_for_a_whole_area_is_shared_and_one_for_each_column_is_not():
    """Others of an area are heard where they lift its sum over the threshold: in 7 of 16 networks."""
    rule = cn.rule("streaming-fa-z-il", threshold=1.5, pooled=True)
    leaks = next(filter(None, (locality(rule, seed=seed).leaks for seed in range(16))))
    assert leaks.keys() <= {f"error of other columns of {area}" for area in ("area1", "area2", "output")}
    assert locality(cn.rule("streaming-fa-z-il", threshold=0.3)).leaks == {}


def test_nothing_is_left_behind():
    net, rule = network(homeostasis="slow"), cn.rule("feedback-alignment")
    before = {k: v.clone() for k, v in net.state_dict().items()}
    x, y = random_batch(net, 0)
    first = weight_update(net, rule, x, y)[0]
    locality(rule, net)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    assert relative_change(weight_update(net, rule, x, y)[0], first) == 0


def test_cells_of_recurrent_backprop_hold_the_equilibrium_and_the_errors_that_relax_beside_it():
    """Where the teacher shows what is answered there is no error; rates are those of the answer."""
    seen = []

    class Listener(Observer):
        def snapshot(self, wiring, cells, broadcasts=None):
            held = {state: nodes[1:] for state, nodes in cells.items() if "signal" not in state}
            seen.append({state: [cell.clone() for cell in nodes] for state, nodes in held.items()})

    rule, net = cn.rule("recurrent-backprop", bound=50.0, steps=100), network()
    rule.observer, x = Listener(), random_batch(net, 0)[0]
    answer = rule.answer(net, x)
    for target in (answer, answer + 1):
        rule.learn(net, x, target)
    (still, taught), states = seen, locality(rule).states
    assert torch.equal(still["rate"][-1], answer)
    assert not any(error.any() for error in still["error"])
    for a, b in zip(still["rate"] + still["state"], taught["rate"] + taught["state"], strict=True):
        assert torch.equal(a, b)
    assert (taught["error"][-1] > 0).all()  # of a linear output: the difference, and what comes up
    assert (taught["error"][0] < 0).any()
    assert set(states) >= {"error", "error signal"}
