"""Rules of two phases whose circuits find out by themselves when they are nudged, beside those that are told.

A linear chain input → hidden → output of one column each, worked by hand (κ, weights a and b, target t):

    h = a x + κ b y      y = b h + β (t − y)             nudged;  β = 0: free
"""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.audit import autonomy_in_a_stream
from corticalnet.circuits.cells.cell import rest_of
from corticalnet.circuits.cells.phase_detector import PhaseDetector
from corticalnet.columns.beside import recorded_change
from corticalnet.errors import CircuitError, RuleError
from tests.networks import F64, batch, dense, skipping

RATE = 0.1
STEPS = {"steps": 60}
EXACT = cn.DetectedPhases(threshold=1e-13)


def chain(a=0.5, b=0.8):
    net = cn.Network((1,), [cn.Area(cn.Dense(1), "linear"), cn.Area(cn.Dense(1), "linear")], dtype=F64)
    with torch.no_grad():
        for link, weight in zip(net.links, (a, b), strict=True):
            link.weight.fill_(weight)
    return net


def changes(net, rule, protocol, engine="torch"):
    """The change of every projection over a protocol, of a circuit of this rule."""
    circuit = cn.circuit(net, rule, RATE)
    data = cn.simulate(circuit, protocol, engine, record=["nudged"], last=1, check=False)
    return {
        name: recorded_change(data, name, parameter)
        for link in net.links
        for name, parameter in ((link.name, link.weight), (f"{link.name} bias", link.bias))
        if parameter is not None
    }


def wanted(net, rule, x, y):
    rule.learn(net, x, y)
    found = {}
    for link in net.links:
        found |= {link.name: link.weight, f"{link.name} bias": link.bias}
    return {name: -RATE * p.grad.numpy().ravel() for name, p in found.items() if p is not None}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("equilibrium-propagation", {}),
        ("contrastive-hebbian", {}),
        ("generec", {"form": "free"}),
        ("generec", {"form": "midpoint"}),
        ("generec", {"form": "symmetric"}),
        ("generec", {"pathway": "random"}),
    ],
    ids=["equilibrium", "contrastive", "free", "midpoint", "symmetric", "random"],
)
@pytest.mark.parametrize(
    ("net", "engine", "samples"),
    [(lambda: skipping("sigmoid"), "torch", 2), (lambda: dense("sigmoid", 2), "brian2", 1)],
    ids=["torch", "brian2"],
)
def test_one_trial_that_nobody_announces_changes_weights_as_the_rule_does(
    net, engine, samples, name, settings
):
    if engine == "brian2":
        pytest.importorskip("brian2")
    net, (x, y) = net(), batch(samples)
    rule = cn.rule(name, **STEPS, **settings, phases=EXACT)
    protocol = [cn.Present(x, 70), cn.Teach(y, 83), cn.Present(x, 9)]
    found = changes(net, rule, protocol, engine)
    for name, change in wanted(net, rule, x, y).items():
        assert abs(found[name] - change).max() < 1e-11 * abs(change).max()
        assert abs(change).max() > 1e-6


@pytest.mark.parametrize("name", ["equilibrium-propagation", "generec"])
def test_in_a_stream_of_unknown_timing_weights_are_the_rule_s(name):
    net = cn.mlp([6, 8, 7, 4], "sigmoid", seed=0, dtype=F64)
    told, untold = (cn.rule(name, steps=40, phases=phases) for phases in ("told", EXACT))
    report = autonomy_in_a_stream(net, untold, trials=4, twin=told)
    assert report.worst < 1e-11
    assert len(set(report.timing)) == 4
    assert autonomy_in_a_stream(net, told, trials=4, twin=told).worst == 1.0  # (who has to be told)


@pytest.mark.parametrize("threshold", [1e-2, 1e-4, 1e-6])
def test_what_a_threshold_costs_is_bounded_by_how_fast_the_chain_settles(threshold):
    """Moves fall by the same factor in every step, so what is left of them is a geometric series."""
    a, b, x, t, kappa, beta = 0.5, 0.8, 1.0, 2.0, 0.5, 0.5
    rest = {}
    for strength in (0.0, beta):
        matrix = np.array([[1.0, -kappa * b], [-b, 1.0 + strength]])
        rest[strength] = np.linalg.solve(matrix, [a * x, strength * t])
    (h0, y0), (h, y) = rest[0.0], rest[beta]
    exact = np.array([(h - h0) * x / kappa, h * y - h0 * y0]) * RATE / beta

    phases = cn.DetectedPhases(silence=1, threshold=threshold)
    rule = cn.rule("equilibrium-propagation", beta=beta, feedback=kappa, bound=9.0, phases=phases)
    data = changes(chain(a, b), rule, [cn.Present([x], 99), cn.Teach([[t]], 99), cn.Present([x], 9)])
    found = np.concatenate([data["input->area1"], data["area1->output"]])

    # One step: h ← a x + κ b y, y ← b h + β (t − y), so moves of y fall by κ b² − β in each, by κ b² without
    # a teacher. The area below hears κ b times them.
    factor = max(abs(kappa * b * b - beta), kappa * b * b)
    left = threshold / (kappa * b) / (1 - factor)
    bound = np.array([left * x / kappa, left * (abs(h) + abs(y) + left)]) * 2 * RATE / beta
    assert (abs(found - exact) < bound).all()
    assert (abs(found - exact) > 1e-3 * bound).any()  # (the threshold is what limits it)


def test_a_nudge_that_falls_below_the_threshold_on_its_way_down_is_missed_there():
    """A nudge of e at the output moves the feedback of the area below by κ b β e at first."""
    net, kappa, beta, error = chain(), 0.5, 0.5, 0.1
    first = kappa * 0.8 * beta * error
    free = 0.8 * 0.5 / (1 - kappa * 0.8 * 0.8)
    for share, heard in ((0.9, True), (1.1, False)):
        phases = cn.DetectedPhases(threshold=share * first)
        rule = cn.rule("equilibrium-propagation", beta=beta, feedback=kappa, phases=phases)
        shown = [cn.Present([1.0], 60), cn.Teach([[free + error]], 60), cn.Present([0.2], 60)]
        found = changes(net, rule, shown)
        assert (found["input->area1"] != 0) == heard
        assert found["area1->output"] != 0


@pytest.mark.parametrize(
    ("stimulus", "teacher"), [(2, 60), (60, 3)], ids=["no rest before the teacher", "a short nudge"]
)
def test_what_has_not_come_to_rest_is_not_learned_and_does_no_harm(stimulus, teacher):
    net, rule = dense("sigmoid", 3), cn.rule("equilibrium-propagation", phases=EXACT)
    (x, y), other = batch(1), 4 * batch(1, seed=5)[0]
    shown = [cn.Present(x, stimulus), cn.Teach(y, teacher), cn.Present(other, 90), cn.Present(x, 90)]
    assert all((change == 0).all() for change in changes(net, rule, shown).values())


@pytest.mark.parametrize("pooled", [True, False])
def test_only_a_teacher_teaches(pooled):
    """Nor does the first stimulus (darkness), before which nothing was at rest."""
    phases = cn.DetectedPhases(threshold=1e-13, pooled=pooled)
    net, rule = dense("sigmoid", 3), cn.rule("contrastive-hebbian", phases=phases)
    stimuli = [cn.Present(seed * batch(1, seed=seed)[0], 60 + seed) for seed in range(3)]
    assert all((change == 0).all() for change in changes(net, rule, [*stimuli, cn.Rest(70)]).values())


def test_a_teacher_s_going_alone_is_no_teacher():
    """The stimulus stays: the way back to the free rest is not learned as another nudge would be."""
    net, (x, y) = dense("sigmoid", 3), batch(1)
    rule = cn.rule("equilibrium-propagation", feedback=0.2, **STEPS, phases=EXACT)
    found = changes(net, rule, [cn.Present(x, 70), cn.Teach(y, 70), cn.Present(x, 200)])
    for name, change in wanted(net, rule, x, y).items():
        assert abs(found[name] - change).max() < 1e-10 * abs(change).max()


@pytest.mark.parametrize("name", ["equilibrium-propagation", "contrastive-hebbian"])
def test_a_teacher_who_comes_before_rest_is_heard_from_rest_on(name):
    """The stimulus stays when the teacher goes. Heard at once, its going would be taken for its coming."""
    net, (x, y) = dense("sigmoid", 3), batch(1)
    rule = cn.rule(name, feedback=0.2, **STEPS, phases=EXACT)
    found = changes(
        net, rule, [cn.Present(x.flip(1), 70), cn.Present(x, 6), cn.Teach(y, 140), cn.Present(x, 200)]
    )
    for projection, change in wanted(net, rule, x, y).items():
        assert abs(found[projection] - change).max() < 1e-10 * abs(change).max()


@pytest.mark.parametrize(
    ("moves", "wanted"),
    [
        # (how far drive and feedback moved, whether teacher has gone) -> nudged, rested, left
        ([(0, 1), (0.4, 0.2), (0, 0), (0, 0), (0, 0), (0, 0.2)], ["n", "n", "n", "nr", "n", "l"]),
        ([(0, 1), (0, 0), (0.2, 0), (0, 0), (0, 0)], ["n", "n", "n", "n", "nr"]),
        ([(0, 1), (0.6, 0), (0, 0), (0, 0)], ["n", "", "", ""]),
        ([(0, 1), (0, 2), (0.6, 0), (0, 0), (0, 0)], ["n", "n", "n", "n", "nr"]),
        ([(0.6, 1), (0, 1), (0, 0), (0, 0)], ["", "", "", ""]),
        ([(0, 1), (0, 0), (0, 0, 1), (0, 0)], ["n", "n", "", ""]),
        ([(0, 1), (0, 0), (0, 0), (0, 0, 1)], ["n", "n", "nr", "l"]),
    ],
    ids=["whole", "quiet anew", "a stimulus", "a larger nudge", "with a stimulus", "gone early", "gone"],
)
def test_phi_by_hand(moves, wanted):
    phi = PhaseDetector(silence=2, threshold=0.1)
    cell, said = rest_of(phi), []
    for below, above, *gone in [(1, 0), (0, 0), (0, 0), *moves]:
        port = SimpleNamespace(below=below, above=above, gone=gone[0] if gone else 0)
        cell = SimpleNamespace(**phi.learn(cell, port, 1.0))
        said.append("n" * int(cell.nudged) + "r" * int(cell.rested) + "l" * int(cell.left))
    assert said == ["", "", "", *wanted]


def test_no_cell_of_the_circuit_is_told_what_the_teacher_does_but_the_output():
    for name, pooled in itertools.product(("equilibrium-propagation", "generec"), (True, False)):
        rule = cn.rule(name, phases=cn.DetectedPhases(pooled=pooled))
        circuit = cn.circuit(dense("tanh", 3), rule)
        assert [p.name for p in circuit.populations if "clamped" in p.cell.inputs] == ["output.value"]
        assert not any("teaching" in p.cell.inputs for p in circuit.populations)
        phi = {p.name: p.n for p in circuit.populations if p.role == "phi"}
        assert phi == {
            f"{a}.phi": 1 if pooled else n for a, n in (("area1", 11), ("area2", 11), ("output", 5))
        }


def test_what_does_not_go_together_is_refused():
    for make, words in (
        (lambda: cn.rule("generec", phases="guessed"), "unknown generec: phases 'guessed'"),
        (lambda: cn.DetectedPhases(silence=0), "detected phases: silence"),
        (lambda: cn.DetectedPhases(threshold=-1.0), "detected phases: threshold"),
        (lambda: cn.DetectedPhases(pooled=1), "detected phases: pooled"),
    ):
        with pytest.raises(RuleError, match=words):
            make()
    both = cn.rule("equilibrium-propagation", form="symmetric", phases="detected")
    with pytest.raises(CircuitError, match="nobody tells columns of a nudge what form='symmetric' needs"):
        cn.circuit(dense(), both)
