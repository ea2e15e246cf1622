"""Target propagation: backprop by true vector-Jacobian products, inverses, and what decoders come to.

Expectations: torch's autograd of each loss as the papers write it; chains of inverse functions; the
pseudo-inverse and the transpose, with noise that is an orthogonal set of patterns, of covariance exactly 1.
"""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F

import corticalnet as cn
from corticalnet.activations import ACTIVATIONS, Activation
from corticalnet.errors import RuleError
from corticalnet.rules.target_propagation import reconstruction
from corticalnet.rules.target_propagation.decoders import Decoders
from corticalnet.rules.target_propagation.propagation import TargetPropagation
from tests.networks import (
    CLASSES,
    F64,
    NETWORKS,
    autograd,
    batch,
    cross_entropy,
    dense,
    distance,
    learned,
    squared,
)

FAMILY = [
    "target-propagation",
    "difference-target-propagation",
    "simplified-target-propagation",
    "auxiliary-output-target-propagation",
    "difference-reconstruction",
    "local-difference-reconstruction",
]


class Transposes(Decoders):
    """What comes down is the true vector-Jacobian product of what is above."""

    traces = None

    def rates(self, node, codes):
        areas, traces = self.wiring.areas, self.activity.traces
        parts = [
            link.feedback(areas[above].to_drive(codes[above], traces[above]), link.weight)
            for above, link, _ in self.ways[node]
        ]
        return sum(parts[1:], parts[0]) if parts else None


def by_transposes(**settings):
    """A rule of the family, whose decoders are the transposes."""

    class Exact(TargetPropagation):
        def _errors(self, encoding, trial_loss):
            encoding.decoders.__class__ = Transposes
            encoding.decoders.activity = encoding.activity
            return super()._errors(encoding, trial_loss)

    return Exact(decoder="linear", **settings)


@pytest.mark.parametrize("top", ["gradient", "nudge"])
@pytest.mark.parametrize("name", NETWORKS)
def test_with_the_transpose_for_a_decoder_it_is_backprop(name, top):
    net = NETWORKS[name]("tanh", 0)
    x, y = batch()
    rule = by_transposes(top=top, alpha=0.3)
    assert distance(learned(net, rule, x, y), autograd(net, squared, x, y)) < 1e-12


def test_it_is_backprop_of_the_cross_entropy_too():
    net = dense("sigmoid", 4)
    x, y = batch()
    rule = by_transposes(top="nudge", teaching=cn.Teacher("cross-entropy"))
    assert distance(learned(net, rule, x, y), autograd(net, cross_entropy, x, y)) < 1e-12


# Exact inverses ---------------------------------------------------------------------------------
SLOPE, ALPHA = 0.2, 1e-5
LEAKY = Activation(
    "leaky", lambda a: F.leaky_relu(a, SLOPE), lambda s, a, y: torch.where(a > 0, s, SLOPE * s)
)


def square(depth=3, n=4, seed=0):
    """Leaky columns, as many in every area; invertible."""
    rng = torch.Generator().manual_seed(seed)
    areas = [cn.Area(cn.Dense(n), LEAKY) for _ in range(depth)]
    net = cn.Network((n,), areas, seed, dtype=F64)
    with torch.no_grad():
        for link in net.links:
            link.weight += 2 * torch.eye(n, dtype=F64)
    return net, torch.randn(5, n, generator=rng, dtype=F64), torch.randn(5, n, generator=rng, dtype=F64)


class Inverses(Decoders):
    """W⁻¹ f⁻¹."""

    def rates(self, node, codes):
        (above, link, _), *_ = self.ways[node]
        drive = torch.where(codes[above] > 0, codes[above], codes[above] / SLOPE)
        return drive @ torch.linalg.inv(link.weight).T


def goals(net, x, targets, **settings):
    """Targets ŝ of all areas, by a rule whose decoders are inverses."""
    seen = {}

    class Inverting(TargetPropagation):
        def _errors(self, encoding, trial_loss):
            encoding.decoders.__class__ = Inverses
            errors = super()._errors(encoding, trial_loss)
            seen["encoding"] = encoding
            return errors

        def _goal(self, encoding, node, moved):
            seen[node] = encoding.states[node] + self.alpha * moved
            return super()._goal(encoding, node, moved)

    Inverting(top="nudge", decoder="linear", alpha=ALPHA, **settings).learn(net, x, targets)
    return seen


def test_with_exact_inverses_targets_are_those_of_target_propagation_and_reach_the_top():
    net, x, targets = square()
    plain, difference = (goals(net, x, targets, difference=d) for d in (False, True))
    top = difference["encoding"].states[3] + ALPHA * (targets - net(x))
    for node in (1, 2):
        assert torch.allclose(plain[node], difference[node], rtol=0, atol=1e-13)
        up = difference[node]
        for link in net.links[node:]:
            up = F.leaky_relu(link.drive(up), SLOPE)
        assert torch.allclose(up, top, rtol=0, atol=1e-13)


def test_with_exact_inverses_an_update_moves_an_area_by_the_inverse_of_the_jacobian():
    """ŝ − s = α (t − y) J⁻¹, exactly as long as no column crosses its kink (Gauss–Newton's step)."""
    net, x, targets = square()
    seen = goals(net, x, targets)
    for sample in range(len(x)):
        state = seen["encoding"].states[1][sample]

        def above(s):
            for link in net.links[1:]:
                s = F.leaky_relu(s @ link.weight.T, SLOPE)
            return s

        jacobian = torch.autograd.functional.jacobian(above, state)
        wanted = ALPHA * torch.linalg.solve(jacobian, targets[sample] - above(state))
        assert torch.allclose(seen[1][sample] - state, wanted, rtol=0, atol=1e-14)


# What decoders learn is minus half the gradient of their loss ----------------------------------
SIGMA = 0.3


def same_noise(monkeypatch):
    """The noise that a rule draws, in the order in which it asks for it."""
    drawn = []

    def gaussian(like):
        rng = torch.Generator().manual_seed(len(drawn))
        drawn.append(torch.randn(like.shape, generator=rng, dtype=like.dtype))
        return drawn[-1]

    monkeypatch.setattr(reconstruction, "gaussian", gaussian)
    return drawn


def chain(hidden="tanh"):
    """Two hidden areas, all with offsets; and the batch."""
    areas = [cn.Area(cn.Dense(n, bias=True), hidden) for n in (6, 5)]
    net = cn.Network((7,), [*areas, cn.Area(cn.Dense(CLASSES, bias=True), "linear")], 0, dtype=F64)
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in net.parameters():
            p += 0.1 * torch.randn(p.shape, generator=rng, dtype=F64)
    return net, torch.rand(8, 7, generator=rng, dtype=F64), torch.randint(CLASSES, (8,), generator=rng)


def own_weights(rule, net):
    """Decoders as leaves of autograd, with other values than at the start."""
    own = rule.named_parameters(net)
    rng = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in own.values():
            p += 0.1 * torch.randn(p.shape, generator=rng, dtype=F64)
    return own, {name: p.detach().clone().requires_grad_() for name, p in own.items()}


@pytest.mark.parametrize("name", ["noise-preserving", "denoising"])
def test_autoencoding_losses(name, monkeypatch):
    """‖g(f(h + ε)) − (h + ε)‖² and ‖g(f(h + ε)) − h‖² of every area (Lee et al.; Bartunov et al.)."""
    drawn = same_noise(monkeypatch)
    net, x, y = chain()
    rule = TargetPropagation(
        top="label", reconstruction=name, sigma=SIGMA, teaching=cn.Teacher("cross-entropy")
    )
    own, leaves = own_weights(rule, net)
    rule.learn(net, x, y)
    with torch.no_grad():
        h1, h2, _ = net.sweep(x).rates[1:]
    up = [lambda h: torch.tanh(net.links[1].drive(h)), lambda h: torch.softmax(net.links[2].drive(h), 1)]
    loss = 0
    for h, noise, f, link in zip((h1, h2), drawn, up, ("area1->area2", "area2->output"), strict=True):
        noisy = h + SIGMA * noise
        code = f(noisy).detach()
        guess = torch.tanh(code @ leaves[f"decoder.{link}"] + leaves[f"decoder.{link}.bias"])
        loss = loss + (guess - (noisy if name == "noise-preserving" else h)).square().sum() / len(x)
    (loss / 2).backward()
    for key, leaf in leaves.items():
        assert torch.allclose(own[key].grad, leaf.grad, rtol=1e-12, atol=1e-14), key


@pytest.mark.parametrize("decoder", ["linear", "gated"])
def test_the_local_difference_loss(decoder, monkeypatch):
    """(−2 ε·(g(f(h+ε)) − g(f(h))) + ‖g(f(h)+ζ) − g(f(h))‖²) / σ², area by area (Ernoult et al. 2022)."""
    drawn = same_noise(monkeypatch)
    net, x, y = chain()
    rule = TargetPropagation("nudge", reconstruction="local difference", decoder=decoder, sigma=SIGMA)
    own, leaves = own_weights(rule, net)
    rule.learn(net, x, y)
    with torch.no_grad():
        h1, h2, top = net.sweep(x).rates[1:]
    gate = 1 - h2**2 if decoder == "gated" else torch.ones_like(h2)
    gates = {"area1->area2": gate, "area2->output": torch.ones_like(top)}
    up = {"area1->area2": lambda h: torch.tanh(net.links[1].drive(h)), "area2->output": net.links[2].drive}
    jitter = dict(
        zip(("area1->area2", "area2->output"), drawn[3:5], strict=True)
    )  # after both ε, and area1's ζ
    loss = 0
    for h, above, noise, link in zip((h1, h2), (h2, top), drawn, up, strict=False):
        g = lambda h, link=link: (gates[link] * h) @ leaves[f"decoder.{link}"]  # noqa: E731
        with torch.no_grad():
            noisy = up[link](h + SIGMA * noise)
        one = SIGMA * (noise * (g(noisy) - g(above))).sum()
        two = (g(above + SIGMA * jitter[link]) - g(above)).square().sum()
        loss = loss + (-2 * one + two) / SIGMA**2 / len(x)
    (loss / 2).backward()
    for key, leaf in leaves.items():
        assert torch.allclose(own[key].grad, leaf.grad, rtol=1e-12, atol=1e-13), key


def test_the_difference_loss(monkeypatch):
    """Noise of an area goes through to the top and comes down by differences (Meulemans et al. 2020)."""
    drawn = same_noise(monkeypatch)
    net, x, y = chain()
    rule = TargetPropagation("nudge", reconstruction="difference", decoder="linear", sigma=SIGMA, damping=0.7)
    own, leaves = own_weights(rule, net)
    rule.learn(net, x, y)
    v1, v2 = leaves["decoder.area1->area2"], leaves["decoder.area2->output"]
    with torch.no_grad():
        h1, h2, top = net.sweep(x).rates[1:]
        first = torch.tanh(net.links[1].drive(h1 + SIGMA * drawn[0]))
        through, second = net.links[2].drive(first), net.links[2].drive(h2 + SIGMA * drawn[1])
        arrives = (through - top) @ v2  # at area2, by its decoder as it is
    one = (SIGMA * drawn[0] - arrives @ v1).square().sum() + (
        SIGMA * drawn[1] - (second - top) @ v2
    ).square().sum()
    (one / SIGMA**2 / len(x) / 2 + 0.7 * (v1.square().sum() + v2.square().sum()) / 2).backward()
    for key, leaf in leaves.items():
        assert torch.allclose(own[key].grad, leaf.grad, rtol=1e-12, atol=1e-13), key


# What they come to -------------------------------------------------------------------------------
def every_direction(monkeypatch):
    """Noise of a batch is an orthogonal set of patterns (as many samples as columns, or more)."""

    def gaussian(like):
        return math.sqrt(len(like)) * torch.eye(len(like), dtype=like.dtype)[:, : like.shape[1]]

    monkeypatch.setattr(reconstruction, "gaussian", gaussian)


def test_the_difference_loss_is_least_at_the_damped_pseudo_inverse(monkeypatch):
    every_direction(monkeypatch)
    net = cn.mlp([3, 6, 4], "linear", dtype=F64)
    x, y = torch.rand(6, 3, dtype=F64), torch.rand(6, 4, dtype=F64)
    rule = TargetPropagation("nudge", reconstruction="difference", decoder="linear", damping=0.2)
    (v,) = rule.named_parameters(net).values()
    jacobian = net.links[1].weight.detach()
    with torch.no_grad():  # row vectors: what comes up is ε Jᵀ, what comes down that times V
        v.copy_(torch.linalg.solve(jacobian @ jacobian.T + 0.2 * torch.eye(4, dtype=F64), jacobian))
    rule.learn(net, x, y)
    assert v.grad.abs().max() < 1e-13
    with torch.no_grad():
        v += 0.1
    rule.learn(net, x, y)
    assert v.grad.abs().max() > 1e-3


@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_the_local_difference_loss_is_least_at_the_transpose_if_decoders_are_gated(hidden, monkeypatch):
    """One sample, disturbed in all directions; up to σ, by which curved columns are not their derivative."""
    every_direction(monkeypatch)
    net, sizes = cn.mlp([3, 6, 6, 4], hidden, dtype=F64), {}
    x, y = (
        torch.rand(1, 3, dtype=F64).expand(6, 3),
        torch.rand(6, 4, dtype=F64),
    )
    for sigma in (1e-3, 1e-4):
        rule = TargetPropagation("nudge", reconstruction="local difference", decoder="gated", sigma=sigma)
        own = rule.named_parameters(net)
        with torch.no_grad():
            for link in net.links[1:]:
                own[f"decoder.{link.name}"].copy_(link.weight)
        rule.learn(net, x, y)
        sizes[sigma] = max(v.grad.abs().max().item() for v in own.values())
        with torch.no_grad():
            for v in own.values():
                v += 0.1
        rule.learn(net, x, y)
        assert min(v.grad.abs().max() for v in own.values()) > 1e-3
    assert sizes[1e-3] < 5e-3
    assert sizes[1e-4] < max(0.2 * sizes[1e-3], 1e-10)


# Taking turns ------------------------------------------------------------------------------------
def trained(alternate, updates, optimizer=torch.optim.SGD):
    net, x, y = chain()
    rule = cn.rule("difference-target-propagation", alternate=alternate)
    own = rule.named_parameters(net)
    moving = optimizer([*net.parameters(), *own.values()], lr=0.1)
    path = []
    for k in range(updates):
        torch.manual_seed(k)
        rule.update(net, x, y, moving)
        path.append([p.detach().clone() for p in (*net.parameters(), *own.values())])
    return net, own, path


def test_decoders_learn_first_and_weights_with_what_they_have_become():
    net, x, y = chain()
    rule = cn.rule("difference-target-propagation")
    own = rule.named_parameters(net)
    torch.manual_seed(0)
    rule.learn(net, x, y)
    with torch.no_grad():
        for p in own.values():
            p -= 0.1 * p.grad
    rule.learn(net, x, y)
    wanted = [p.detach() - 0.1 * p.grad for p in net.parameters()] + list(own.values())
    _, _, (after,) = trained(1, 1)
    assert distance(after, [w.detach() for w in wanted]) < 1e-14


def test_some_updates_are_of_decoders_alone_and_as_many_of_weights():
    _, _, path = trained(2, 8, torch.optim.Adam)
    first, count = chain()[0], len(list(chain()[0].parameters()))
    own = cn.rule("difference-target-propagation").named_parameters(first).values()
    path = [[p.detach() for p in (*first.parameters(), *own)], *path]
    moves = [
        (not all(map(torch.equal, a[:count], b[:count])), not all(map(torch.equal, a[count:], b[count:])))
        for a, b in itertools.pairwise(path)
    ]
    decoders, weights = (False, True), (True, False)
    assert moves == [decoders, decoders, weights, weights] * 2


@pytest.mark.parametrize("alternate", [0, 1])
def test_decoders_may_learn_faster_than_weights(alternate):
    """Steps of plain gradient descent: those of decoders are as many times longer as their rate says."""
    steps = {}
    for rate in (1.0, 3.0):
        net, x, y = chain()
        rule = cn.rule("difference-target-propagation", own_rate=rate, alternate=alternate)
        own = rule.named_parameters(net)
        before = {name: p.detach().clone() for name, p in own.items()}
        torch.manual_seed(0)
        rule.update(net, x, y, torch.optim.SGD(net.parameters(), lr=0.1))
        steps[rate] = [own[name] - p for name, p in before.items()]
    assert all(torch.allclose(3 * a, b, rtol=1e-12) for a, b in zip(steps[1.0], steps[3.0], strict=True))
    assert min(step.abs().max() for step in steps[1.0]) > 0


def test_turns_go_on_from_a_state():
    net, x, y = chain()
    rule, other = (cn.rule("difference-target-propagation", alternate=3) for _ in range(2))
    optimizer = torch.optim.SGD([*net.parameters(), *rule.parameters(net)], lr=0.1)
    for _ in range(4):
        rule.update(net, x, y, optimizer)
    other.parameters(net)
    other.load_state_dict(rule.state_dict())
    before = [p.detach().clone() for p in net.parameters()]
    other.update(net, x, y, torch.optim.SGD([*net.parameters(), *other.parameters(net)], lr=0.1))
    assert not all(map(torch.equal, before, net.parameters()))  # the fifth of six: weights


# What is said ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"top": "below"}, "unknown target propagation: top 'below'"),
        ({"reconstruction": "difference"}, "for decoders that are linear or gated, not 'activation'"),
        ({"auxiliary": 8}, "none decodes the output"),
        ({"top": "label", "teaching": cn.Reward()}, "needs a Teacher"),
        ({"sigma": 0}, "sigma"),
        ({"alternate": -1}, "alternate"),
        ({"own_rate": 0}, "own_rate"),
    ],
)
def test_what_does_not_go_together_is_refused(settings, words):
    with pytest.raises(RuleError, match=words):
        TargetPropagation(**settings)


@pytest.mark.parametrize("name", FAMILY)
def test_what_comes_down_is_decoded_and_only_one_of_them_transports_weights(name):
    rule = cn.rule(name)
    assert rule.transports_weights == (name == "difference-target-propagation")
    net = dense("tanh")
    shapes = {route.link.name: route.weights.shape for route in rule.feedback_routes(net)}
    assert shapes == {link.name: link.weight.shape for link in net.links[1:]}
