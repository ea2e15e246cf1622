"""Dendritic microcircuits as cells: a steady state by hand, both engines, files, figures.

Sacramento, Costa, Bengio & Senn 2018; a synapse learns what its dendrite predicts of the soma (Urbanczik &
Senn 2014); cells that look ahead: Haider et al. 2021.
"""

from types import SimpleNamespace

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.circuits.cells import Sensory
from corticalnet.circuits.cells.dendritic import Interneuron, Pyramidal, TaughtPyramidal
from corticalnet.circuits.plasticity.dendritic import MismatchTimesRate, Silencing
from corticalnet.errors import CircuitError
from corticalnet.plotting import traces, wiring


def microcircuit(up, out, lateral, down, cancel, kind="sigmoid", learns=True, ahead=False):
    """Three areas; interneurons of the middle one follow the output, and cancel what it sends down."""

    def learning(plasticity, rate):
        return plasticity(rate=rate) if learns else None

    pyramidal, interneuron = "area1.pyramidal", "area1.interneuron"
    output = TaughtPyramidal(activation=kind, nudge="potential", ahead=ahead)
    return cn.Circuit(
        [
            cn.Population("retina", len(up[0]), Sensory()),
            cn.Population(pyramidal, len(up), Pyramidal(activation=kind, ahead=ahead)),
            cn.Population(interneuron, len(out), Interneuron(activation=kind, ahead=ahead)),
            cn.Population("output.pyramidal", len(out), output),
        ],
        [
            cn.Projection("retina", pyramidal, "basal", up, plasticity=learning(MismatchTimesRate, 0.05)),
            cn.Projection(
                pyramidal, "output.pyramidal", "basal", out, plasticity=learning(MismatchTimesRate, 0.05)
            ),
            cn.Projection(
                pyramidal, interneuron, "basal", lateral, plasticity=learning(MismatchTimesRate, 0.02)
            ),
            cn.Projection("output.pyramidal", pyramidal, "apical", down),
            cn.Projection(interneuron, pyramidal, "apical", cancel, plasticity=learning(Silencing, 0.01)),
            cn.Projection("output.pyramidal", interneuron, "teacher", 1.0, cn.OneToOne(), output.copied),
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
TAUGHT = {"output.pyramidal.target": [0.8, 0.3], "output.pyramidal.clamped": 1.0}


@pytest.mark.parametrize("engine", ["torch", "brian2"])
def test_a_linear_chain_comes_to_rest_as_worked_by_hand(engine):
    """1-1-1 columns, f linear: u of the pyramidal cell, o of the output, i of the interneuron.

    1.9 u = w x + 0.8 (b o + m i);   1.9 o = v u + 0.8 t;   1.9 i = p u + 0.8 o
    """
    w, v, p, b, m, x, t = 0.7, 0.9, 0.6, 0.5, -0.4, 0.8, 1.5
    made = microcircuit([[w]], [[v]], [[p]], [[b]], [[m]], "linear", learns=False)
    given = {"retina.stimulus": [x], "output.pyramidal.target": [t], "output.pyramidal.clamped": 1.0}
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
    assert "MismatchTimesRate(rate=0.05)" in str(made)
    shown = {text.get_text() for text in wiring(made).axes[0].texts}
    assert {"pyramidal", "interneuron"} <= shown
    states = ["cell.rate", "pyramidal.mismatch", "interneuron.mismatch", "apical"]
    labels = {axes.get_ylabel().replace("\n", " ") for axes in traces(data, states).axes}
    assert {state.replace(".", " ") for state in states} <= labels


def test_cells_that_look_ahead_have_no_lag():
    """u + τ du/dt / sum is where a soma is going: a chain is there after a step an area, whatever τ is."""
    weights = [[[0.7]], [[0.9]], [[0.6]], [[0.5]], [[-0.4]]]
    chain = microcircuit(*weights, "linear", learns=False, ahead=True)
    data = cn.simulate(chain, [cn.SetInput({"retina.stimulus": [0.8]}, ms=20)], record=["rate", "potential"])
    lagging = cn.simulate(
        microcircuit(*weights, "linear", learns=False), [cn.SetInput({"retina.stimulus": [0.8]}, ms=20)]
    )
    rates = data["output.pyramidal.rate"].values.ravel()
    at_rest = cn.simulate(chain, [cn.SetInput({"retina.stimulus": [0.8]}, ms=600)], last=1)
    assert rates[6] == pytest.approx(at_rest["output.pyramidal.rate"].item(), rel=0.02)
    assert lagging["output.pyramidal.rate"].values.ravel()[6] < 0.5 * rates[6]
    assert data["output.pyramidal.potential"].values.ravel()[6] < 0.5 * rates[6]  # the soma itself is slow


def test_a_target_is_the_potential_at_which_the_cell_would_fire_so():
    """By the paper's two conductances, g_E (E − u) + g_I (E' − u); targets stay off the ends of f."""
    somatic, u, (excites, inhibits) = 0.8, 0.3, (4.0, -4.0)
    for kind, target, wanted in (
        ("sigmoid", 0.8, np.log(4)),
        ("sigmoid", 1.0, np.log(9)),
        ("tanh", -1.0, -np.arctanh(0.9)),
    ):
        cell = TaughtPyramidal(activation=kind, nudge="potential", somatic=somatic)
        g_e = somatic * (wanted - inhibits) / (excites - inhibits)
        g_i = somatic * (excites - wanted) / (excites - inhibits)
        rate = float(cell.rest()["rate"])
        now = SimpleNamespace(potential=u, basal=0.5, rate=rate, target=target, clamped=1.0)
        moved = cell.move(now, SimpleNamespace(), 0.5)["potential"] - u
        current = g_e * (excites - u) + g_i * (inhibits - u) + (0.5 - u) - 0.1 * u
        assert moved == pytest.approx(0.05 * current, rel=1e-12)
    now.clamped = 0.0
    assert cell.move(now, SimpleNamespace(), 0.5)["potential"] - u == pytest.approx(0.05 * (0.2 - 0.03))


def test_a_nudge_that_is_none_and_a_function_without_an_inverse_are_refused():
    with pytest.raises(CircuitError, match="unknown TaughtPyramidal: nudge 'rates'"):
        TaughtPyramidal(nudge="rates")
    with pytest.raises(CircuitError, match=r"'relu'. Choices: linear, sigmoid, tanh"):
        TaughtPyramidal(activation="relu", nudge="potential")
