"""Reward × φ: autonomous columns without a teacher change their weights exactly as BrainProp does.

The network view's BrainProp is the twin; dopamine kicks the chosen output column, and φ does the rest.
"""

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.errors import CircuitError
from corticalnet.recordings.reading import all_cells, weight_change
from tests.agreement.beside_reward import FEEDBACK, NETWORKS, RATE, Stream
from tests.covering import every_two

DETECTORS = {
    "streaming": lambda f: cn.rule("streaming-fa-z-il", teaching=cn.Reward(), feedback=f, silence=3),
    "gated": lambda f: cn.rule("fa-z-il", gate="prediction", teaching=cn.Reward(), feedback=f),
    "pooled": lambda f: cn.rule(
        "streaming-fa-z-il", teaching=cn.Reward(), feedback=f, silence=2, pooled=True
    ),
}


def columns(net, detector, feedback):
    return cn.circuit(net, DETECTORS[detector](feedback), RATE)


def apart(data, wanted):
    """Largest difference of a change, relative to the largest change of its projection."""
    worst = 0.0
    for name, change in wanted.items():
        mine = weight_change(data, name).ravel()
        worst = max(worst, abs(mine - change).max() / abs(change).max())
    return worst


@pytest.mark.parametrize(
    ("network", "hidden", "feedback", "detector"),
    every_two(
        ["two links", "four links", "nonlinear output", "local"],
        ["sigmoid", "tanh", "relu"],
        FEEDBACK,
        DETECTORS,
    ),
)
def test_a_stream_of_trials_is_brainprop(network, hidden, feedback, detector):
    net, down, batch = NETWORKS[network](hidden), FEEDBACK[feedback](), 3 if network == "two links" else 1
    stream = Stream(net, batch)
    circuit = columns(net, detector, down)
    data = cn.simulate(circuit, stream.protocol(circuit), record=["phi", "rpe"])
    wanted, _ = stream.teach(net, down)
    assert apart(data, wanted) < 1e-10
    assert not any("teaching" in p.cell.inputs or "clamped" in p.cell.inputs for p in circuit.populations)


def test_links_that_skip_areas():
    net, down = NETWORKS["skipping"]("tanh"), cn.Tied()
    stream, circuit = Stream(net, 2), columns(NETWORKS["skipping"]("tanh"), "streaming", cn.Tied())
    data = cn.simulate(circuit, stream.protocol(circuit), record="rpe")
    assert apart(data, stream.teach(net, down)[0]) < 1e-10


@pytest.mark.parametrize("detector", DETECTORS)
def test_in_brian2(detector):
    pytest.importorskip("brian2")
    net, down = NETWORKS["two links"]("relu"), cn.Tied()
    stream, circuit = Stream(net, 1), columns(NETWORKS["two links"]("relu"), detector, cn.Tied())
    mine, its = (cn.simulate(circuit, stream.protocol(circuit), engine) for engine in ("torch", "brian2"))
    for name in mine.data_vars:
        assert np.allclose(mine[name], its[name], rtol=0, atol=1e-10, equal_nan=True), name
    assert apart(its, stream.teach(net, down)[0]) < 1e-10


def test_only_the_chosen_column_has_an_error_and_it_is_dopamine():
    net = NETWORKS["two links"]("tanh")
    stream, circuit = Stream(net, 1), columns(net, "streaming", cn.Tied())
    data = cn.simulate(
        circuit, stream.protocol(circuit), record=["output.error.error", "action", "rpe", "phi"]
    )
    rpe = data["dopamine.rpe"].values[:, 0, 0]
    error, action = (data[name].values[:, 0] for name in ("output.error.error", "output.action.action"))
    kicks = np.flatnonzero(rpe)
    assert len(kicks) == len(stream.y)
    for step in kicks:  # dopamine is heard in the next step
        assert np.allclose(error[step + 1], rpe[step] * action[step], atol=1e-12)


def test_without_an_outcome_nothing_is_learned():
    net = NETWORKS["two links"]("tanh")
    circuit = columns(net, "streaming", cn.Tied())
    stimuli = np.random.default_rng(0).normal(size=(5, 4))
    data = cn.simulate(circuit, [cn.Present(x, circuit.needs.present) for x in stimuli], record="phi")
    assert not any(weight_change(data, p.name).any() for p in circuit.plastic)
    assert all_cells(data, "phi").sum() == 0


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        (cn.rule("fa-z-il", teaching=cn.Reward()), {}),
        (cn.rule("z-il", teaching=cn.Reward()), {}),
        (cn.rule("il", teaching=cn.Reward()), {}),
    ],
)
def test_what_needs_to_be_told_a_phase_has_no_rewarded_columns(rule, options):
    with pytest.raises(
        CircuitError,
        match=r"not by Reward|learn from reward are told no phases",
    ):
        cn.circuit(NETWORKS["two links"]("tanh"), rule, **options)
