"""Equilibrium propagation against the implicit-function gradient of its free equilibrium, in NumPy.

s = f(U s + κ D s + b)                         all areas in one row; U: weights up, D = Uᵀ between areas
λ = (1 − Jᵀ)⁻¹ (t − y),  J = diag(f') (U + κ D),  e = f' ⊙ λ
−dloss/dW = e_target s_sourceᵀ + κ s_target e_sourceᵀ,   −dloss/db = e       (Almeida 1987, Pineda 1987)
"""

import sys
from itertools import pairwise

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.analysis import align
from corticalnet.audit.samples import random_batch, random_mlp
from corticalnet.columns.writing_back import recorded_change
from corticalnet.errors import CircuitError, RuleError
from tests.networks import F64, autograd, batch, dense, distance, learned, sheets, skipping, squared

ACTIVATIONS = {
    "linear": (lambda x: x, lambda x: np.ones_like(x)),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "hard sigmoid": (lambda x: np.clip(x, 0, 1), lambda x: 1.0 * ((x > 0) & (x < 1))),
}
SIZES = (5, 7, 6, 3)
SMALL = {"beta": 1e-3, "form": "symmetric"}


def network(activation, seed=0):
    """Two hidden areas and an output, all of one activation, with biases; ReLU within the bound is hard."""
    name = "relu" if activation == "hard sigmoid" else activation
    spread = 0.12 if activation == "linear" else 0.2  # (within the bound, where it is linear)
    areas = [cn.Area(cn.Dense(n, bias=True, init=spread), name) for n in SIZES[1:]]
    net = cn.Network(SIZES[:1], areas, seed, dtype=F64)
    with torch.no_grad():
        for k, link in enumerate(net.links):
            link.bias.copy_(0.15 + 0.1 * torch.sin(torch.arange(len(link.bias)) + k))
    rng = torch.Generator().manual_seed(seed)
    x, t = (torch.rand(4, n, generator=rng, dtype=F64) for n in (SIZES[0], SIZES[-1]))
    return net, 0.4 * x, t


def oracle(net, x, t, activation, kappa):
    """Output rates and minus the gradient of every parameter, sample by sample, by linear algebra."""
    f, slope = ACTIVATIONS[activation]
    weights = [link.weight.detach().numpy() for link in net.links]
    ends = np.cumsum([0, *SIZES[1:]])
    at = [slice(a, b) for a, b in pairwise(ends)]
    between = np.zeros((ends[-1], ends[-1]))
    for k in (1, 2):
        between[at[k], at[k - 1]] = weights[k]
        between[at[k - 1], at[k]] = kappa * weights[k].T
    rates, found = [], [0.0] * (2 * len(weights))
    for one, wanted in zip(x.numpy(), t.numpy(), strict=True):
        drive = np.concatenate([link.bias.detach().numpy() for link in net.links])
        drive[at[0]] += weights[0] @ one
        s = np.zeros(ends[-1])
        for _ in range(2000):
            s = s + 0.5 * (f(between @ s + drive) - s)
        gain = slope(between @ s + drive)
        error = np.zeros(ends[-1])
        error[at[2]] = wanted - s[at[2]]
        e = gain * np.linalg.solve(np.eye(ends[-1]) - (gain[:, None] * between).T, error)
        below = [one, s[at[0]], s[at[1]]]
        for k, source in enumerate(below):
            change = np.outer(e[at[k]], source)
            if k:
                change = change + kappa * np.outer(s[at[k]], e[at[k - 1]])
            found[2 * k] = found[2 * k] + change / len(x)
            found[2 * k + 1] = found[2 * k + 1] + e[at[k]] / len(x)
        rates.append(s[at[2]])
    return torch.tensor(np.array(rates)), [torch.tensor(-g) for g in found]


@pytest.mark.parametrize("kappa", [1.0, 0.3])
@pytest.mark.parametrize(("form", "order"), [("one-sided", 1), ("symmetric", 2)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_its_error_vanishes_as_the_nudge_does(activation, form, order, kappa):
    """With slope 1 if one-sided, 2 if symmetric."""
    net, x, t = network(activation)
    _, wanted = oracle(net, x, t, activation, kappa)
    options = {"form": form, "feedback": kappa}
    rules = [cn.rule("equilibrium-propagation", beta=beta, **options) for beta in (1e-2, 1e-3)]
    errors = [distance(learned(net, rule, x, t), wanted) for rule in rules]
    assert np.log10(errors[0] / errors[1]) == pytest.approx(order, abs=0.05)
    assert errors[1] < 10.0 ** (1 - 3 * order)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_answer_and_the_loss_are_those_of_the_free_equilibrium(activation):
    net, x, t = network(activation)
    rule = cn.rule("equilibrium-propagation", feedback=1.0)
    rates, _ = oracle(net, x, t, activation, 1.0)
    step = rule.learn(net, x, t)
    for found in (rule.answer(net, x), step.rates):
        assert (found - rates).abs().max() < 1e-12
    assert step.loss == pytest.approx(0.5 * (t - rates).square().sum(1).mean().item(), abs=1e-12)
    assert torch.equal(rule.predict(net, x), rates.argmax(1))
    assert (net(x) - rates).abs().max() > 1e-2, "a sweep answers something else"


def test_it_is_backprop_where_feedback_is_weak_and_nowhere_else():
    net, (x, y) = dense("tanh"), batch()
    wanted = autograd(net, squared, x, y)
    far, near, nearer = (
        distance(learned(net, cn.rule("equilibrium-propagation", **SMALL, feedback=k), x, y), wanted)
        for k in (0.5, 1e-2, 1e-3)
    )
    assert far > 0.1
    assert near / nearer == pytest.approx(10, rel=0.2)
    assert nearer < 0.01
    assert cn.rule("equilibrium-propagation").equals is None
    assert align(net, cn.rule("equilibrium-propagation", feedback=1e-3), x, y).cosine > 0.999


def slopes(net, rule, parameter, x, y):
    """The gradient that a rule has left and the slope of the equilibrium's loss, in a random direction."""
    direction = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1), dtype=F64)
    losses = []
    for sign in (1, -2):
        parameter.data.add_(direction, alpha=sign * 1e-5)
        losses.append(squared(rule.answer(net, x), y).item())
    parameter.data.add_(direction, alpha=1e-5)
    return (parameter.grad * direction).sum().item(), (losses[0] - losses[1]) / 2e-5


@pytest.mark.parametrize("name", ["equilibrium-propagation", "contrastive-hebbian", "generec"])
def test_it_is_compared_with_backprop_and_with_the_gradient_of_its_equilibrium(name):
    """Both distances by hand: to autograd of the sweep, and to the linear algebra of the equilibrium."""
    net, x, t = network("sigmoid")
    rule = cn.rule(name, feedback=0.3)
    _, wanted = oracle(net, x, t, "sigmoid", 0.3)
    found = learned(net, rule, x, t)
    swept = autograd(net, lambda out, t: 0.5 * (t - out).square().sum() / len(out), x, t)
    alignment = align(net, rule, x, t)
    assert alignment.error == pytest.approx(total_distance(found, swept), rel=1e-9)
    assert alignment.to_equilibrium.error == pytest.approx(total_distance(found, wanted), rel=1e-9)
    assert "to recurrent backprop" in str(alignment)
    assert align(net, rule, x, t, cn.rule("backprop")).to_equilibrium is None, "a reference was given"


def total_distance(found, wanted):
    """Relative error of all parameters together."""
    found, wanted = (torch.cat([one.flatten() for one in change]) for change in (found, wanted))
    return ((found - wanted).norm() / wanted.norm()).item()


def test_where_a_sweep_answers_or_feedback_has_its_own_weights_there_is_one_comparison():
    net, x, t = network("sigmoid")
    for rule in (cn.rule("z-il"), cn.rule("generec", pathway="random")):
        alignment = align(net, rule, x, t)
        assert alignment.to_equilibrium is None
        assert "recurrent" not in str(alignment)


def test_pools_and_homeostasis_go_down_the_same_energy():
    """Against central differences of the loss of the equilibrium, in a random direction of each parameter."""
    net, (x, y) = sheets("tanh", cn.Local, homeostasis="slow").eval(), batch(2)
    rule = cn.rule("equilibrium-propagation", **SMALL)
    rule.learn(net, x, y)
    for parameter in [*net.parameters()][:6]:  # of the area with the pool, and of the next
        found, wanted = slopes(net, rule, parameter, x, y)
        assert found == pytest.approx(wanted, rel=1e-3)


def test_a_phase_that_has_not_settled_is_told():
    net, (x, y) = dense("tanh"), batch()
    with pytest.warns(UserWarning, match=r"a phase has not settled, states still move by .* after 2 steps"):
        cn.rule("equilibrium-propagation", steps=2).learn(net, x, y)
    cn.rule("equilibrium-propagation").learn(net, x, y)  # (a warning would be an error here)


def test_columns_rest_in_one_way_while_the_loop_between_areas_contracts():
    """Between areas states come back as κ Wᵀ f' W; in units of κ^(d/2) the step is √κ [0 Wᵀ; W 0] and f' ≤ 1.

    So there is one rest for κ ‖[0 Wᵀ; W 0]‖² < 1. Beyond there may be two, and where the trial before has
    left columns decides; a rule begins with a sweep.
    """
    net = random_mlp("tanh", 3, 1)
    w1, w2 = (link.weight.detach().numpy() for link in net.links[1:])
    below, middle, above = w1.shape[1], len(w1), len(w2)
    between = np.zeros((below + middle + above,) * 2)
    between[below : below + middle, :below] = w1
    between[below + middle :, below : below + middle] = w2
    limit = 1 / np.linalg.norm(between + between.T, 2) ** 2
    assert 0.2 < limit < 0.3
    (x, _), rng = random_batch(net, 1, 1), torch.Generator().manual_seed(0)

    def rests(kappa):
        rule = cn.rule("equilibrium-propagation", feedback=kappa, steps=2000)
        for _ in range(8):
            start = rule.begin(net, x)
            for node in range(1, 4):
                drawn = 2 * torch.rand(start.states[node].shape, generator=rng, dtype=F64) - 1
                start.states[node] = start.rates[node] = drawn
            rested = rule.relaxation.rest(start)
            assert rested.settled.residual < 1e-12
            yield torch.cat(rested.states[1:], 1)

    with torch.no_grad():
        one, several = torch.stack([*rests(0.9 * limit)]), torch.stack([*rests(0.5)])
    assert (one - one[0]).abs().max() < 1e-12
    assert (several - several[0]).abs().max() > 1.0


# The circuit --------------------------------------------------------------------------------------
RATE = 0.2


def changes(net, rule, x, y, engine, longer=0):
    """(found in one trial of the circuit, wanted by the network rule), by projection."""
    circuit = cn.circuit(net, rule, RATE)
    needs = circuit.needs
    protocol = [cn.Present(x, needs.present), cn.Teach(y, needs.teach + longer), cn.Rest(3)]
    data = cn.simulate(circuit, protocol, engine, record=["nudge"], last=1)
    rule.learn(net, x, y)
    for link in net.links:
        for name, p in ((link.name, link.weight), (f"{link.name} bias", link.bias)):
            if p is not None:
                yield recorded_change(data, name, p), -RATE * p.grad.numpy().ravel()


@pytest.mark.parametrize("form", ["one-sided", "symmetric"])
@pytest.mark.parametrize(
    ("net", "engine", "samples"),
    [
        (lambda: dense("tanh"), "torch", 2),
        (lambda: dense("relu"), "torch", 2),
        (lambda: skipping("sigmoid"), "torch", 2),
        (lambda: dense("sigmoid", 2), "brian2", 1),
    ],
    ids=["tanh", "hard sigmoid", "skipping", "brian2"],
)
def test_one_trial_changes_the_weights_as_the_rule_does(net, engine, samples, form):
    net, (x, y) = net(), batch(samples)
    rule = cn.rule("equilibrium-propagation", form=form, steps=200)
    for found, wanted in changes(net, rule, x, y, engine, longer=5):
        assert abs(found - wanted).max() < 1e-10 * abs(wanted).max()
        assert abs(wanted).max() > 1e-6


def test_who_nudges_says_by_which_factor_synapses_learn():
    circuit = cn.circuit(cn.mlp([2, 3, 2]), cn.rule("equilibrium-propagation", beta=0.25, steps=2))
    protocol = [cn.Present([0.5, 1.0], 2), cn.Teach([0], 4), cn.Rest(1)]
    data = cn.simulate(circuit, protocol, record=["nudge", "contrast"])
    told = {name: data[f"nudge.{name}"].values.ravel() for name in ("nudge", "contrast")}
    assert told["nudge"].tolist() == [0, 0, 0, 0.25, 0.25, 0, 0]
    assert told["contrast"].tolist() == [0, 0, -4, 0, 4, 0, 0]


def test_its_circuit_is_loaded_by_who_has_never_seen_the_rule():
    from corticalnet.circuits import cells, plasticity

    circuit = cn.circuit(dense(), cn.rule("equilibrium-propagation"))
    for population in circuit.populations:
        assert "circuits.cells" in type(population.cell).__module__
    assert all("circuits.plasticity" in type(p.plasticity).__module__ for p in circuit.plastic)
    assert cells.__name__ + ".relaxing" in sys.modules
    assert plasticity.__name__ + ".hebbian" in sys.modules


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: cn.rule("equilibrium-propagation", teaching="reward"), "nudged by a Teacher"),
        (lambda: cn.rule("equilibrium-propagation", push=1), "unknown parameter 'push'"),
        (
            lambda: cn.circuit(dense(), cn.rule("equilibrium-propagation", form="holomorphic")),
            "a nudge around a circle makes complex ones",
        ),
        (
            lambda: cn.circuit(sheets(), cn.rule("equilibrium-propagation")),
            "a pool has no columns that relax",
        ),
        (
            lambda: cn.circuit(dense(), cn.rule("equilibrium-propagation"), consolidation="phase"),
            "consolidation 'phase' is not possible",
        ),
        (
            lambda: cn.circuit(dense(), cn.rule("recurrent-backprop"), dynamics="latch"),
            "do not run in continuous time",
        ),
    ],
)
def test_what_is_not_there_says_so(make, words):
    with pytest.raises((RuleError, CircuitError), match=words):
        make()
