"""Weights that move where no rate feels it: what reads them follows as autograd says, honest rules stay."""

import copy

import pytest
import torch

import corticalnet as cn
from corticalnet.audit.constraints import signed, transport
from corticalnet.audit.locality import locality
from corticalnet.audit.null_space import SAMPLES, carried, null_space, unfelt
from corticalnet.audit.samples import random_batch, weight_update
from corticalnet.audit.verdicts import judge_transport
from tests.networks import F64
from tests.target_propagation import TargetPropagation


class Half(cn.Random):
    """B + ½ W."""

    def weights(self, link):
        return super().weights(link) + 0.5 * link.weight


class HalfAtFirst(cn.Random):
    """B + ½ W, as W was when the network was met."""

    def draw(self, link):
        return super().draw(link) + 0.5 * link.weight.detach()


class Copyist(cn.Random):
    """Copies W anew in every trial, before anything comes down."""

    learns = True

    def learn(self, trial):
        for link in trial.plasticity.net.links:
            self._weights[link.name] = link.weight.detach().clone()


class LateCopyist(Copyist):
    """Copies W in every trial, for the next one."""

    def build(self, net):
        super().build(net)
        self.next = dict(self._weights)

    def learn(self, trial):
        now, self._weights = self.next, {}
        super().learn(trial)
        self._weights, self.next = now, self._weights


class Stranger(cn.LearningRule):
    """No product of parts to others; its columns hold errors, whatever they were made of."""

    def __init__(self, feedback):
        self.inner = cn.Rule(feedback=feedback, trigger=cn.Sweep(feedback_cells=True))

    def learn(self, net, x, targets, *, accumulate=False):
        self.inner.observer = self.observer
        return self.inner.learn(net, x, targets, accumulate=accumulate)


def gradient(net, x, targets):
    """Of ½ Σ (t − y)², by autograd, as a change."""
    wanted = torch.nn.functional.one_hot(targets, net.output_shape[0]).double()
    loss = 0.5 * (wanted - net(x)).square().sum() / len(x)
    names, parameters = zip(*net.named_parameters(), strict=True)
    return dict(zip(names, (-g for g in torch.autograd.grad(loss, parameters)), strict=True))


def moved_network(net, k, seed):
    """The network with the k-th link's weights moved unfelt by a sweep; and a batch."""
    x, targets = random_batch(net, seed, SAMPLES)
    other = copy.deepcopy(net)
    other.links[k].weight.data += unfelt(net.links[k], net.sweep(x).rates[k].detach(), seed)
    return other, x, targets


def distance(now, before, names):
    a, b = (torch.cat([one[name].flatten() for name in names]) for one in (now, before))
    return ((a - b).norm() / b.norm()).item()


# The move ---------------------------------------------------------------------------------------
LINKS = {
    "dense": (cn.Dense(4), (9,)),
    "masked": (cn.Dense(4, density=0.6), (12,)),
    "convolution": (cn.Convolution(3, 3), (4, 4, 4)),
    "masked convolution": (cn.Convolution(2, 3, density=0.7), (6, 4, 4)),
    "local": (cn.Local(2, 3), (2, 5, 5)),
}


@pytest.mark.parametrize("kind", LINKS)
def test_a_move_that_no_rate_feels(kind):
    made, source = LINKS[kind]
    link = cn.Network(source, [cn.Area(made, "tanh"), cn.Area(cn.Dense(2), "linear")], dtype=F64).links[0]
    rates = torch.rand(3, *source, generator=torch.Generator().manual_seed(0), dtype=F64)
    before, weights = link.drive(rates), link.weight.data.clone()
    step = unfelt(link, rates, 1)
    assert step.norm().item() == pytest.approx(weights.norm().item())
    assert torch.equal(link.present(step), step)  # nothing grows where there is no synapse
    link.weight.data += step
    assert (link.drive(rates) - before).abs().max() < 1e-13
    assert (link.drive(rates[:1] + 0.1) - before[:1]).abs().max() > 0.01  # others do


def test_where_rates_fill_the_space_nothing_moves_unfelt():
    link = cn.mlp([3, 4, 2], dtype=F64).links[0]
    assert unfelt(link, torch.rand(3, 3, dtype=F64)) is None
    assert unfelt(link, torch.rand(2, 3, dtype=F64)) is not None
    narrow = cn.mlp([3, 4, 4, 2], "tanh", dtype=F64)
    found = null_space(cn.rule("il", feedback="random"), narrow)
    assert found.crowded == ("area1->area2", "area2->output")
    rule = TargetPropagation()
    bottleneck = cn.mlp([3, 1, 2], "tanh", dtype=F64)
    assert "not tried in the null space" in judge_transport(transport(rule, bottleneck), signed(rule)).detail


def test_moves_that_only_silent_columns_could_tell_of_are_no_test():
    """Rectified columns without drive: every move is unfelt, and f' = 0 hides it from a transpose too."""
    net = cn.mlp([3, 6, 6, 2], "relu", dtype=F64)
    net.links[0].weight.data.abs_().neg_()
    assert null_space(cn.rule("backprop"), net).crowded == ("area1->area2", "area2->output")


def test_all_that_a_link_carries_in_a_trial_is_heard():
    """One sweep to begin with; 1 + T of them in each of two trials, but the input's."""
    net = cn.mlp([3, 4, 2], "tanh", dtype=F64)
    x, targets = random_batch(net, 0, 2)
    rates = carried(cn.rule("il", steps=5), net, x, targets)
    assert torch.equal(rates["area1->output"][:2], net.sweep(x).rates[1])
    assert len(rates["input->area1"]) == 2 * 3
    assert len(rates["area1->output"]) == 2 * (1 + 2 * (1 + 5))


# What follows -----------------------------------------------------------------------------------
@pytest.mark.parametrize("rule", ["backprop", "z-il"])
def test_backprop_moves_as_autograd_says_at_the_moved_weights(rule):
    net = cn.mlp([5, 9, 8, 4], "sigmoid", seed=1, dtype=F64)
    found = null_space(cn.rule(rule), net, seed=3)
    for k, below in ((1, ["area1"]), (2, ["area1", "area2"])):
        other, x, targets = moved_network(net, k, 3)
        for one, same in zip(other.sweep(x).rates, net.sweep(x).rates, strict=True):
            assert (one - same).abs().max() < 1e-14
        names = [n for n, _ in net.named_parameters() if n.split(".")[1] in below]
        wanted = distance(gradient(other, x, targets), gradient(net, x, targets), names)
        name = net.links[k].name
        assert wanted > 0.1
        assert (found.now[name], found.before[name]) == pytest.approx((wanted, wanted), rel=1e-9)
    assert found.crowded == ()


def test_half_a_transpose_moves_by_half_of_what_backprop_does():
    """The change is linear in the weights down: C(B + ½W) = C(B) + ½ C(W)."""
    net = cn.mlp([5, 9, 4], "tanh", seed=1, dtype=F64)
    rule = Stranger(Half())
    other, x, targets = moved_network(net, 1, 3)
    first = [next(n for n, _ in net.named_parameters())]
    away = gradient(other, x, targets)[first[0]] - gradient(net, x, targets)[first[0]]
    size = weight_update(net, Stranger(Half()), x, targets)[0][first[0]].norm()
    wanted = (0.5 * away.norm() / size).item()
    assert null_space(rule, net, seed=3).now == pytest.approx({"area1->output": wanted}, rel=1e-9)


@pytest.mark.parametrize("feedback", [Half, HalfAtFirst, Copyist, LateCopyist])
@pytest.mark.parametrize("whole", [True, False], ids=["stranger", "rule"])
def test_who_has_a_share_of_the_transpose_is_caught(feedback, whole):
    rule = Stranger(feedback()) if whole else cn.Rule(feedback=feedback())
    found = transport(rule)
    finding = judge_transport(found, signed(rule))
    assert finding.mark == "no"
    assert found.null_space.largest > 0.1
    assert found.null_space.reads == (feedback in (Half, Copyist))
    if whole:  # its cells hold errors: nothing else has seen it
        assert max(*found.moves.values(), *found.copied.values()) == 0
        assert "where no rate feels it" in finding.detail
        assert ("were copied in an earlier trial" in finding.detail) == (not found.null_space.reads)


def test_local_to_the_eye_and_yet_a_transpose():
    rule = Stranger(Half())
    assert locality(rule).leaks == {}
    assert judge_transport(transport(rule), signed(rule)).mark == "no"


HONEST = {
    "random": lambda: cn.Rule(feedback=cn.Random()),
    "random, inference": lambda: cn.Rule(feedback=cn.Random(), trigger=cn.IL()),
    "random, weights change during inference": lambda: cn.Rule(
        feedback=cn.Random(), trigger=cn.IL(update="every step")
    ),
    "learned, detected": lambda: cn.Rule(feedback=cn.KolenPollack(), trigger=cn.FaZIL()),
    "stranger": lambda: Stranger(cn.Random()),
    "learned inverse weights": TargetPropagation,
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_rules_stay(name):
    """Also where rates move during the trial: they do not feel it, so neither may anything else."""
    found = null_space(HONEST[name]())
    assert found.crowded == ()
    assert max(*found.now.values(), *found.before.values()) < 1e-12
    assert found.largest == 0


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
@pytest.mark.parametrize("name", cn.list_rules())
def test_rules_of_the_catalogue_are_what_their_pathways_say(name, activation):
    rule = cn.rule(name)
    net = cn.mlp([6, 80, 80, 5], activation, seed=2, dtype=F64)
    found = null_space(rule, net, seed=2)
    assert found.crowded == ()
    assert (found.largest > 0.1) == rule.transports_weights
    assert found.largest == 0 or found.largest > 0.1


def test_a_skip_and_spatial_links_are_moved_too():
    areas = [
        cn.Area(cn.Convolution(4, 3), "tanh", name="sheet"),
        cn.Area(cn.Local(3, 3), "tanh", name="local"),
        cn.Area([cn.Dense(3), cn.Dense(3, source="sheet")], "linear"),
    ]
    net = cn.Network((1, 6, 6), areas, dtype=F64)
    weights = {name: p.clone() for name, p in net.named_parameters()}
    found = null_space(cn.rule("backprop"), net)
    assert set(found.now) == {"sheet->local", "local->output", "sheet->output.1"}
    assert min(found.now.values()) > 0.1
    assert null_space(cn.rule("feedback-alignment"), net).largest == 0
    assert all(torch.equal(p, weights[name]) for name, p in net.named_parameters())
