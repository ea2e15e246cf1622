"""Recurrent columns: backprop through time by autograd and by hand, feedback of other kinds by their laws."""

import copy

import pytest
import torch

import corticalnet as cn
from corticalnet.data import delayed_xor
from corticalnet.errors import NetworkError, RuleError, ShapeError
from corticalnet.network import Recurrent
from corticalnet.rules import ThroughTime
from simulations.delayed_xor import Late
from tests.closed_form.test_perturbation import assert_unbiased, flat, stream
from tests.networks import F64

INPUTS, COLUMNS, OUTPUTS, BATCH, STEPS = 3, 6, 2, 4, 7
U, W, V = "input->hidden", "hidden->hidden", "hidden->output"


def network(hidden="tanh", bias=True, output="linear", seed=0):
    net = Recurrent(INPUTS, COLUMNS, OUTPUTS, hidden, output, seed, bias=bias, dtype=F64)
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in net.parameters():  # biases begin at zero
            p += 0.2 * torch.randn(p.shape, generator=rng, dtype=F64)
    return net


def lesson(steps=STEPS, batch=BATCH, seed=5):
    rng = torch.Generator().manual_seed(seed)
    sizes = (batch, steps, INPUTS), (batch, steps, OUTPUTS), (batch, COLUMNS)
    return [torch.randn(size, generator=rng, dtype=F64) for size in sizes]


def squared(output, target):
    return 0.5 * (output - target).square().sum() / len(output)


def cross_entropy(output, target):
    return torch.nn.functional.cross_entropy(output.flatten(0, 1), target.flatten(), reduction="sum") / len(
        output
    )


def autograd(net, x, target, state, window, loss=squared):
    """Gradients, loss, outputs and last state of torch's autograd on the step-by-step network."""
    total, outputs = 0.0, []
    for part, wanted in zip(x.split(window, 1), target.split(window, 1), strict=True):
        output, states = net.run(part, state.detach())
        state, total = states[:, -1], total + loss(output, wanted)
        outputs.append(output)
    return torch.autograd.grad(total, [*net.parameters()]), total, torch.cat(outputs, 1), state


def learned(net, rule, *given):
    net.zero_grad()
    result = rule.learn(net, *given)
    return [p.grad.clone() for p in net.parameters()], result


def furthest(found, wanted):
    return max(
        ((a - b).abs().max() / b.abs().max().clamp_min(1e-30)).item()
        for a, b in zip(found, wanted, strict=True)
    )


# Backprop through time --------------------------------------------------------------------------
@pytest.mark.parametrize("window", [None, 1, 2, 3, 6, 7, 100])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("hidden", ["tanh", "sigmoid", "relu", "linear"])
def test_it_is_autograd_through_the_same_windows(hidden, bias, window):
    net, given = network(hidden, bias), lesson()
    found, result = learned(net, ThroughTime(cn.rule("backprop"), window), *given)
    wanted, loss, outputs, state = autograd(net, *given, window or STEPS)
    assert furthest(found, wanted) <= 1e-12
    assert furthest([result.loss, result.rates, result.state], [loss, outputs, state]) <= 1e-12


def test_shorter_windows_are_other_gradients():
    """So that the test above could fail."""
    net, given = network(), lesson()
    whole, _, _, _ = autograd(net, *given, STEPS)
    assert furthest(learned(net, ThroughTime(cn.rule("backprop"), 3), *given)[0], whole) > 0.01


@pytest.mark.parametrize("window", [1, 3, None])
@pytest.mark.parametrize("rule", ["z-il", "fa-z-il", "streaming-fa-z-il"])
def test_prediction_errors_that_go_back_through_time_are_the_same(rule, window):
    """Nothing in them knows of time: relays wait as they do for links that skip areas."""
    net, given = network("tanh"), lesson()
    found, _ = learned(net, ThroughTime(cn.rule(rule), window), *given)
    assert furthest(found, autograd(net, *given, window or STEPS)[0]) <= 1e-12


@pytest.mark.parametrize("window", [None, 3])
def test_cross_entropy_of_class_indices(window):
    net, (x, _, state) = network(output="tanh"), lesson()
    target = torch.randint(0, OUTPUTS, (BATCH, STEPS), generator=torch.Generator().manual_seed(1))
    rule = ThroughTime(cn.rule("backprop", loss="cross-entropy"), window)
    found, result = learned(net, rule, x, target, state)
    wanted, loss, outputs, _ = autograd(net, x, target, state, window or STEPS, cross_entropy)
    assert furthest(found, wanted) <= 1e-12
    assert result.loss.item() == pytest.approx(loss.item(), rel=1e-12)
    assert torch.equal(result.prediction, outputs.argmax(2))


def test_by_hand():
    """One linear column, h_t = x_t + h_(t−1)/2, y_t = 2 h_t; x = 1, 0, target 0, 0, so h = 1, ½ and y = 2, 1.

    e_2 = −1, δ_2 = −2; e_1 = −2, δ_1 = 2·(−2) + ½·(−2) = −5. ∂U = 5·1 + 2·0, ∂W = 2·h_1, ∂V = 2·1 + 1·½.
    """
    net = Recurrent(1, 1, 1, "linear", dtype=F64)
    for p, number in zip(net.parameters(), (1.0, 0.5, 2.0), strict=True):
        p.data.fill_(number)
    x, target = torch.tensor([[[1.0], [0.0]]], dtype=F64), torch.zeros(1, 2, 1, dtype=F64)
    found, result = learned(net, ThroughTime(cn.rule("backprop")), x, target)
    assert [g.item() for g in found] == [5.0, 2.0, 2.5]
    assert (result.loss.item(), result.state.item()) == (2.5, 0.5)
    cut, _ = learned(net, ThroughTime(cn.rule("backprop"), 1), x, target)  # δ_1 = −4
    assert [g.item() for g in cut] == [4.0, 2.0, 2.5]


def test_sequences_go_on_where_the_last_one_ended():
    net, (x, target, state) = network(), lesson(steps=9)
    rule = ThroughTime(cn.rule("backprop"), 3)
    whole, result = learned(net, rule, x, target, state)
    parts = [torch.zeros_like(g) for g in whole]
    for k in range(0, 9, 3):
        found, part = learned(net, rule, x[:, k : k + 3], target[:, k : k + 3], state)
        state, parts = part.state, [a + b for a, b in zip(parts, found, strict=True)]
    assert furthest(parts, whole) <= 1e-12
    assert torch.equal(state, result.state)


def test_the_network_learns_after_it_was_copied_or_changed():
    net, given = network(), lesson()
    rule = ThroughTime(cn.rule("backprop"))
    learned(net, rule, *given)
    twin = copy.deepcopy(net)
    with torch.no_grad():
        for p in twin.parameters():
            p.mul_(1.3)
    twin.load_state_dict({k: v.clone() for k, v in twin.state_dict().items()}, assign=True)
    assert furthest(learned(twin, rule, *given)[0], autograd(twin, *given, STEPS)[0]) <= 1e-12


def calm(seed=0):
    """Linear columns whose rates do not grow with time."""
    net = network("linear", seed=seed)
    with torch.no_grad():
        net.hidden.arriving[1].weight.mul_(0.8 / torch.linalg.matrix_norm(net.hidden.arriving[1].weight, 2))
    return net


# Other feedback ---------------------------------------------------------------------------------
PATHWAYS = {
    "random": cn.Random,
    "kolen-pollack": lambda: cn.KolenPollack(decay=0.0),
    "matching": cn.Matching,
    "weight-mirror": cn.WeightMirror,
    "perturbed": lambda: cn.Perturbed(0.01),
}


class Given(cn.Random):
    """B that the test gives, by link name."""

    def __init__(self, weights):
        super().__init__()
        self.given = weights

    def weights(self, link):
        return self.given[link.name]


def transport(net):
    return {link.name: link.weight.detach().clone() for link in net.unrolled(2).links}


@pytest.mark.parametrize("window", [None, 1, 2, 3])
@pytest.mark.parametrize("name", PATHWAYS)
def test_with_the_transpose_it_is_backprop(name, window):
    """Seven steps in windows of 2 and 3 end with a window of one, where W has no feedback to keep."""
    net, given = network(), lesson()
    rule = ThroughTime(cn.rule("backprop", feedback=PATHWAYS[name]()), window)
    wanted = autograd(net, *given, window or STEPS)[0]
    assert furthest(learned(net, rule, *given)[0], wanted) > 0.01
    if name == "random":
        rule = ThroughTime(cn.rule("backprop", feedback=Given(transport(net))), window)
    else:
        rule.rule.feedback.prepare(net.unrolled(2))
        for link, b in rule.rule.feedback.named_parameters().items():
            b.data.copy_(transport(net)[link])
    assert furthest(learned(net, rule, *given)[0], wanted) <= 1e-12


def test_random_feedback_is_one_b_for_all_steps():
    """Feedback alignment of a linear network, written down with matrices."""
    net, (x, target, state) = network("linear", bias=False), lesson()
    b = {name: torch.randn_like(w) for name, w in transport(net).items()}
    found, result = learned(net, ThroughTime(cn.rule("backprop", feedback=Given(b))), x, target, state)
    error = (result.rates - target) / BATCH
    rates = torch.cat([state[:, None], net.run(x, state)[1]], 1)
    delta, wanted = torch.zeros_like(state), [0.0, 0.0]
    for t in reversed(range(STEPS)):
        delta = error[:, t] @ b[V] + delta @ b[W]
        wanted = [wanted[0] + delta.T @ x[:, t], wanted[1] + delta.T @ rates[:, t]]
    assert furthest(found[:2], wanted) <= 1e-12


@pytest.mark.parametrize("window", [1, 2, 3, None])
def test_feedback_that_learns_is_one_set_and_kept(window):
    net, given = network(), lesson()
    rule = ThroughTime(cn.rule("backprop", feedback=cn.KolenPollack(decay=0.1)), window)
    own = rule.parameters(net)
    assert [tuple(b.shape) for b in own] == [(COLUMNS, COLUMNS), (OUTPUTS, COLUMNS)]
    weights = [net.hidden.arriving[1].weight, net.output.arriving[0].weight]
    before = [(w - b).detach().clone() for w, b in zip(weights, own, strict=True)]
    optimizer = torch.optim.SGD([*net.parameters(), *own], lr=0.5)
    for _ in range(3):
        rule.learn(net, *given)
        optimizer.step()
    after = [w - b for w, b in zip(weights, own, strict=True)]  # W − B shrinks by 1 − lr λ, however it is cut
    assert furthest(after, [0.95**3 * gap for gap in before]) <= 1e-12
    assert all(a is b for a, b in zip(own, rule.parameters(net), strict=True))


def perturbed_gradients(kind, net, given, feedback, runs=100, copies=50):
    """∂/∂B of W's feedback, again and again, with B as given; each sample is there 50 times."""
    many, found = [torch.cat([one] * copies) for one in given], []
    for run in range(runs):
        rule = ThroughTime(cn.rule("backprop", feedback=kind(0.1, draw=stream(run))))
        own = dict(zip((W, V), rule.parameters(net), strict=True))
        own[W].data.copy_(feedback)
        own[V].data.copy_(net.output.arriving[0].weight)
        rule.learn(net, *many)
        found.append(own[W].grad.flatten().clone())
    return found


def test_what_feedback_is_fitted_to_is_the_gradient():
    """In a linear network noise of any size tells ∂loss/∂rate_t without bias (odd moments are zero).

    So E ∂/∂B = Σ_t ⟨ê_(t+1)ᵀ (feedback − λ_t)⟩, with λ by autograd: exactly what the regression asks for.
    """
    net, (x, target, state) = calm(), lesson()
    b = torch.randn(COLUMNS, COLUMNS, dtype=F64, generator=torch.Generator().manual_seed(2)) / 4
    output, rates = [], [state]
    for t in range(STEPS):  # rates that autograd can be asked about
        u, w = net.hidden.arriving
        rates.append(u.drive(x[:, t]) + w.drive(rates[-1]))
        output.append(net.output.arriving[0].drive(rates[-1]))
    total = 0.5 * (torch.stack(output, 1) - target).square().sum()
    minus = torch.autograd.grad(total, rates[1:])
    error, e, wanted = target - torch.stack(output, 1).detach(), [], 0.0
    v = net.output.arriving[0].weight.detach()
    for t in reversed(range(STEPS)):
        signal = error[:, t] @ v + (e[-1] @ b if e else 0.0)
        if e:
            wanted = wanted + e[-1].T @ (signal + minus[t]) / BATCH
        e.append(signal)
    estimates = perturbed_gradients(cn.Perturbed, net, (x, target, state), b)
    assert_unbiased(estimates, flat([wanted]))
    with pytest.raises(AssertionError):  # there is power enough to see a tenth of it missing
        assert_unbiased(estimates, 0.9 * flat([wanted]))


def test_at_the_transpose_nothing_moves_but_with_the_authors_off_by_one():
    """Their B is fitted to the noise of the step after: it does not rest at W, but is drawn to a leak."""
    net, given = calm(), lesson()
    w = net.hidden.arriving[1].weight.detach()
    found = {kind: perturbed_gradients(kind, net, given, w, runs=500) for kind in (cn.Perturbed, Late)}
    rest = torch.zeros(COLUMNS**2, dtype=F64)
    along = 10 * w.flatten()  # (as large as a gradient away from W; that a leak is seen, Late shows)
    assert_unbiased(found[cn.Perturbed], rest, along=along)
    with pytest.raises(AssertionError):
        assert_unbiased(found[Late], rest, along=along)


@pytest.mark.parametrize("name", ["weight-perturbation", "node-perturbation"])
def test_guesses_of_a_whole_sequence_are_unbiased(name):
    """Shared weights are disturbed once, for all steps; nodes at each step."""
    net, (x, target, state) = calm(), lesson()
    wanted = autograd(net, x, target, state, STEPS)[0]
    many, found = [torch.cat([one] * 10) for one in (x, target, state)], []
    for run in range(150):
        rule = ThroughTime(cn.rule(name, deviation=0.01, baseline="opposite", draw=stream(run)))
        found.append(flat(learned(net, rule, *many)[0]))
    assert_unbiased(found, flat(wanted))


# Users ------------------------------------------------------------------------------------------
def test_same_seed_same_network_and_lesson():
    a, b, c = (Recurrent(2, 4, 1, seed=seed) for seed in (3, 3, 4))
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.hidden.arriving[1].weight, c.hidden.arriving[1].weight)
    x, target = delayed_xor(20, 3, seed=1)
    found = []
    for net in (a, b):
        torch.manual_seed(7)
        found.append(learned(net, ThroughTime(cn.rule("perturbed-feedback"), 5), x, target)[0])
    assert all(torch.equal(p, q) for p, q in zip(*found, strict=True))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Recurrent(2, 0, 1), NetworkError, "columns must be a whole number"),
        (lambda: Recurrent(2, 3, 1, "tan"), NetworkError, "unknown activation 'tan'; did you mean 'tanh'"),
        (lambda: network().unrolled(0), NetworkError, "steps must be a whole number from 1, not 0"),
        (lambda: network()(torch.zeros(4, 3)), ShapeError, r"sequence has shape \(4, 3\)"),
        (lambda: network()(torch.zeros(4, 0, 3)), ShapeError, "at least one step"),
        (lambda: network()(torch.zeros(4, 5, 3, dtype=torch.cfloat)), ShapeError, "real numbers"),
        (lambda: network()(torch.zeros(4, 5, 3), torch.zeros(3, 6)), ShapeError, r"it is \(4, 6\)"),
        (lambda: ThroughTime("backprop"), RuleError, "'backprop' is no learning rule"),
        (lambda: ThroughTime(cn.rule("backprop"), 0), RuleError, "window must be a whole number"),
        (lambda: ThroughTime(cn.rule("brainprop")), RuleError, "each step needs a Teacher"),
        (lambda: ThroughTime(cn.rule("ipc")), RuleError, "changes weights within a trial"),
        (lambda: ThroughTime(cn.rule("direct-feedback-alignment")), RuleError, "link by link"),
        (
            lambda: ThroughTime(cn.rule("backprop", feedback=cn.Perturbed(fit="least squares"))),
            RuleError,
            "choose fit='gradient'",
        ),
        (
            lambda: ThroughTime(cn.rule("backprop")).learn(network(), *lesson()[:1], torch.zeros(4, 6, 2)),
            ShapeError,
            r"targets have shape \(4, 6, 2\)",
        ),
        (
            lambda: ThroughTime(cn.rule("backprop")).learn(network(), *lesson()[:1], torch.zeros(4, 7, 3)),
            ShapeError,
            "targets are",
        ),
    ],
)
def test_mistakes_are_named(make, error, words):
    with pytest.raises(error, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)
