"""Identity links: shortcuts of residual networks, without weights. What rules make of them: contracts."""

import copy
import pickle

import pytest
import torch

import corticalnet as cn
from corticalnet.errors import NetworkError
from corticalnet.rules import Trial
from corticalnet.rules.plasticity import Plasticity
from corticalnet.rules.predictive_coding.inference import PredictiveCodingState
from tests.networks import CLASSES, F64, batch, distance, learned, residual, squared

#: Pathways that bring signals down link by link, as they are made for a rule.
PATHWAYS = {
    "tied": cn.Tied,
    "random": cn.Random,
    "signs": cn.SignSymmetric,
    "sized signs": lambda: cn.SignSymmetric("random"),
    "kolen-pollack": cn.KolenPollack,
    "matching": cn.Matching,
    "mirror": cn.WeightMirror,
    "perturbed": cn.Perturbed,
    "least squares": lambda: cn.Perturbed(fit="least squares"),
}


def test_adds_the_rates_of_its_source_to_the_drive():
    """By hand: f(W r_b + r_a) over two areas, and a sum that has no synapses of its own."""
    areas = [
        cn.Area(cn.Dense(3), "tanh", "a"),
        cn.Area(cn.Dense(3), "sigmoid", "b"),
        cn.Area([cn.Dense(3), cn.Identity("a")], "tanh", "c"),
        cn.Area([cn.Identity(), cn.Identity("b"), cn.Identity("a")], "linear"),
    ]
    net = cn.Network((2,), areas, dtype=F64)
    x = torch.rand(4, 2, dtype=F64)
    wa, wb, wc = (link.weight for link in net.links if link.plastic)
    a = torch.tanh(x @ wa.T)
    b = torch.sigmoid(a @ wb.T)
    c = torch.tanh(b @ wc.T + a)
    assert torch.allclose(net(x), c + b + a, rtol=0, atol=1e-15)


def test_has_no_weights_to_save_to_count_or_to_show():
    net = residual()
    assert sum("weight" in key for key in net.state_dict()) == 5
    assert len(list(net.parameters())) == 5 + 2
    assert "identity from branch + identity from stem" in str(net)
    synapses = 162 * CLASSES + CLASSES * 7 + 7 * CLASSES + 2 * CLASSES * CLASSES
    assert sum(link.synapses for link in net.links) == synapses
    assert f"{synapses:,} synapses" in str(net)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_goes_with_its_network(copied):
    net, (x, _) = residual(), batch()
    other = copied(net)
    assert torch.equal(other(x), net(x))
    assert all(link.weight.dtype == torch.float32 for link in other.float().links)
    fresh = residual(seed=1)
    fresh.load_state_dict(net.state_dict())
    assert torch.equal(fresh(x), net(x))


def test_is_relayed_where_it_skips_areas():
    """stem -> sum and stem -> output by identities: relays make their ways as long as those with synapses."""
    net = residual()
    level = net.levelled()
    assert [level.name(k) for k in range(1, len(level.areas)) if ".relay" in level.name(k)] == [
        "stem.relay1",
        "stem.relay2",
        "stem.relay3",
        "stem.relay4",
    ]
    depths = [{level.depth[source] for source, _ in level.arriving[k]} for k in range(1, len(level.areas))]
    assert all(len(one) == 1 for one in depths)


@pytest.mark.parametrize(
    ("areas", "words"),
    [
        (
            [cn.Area(cn.Dense(3), name="a"), cn.Area([cn.Dense(4), cn.Identity("a")])],
            ["area 'output'", "(4,) from a and (3,) from a", "Dense or Convolution with that source"],
        ),
        ([cn.Area(cn.Dense(3)), cn.Area([cn.Dense(3), cn.Identity("area3")])], ["source area 'area3'"]),
        ([cn.Area(cn.Identity()), cn.Area(cn.Identity())], ["identity links alone", "link with weights"]),
    ],
    ids=["shapes", "source", "no weights"],
)
def test_refuses_what_does_not_fit_in_a_sentence(areas, words):
    with pytest.raises(NetworkError) as caught:
        cn.Network((3,), areas)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def test_can_neither_be_pruned_nor_be_given_a_bias():
    net, (x, y) = residual(), batch()
    link = next(link for link in net.links if not link.plastic)
    with pytest.raises(NetworkError, match="no synapses that could be pruned"):
        link.prune(torch.ones(0))
    link.bias = torch.nn.Parameter(torch.zeros(CLASSES, dtype=F64))
    with pytest.raises(NetworkError, match=r"link 'branch->sum'.*'bias', which is new"):
        cn.rule("backprop").learn(net, x, y)
    with pytest.raises(NetworkError, match="source must be the name of an area"):
        cn.Identity(3)


@pytest.mark.parametrize("pathway", PATHWAYS)
def test_brings_signals_down_as_they_are_whatever_carries_them_elsewhere(pathway):
    """By hand: the signal into every area, from errors above and the weights that the pathway says."""
    net = residual()
    x, y = batch()
    feedback = PATHWAYS[pathway]()
    learned(net, cn.Rule(feedback=feedback), x, y)
    errors = [None, *(torch.rand(6, *a.shape, dtype=F64) for a in net.areas.values())]
    wiring = net.wiring
    for node in range(1, wiring.output):
        wanted = sum(
            errors[above] @ feedback.weights(link) if link.plastic else errors[above]
            for above, link in wiring.leaving[node]
        )
        assert torch.allclose(feedback.into(wiring, node, errors), wanted, rtol=1e-14)
    own = {route.link.name for route in cn.Rule(feedback=feedback).feedback_routes(net) if route.link.plastic}
    assert len(own) == 4
    assert {link.name for link in feedback.feedback_links(net)} == own


def test_direct_feedback_goes_past_it():
    """The same changes of synapses with the shortcut's way down cut off."""
    net, (x, y) = residual(), batch()
    found = learned(net, cn.Rule(feedback=cn.Direct()), x, y)
    for link in net.links:
        if not link.plastic:
            object.__setattr__(link, "feedback", lambda *_: 1 / 0)
    assert distance(learned(net, cn.Rule(feedback=cn.Direct()), x, y), found) == 0


@pytest.mark.parametrize("fit", ["gradient", "least squares"])
def test_feedback_learned_by_perturbation_is_what_the_identity_does_not_bring(fit):
    """A linear network: what disturbances say of rates is explained by W and the identity together."""
    areas = [
        cn.Area(cn.Dense(3), "linear", "a"),
        cn.Area([cn.Dense(3), cn.Identity("a")], "linear", "b"),
        cn.Area([cn.Dense(3), cn.Identity("a")], "linear"),
    ]
    net = cn.Network((2,), areas, dtype=F64)
    x = torch.rand(4000, 2, dtype=F64)
    torch.manual_seed(0)
    y = net(x).detach() + torch.randn(4000, 3, dtype=F64)
    feedback = cn.Perturbed(deviation=1e-3, fit=fit, ridge=1e-9, draw=lambda r: torch.randn_like(r).sign())
    feedback.prepare(net)
    links = [link for link in net.links[1:] if link.plastic]
    with torch.no_grad():
        for link in links:
            feedback._own[link.name].copy_(link.weight)
    cn.Rule(feedback=feedback).learn(net, x, y)
    assert len(links) == 2
    for link in links:
        own, far = feedback._own[link.name], torch.eye(3).norm()  # as if the identity brought nothing
        away = own.grad if fit == "gradient" else own - link.weight
        assert away.norm() < 0.2 * far


def test_a_rule_of_its_own_weights_joins_the_optimizer_beside_an_output_that_ends_in_an_identity():
    """Weights that lie beside no link go with those of the link to the output."""
    areas = [cn.Area(cn.Dense(3)), cn.Area([cn.Dense(3), cn.Identity()], "linear")]
    net = cn.Network((3,), areas, dtype=F64)

    class Own(cn.LearningRule):
        name = "own"

        def draw(self, net):
            return {"mine": torch.ones(3, dtype=F64)}

        def learn(self, net, x, targets, *, accumulate=False):
            step = cn.rule("backprop").learn(net, x, targets)
            self.named_parameters(net)["mine"].grad = torch.ones(3, dtype=F64)
            return step

    rule = Own()
    rule.update(net, torch.rand(2, 3), [0, 1], torch.optim.SGD(net.parameters(), lr=0.5))
    assert torch.equal(rule.state_dict()["mine"], torch.full((3,), 0.5, dtype=F64))


@torch.no_grad()
def test_inference_goes_down_the_energy_of_the_network_with_shortcuts():
    """Δx = −γ ∂F/∂x by autograd, F = ½ Σ (x − μ)² with μ along all links."""
    net, (x, y) = residual(), batch()
    wiring, activity = net.wiring, net.sweep(x)
    trial_loss = cn.Teacher().loss_for(activity.rates[-1], y)
    trial = Trial(wiring, activity, trial_loss, cn.Tied(), Plasticity(net, len(x)))
    columns = PredictiveCodingState(trial, noise=0.1)
    values = [v.clone().requires_grad_() for v in columns.values[1:-1]]
    with torch.enable_grad():
        rates = [x, *(wiring.area(k).forward(v)[0] for k, v in enumerate(values, 1))]
        means = [wiring.drive(node, rates) for node in range(1, wiring.output + 1)]
        energy = sum((v - m).square().sum() for v, m in zip(values, means, strict=False)) / 2
        energy = energy + squared(means[-1], y) * len(x)
        slopes = torch.autograd.grad(energy, values)
    columns.move(0.3)
    for before, after, slope in zip(values, columns.values[1:], slopes, strict=False):
        assert torch.allclose(after - before, -0.3 * slope, rtol=0, atol=1e-13)


def test_an_audit_finds_in_a_residual_network_what_it_finds_in_any():
    """Alignment's changes depend on their own column's cells, and feedback on no forward weight."""
    areas = [
        cn.Area(cn.Dense(5), "tanh", "a"),
        cn.Area([cn.Dense(5), cn.Identity("a")], "tanh", "b"),
        cn.Area([cn.Identity("b"), cn.Identity("a")], "tanh", "c"),
        cn.Area(cn.Dense(3), "linear"),
    ]
    net = cn.Network((4,), areas, dtype=F64)
    alignment, backprop = (
        cn.audit_rule(name, net, quick=True) for name in ("feedback-alignment", "backprop")
    )
    marks = [[r[p].mark for p in ("equality", "weight transport")] for r in (alignment, backprop)]
    assert marks == [["no", "yes"], ["yes", "no"]]
    assert alignment.evidence["locality"]["leaks"] == {}
