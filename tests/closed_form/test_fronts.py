"""Fa-Z-IL by its wave front alone: the changes, and spikes of φ, of a simulation of every cell."""

import pytest
import torch

import corticalnet as cn
from corticalnet.rules.predictive_coding.fa_z_il import Detections, FrontDetections
from tests.covering import every_two
from tests.networks import F64, NETWORKS, batch, distance, learned

ACTIVATIONS = ("relu", "tanh", "sigmoid", "softplus")
FORMS = {
    "streaming": {"gate": "pulse"},
    "pooled": {"gate": "pulse", "pooled": True},
    "one step of silence": {"gate": "pulse", "silence": 1},
    "paper": {"gate": "none"},
}


def greedy(rates):
    return rates.argmax(1)


def rule(form, simulate, **parts):
    made = cn.rule("fa-z-il", **FORMS[form], **parts)
    made.trigger = type(made.trigger)(**FORMS[form], simulate=simulate)
    return made


def same(front, whole):
    """Masks of the two, where None is nobody."""
    for row, other in zip(front.phi, whole.phi, strict=True):
        for one, two in zip(row, other, strict=True):
            one, two = (torch.zeros(1) if mask is None else mask for mask in (one, two))
            if not torch.equal(*torch.broadcast_tensors(one.double(), two.double())):
                return False
    return True


@pytest.mark.parametrize(("network", "hidden", "form"), every_two(NETWORKS, ACTIVATIONS, FORMS))
def test_changes_are_those_of_all_cells_at_all_steps(network, hidden, form):
    net, (x, y) = NETWORKS[network](hidden, 0), batch()
    front, whole = (learned(net, rule(form, simulate), x, y) for simulate in (False, True))
    assert distance(front, whole) <= 1e-12


@pytest.mark.parametrize("teaching", ["teacher", "cross-entropy", "reward"])
@pytest.mark.parametrize("dtype", [F64, torch.float32])
@pytest.mark.parametrize("form", FORMS)
def test_to_the_bit_and_spike_by_spike(form, dtype, teaching):
    net = cn.mlp([6, 9, 8, 7, 4], "tanh", seed=1, dtype=dtype)
    x, y = torch.rand(5, 6, dtype=dtype, generator=torch.Generator().manual_seed(0)), torch.arange(5) % 4
    found = []
    for simulate in (False, True):
        made = rule(form, simulate, teaching=teaching)
        if made.rewarded:
            made.teaching.choose = greedy
        details = made.learn(net, x, y).details
        found.append(([p.grad.clone() for p in net.parameters()], details))
    (front, fired), (whole, spikes) = found
    assert all(torch.equal(a, b) for a, b in zip(front, whole, strict=True))
    assert same(fired, spikes)
    assert isinstance(spikes, Detections)
    # A reward leaves the errors of other actions at 0: the paper's φ has to be asked at every step.
    assert isinstance(fired, Detections if (form, teaching) == ("paper", "reward") else FrontDetections)


@pytest.mark.parametrize("planted", ["no synapse down", "no error"])
def test_a_planted_zero_is_simulated(planted):
    """A column that no error reaches at its step is moved later, by its prediction, and fires then."""
    net = cn.mlp([6, 5, 5, 4], "sigmoid", seed=1, dtype=F64)
    x, y = torch.rand(3, 6, dtype=F64), torch.arange(3)
    with torch.no_grad():
        if planted == "no synapse down":
            net.links[2].weight[:, 2] = 0
            y = torch.nn.functional.one_hot(y, 4).double()
        else:
            y = torch.nn.functional.one_hot(y, 4).double()
            y[1, 3] = net(x)[1, 3]
    front, whole = rule("paper", False), rule("paper", True)
    details = front.learn(net, x, y).details
    assert isinstance(details, Detections)
    found = [p.grad.clone() for p in net.parameters()]
    assert same(details, whole.learn(net, x, y).details)
    assert all(torch.equal(a, p.grad) for a, p in zip(found, net.parameters(), strict=True))
    if planted == "no synapse down":
        assert details.phi[2][2][:, 2].all()  # one step late


@pytest.mark.parametrize("more", [{"silence": 2}, {"steps": 3}, {"threshold": 1e-3}, {"simulate": True}])
def test_what_could_fire_again_is_simulated(more):
    """Four links: with t_d = 2 a column may be at rest again before the trial ends."""
    net = cn.mlp([6, 5, 5, 5, 4], "sigmoid", seed=1, dtype=F64)
    made = cn.rule("fa-z-il", **more)
    assert isinstance(made.learn(net, *batch_of(net)).details, Detections)
    assert isinstance(cn.rule("fa-z-il").learn(net, *batch_of(net)).details, FrontDetections)


def batch_of(net):
    x = torch.rand(4, 6, dtype=F64, generator=torch.Generator().manual_seed(2))
    return x, torch.arange(4)


def test_audits_look_at_cells():
    for name in ("fa-z-il", "streaming-fa-z-il"):
        net = cn.mlp([6, 5, 4], "tanh", seed=0, dtype=F64)
        plain, watched = cn.rule(name), cn.rule(name).for_audit()
        assert watched.trigger.simulate
        assert not plain.trigger.simulate
        assert all(
            map(torch.equal, learned(net, plain, *batch_of(net)), learned(net, watched, *batch_of(net)))
        )
