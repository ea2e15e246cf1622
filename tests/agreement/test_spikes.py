"""Spiking circuits: both engines fire the same spikes, and what is learnt is what backprop would learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

import corticalnet as cn
from corticalnet.circuits.plasticity import ErrorTimesRate
from corticalnet.columns.registry import spiking_dynamics
from corticalnet.recordings.reading import all_cells
from tests.agreement.beside_backprop import changes
from tests.networks import F64

KINDS = ["poisson", "pif", "lif"]


def network(hidden="sigmoid", seed=0, sizes=(6, 5, 4, 3)):
    areas = [cn.Area(cn.Dense(n), hidden) for n in sizes[1:-1]]
    return cn.Network((sizes[0],), [*areas, cn.Area(cn.Dense(sizes[-1]), "linear")], seed, dtype=F64)


def columns(rule="brainprop", cells=10, kind="poisson", net=None):
    greedy = {"exploration": 0.0} if rule == "brainprop" else {}
    made = cn.rule(rule, **greedy)
    return cn.circuit(net or network(), made, 0.5, cells_per_column=cells, cell=kind)


def trial(circuit, lesson, steps=0):
    rng = np.random.default_rng(3)
    shown = cn.Present(
        rng.uniform(0, 1, circuit.population("input.value").n), steps=steps or circuit.needs.present
    )
    return [shown, lesson]


# Engines ----------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize(("kind", "rule"), [("poisson", "brainprop"), ("pif", "z-il"), ("lif", "brainprop")])
def test_both_engines_fire_the_same_spikes(kind, rule):
    """Spike for spike over 400 steps, voltages and dice included; and weights learn the same."""
    made = columns(rule, 7, kind)
    lesson = cn.Reinforce(1, steps=150) if rule == "brainprop" else cn.Teach(1, steps=150)
    protocol = trial(made, lesson, 250)
    runs = [cn.simulate(made, protocol, engine, check=False, seed=5) for engine in ("torch", "brian2")]
    spikes = [all_cells(run, "spike") for run in runs]
    assert spikes[0].sum() > 150
    np.testing.assert_array_equal(*spikes)
    assert set(runs[0]) == set(runs[1])
    for state in ("rate", "rpe", "error", "action"):
        for name in runs[0].filter_by_attrs(state=state):
            np.testing.assert_allclose(*(run[name].values for run in runs), atol=1e-12)
    for p in made.plastic:
        np.testing.assert_allclose(
            *(run[f"weights {p.name}"].sel(when="after").values for run in runs), atol=1e-12
        )


def test_relay_cells_spike_too():
    """Where a link skips an area: an identity link here."""
    areas = [
        cn.Area(cn.Dense(3), "tanh", "low"),
        cn.Area(cn.Dense(3), "tanh", "mid"),
        cn.Area([cn.Dense(3), cn.Identity("low")], "linear"),
    ]
    made = columns("z-il", 2, "pif", cn.Network((4,), areas, dtype=F64))
    assert made.population("low.relay1.error.on").n == 6
    run = cn.simulate(made, trial(made, cn.Teach(1, steps=100), 100), check=False, record=["spike"])
    spikes = [run[f"low.relay1.value.{sign}.spike"].values for sign in ("on", "off")]
    assert sum(int(fired.sum()) for fired in spikes) > 0


@pytest.mark.parametrize("hidden", ["tanh"])
def test_leaky_columns_agree_on_both_engines(hidden):
    """Rates in continuous time, with averages and a burst: every trace, 1e-10."""
    how = cn.Continuous(tau=8.0, dt=1.0, average=15.0, burst=12.0, delay=3.0)
    made = cn.circuit(network(hidden), cn.rule("brainprop"), 0.5, dynamics=how)
    protocol = trial(made, cn.Reinforce(2, steps=made.needs.teach))
    runs = [cn.simulate(made, protocol, engine) for engine in ("torch", "brian2")]
    assert any(np.abs(run["dopamine.rpe"].values).max() > 1e-3 for run in runs)
    for name, one in runs[0].items():
        np.testing.assert_allclose(one.values, runs[1][name].values, atol=1e-10, err_msg=name)


def recurrent(n=150, seed=0):
    """Cells that drive each other: a fifth of all pairs, mixed signs; and a constant drive from outside."""
    rng = np.random.default_rng(seed)
    weights = np.where(rng.random((n, n)) < 0.2, rng.normal(0, 0.4, (n, n)), 0.0)
    cells = cn.circuits.cells
    kinds = {"outside.value": cells.Sensory(), "net.cells": cells.DrivenLIF()}
    drive = cn.Projection("outside.value", "net.cells", "spikes", 1.0, cn.OneToOne())
    among = cn.Projection("net.cells", "net.cells", "spikes", weights, sends="spike", delay="1.5 ms")
    made = cn.Circuit([cn.Population(k, n, cell) for k, cell in kinds.items()], [drive, among], dt=0.5)
    return made, cn.Present(rng.uniform(0.08, 0.16, n), steps=2000)


@pytest.mark.parametrize("delayed", [True, False])
def test_a_recurrent_network_fires_the_same_spikes_and_single_precision_the_same_rates(delayed):
    """Both engines: all of 2,000 steps. In float32 single spikes may move, but rates of cells and intervals
    between spikes come from the same distributions (Kolmogorov-Smirnov, p > 0.01)."""
    made, shown = recurrent()
    if not delayed:
        made = replace(made, projections=[replace(p, delay=0.0) for p in made.projections])
    here, there = (cn.simulate(made, shown, engine, ["spike"], check=False) for engine in ("torch", "brian2"))
    spikes = here["net.cells.spike"].values[:, 0]
    assert 2000 < spikes.sum() < 20000
    np.testing.assert_array_equal(here["net.cells.spike"], there["net.cells.spike"])
    rough = cn.simulate(made, shown, record=["spike"], check=False, precision="float32")
    rough = rough["net.cells.spike"].values[:, 0]
    assert ks_2samp(spikes.mean(0), rough.mean(0)).pvalue > 0.01
    gaps = [np.concatenate([np.diff(np.flatnonzero(cell)) for cell in run.T]) for run in (spikes, rough)]
    assert ks_2samp(*gaps).pvalue > 0.01


def test_samples_of_a_batch_and_populations_have_dice_of_their_own():
    made = columns(cells=20)
    x = np.tile(np.random.default_rng(0).uniform(0.3, 1, 6), (3, 1))
    spikes = all_cells(cn.simulate(made, [cn.Present(x, steps=400)], record=["spike"]), "spike")
    assert not any(np.array_equal(spikes[:, 0], spikes[:, k]) for k in (1, 2))
    shown = [cn.Present(x[0], steps=400)]
    alone, other = (all_cells(cn.simulate(made, shown, record=["spike"], seed=k), "spike") for k in (0, 1))
    np.testing.assert_array_equal(alone[:, 0], spikes[:, 0])
    assert not np.array_equal(other, alone)


# Learning ---------------------------------------------------------------------------------------
def cosines(found, wanted):
    return [float(found[k] @ w / np.linalg.norm(found[k]) / np.linalg.norm(w)) for k, w in wanted.items()]


def backprop_by_reward(net, x, y):
    rule = cn.rule("brainprop", exploration=0.0)
    rule.learn(net, torch.as_tensor(x)[None], torch.tensor([y]))
    return {link.name: -0.5 * link.weight.grad.numpy().ravel() for link in net.links}


@pytest.mark.parametrize("hidden", ["sigmoid", "tanh", "relu"])
def test_leaky_columns_learn_what_brainprop_learns(hidden):
    """The error dies out exponentially with s, through a chain of six low-passes."""
    errors = []
    for read_delay in (100.0, 200.0, 300.0):
        net = network(hidden)
        made = cn.circuit(net, cn.rule("brainprop", exploration=0.0), 0.5,
                          dynamics=cn.Continuous(tau=10.0, dt=1.0, read_delay=read_delay))  # fmt: skip
        protocol = trial(made, cn.Reinforce(1, steps=made.needs.teach))
        data = cn.simulate(made, protocol, record=["rpe"], check=False)
        wanted = backprop_by_reward(net, protocol[0].stimulus, 1)
        found = changes(data, wanted)
        errors.append(max(np.linalg.norm(found[k] - w) / np.linalg.norm(w) for k, w in wanted.items()))
    assert errors[0] < 0.2
    assert errors[1] < 1e-4
    assert errors[2] < 1e-8


@pytest.mark.parametrize("kind", KINDS)
def test_spiking_columns_learn_from_reward_nearly_what_brainprop_learns(kind):
    net = network()
    made = columns(cells=30, kind=kind, net=net)
    protocol = trial(made, cn.Reinforce(1, steps=made.needs.teach))
    data = cn.simulate(made, protocol, record=["rpe"])
    wanted = backprop_by_reward(net, protocol[0].stimulus, 1)
    found = cosines(changes(data, wanted), wanted)
    assert np.mean(found) > 0.97, found


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "least"), [("poisson", 0.97), ("pif", 0.97), ("lif", 0.93)])
def test_spiking_errors_teach_nearly_what_backprop_teaches(kind, least):
    """Predictive coding by a clock, errors of at most 0.6; a hundred cells for each column and sign."""
    rule, net, target = cn.rule("z-il"), network(), np.array([0.6, -0.3, 0.4])
    for link in net.links:
        link.weight.data *= 2  # errors that are small beside the noise of predictions would drown in it
    rates = cn.circuit(net, rule, 0.5, dynamics=spiking_dynamics(rule))
    ranges = {p.name: (-0.6, 0.6) for p in rates.populations if p.role == "error"}
    made = cn.spiking(rates, 100, kind, ranges={**ranges, "input.value": (0, 1)})
    x = trial(made, None)[0].stimulus
    protocol = [cn.Present(x, ms=400.0), cn.Teach(target, ms=850.0), cn.Rest(ms=80.0)]
    data = cn.simulate(made, protocol, record=["stage"], check=False)
    cn.rule("backprop").learn(net, torch.as_tensor(x)[None], torch.as_tensor(target)[None])
    wanted = {link.name: -0.5 * link.weight.grad.numpy().ravel() for link in net.links}
    found = cosines(changes(data, wanted), wanted)
    assert np.mean(found) > least, found


def test_feedback_learns_by_spikes_what_the_way_up_learns():
    """Synapses up and down between two columns change by nearly the same (AGREL), each with its own noise."""
    net = network()
    rule = cn.rule("brainprop", exploration=0.0, feedback=cn.Matching(seed=3))
    made = cn.circuit(net, rule, 0.5, cells_per_column=60, cell="pif")
    data = cn.simulate(made, trial(made, cn.Reinforce(1, steps=made.needs.teach)), record=["rpe"])
    for link in net.links[1:]:
        up, down = (changes(data, [n])[n] for n in (link.name, f"{link.name} feedback"))
        down = down.reshape(link.weight.shape[::-1]).T.ravel()
        assert up @ down / np.linalg.norm(up) / np.linalg.norm(down) > 0.98


def test_dopamine_can_spike_too():
    """The update with a spiking dopamine population points the same way; its size is that of the RPE."""
    net = network()
    rates = cn.circuit(net, cn.rule("brainprop", exploration=0.0), 0.5,
                       dynamics=cn.Continuous(dt=0.5, average=40.0, burst=50.0))  # fmt: skip
    made = cn.spiking(rates, 400, "poisson", populations=["dopamine"])
    assert made.population("dopamine.on").n == 400
    protocol = trial(made, cn.Reinforce(1, steps=made.needs.teach))
    data = cn.simulate(made, protocol, record=["spike"])
    wanted = backprop_by_reward(net, protocol[0].stimulus, 1)
    found = changes(data, wanted)
    assert min(cosines(found, wanted)) > 0.99
    sizes = [np.linalg.norm(found[k]) / np.linalg.norm(w) for k, w in wanted.items()]
    assert max(abs(np.log(sizes))) < 0.2, sizes


# Traces -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("engine", ["torch", "brian2"])
@pytest.mark.parametrize("kind", ["all to all", "shared"])
def test_a_remembered_eligibility_is_a_low_pass_that_dopamine_reads(engine, kind):
    """Pre 1 for ten steps, then dopamine once: Δw = rate · rpe · credit · Σ (kept share of each step)."""
    cells = cn.circuits.cells
    way = cn.AllToAll() if kind == "all to all" else cn.Synapses([0, 1], [0, 1], weight_index=[0, 0])
    populations = [
        cn.Population("below.value", 2, cells.Sensory()),
        cn.Population("above.prediction", 2, cells.Prediction()),
        cn.Population("above.value", 2, cells.Sensory()),
        cn.Population("dopamine", 1, cells.Dopamine()),
    ]
    learns = ErrorTimesRate(0.3, modulator="dopamine", memory=8.0)
    up = cn.Projection(
        "below.value", "above.prediction", "prediction", 0.0, way, name="up", plasticity=learns
    )
    made = cn.Circuit(
        populations, [up], [cn.Wire("above.value", "above.prediction", "error", "value")],
        [cn.Broadcast("dopamine", ["up"], "rpe")],
    )  # fmt: skip
    shown = {"below.value": [1.0, 2.0], "above.value": [3.0, -1.0]}
    protocol = [
        cn.Present(shown, steps=10),
        cn.Rest(steps=5),
        cn.SetInput({"dopamine.reward": 0.7, "dopamine.outcome": 1.0}, steps=3),
    ]
    data = cn.simulate(made, protocol, engine)
    left = sum((1 / 8) * (7 / 8) ** (15 - t) for t in range(10))  # shown at t, read at step 15
    outer = np.outer([3.0, -1.0], [1.0, 2.0])
    wanted = 0.3 * 0.7 * left * (outer if kind == "all to all" else np.array([outer[0, 0] + outer[1, 1]]))
    np.testing.assert_allclose(data["weights up"].sel(when="after").values, wanted, rtol=1e-12)


# What users get wrong ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cell": "hodgkin"}, "poisson, pif, lif"),
        ({"cells_per_column": 0}, "whole number from 1, not 0"),
        ({"cells_per_column": 2.5}, "not 2.5"),
        ({"populations": ["valu"]}, "value"),
        ({"populations": ["contest"]}, "tells no other area anything"),
        ({"ranges": {"area1.valu": (0, 1)}}, "area1.value"),
        ({"ranges": {"area1.value": (1, 0)}}, "(least, greatest)"),
        ({"max_rate": "10 mV"}, "rate"),
        ({"synapse": 0}, "more than 0"),
        ({"synapse": float("nan")}, "synapse must be more than 0 ms, and finite, not nan"),
        ({"max_rate": 0}, "max_rate must be more than 0 1/ms"),
        ({"max_rate": "2.5 kHz"}, "more than one spike in a step of 0.5 ms"),
        ({"push_pull": "yes"}, "push_pull must be True, False or None, not 'yes'"),
        ({"cells_per_column": True}, "whole number from 1, not True"),
        ({"populations": 3}, "populations must be names or roles, not 3"),
        ({"ranges": [(0, 1)]}, "ranges must be {population: (least, greatest)}"),
        ({"ranges": {"area1.value": (0, float("nan"))}}, "(least, greatest)"),
        ({"ranges": {"area1.value": (0, 1, 2)}}, "(least, greatest)"),
        ({"ranges": {"area1.value": ("low", 2)}}, "(least, greatest)"),
        ({"ranges": {"area1.value": 1.0}}, "(least, greatest)"),
    ],
)
def test_mistakes_are_one_sentence(options, words):
    rates = cn.circuit(network(), cn.rule("brainprop"), dynamics=cn.Continuous(dt=0.5))
    with pytest.raises(cn.errors.CorticalnetError) as caught:
        cn.spiking(rates, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_population_by_population():
    """Values leaky, feedback Poisson; a circuit that spikes is saved and read like any other."""
    rates = cn.circuit(network(), cn.rule("brainprop"), dynamics=cn.Continuous(dt=0.5))
    both = cn.spiking(
        cn.spiking(rates, 5, "lif", populations=["value"]), 9, "poisson", populations=["feedback"]
    )
    kinds = {p.name: type(p.cell).__name__ for p in both.populations if p.cell.sends == "spike"}
    assert {kinds[k] for k in kinds if ".value." in k} == {"LIF"}
    assert {kinds[k] for k in kinds if ".feedback." in k} == {"Poisson"}
    assert both.population("area2.feedback.off").n == 36
