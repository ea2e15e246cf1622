"""Pyramidal cells with a basal and an apical dendrite, as a user would write them: a steady state by hand.

Sacramento, Costa, Bengio & Senn 2018; a synapse learns what its dendrite predicts of the soma (Urbanczik &
Senn 2014). Nobody in the package knows of them: engines, files, recordings and figures take them as they are.
"""

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.circuits.cells import Cell, Sensory
from corticalnet.circuits.cells.activation import activation
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.pointwise import increment
from corticalnet.circuits.quantities import ONE, Magnitude, Milliseconds
from corticalnet.plotting import traces, wiring


class Pyramidal(Cell):
    """A soma between two dendrites, whose conductances pull it.

        τ du/dt = −leak u + basal (v − u) + apical (a − u) + nudging taught (target − u)

    Outside inputs: ``target``, ``taught``. States: ``rate`` f(u), ``potential`` u,
    ``basal`` v, ``apical`` a, ``mismatch`` f(u) − f(û): û is what the basal dendrite alone makes.
    """

    tau: Milliseconds = 10.0
    leak: Magnitude = 0.1
    basal_conductance: Magnitude = 1.0
    apical_conductance: Magnitude = 0.8
    nudging: Magnitude = 0.8
    activation: str = "sigmoid"
    ports = {"basal": "predict", "apical": "feedback"}
    inputs = {"target": ONE, "taught": ONE}
    state = {"rate": 0.0, "potential": 0.0, "basal": 0.0, "apical": 0.0, "mismatch": 0.0}

    def move(self, cell, port, dt):
        u = cell.potential
        pull = self.basal_conductance * (cell.basal - u) + self.apical_conductance * (cell.apical - u)
        slope = pull - self.leak * u + self.nudging * cell.taught * (cell.target - u)
        return {"potential": u + increment(slope, self.tau, dt)}

    def fire(self, cell, port, dt):
        return {"rate": activation(self.activation).rate(cell.potential)}

    def predict(self, cell, port, dt):
        share = self.basal_conductance / (self.leak + self.basal_conductance + self.apical_conductance)
        predicted = activation(self.activation).rate(share * port.basal)
        return {"basal": port.basal, "mismatch": cell.rate - predicted}

    def feedback(self, cell, port, dt):
        return {"apical": port.apical}

    def rest(self):
        return {**super().rest(), "rate": float(activation(self.activation).rate(0.0))}


class Interneuron(Cell):
    """A soma with one dendrite, taught by the potential of the pyramidal cell above that it follows.

        τ du/dt = −leak u + dendritic (v − u) + somatic (potential above − u)

    Ports: ``dendrite``, ``soma``. States: ``rate``, ``potential``, ``mismatch`` as of a pyramidal cell.
    """

    tau: Milliseconds = 10.0
    leak: Magnitude = 0.1
    dendritic_conductance: Magnitude = 1.0
    somatic_conductance: Magnitude = 0.8
    activation: str = "sigmoid"
    ports = {"dendrite": "predict", "soma": "feedback"}
    state = {"rate": 0.0, "potential": 0.0, "mismatch": 0.0}

    def move(self, cell, port, dt):
        u = cell.potential
        pull = self.dendritic_conductance * (port.dendrite - u) + self.somatic_conductance * (port.soma - u)
        return {"potential": u + increment(pull - self.leak * u, self.tau, dt)}

    def fire(self, cell, port, dt):
        return {"rate": activation(self.activation).rate(cell.potential)}

    def predict(self, cell, port, dt):
        share = self.dendritic_conductance / (self.leak + self.dendritic_conductance)
        return {"mismatch": cell.rate - activation(self.activation).rate(share * port.dendrite)}

    def rest(self):
        return {**super().rest(), "rate": float(activation(self.activation).rate(0.0))}


class DendriticPrediction(Plasticity):
    """Synapses learn what their dendrite predicts of the soma: presynaptic rate × mismatch."""

    def eligibility(self, synapse, pre, post, port):
        return pre.rate * post.mismatch


class Silencing(Plasticity):
    """Synapses learn to bring an apical dendrite to rest."""

    def eligibility(self, synapse, pre, post, port):
        return -pre.rate * post.apical


def microcircuit(up, out, lateral, down, cancel, kind="sigmoid", learns=True):
    """Three areas; interneurons of the middle one follow the output, and cancel what it sends down."""

    def learning(plasticity, rate):
        return plasticity(rate=rate) if learns else None

    pyramidal, interneuron = "area1.pyramidal", "area1.interneuron"
    output = Pyramidal(apical_conductance=0, activation=kind)
    return cn.Circuit(
        [
            cn.Population("retina", len(up[0]), Sensory()),
            cn.Population(pyramidal, len(up), Pyramidal(activation=kind)),
            cn.Population(interneuron, len(out), Interneuron(activation=kind)),
            cn.Population("output.pyramidal", len(out), output),
        ],
        [
            cn.Projection("retina", pyramidal, "basal", up, plasticity=learning(DendriticPrediction, 0.05)),
            cn.Projection(
                pyramidal, "output.pyramidal", "basal", out, plasticity=learning(DendriticPrediction, 0.05)
            ),
            cn.Projection(
                pyramidal, interneuron, "dendrite", lateral, plasticity=learning(DendriticPrediction, 0.02)
            ),
            cn.Projection("output.pyramidal", pyramidal, "apical", down),
            cn.Projection(interneuron, pyramidal, "apical", cancel, plasticity=learning(Silencing, 0.01)),
            cn.Projection("output.pyramidal", interneuron, "soma", 1.0, cn.OneToOne(), sends="potential"),
        ],
        dt=1.0,
    )


def drawn(learns=True):
    """4-3-2 columns in the self-predicting state."""
    draw = np.random.default_rng(0).normal
    out, down = draw(size=(2, 3)), draw(size=(3, 2))
    # both ĝ = basal / (leak + basal) without a tuft, so what predicts the output predicts the interneuron
    return microcircuit(draw(size=(3, 4)), out, out, down, -down, learns=learns)


IMAGE = {"retina.stimulus": np.linspace(0, 1, 4)}
TAUGHT = {"output.pyramidal.target": [1.0, -1.0], "output.pyramidal.taught": 1.0}


@pytest.mark.parametrize("engine", ["torch", "brian2"])
def test_a_linear_chain_comes_to_rest_as_worked_by_hand(engine):
    """1-1-1 columns, f linear: u of the pyramidal cell, o of the output, i of the interneuron.

    1.9 u = w x + 0.8 (b o + m i);   1.9 o = v u + 0.8 t;   1.9 i = p u + 0.8 o
    """
    w, v, p, b, m, x, t = 0.7, 0.9, 0.6, 0.5, -0.4, 0.8, 1.5
    made = microcircuit([[w]], [[v]], [[p]], [[b]], [[m]], "linear", learns=False)
    given = {"retina.stimulus": [x], "output.pyramidal.target": [t], "output.pyramidal.taught": 1.0}
    data = cn.simulate(made, [cn.SetInput(given, ms=600)], engine=engine, record=["potential", "mismatch"])
    equations = [[1.9, -0.8 * b, -0.8 * m], [-v, 1.9, 0.0], [-p, -0.8, 1.9]]
    u, o, i = np.linalg.solve(equations, [w * x, 0.8 * t, 0.0])
    last = data.isel(time=-1, batch=0)
    cells = ("area1.pyramidal", "output.pyramidal", "area1.interneuron")
    assert [last[f"{name}.potential"].item() for name in cells] == pytest.approx([u, o, i], abs=1e-12)
    mismatches = [u - w * x / 1.9, o - v * u / 1.1, i - p * u / 1.1]
    assert [last[f"{name}.mismatch"].item() for name in cells] == pytest.approx(mismatches, abs=1e-12)


def test_without_a_teacher_the_apical_dendrite_is_silent():
    """The self-predicting state of Sacramento et al.: exactly, for any f."""
    made = drawn(learns=False)
    quiet = cn.simulate(made, [cn.SetInput(IMAGE, ms=400)], record=["apical"])["area1.pyramidal.apical"]
    told = cn.simulate(made, [cn.SetInput(IMAGE | TAUGHT, ms=400)], record=["apical"])[
        "area1.pyramidal.apical"
    ]
    assert abs(quiet.isel(time=-1)).max() < 1e-12
    assert abs(told.isel(time=-1)).max() > 0.01


def test_engines_files_recordings_and_figures_take_them(tmp_path):
    made = drawn()
    protocol = [cn.SetInput(IMAGE, ms=50), cn.SetInput(IMAGE | TAUGHT, ms=50)]
    data = cn.simulate(made, protocol)
    other = cn.simulate(made, protocol, engine="brian2")
    assert max(float(abs(data[name] - other[name]).max()) for name in data.data_vars) < 1e-12
    for name in ("retina->area1.pyramidal", "area1.interneuron->area1.pyramidal"):
        weights = data[f"weights {name}"]
        assert abs(weights.sel(when="after") - weights.sel(when="before")).max() > 1e-4
    made.save(tmp_path / "columns")
    loaded = cn.Circuit.load(tmp_path / "columns")
    assert str(loaded) == str(made)
    assert cn.simulate(loaded, protocol).identical(data)
    assert "DendriticPrediction(rate=0.05)" in str(made)
    shown = {text.get_text() for text in wiring(made).axes[0].texts}
    assert {"pyramidal", "interneuron"} <= shown
    states = ["cell.rate", "pyramidal.mismatch", "interneuron.mismatch", "apical"]
    labels = {axes.get_ylabel().replace("\n", " ") for axes in traces(data, states).axes}
    assert {state.replace(".", " ") for state in states} <= labels
