"""Delayed synapses in Brian2, against NumPy: they learn by what arrives, which is what was sent earlier."""

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.circuits import Circuit, Population, Projection
from corticalnet.circuits.cells import Cell
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.pointwise import tanh
from corticalnet.circuits.quantities import ONE, Milliseconds
from corticalnet.experiment.compiled import compile_protocol
from corticalnet.experiment.protocol import SetInput
from tests.engines.test_brian2 import moved, random, same

pytest.importorskip("brian2")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Hearing(Cell):
    """A leaky cell with all three ports; it saturates, or what it learns would run away for some seeds."""

    tau: Milliseconds = 4.0
    ports = {"prediction": "predict", "feedback": "feedback", "modulator": ""}
    state = {"rate": 0.3}
    inputs = {"stimulus": ONE}

    def move(self, cell, port, dt):
        drive = port.feedback + port.modulator + cell.stimulus
        return {"rate": cell.rate + dt / self.tau * (tanh(drive) - cell.rate)}

    def predict(self, cell, port, dt):
        return {"rate": cell.rate + 0.2 * tanh(port.prediction)}


class Decaying(Plasticity):
    """post · pre − w/10."""

    def eligibility(self, synapse, pre, post, port):
        return post.rate * pre.rate - 0.1 * synapse.weight


@pytest.mark.parametrize(
    "slots", [{}, {"trigger": "rate"}, {"trigger": "rate", "consolidation": "modulator"}]
)
def test_delayed_synapses_learn_by_what_arrives(slots):
    """Of several delays from one cell, at each port; what the cells say changes in every step."""
    up, other = Decaying(rate=0.1, **slots), Decaying(rate=0.05)
    circuit = Circuit(
        [Population("one.cell", 4, Hearing()), Population("two.cell", 3, Hearing())],
        [
            Projection(
                "one.cell", "two.cell", "prediction", random(3, 4), name="up", plasticity=up, delay=1.0
            ),
            Projection("one.cell", "two.cell", "prediction", 0.1, name="late", plasticity=other, delay=2.5),
            Projection("one.cell", "two.cell", "prediction", 0.1, name="now", plasticity=up),
            Projection("two.cell", "one.cell", "feedback", name="back", shared_with="up", delay=0.5),
            Projection("two.cell", "one.cell", "feedback", 0.2, name="down", plasticity=other, delay=1.5),
            Projection("one.cell", "two.cell", "modulator", 0.1, name="side", plasticity=other, delay=1.0),
        ],
        dt=0.5,
    )
    draw = np.random.default_rng(5).normal
    parts = [
        SetInput({"one.cell.stimulus": draw(size=4), "two.cell.stimulus": draw(size=3)}, 1) for _ in range(12)
    ]
    assert moved(same(circuit, compile_protocol(circuit, parts))) > 1e-3


class Spiking(Cell):
    """Told when to spike, and leaves a trace; both are written before anything is sent."""

    tau: Milliseconds = 5.0
    ports = {"drive": "predict"}
    state = {"spike": 0.0, "trace": 0.0}
    inputs = {"told": ONE}

    def move(self, cell, port, dt):
        return {"spike": cell.told, "trace": cell.trace * (1 - dt / self.tau) + cell.told}


class STDP(Plasticity):
    """Pairs of spikes: later ones of the post cell strengthen, earlier ones weaken."""

    def eligibility(self, synapse, pre, post, port):
        return pre.trace * post.spike - 1.1 * post.trace * pre.spike


def stdp(delay):
    return Circuit(
        [Population("a", 3, Spiking()), Population("b", 2, Spiking())],
        [Projection("a", "b", "drive", 0.5, name="up", plasticity=STDP(0.1), delay=delay)],
    )


def weights_of(circuit, told, engine):
    parts = [SetInput({f"{name}.told": spikes for name, spikes in step.items()}, 1) for step in told]
    return cn.simulate(circuit, parts, engine, record=["up"])["up"].values


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["torch", "brian2"])
def test_spike_timing_over_a_delay_is_that_of_spikes_that_come_later(engine):
    """Delayed by 3 steps, weights are those of an undelayed synapse whose pre cell spikes 3 steps later."""
    rng = np.random.default_rng(0)
    pre, post = (rng.random((20, n)) < 0.3 for n in (3, 2))
    late = np.vstack([np.zeros((3, 3)), pre[:-3]])
    together = [{"a": a, "b": b} for a, b in zip(pre, post, strict=True)]
    delayed = weights_of(stdp(3.0), together, engine)
    shifted = weights_of(stdp(0.0), [{"a": a, "b": b} for a, b in zip(late, post, strict=True)], engine)
    undelayed = weights_of(stdp(0.0), together, engine)
    np.testing.assert_allclose(delayed, shifted, rtol=0, atol=1e-12)
    assert abs(delayed - undelayed).max() > 0.05


@pytest.mark.parametrize("engine", ["torch", "brian2"])
def test_one_pair_of_spikes_over_a_delay_by_hand(engine):
    """The pre cell spikes in step 1, which arrives in step 3 (2 ms); the post cell spikes in steps 2 and 5.

    Step 3: −1.1 · (post trace 0.8), as the spike of step 2 has decayed once. Step 5: the pre trace that
    arrives is that of step 3, 0.8².
    """
    quiet, loud = {"a": np.zeros(3), "b": np.zeros(2)}, np.ones(2)
    told = [dict(quiet) for _ in range(7)]
    told[1]["a"], told[2]["b"], told[5]["b"] = np.ones(3), loud, loud
    up = weights_of(stdp(2.0), told, engine)[:, 1, 2]
    early, late = 0.5 - 0.1 * 1.1 * 0.8, 0.5 - 0.1 * 1.1 * 0.8 + 0.1 * 0.8**2
    np.testing.assert_allclose(up, [0.5, 0.5, 0.5, early, early, late, late], rtol=0, atol=1e-15)
