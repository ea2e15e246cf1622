"""Dendritic microcircuits in continuous time come to rest where the rule does, and learn as it does."""

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.compare import relative_error
from corticalnet.errors import CircuitError
from corticalnet.recordings.reading import weight_change
from tests.networks import CLASSES, F64, batch, dense, skipping

NAME = "dendritic-microcircuit"
TIME = cn.Continuous(tau=4.0, dt=1.0)


def columns(nudge, kind, lr=0.0, time=TIME, **parameters):
    net = cn.mlp([5, 4, 4, CLASSES], kind, "sigmoid", seed=1, bias=True, init="glorot", dtype=F64)
    rule = cn.rule(NAME, nudge=nudge, steps=300, **parameters)
    rule.parameters(net)
    return net, rule, cn.circuit(net, rule, lr, dynamics=time)


def lesson():
    rng = torch.Generator().manual_seed(2)
    return torch.rand(2, 5, generator=rng, dtype=F64), torch.tensor([0, 2])


@pytest.mark.parametrize(
    ("nudge", "kind", "parameters", "time"),
    [
        ("rate", "tanh", {}, TIME),
        ("potential", "sigmoid", {"pathway": "tied", "laterals": "both"}, TIME),
        ("rate", "sigmoid", {"pathway": "sign-symmetric", "laterals": "predicting"}, TIME),
        ("rate", "softplus", {"apical": 0.5, "somatic": 0.3}, cn.Continuous(tau=4.0, prospective=True)),
    ],
)
def test_columns_come_to_rest_where_the_rule_does(nudge, kind, parameters, time):
    net, rule, circuit = columns(nudge, kind, time=time, **parameters)
    x, y = lesson()
    protocol = [cn.Present(x, steps=250), cn.Teach(y, steps=400)]
    data = cn.simulate(circuit, protocol, record=["potential", "apical", "mismatch"])
    free = rule.free(net, x)
    now = rule.nudged(free, rule.teaching.loss_for(free.rates[-1], y))
    for state, time in ((free, 249), (now, -1)):
        for node, area in enumerate(net.areas, 1):
            wanted = {"potential": state.potentials[node], "mismatch": state.mismatch(node)}
            if node < 3:
                wanted["apical"] = state.apical[node]
            for name, one in wanted.items():
                if one is not None:  # (apical dendrites that nobody looked at: ideal laterals, no teacher)
                    found = data[f"{area}.value.{name}"].values[time]
                    assert abs(found - one.numpy()).max() < 1e-10
        copies = data["area2.interneuron.potential"].values[time]
        assert abs(copies - state.copies[3].numpy()).max() < 1e-10
    assert now.mismatch(1).abs().max() > 5e-4


def test_at_rest_with_a_teacher_synapses_move_as_the_rule_says():
    """So slowly that nothing else moves: Δw = −rate · ms · gradient, of weights and of what P learns."""
    rate, ms, slow = 1e-7, 120, cn.Continuous(tau=4.0, dt=2.0)
    net, rule, circuit = columns("rate", "tanh", rate, slow, laterals="predicting", own_rate=2.0)
    x, y = lesson()
    running = cn.simulator(circuit)
    running.run([cn.Present(x, steps=250), cn.Teach(y, steps=400)], record=["mismatch"])
    data = running.run([cn.Teach(y, ms=ms)], record=["mismatch"])
    rule.learn(net, x, y)
    own = rule.named_parameters(net)
    wanted = {k.name: k.weight for k in net.links} | {f"{k.name} bias": k.bias for k in net.links}
    wanted |= {
        "area2.value->area2.interneuron": own["predicting.area2->output"],
        "area1.value->area1.interneuron bias": own["offset.area1->area2"],
    }
    for name, parameter in wanted.items():
        faster = 2.0 if "interneuron" in name else 1.0
        change = weight_change(data, name).reshape(parameter.shape)
        assert relative_error(change, -faster * rate * ms * parameter.grad.numpy()) < 1e-3, name


@pytest.mark.parametrize("time", [TIME, cn.Continuous(tau=4.0, average=8.0, delay=2.0, prospective=True)])
def test_engines_agree_while_everything_learns(time):
    pytest.importorskip("brian2")
    _, _, circuit = columns("potential", "sigmoid", 0.02, time, laterals="both")
    x, y = lesson()
    protocol = [cn.Present(x[:1], steps=20), cn.Teach(y[:1], steps=40)]
    one, two = (cn.simulate(circuit, protocol, engine, check=False) for engine in ("torch", "brian2"))
    assert max(float(abs(one[name] - two[name]).max()) for name in one.data_vars) < 1e-12
    moved = [name for name in one if name.startswith("weights ") and np.ptp(one[name].values, 0).max() > 1e-5]
    assert len(moved) == len(circuit.plastic)


def test_without_a_teacher_nothing_moves_once_potentials_are_at_rest():
    """Before, somata lag behind their dendrites, which synapses take for a mismatch; those ahead do less."""
    x, _ = lesson()
    moved = {}
    for ahead in (False, True):
        time = cn.Continuous(tau=4.0, prospective=ahead)
        _, _, circuit = columns("rate", "tanh", 1e-6, time, laterals="predicting")
        running = cn.simulator(circuit)
        shown = [running.run([cn.Present(x, steps=250)], record=["apical"]) for _ in range(2)]
        assert abs(shown[1]["area1.value.apical"].values).max() < 1e-6
        changes = [max(abs(weight_change(data, p.name)).max() for p in circuit.plastic) for data in shown]
        assert changes[1] < 1e-4 * changes[0]
        moved[ahead] = changes[0]
    assert moved[True] < 0.5 * moved[False]


def test_a_stream_low_passes_what_is_shown_and_what_is_taught():
    """Two patterns of 4 ms, by hand."""
    _, _, circuit = columns("rate", "sigmoid")
    x = cn.low_passed([[1.0, 0, 0, 0, 0], [0.0, 1, 0, 0, 0]], each="4 ms", tau="2 ms")
    t = cn.low_passed(np.eye(5)[[3, 1]], each=4, tau=2)
    shown = {
        "input.value.stimulus": x,
        "output.value.target": t,
        "output.value.clamped": lambda time: [1.0] * 5,
    }
    data = cn.simulate(circuit, [cn.Play(shown, ms=8)], record=["input.value.value"])
    first = 1 - np.exp(-np.arange(5) / 2)
    then = first[4] * np.exp(-np.arange(4) / 2)
    found = data["input.value.value"].values[:, 0, 0]
    assert found == pytest.approx(np.concatenate([first[:4], then]), abs=1e-15)
    assert t(4.0)[3] == pytest.approx(first[4])
    assert t(100.0) == pytest.approx(np.eye(5)[1])  # the last one stays


@pytest.mark.parametrize(
    ("parameters", "options", "message"),
    [
        ({}, {}, "do not run in steps, but in continuous time: dynamics=cn.Continuous"),
        ({"solve": "first order"}, {"dynamics": TIME}, "choose solve='settled'"),
        ({"pathway": "kolen-pollack"}, {"dynamics": TIME}, "no synapse down learns as those of KolenPollack"),
        ({"pathway": "tied"}, {"dynamics": TIME}, "weights down of Tied follow those up"),
        ({"loss": "cross-entropy"}, {"dynamics": TIME}, "of a squared-error Teacher, not by Teacher"),
        ({}, {"dynamics": TIME, "consolidation": "phase"}, "nobody is told of a phase"),
    ],
)
def test_what_has_no_circuit_says_so(parameters, options, message):
    with pytest.raises(CircuitError, match=message):
        cn.circuit(dense("tanh"), cn.rule(NAME, **parameters), **options)


def test_cells_of_other_rules_do_not_look_ahead():
    with pytest.raises(CircuitError, match="z-il: its cells do not look ahead; choose prospective=False"):
        cn.circuit(dense("tanh"), cn.rule("z-il"), dynamics=cn.Continuous(prospective=True))


def test_links_that_skip_areas_have_no_interneurons():
    with pytest.raises(CircuitError, match=r"area 'high': .*has links from several"):
        cn.circuit(skipping("tanh"), cn.rule(NAME), dynamics=TIME)
    x, y = batch()
    cn.rule(NAME).learn(skipping("tanh"), x, y)  # the rule itself has some for all
