"""Rules that are local only while somebody watches: what trains is held against what was watched."""

import pytest
import torch

import corticalnet as cn
from corticalnet.audit.locality import ROUNDING, locality
from corticalnet.audit.verdicts import judge_locality
from corticalnet.network.wiring import Wiring
from corticalnet.rules import ZIL
from corticalnet.rules.observer import SILENT, by_area
from corticalnet.rules.predictive_coding.inference import PredictiveCodingState


class Peeking(ZIL):
    """Z-IL in all cells, in which the output's error also scales what distant synapses learn, if it dares."""

    def __init__(self):
        super().__init__(simulate=True)

    def dares(self, trial):
        return True

    def run(self, trial):
        columns, depth = PredictiveCodingState(trial), trial.wiring.depth
        for step in range(depth[0]):
            if step:
                columns.move(1.0)
            far = 1.0 + self.dares(trial) * columns.errors[-1].mean(1, keepdim=True)
            columns.teach([e * far if depth[k] == step else None for k, e in enumerate(columns.errors)])


class UnlessObserved(Peeking):
    def dares(self, trial):
        return trial.observer is SILENT


class UnlessTheWiringTells(Peeking):
    def dares(self, trial):
        return type(trial.plasticity.net.wiring) is Wiring


class UnlessItAddsUp(Peeking):
    def dares(self, trial):
        return not trial.plasticity.adds


class OnTheShortWay(Peeking):
    """It leaves its good manners to the copy for an audit."""

    def __init__(self):
        super().__init__()
        self.simulate = False

    def dares(self, trial):
        return not self.simulate


class Delta(cn.LearningRule):
    """Learns with the output's error alone, everywhere; of itself, without Rule."""

    name = "delta"

    def dares(self, net):
        return self.observer is SILENT

    @torch.no_grad()
    def learn(self, net, x, targets, *, accumulate=False):
        rates = net.sweep(x).rates
        for node in range(1, len(rates)):
            for source, link in net.wiring.arriving[node]:
                post = rates[node] * rates[-1].sum(1, keepdim=True) if self.dares(net) else rates[node]
                before = link.weight.grad if accumulate and link.weight.grad is not None else 0
                link.weight.grad = before - post.T @ rates[source] / len(x)


class InItsUpdate(Delta):
    """Learns locally, and updates otherwise."""

    def dares(self, net):
        return False

    def update(self, net, x, targets, optimizer):
        step = super().update(net, x, targets, optimizer)
        with torch.no_grad():
            net.links[0].weight += 1e-3 * net.links[-1].weight.norm()
        return step


class Sleeping(Delta):
    """Learns nothing while somebody watches."""

    def learn(self, net, x, targets, *, accumulate=False):
        if self.dares(net):
            super().learn(net, x, targets, accumulate=accumulate)


CHEATS = {
    "looks at its observer": lambda: cn.Rule(trigger=UnlessObserved()),
    "looks at the network": lambda: cn.Rule(trigger=UnlessTheWiringTells()),
    "looks whether changes add up": lambda: cn.Rule(trigger=UnlessItAddsUp()),
    "takes another way for an audit": lambda: cn.Rule(trigger=OnTheShortWay()),
    "is no product": Delta,
    "updates otherwise": InItsUpdate,
    "sleeps": Sleeping,
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_rule_that_is_local_only_while_it_is_watched_is_caught(cheat):
    found = locality(CHEATS[cheat]())
    assert found.leaks == {}  # nothing that could be seen
    assert found.paths > 1e-4
    finding = judge_locality(found)
    assert finding.mark == "no"
    assert "paths differ" in finding.detail


def test_a_rule_that_always_peeks_leaks_on_the_path_that_trains():
    found = locality(cn.Rule(trigger=Peeking()))
    assert "error of output" in found.leaks
    assert found.paths < ROUNDING
    assert judge_locality(found).detail.startswith("leaks: error of")


def test_how_far_paths_differ_is_the_largest_difference_beside_the_largest_change():
    """Twice the change while nobody watches is a difference of 1; here of the first area alone."""

    class Twice(cn.Tied):
        def into(self, wiring, node, errors):
            signal = super().into(wiring, node, errors)
            return signal * (2 if node == 1 and type(wiring) is Wiring else 1)

    net = cn.mlp([1, 1, 1], "linear", dtype=torch.float64)
    w1, w2 = (link.weight for link in net.links)
    w1.data.fill_(0.5), w2.data.fill_(2.0)
    # By hand, with e = t − w₂ w₁ x: the changes are w₂ e x = 2 e x and w₁ e x = e x / 2.
    assert locality(cn.Rule(feedback=Twice()), net).paths == pytest.approx(1.0, rel=1e-12)
    w2.data.fill_(0.25)  # now e x / 4 and e x / 2: the difference is half of the largest
    assert locality(cn.Rule(feedback=Twice()), net).paths == pytest.approx(0.5, rel=1e-12)


def test_the_copy_for_an_audit_computes_every_cell_and_nobody_watches_the_rule_itself():
    rule, net = cn.rule("z-il"), cn.mlp([3, 4, 2], "tanh", dtype=torch.float64)
    states = []

    class Hearing(type(SILENT)):
        def snapshot(self, wiring, cells, broadcasts=None):
            states.append(set(cells))

    for watched in (rule, other := rule.for_audit()):
        watched.observer = Hearing()
        watched.learn(net, torch.rand(2, 3), torch.tensor([0, 1]))
    assert states == [{"rate", "value", "prediction", "error", "shift"}] * 2  # the wave front has no cells
    assert other.trigger.simulate
    assert not rule.trigger.simulate
    for copied in (rule.for_audit(), other.without_exploration()):
        assert copied.observer is SILENT


def test_cells_by_area_leave_out_those_that_are_not_there():
    net = cn.mlp([3, 4, 2])
    x, hidden = torch.rand(1, 3), torch.rand(1, 4)
    named = by_area(net.wiring, {"rate": [x, hidden, None], "error": [x, hidden, None]})
    assert set(named) == {("input", "rate"), ("area1", "rate"), ("area1", "error")}


def test_a_rule_that_is_its_own_copy_for_an_audit_stays_as_it_was():
    class Same(Delta):
        def dares(self, net):
            return False

        def for_audit(self):
            return self

    rule = Same()
    assert locality(rule).leaks == {}
    assert rule.observer is SILENT
