"""Delayed synapses in Brian2, against NumPy: they learn by what arrives, which is what was sent earlier."""

import numpy as np
import pytest

from corticalnet.circuits import Circuit, Population, Projection
from corticalnet.circuits.cells import Cell
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.pointwise import tanh
from corticalnet.circuits.quantities import ONE, Milliseconds
from corticalnet.experiment.protocol import Give
from corticalnet.experiment.script import compile_protocol
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

    def eligibility(self, weight, pre, post, port):
        return post.rate * pre.rate - 0.1 * weight


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
        Give({"one.cell.stimulus": draw(size=4), "two.cell.stimulus": draw(size=3)}, 1) for _ in range(12)
    ]
    assert moved(same(circuit, compile_protocol(circuit, parts))) > 1e-3
