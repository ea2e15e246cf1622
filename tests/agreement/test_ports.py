"""Ports that a cell declares by itself, reached by wires, projections and broadcasts, on both engines."""

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.circuits.cells import Cell, Sensory
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.pointwise import sigmoid, tanh
from corticalnet.circuits.quantities import ONE, Milliseconds
from corticalnet.errors import CircuitError
from corticalnet.recordings.reading import weight_change
from tests.agreement.test_engines_agree import apart, both

pytest.importorskip("brian2")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
BOUND = 1e-12


class TwoDendrites(Cell):
    """Basal dendrites drive it, apical ones teach it; interneurons and a global gain act at once."""

    tau: Milliseconds = 5.0
    ports = {"basal": "predict", "apical": "feedback", "inhibition": "", "gain": "", "early": "fire"}
    state = {"rate": 0.1, "soma": 0.0, "tuft": 0.0}

    def move(self, cell, port, dt):
        return {"soma": cell.soma + dt / self.tau * (port.basal - port.inhibition - cell.soma)}

    def fire(self, cell, port, dt):
        return {"rate": sigmoid((1 + port.gain) * cell.soma + 0.1 * port.early)}

    def feedback(self, cell, port, dt):
        return {"tuft": cell.tuft + dt / self.tau * (port.apical - cell.tuft)}


class Inhibitory(Cell):
    """Follows its pyramidal cell, and another area's."""

    ports = {"own_pyramid": "", "others": "predict"}
    state = {"rate": 0.0}

    def compare(self, cell, port, dt):
        return {"rate": 0.5 * tanh(port.own_pyramid + port.others)}


class ApicalError(Plasticity):
    """What arrives at the tuft, less what the soma does, times the rate that came."""

    def eligibility(self, synapse, pre, post, port):
        return (port.apical - post.soma) * pre.rate


def pyramidal_circuit():
    """Two areas of pyramidal cells, one of them with interneurons, and a gain for all."""
    draw = np.random.default_rng(3).normal
    return cn.Circuit(
        [
            cn.Population("eye", 3, Sensory()),
            cn.Population("one.pyramid", 4, TwoDendrites()),
            cn.Population("one.interneuron", 4, Inhibitory()),
            cn.Population("two.pyramid", 5, TwoDendrites(tau=7.0)),
            cn.Population("arousal", 1, Sensory()),
        ],
        [
            cn.Projection("eye", "one.pyramid", "basal", draw(size=(4, 3))),
            cn.Projection("one.pyramid", "two.pyramid", "basal", draw(size=(5, 4))),
            cn.Projection(
                "two.pyramid", "one.pyramid", "apical", draw(size=(4, 5)), plasticity=ApicalError(0.05)
            ),
            cn.Projection("two.pyramid", "one.interneuron", "others", draw(size=(4, 5))),
            cn.Projection("eye", "one.pyramid", "inhibition", 0.2, name="direct inhibition"),
            cn.Projection("two.pyramid", "two.pyramid", "early", draw(size=(5, 5)), name="lateral"),
        ],
        [
            cn.Wire("one.pyramid", "one.interneuron", "own_pyramid"),
            cn.Wire("one.interneuron", "one.pyramid", "inhibition"),
            cn.Wire("one.pyramid", "one.pyramid", "apical", "soma", weight=0.1),
        ],
        [cn.Broadcast("arousal", ["one.pyramid", "two.pyramid"], port="gain")],
    )


def test_a_pyramidal_cell_has_the_dendrites_it_says(tmp_path):
    """Torch and Brian2 agree, also of the circuit that comes back from a file; apical synapses learn."""
    circuit = pyramidal_circuit()
    eye = np.random.default_rng(0).random(3)
    protocol = [cn.SetInput({"eye.stimulus": eye, "arousal.stimulus": 0.5}, steps=25), cn.Rest(steps=5)]
    mine, its = both(circuit, protocol)
    assert max(apart(mine, its).values()) < BOUND
    apical = "two.pyramid->one.pyramid"
    assert abs(weight_change(mine, apical)).max() > 1e-3
    circuit.save(tmp_path / "pyramids")
    again = cn.simulate(cn.Circuit.load(tmp_path / "pyramids"), protocol)
    assert max(apart(mine, again).values()) == 0


class Listening(Cell):
    """Writes down what each of its two ports brings."""

    ports = {"summed": "predict", "heard": ""}
    state = {"before": 0.0, "at_predict": 0.0, "after": 0.0}

    def fire(self, cell, port, dt):
        return {"before": port.heard}

    def predict(self, cell, port, dt):
        return {"at_predict": port.summed}

    def learn(self, cell, port, dt):
        return {"after": port.heard}


class Speaking(Cell):
    """Counts its steps in the phase "compare"."""

    state = {"count": 0.0}
    inputs = {"pace": ONE}

    def compare(self, cell, port, dt):
        return {"count": cell.count + 1.0}


@pytest.mark.parametrize("engine", ["torch", "brian2"])
def test_a_port_hears_wires_at_once_and_projections_when_its_phase_or_their_sender_says(engine):
    """A count that goes up after "predict": by hand, step by step.

    At "summed" projection (×10) and wire both bring the count of the last step. At "heard" the wire brings
    the count as it is when it is read; the projection and the broadcast (×10, ×1) that of the last "compare".
    """
    circuit = cn.Circuit(
        [cn.Population("x.ear", 1, Listening()), cn.Population("x.mouth", 1, Speaking())],
        [
            cn.Projection("x.mouth", "x.ear", "summed", 10.0, name="sum"),
            cn.Projection("x.mouth", "x.ear", "heard", 10.0, name="hear"),
        ],
        [cn.Wire("x.mouth", "x.ear", "summed"), cn.Wire("x.mouth", "x.ear", "heard")],
        [cn.Broadcast("x.mouth", ["x.ear"], port="heard")],
    )
    data = cn.simulate(circuit, [cn.Rest(steps=4)], engine=engine)
    assert np.ravel(data["x.ear.at_predict"]).tolist() == [0, 11, 22, 33]
    assert np.ravel(data["x.ear.before"]).tolist() == [0, 12, 24, 36]
    assert np.ravel(data["x.ear.after"]).tolist() == [12, 24, 36, 48]


def test_a_port_that_is_not_there_is_refused_by_name():
    parts = pyramidal_circuit()
    for message, change in [
        ("projection 'eye->one.pyramid': unknown port of TwoDendrites 'basl'; did you mean 'basal'",
         {"projections": [cn.Projection("eye", "one.pyramid", "basl", 1.0)]}),
        ("broadcast 'arousal': unknown port of TwoDendrites 'gian'; did you mean 'gain'",
         {"projections": [], "broadcasts": [cn.Broadcast("arousal", ["one.pyramid"], port="gian")]}),
        ("unknown port of Inhibitory 'apical'",
         {"projections": [], "wires": [cn.Wire("one.pyramid", "one.interneuron", "apical")]}),
    ]:  # fmt: skip
        with pytest.raises(CircuitError, match=message):
            cn.Circuit(**{"populations": parts.populations} | change)
