"""What a parameter of 0 (or 1, or −1) takes out of a cell or a plasticity is out, and nothing else changes.

Against plain NumPy. A factor of 0 vanishes from the traced equations, though the function still asks for
what it multiplies; engines that go by one of the two must do as the other.
"""

import numpy as np
import pytest

from corticalnet.circuits import Broadcast, Circuit, OneToOne, Population, Projection
from corticalnet.circuits.cells import LIF, Cell, ChangeDetector, Sensory
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.pointwise import absolute, maximum, minimum, where
from corticalnet.circuits.quantities import ONE
from corticalnet.engines.registry import ENGINES
from corticalnet.experiment.compiled import compile_protocol
from corticalnet.experiment.protocol import Present, Rest
from corticalnet.recordings.recording import plan_recording
from tests.engines.reference import Reference

ENGINE = [
    "torch",
    pytest.param("brian2", marks=pytest.mark.filterwarnings("ignore::DeprecationWarning")),
]


class Ablated(Cell):
    """Every term has a factor; each state that is updated by what it was stands also in a condition."""

    gain: float = 0.0
    power: float = 1.0
    offset: float = 0.0
    ports = {"prediction": "predict", "feedback": "feedback", "modulator": ""}
    state = {"rate": 0.0, "memory": 0.5, "other": 1.0}

    def predict(self, cell, port, dt):
        noticed = where(self.offset * port.modulator > 0, cell.rate, self.gain)
        drive = self.power * port.prediction + self.gain * port.feedback * cell.memory
        return {"rate": drive - self.offset * cell.other, "memory": cell.memory + noticed}

    def compare(self, cell, port, dt):
        return {"other": cell.other + self.gain * cell.rate - self.offset * port.modulator}


class Terms(Plasticity):
    """Conditions and states that vanish with a or c."""

    a: float = 0.0
    c: float = 0.0

    def eligibility(self, synapse, pre, post, port):
        settled = where(self.c * post.memory > 0, 1.0, self.a)
        hebbian = post.rate * pre.rate - 0.1 * self.a * synapse.weight
        return hebbian + self.c * port.feedback * pre.rate + self.a * pre.memory * settled


def ablated(gain, power, offset, plasticity, echo=None, broadcast=True):
    rng = np.random.default_rng(3)
    echoes = [] if echo is None else [Projection("a.y", "a.x", "feedback", echo, name="echo")]
    return Circuit(
        [
            Population("in", 3, Sensory()),
            Population("a.x", 3, Ablated(gain, power, offset)),
            Population("a.y", 3, Ablated(1.0, power, offset)),
            Population("dopamine", 1, Ablated()),
        ],
        [
            Projection("in", "a.x", "prediction", 0.5, OneToOne()),
            Projection("a.x", "a.y", "feedback", rng.normal(size=(3, 3)), plasticity=plasticity),
            Projection("in", "dopamine", "prediction", 0.3),
            *echoes,
        ],
        broadcasts=[Broadcast("dopamine", ["a.x", "a.x->a.y"], port="modulator")] if broadcast else [],
    )


def as_numpy_does(circuit, engine):
    if engine == "brian2":
        pytest.importorskip("brian2")
    x = np.array([0.7, -0.4, 0.2])
    compiled = compile_protocol(circuit, [Present(x, 4), Rest(2), Present(-x, 3)])
    recording = plan_recording(circuit, compiled)
    running, reference = ENGINES[engine]()(circuit), Reference(circuit)
    for variable, found, right in zip(
        recording.variables, running.run(compiled, recording), reference.run(compiled, recording), strict=True
    ):
        np.testing.assert_allclose(
            found, right, rtol=1e-12, atol=1e-12, err_msg=f"{variable.part} {variable.state}"
        )
    return running


@pytest.mark.parametrize("engine", ENGINE)
@pytest.mark.parametrize(
    ("gain", "power", "offset", "a", "c", "slots", "echo", "broadcast"),
    [
        (0.0, 1.0, 0.0, 0.0, 0.0, {}, None, True),
        (0.0, -1.0, 0.0, 1.0, 0.0, {"trigger": "rate"}, 0.0, False),
        (1.0, -1.0, 0.0, 0.0, 1.0, {"modulator": "dopamine"}, 0.3, True),
        (-1.0, 0.0, 1.0, 1.0, 0.0, {"consolidation": "memory"}, 0.3, True),
        (0.0, 1.0, -1.0, -1.0, 1.0, {"modulator": "feedback"}, None, True),
    ],
)
def test_a_factor_of_0_1_or_minus_1(gain, power, offset, a, c, slots, echo, broadcast, engine):
    as_numpy_does(ablated(gain, power, offset, Terms(0.05, a=a, c=c, **slots), echo, broadcast), engine)


class Divided(Cell):
    """Asks of every port, and of an input, what a NumPy scalar or a plain 0 could not answer."""

    ports = {"prediction": "predict", "feedback": "feedback", "modulator": ""}
    state = {"rate": 0.5}
    inputs = {"drive": ONE}

    def predict(self, cell, port, dt):
        noticed = (absolute(port.feedback) > 0.1) | (absolute(cell.drive) > 0.1) & (cell.rate > 0)
        divided = where(port.modulator > 0, cell.rate / port.modulator, cell.rate)
        loud = maximum(port.prediction, 0.2) + minimum(port.feedback, 0.1) * cell.rate
        return {"rate": where(noticed, 0.0, 0.5 * divided) + loud}


@pytest.mark.filterwarnings("ignore:(invalid value|divide by zero) encountered")
@pytest.mark.parametrize("engine", ENGINE)
def test_a_port_to_which_nothing_comes_hears_0(engine):
    """Also a detector of change, and leaky cells; what cells make of it is the same in NumPy."""
    if engine == "brian2":
        pytest.importorskip("brian2")
    cells = {"divided": Divided(), "phi": ChangeDetector(), "lif": LIF(max_rate=0.4, base=0.2)}
    circuit = Circuit([Population(name, 2, cell) for name, cell in cells.items()])
    compiled = compile_protocol(circuit, [Rest(12)])
    recording = plan_recording(circuit, compiled, ["rate", "phi", "spike", "lif.voltage"])
    running, reference = ENGINES[engine]()(circuit), Reference(circuit)
    reference.state["lif"] |= {
        k: v[0] for k, v in reference.plan.scattered(circuit.populations[2], 1).items()
    }
    right = reference.run(compiled, recording)
    for variable, found, expected in zip(
        recording.variables, running.run(compiled, recording), right, strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=f"{variable.part} {variable.state}")
