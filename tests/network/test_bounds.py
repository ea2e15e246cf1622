"""Bounds of weights: what is drawn lies within them; what a rule changes is clipped, weight for weight."""

import copy

import pytest
import torch

import corticalnet as cn
from corticalnet.errors import NetworkError
from tests.networks import F64, batch, dense

RATE = 0.3
#: Rules whose later changes in a trial depend on weights that have been clipped in it, or on draws.
WITHIN_TRIALS = {"ipc", "node-perturbation", "weight-perturbation", "reinforce"}


def bounded(bounds, kind=cn.Dense, **options):
    first = kind(8, bounds=bounds) if kind is cn.Dense else kind(4, 3, bounds=bounds, **options)
    last = cn.Area(cn.Dense(5, init=0.2))
    areas = [cn.Area(first, "tanh"), cn.Area(cn.Dense(6, bounds=bounds), "tanh"), last]
    return cn.Network((2, 9, 9), areas, 0, dtype=F64)


def free_twin(net):
    """The same weights without bounds."""
    twin = copy.deepcopy(net)
    for link in twin.links:
        link.bounds = link.low = link.high = None
    return twin


@pytest.mark.parametrize("name", [n for n in cn.list_rules() if n not in WITHIN_TRIALS])
def test_an_update_of_any_rule_is_the_free_one_clipped(name):
    net = bounded(cn.Bounds(-0.02, 0.03))
    twin, (x, y) = free_twin(net), batch(6)
    for each in (net, twin):
        torch.manual_seed(0)
        cn.rule(name).update(each, x, y, torch.optim.SGD(each.parameters(), RATE))
    clipped = 0
    for link, other in zip(net.links, twin.links, strict=True):
        wanted = other.weight if link.bounds is None else other.weight.clamp(-0.02, 0.03)
        torch.testing.assert_close(link.weight, wanted, rtol=0, atol=0)
        clipped += int((wanted != other.weight).sum())
    assert clipped


def test_incremental_inference_keeps_bounds_after_every_step_of_a_trial():
    net = bounded(cn.Bounds(low=0))
    seen = []

    class Watching(torch.optim.SGD):
        def step(self, closure=None):
            seen.append(min(link.weight.min().item() for link in net.links[:2]))
            return super().step(closure)

    cn.rule("ipc", steps=4).update(net, *batch(6), Watching(net.parameters(), 5.0))
    assert len(seen) == 4
    assert min(seen) == 0.0


@pytest.mark.parametrize("kind", [cn.Dense, cn.Convolution, cn.Local])
def test_by_dales_law_all_synapses_of_a_sending_column_have_one_sign(kind):
    net = bounded(cn.Dale(0.5), kind)
    optimizer = torch.optim.SGD(net.parameters(), 1.0)
    x, y = batch(20)
    before = net.links[0].weight.detach().clone()
    for _ in range(3):
        cn.rule("backprop").update(net, x, y, optimizer)
    assert not torch.equal(net.links[0].weight, before)
    for link in net.links[:2]:
        weight = link.weight.detach()
        if kind is cn.Local and link is net.links[0]:  # [positions, channels, kernel × pre channels]
            by_sender = weight.view(-1, 3 * 3, 2).movedim(2, 0).reshape(2, -1)
        elif link.source_shape == (2, 9, 9):  # a channel is of one kind
            by_sender = weight.view(len(weight), 2, -1).movedim(1, 0).reshape(2, -1)
        else:
            by_sender = weight.T
        one_sign = (by_sender >= 0).all(1) ^ (by_sender <= 0).all(1)
        assert one_sign.all()
    kinds = (net.links[0].low == 0).double().mean()
    assert kinds == 0.5  # of the two channels, one


def test_dales_law_keeps_the_mean_and_the_variance_that_were_drawn():
    free, kept = (
        cn.Network((500,), [cn.Area(cn.Dense(400, bounds=b, init=0.1), "tanh"), cn.Area(cn.Dense(2))])
        for b in (None, cn.Dale(0.8))
    )
    weight = kept.links[0].weight.detach()
    inhibitory = (weight <= 0).all(0).double().mean().item()
    assert inhibitory == pytest.approx(0.2)
    assert abs(weight.mean().item()) < 5 * 0.1 / 200_000**0.5
    assert weight.pow(2).mean().item() == pytest.approx(free.links[0].weight.pow(2).mean().item(), rel=0.02)


def test_links_from_one_area_agree_on_who_excites():
    areas = [
        cn.Area(cn.Dense(9), "tanh", "low"),
        cn.Area(cn.Dense(8, bounds=cn.Dale(0.6)), "tanh", "mid"),
        cn.Area([cn.Dense(3), cn.Dense(3, "low", bounds=cn.Dale(0.6))], "linear"),
    ]
    net = cn.Network((4,), areas, 0)
    by_name = {link.name: link for link in net.links}
    one, other = by_name["low->mid"], by_name["low->output.1"]
    assert torch.equal(one.low[0], other.low[0])


def test_signs_that_stay_fall_silent_rather_than_change():
    net = bounded(cn.KeepSigns())
    signs = net.links[0].weight.sign()
    for _ in range(2):
        cn.rule("backprop").update(net, *batch(6), torch.optim.SGD(net.parameters(), 5.0))
    now = net.links[0].weight.sign()
    assert ((now == signs) | (now == 0)).all()
    assert (now == 0).any()


def test_a_step_of_somebody_elses_optimizer_is_clipped_before_the_next_trial_and_on_demand():
    net = bounded(cn.Bounds(-0.02, 0.03))
    optimizer, rule, (x, y) = torch.optim.SGD(net.parameters(), 5.0), cn.rule("z-il"), batch(6)
    rule.learn(net, x, y)
    optimizer.step()
    assert net.links[0].weight.min() < -0.02
    twin = copy.deepcopy(net)
    twin.keep_bounds()
    assert twin.links[0].weight.min() == -0.02
    rule.learn(net, x, y)
    assert torch.equal(net.links[0].weight, twin.links[0].weight)


def test_synapses_that_are_not_there_stay_away_whatever_the_bounds():
    areas = [cn.Area(cn.Dense(9, density=0.4, bounds=cn.Bounds(low=0.1)), "tanh"), cn.Area(cn.Dense(5))]
    net = cn.Network((2, 9, 9), areas, 0, dtype=F64)
    cn.rule("backprop").update(net, *batch(6), torch.optim.SGD(net.parameters(), 0.3))
    link = net.links[0]
    assert (link.weight[~link.mask] == 0).all()
    assert (link.weight[link.mask] >= 0.1).all()


def test_bounds_travel_with_the_state_of_the_network():
    net, other = bounded(cn.Dale(0.5)), bounded(cn.Dale(0.5))
    for link in other.links[:2]:
        link.low.zero_()
    other.load_state_dict(net.state_dict())
    assert torch.equal(other.links[0].low, net.links[0].low)
    assert not [name for name in dense().state_dict() if name.endswith(("low", "high"))]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cn.Dense(3, bounds="dale"), "Dense: bounds must be one of Bounds"),
        (lambda: cn.Bounds(1, 0), "no number lies between low = 1 and high = 0"),
        (lambda: cn.Bounds("low"), "Bounds: low must be a number"),
        (lambda: cn.Bounds(low=float("nan")), "Bounds: low must be a number"),
        (lambda: cn.Dale(0), r"Dale: excitatory must be a number in \(0, 1\], not 0"),
        (lambda: bounded(cn.Bounds(low=[0.0, 1.0])), r"low has shape \(2,\); the weight has \(8, 162\)"),
    ],
)
def test_impossible_bounds_are_refused_in_a_sentence(make, message):
    with pytest.raises(NetworkError, match=message):
        make()
