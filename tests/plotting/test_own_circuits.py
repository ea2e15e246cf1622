"""Figures of a circuit of one's own: few cells, voltages, inhibition, a list of synapses."""

import numpy as np
import pytest

import corticalnet as cn
from corticalnet import plotting
from corticalnet.circuits.cells import Cell, Sensory, State, Value
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.pointwise import where
from corticalnet.circuits.quantities import MV, Milliseconds, Millivolts
from corticalnet.errors import ProtocolError, UnitError


class Membrane(Cell):
    """Leaky integrate-and-fire in mV."""

    tau: Milliseconds = 10.0
    rest_voltage: Millivolts = -65.0
    gain: Millivolts = 1.0
    ports = {"drive": "predict"}
    state = {"spike": State(event=True), "v": State(-65.0, MV)}

    def predict(self, cell, port, dt):
        v = cell.v + dt / self.tau * (self.rest_voltage - cell.v + self.gain * port.drive)
        fires = v >= self.rest_voltage + self.gain
        return {"spike": where(fires, 1.0, 0.0), "v": where(fires, self.rest_voltage, v)}


class Paired(Plasticity):
    """Δw = rate · pre, so that each synapse changes by what its own cell sends."""

    def eligibility(self, synapse, pre, post, port):
        return pre.stimulus if hasattr(pre, "stimulus") else pre.spike


@pytest.fixture(scope="module")
def circuit():
    return cn.Circuit(
        [
            cn.Population("current", 3, Sensory()),
            cn.Population("pre", 3, Membrane()),
            cn.Population("post", 1, Membrane()),
        ],
        [
            cn.Projection("current", "pre", "drive", 1.0, connection=cn.OneToOne()),
            cn.Projection(
                "pre",
                "post",
                "drive",
                [1.0, 2.0, 3.0],
                connection=cn.Synapses([2, 0, 1], [0, 0, 0]),
                plasticity=Paired(rate=0.5),
            ),
            cn.Projection("pre", "post", "drive", [[-1.0, -2.0, 0.0]], name="inhibition"),
        ],
        dt=1.0,
    )


@pytest.fixture(scope="module")
def recording(circuit):
    shown = [cn.SetInput({"current.stimulus": [1.5, 3.0, 0.5]}, ms=60)]
    return cn.simulate(circuit, shown, record=["v", "spike", "pre->post"])


def test_voltages_far_from_0_are_drawn_to_their_own_scale(recording):
    for axes in plotting.traces(recording, "v").axes:
        low, high = axes.get_ylim()
        assert (low > -70, high < -60) == (True, True)


def test_lines_between_populations_run_between_cells(recording):
    axes = plotting.raster(recording, "spike").axes[0]
    rows = np.concatenate(
        [marks.get_offsets()[:, 1] for marks in axes.collections if len(marks.get_offsets())]
    )
    lines = [line.get_ydata()[0] for line in axes.get_lines() if len(set(line.get_ydata())) == 1]
    assert len(lines) > 0
    assert min(abs(line - rows).min() for line in lines) >= 0.5


def test_inhibition_ends_in_a_bar_and_ones_own_cells_predict_nothing(circuit):
    figure = plotting.wiring(circuit)
    arrows = {patch.get_gid(): patch for patch in figure.axes[0].patches}
    heads = {
        name: type(arrows[f"projection {name}"].get_arrowstyle()).__name__
        for name in ("pre->post", "inhibition")
    }
    assert heads == {"pre->post": "CurveFilledB", "inhibition": "BarAB"}
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "prediction" not in words
    assert 'delivered in "predict"' in words


def test_weights_of_a_list_of_synapses_are_chosen_by_their_cells(circuit, recording):
    listed = circuit.projection("pre->post").connection
    axes = plotting.weight_traces(recording, "pre->post", post=0, pre=[0, 1], connection=listed).axes[0]
    drawn = {line.get_label(): line.get_ydata() for line in axes.get_lines() if "post" in line.get_label()}
    assert drawn.keys() == {"post 0, pre 0", "post 0, pre 1"}
    assert (
        drawn["post 0, pre 0"] == recording["pre->post"].values[:, 1]
    ).all()  # synapse 1 comes from cell 0
    with pytest.raises(ProtocolError, match=r"give connection=circuit\.projection\('pre->post'\)"):
        plotting.weight_traces(recording, "pre->post", pre=0)
    with pytest.raises(ProtocolError, match="pre 3 is not among the 3"):
        plotting.weight_traces(recording, "pre->post", pre=3, connection=listed)


def test_the_column_that_is_taught_is_among_those_drawn():
    net = cn.mlp([3, 4, 10], hidden="tanh", seed=0)
    circuit = cn.circuit(net, cn.rule("z-il"), learning_rate=0.1)
    for label in (2, 7):
        needs = circuit.needs
        trial = [cn.Present([0.5, 0.1, 0.9], steps=needs.present), cn.Teach(label, steps=needs.teach)]
        data = cn.simulate(circuit, trial, record=["value", "error"])
        figure = plotting.traces(data, area="output")
        drawn = [line.get_label() for line in figure.axes[0].get_lines() if "column" in str(line.get_label())]
        assert f"column {label}" in drawn
        assert len(drawn) == 8


def test_weights_in_a_long_line_are_not_joined():
    n = 80
    circuit = cn.Circuit(
        [cn.Population("a", n, Sensory()), cn.Population("b", n, Value())],
        [cn.Projection("a", "b", "feedback", np.ones(n), connection=cn.OneToOne(), plasticity=Rates())],
    )
    data = cn.simulate(circuit, [cn.SetInput({"a.stimulus": np.ones(n)}, steps=3)])
    lines = [line for axes in plotting.weight_changes(data).axes for line in axes.get_lines()]
    assert [line.get_linestyle() for line in lines if len(line.get_xdata()) == n] == ["None"]


class Rates(Plasticity):
    """Δw = rate · w."""

    def eligibility(self, synapse, pre, post, port):
        return synapse.weight


def test_a_unit_error_names_the_terms_that_do_not_fit():
    class Wrong(Cell):
        """Adds a pure number to a voltage."""

        ports = {"drive": "predict"}
        state = {"v": State(-70.0, MV)}

        def predict(self, cell, port, dt):
            return {"v": cell.v + port.drive}

    with pytest.raises(UnitError, match=r"together: '\w+' is in (mV|1), '\w+' in (mV|1)$"):
        Wrong()


def test_reward_is_that_of_each_action():
    circuit = cn.circuit(cn.mlp([2, 3, 4], seed=0), cn.rule("brainprop"), learning_rate=0.1)
    shown = cn.Present([0.5, 1.0], steps=circuit.needs.present)
    with pytest.raises(
        ProtocolError, match=r"the reward of each action, 4 numbers, not 0\.5 alone: np\.eye\(4\)"
    ):
        cn.simulate(circuit, [shown, cn.Reinforce(reward=0.5, steps=circuit.needs.teach)])
    with pytest.raises(ProtocolError, match=r"takes a target; it learns from reward: cn\.Reinforce"):
        cn.simulate(circuit, [shown, cn.Teach(1, steps=circuit.needs.teach)])
