"""Angles, gaps and signs while a rule learns: by hand, and laws of the rules."""

import copy
import math

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.analysis import AlignmentTracker, align, passes
from corticalnet.errors import RuleError
from corticalnet.plotting import alignment
from tests.networks import NETWORKS, batch


@pytest.fixture
def taught():
    """A linear 4-3-2 network and a batch of five."""
    net = cn.mlp([4, 3, 2], "linear", seed=1, bias=True).double()
    torch.manual_seed(0)
    return net, torch.randn(5, 4, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)


def by_hand(net, b, x, t):
    """Angle (°) between the changes of area 1 that B and W bring about, of weights and biases."""
    w1, w2 = (link.weight.detach().numpy() for link in net.links)
    x, t = x.numpy(), t.numpy()
    error = t - x @ w1.T @ w2.T
    seen = np.hstack([x, np.ones((len(x), 1))])
    mine, backprop = (((error @ down).T @ seen).ravel() for down in (b, w2))
    return math.degrees(math.acos(mine @ backprop / np.linalg.norm(mine) / np.linalg.norm(backprop)))


def test_angle_gap_and_signs_by_hand(taught):
    net, x, t = taught
    rule = cn.rule("feedback-alignment")
    rule.learn(net, x, t)
    b, w = rule.feedback.weights(net.links[1]).numpy(), net.links[1].weight.detach().numpy()
    seen = AlignmentTracker(rule, x, t).measure(net, 0)
    assert seen["angle"].sel(area="area1").item() == pytest.approx(by_hand(net, b, x, t), abs=1e-9)
    assert seen["angle"].sel(area="output").item() == pytest.approx(0, abs=1e-5)
    gap = np.sqrt(((w - b) ** 2).sum() / (w**2).sum())
    assert seen["gap"].item() == pytest.approx(gap)
    assert seen["congruence"].item() == sum(np.sign(w).ravel() == np.sign(b).ravel()) / w.size
    assert 0 < seen["congruence"].item() < 1


def test_feedback_upside_down_is_half_a_turn_away(taught):
    """Unfolded: 180°, not 0°."""
    net, x, t = taught
    rule = cn.rule("backprop", feedback=cn.Matching())
    rule.parameters(net)[0].data.copy_(-net.links[1].weight)
    seen = AlignmentTracker(rule, x, t).measure(net, 0)
    assert seen["angle"].sel(area="area1").item() == pytest.approx(180, abs=1e-5)
    assert (seen["gap"].item(), seen["congruence"].item()) == (pytest.approx(2), 0)


def test_kolen_pollacks_law_is_seen_and_looking_changes_nothing(taught):
    """‖W − B‖ shrinks by 1 − lr λ; decay is no part of the angle; masks and draws stay what they were."""
    net, x, t = taught
    twins = [(copy.deepcopy(net), cn.rule("kolen-pollack", decay=0.5, seed=3)) for _ in range(2)]
    tracker, sizes = AlignmentTracker(twins[0][1], x, t), []
    for looked, (own, rule) in zip((True, False), twins, strict=True):
        optimizer = torch.optim.SGD([*own.parameters(), *rule.parameters(own)], lr=0.1)
        torch.manual_seed(5)
        for step in range(100):
            if looked and step % 10 == 0:
                tracker.measure(own, step)
                sizes.append(own.links[1].weight.norm().item())
            rule.update(own, x + torch.randn_like(x), t, optimizer)
    data = tracker.recording()
    apart = data["gap"].values[:, 0] * np.array(sizes)
    np.testing.assert_allclose(apart[1:] / apart[:-1], 0.95**10, rtol=1e-10)
    np.testing.assert_allclose(data["angle"].sel(area="output"), 0, atol=1e-5)
    first, last = data["angle"].sel(area="area1").values[[0, -1]]
    assert last < 10 < first
    assert all(torch.equal(a, b) for a, b in zip(*(own.parameters() for own, _ in twins), strict=True))
    assert (data["time"].values == np.arange(0, 100, 10)).all()


@pytest.mark.parametrize("name", cn.list_rules())
def test_every_rule_can_be_followed(name):
    """Those that are backprop have angle 0 everywhere; what does not come link by link has no gap."""
    net, (x, y) = NETWORKS["dense-2"]("tanh", 0), batch()
    rule = cn.rule(name)
    seen = AlignmentTracker(rule, x, y).measure(net, 0)
    assert seen["angle"].notnull().all()
    below_the_output = "difference-target-propagation"  # (the only hidden area gets a step of the gradient)
    exact = rule.equals is not None or name in ("brainprop", "agrel", below_the_output)
    assert (seen["angle"].max().item() < 1e-4) is exact
    layered = [route for route in rule.feedback_routes(net) if route.link in net.links]
    assert seen.sizes["link"] == len(layered)
    if layered and rule.transports_weights:
        assert (seen["congruence"] == 1).all()


def test_no_change_has_no_angle(taught):
    """It is not half a turn away."""
    net, x, _ = taught
    with torch.no_grad():
        found = align(net, cn.rule("backprop"), x, net(x))
    assert all(math.isnan(value) for value in [found.cosine, *found.areas.values(), *found.angles.values()])


def test_a_recording_needs_a_look(taught):
    with pytest.raises(RuleError, match="never looked at"):
        AlignmentTracker(cn.rule("backprop"), *taught[1:]).recording()


@pytest.mark.parametrize(("name", "panels"), [("weight-mirror", 3), ("direct-feedback-alignment", 1)])
def test_the_figure_shows_the_recording(name, panels):
    net, (x, y) = NETWORKS["dense-2"]("tanh", 0), batch()
    tracker = AlignmentTracker(cn.rule(name), x, y, unit="update")
    for time in (0, 3):
        tracker.measure(net, time)
    data = tracker.recording()
    figure = alignment(data)
    assert len(figure.axes) == panels
    for axes, what in zip(figure.axes, ("angle", "gap", "congruence"), strict=False):
        for line, values in zip(axes.get_lines(), data[what].values.T, strict=False):
            assert line.get_xdata().tolist() == [0, 3]
            assert line.get_ydata().tolist() == values.tolist()
        assert axes.get_xlabel() == "update"


def test_recurrent_columns_are_followed_through_time():
    """Fixed feedback against autograd of the summed loss; one B for all steps; exact at the readout."""
    net = cn.Recurrent(2, 4, 2, seed=3, dtype=torch.float64)
    torch.manual_seed(1)
    x, t, state = (torch.randn(3, *shape, dtype=torch.float64) for shape in ((5, 2), (5, 2), (4,)))
    rule = cn.ThroughTime(cn.rule("backprop", feedback=cn.KolenPollack(0.1)))
    (0.5 * (net(x, state) - t).square().sum() / 3).backward()
    wanted = torch.cat([p.grad.flatten() for p in net.hidden.parameters()])
    plain = copy.deepcopy(rule)
    plain.rule.feedback.decay = 0.0
    twin = copy.deepcopy(net)
    twin.zero_grad()
    plain.learn(twin, x, t, state)
    mine = torch.cat([p.grad.flatten() for p in twin.hidden.parameters()])
    angle = math.degrees(math.acos(torch.cosine_similarity(mine, wanted, dim=0).item()))
    found = align(net, plain, x, t, state=state)
    assert found.angles == pytest.approx({"hidden": angle, "output": 0}, abs=1e-5)
    assert 20 < angle < 160
    seen = AlignmentTracker(rule, x, t).measure(net, 0)
    rule.parameters(net)
    b, w = rule.rule.feedback.named_parameters()["hidden->hidden"], net.hidden.arriving[1].weight
    gap = ((w - b).norm() / w.norm()).item()
    assert seen["gap"].sel(link="hidden->hidden").item() == pytest.approx(gap)
    assert set(seen["link"].values) == {"hidden->hidden", "hidden->output"}


def test_a_rule_and_a_network_that_do_not_fit_are_told():
    deep, recurrent = cn.mlp([2, 3, 2]), cn.Recurrent(2, 3, 2)
    x, t = torch.rand(4, 5, 2), torch.rand(4, 5, 2)
    with pytest.raises(
        RuleError, match="backprop teaches a Network, not Recurrent; a Recurrent one learns by"
    ):
        align(recurrent, cn.rule("backprop"), x, t)
    with pytest.raises(RuleError, match="through time: teaches a Recurrent network, not Network"):
        align(deep, cn.ThroughTime(cn.rule("backprop")), x, t)
    for shared in (recurrent, recurrent.unrolled(2)):
        with pytest.raises(RuleError, match="passes are counted in a Network, not in"):
            passes(shared, cn.rule("backprop"), x, t)
