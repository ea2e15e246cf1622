"""What an experimenter does to cells and synapses, worked by hand, on both engines; what mistakes say."""

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.circuits import extended
from corticalnet.circuits.cells import Cell, Sensory
from corticalnet.circuits.manipulable import with_held_states
from corticalnet.circuits.plasticity import ErrorTimesRate, Plasticity
from corticalnet.circuits.quantities import Milliseconds
from corticalnet.errors import CircuitError, ProtocolError
from corticalnet.recordings.reading import weight_change


class TwoCompartments(Cell):
    """A soma that follows its dendrite, half of the way in a step."""

    tau: Milliseconds = 2.0
    ports = {"dendrite": "predict", "error": ""}
    state = {"dendrite": 0.0, "soma": 0.0}
    output = "soma"

    def predict(self, cell, port, dt):
        """Take over what arrives."""
        return {"dendrite": port.dendrite}

    def compare(self, cell, port, dt):
        """Follow the dendrite."""
        return {"soma": cell.soma + dt / self.tau * (cell.dendrite - cell.soma)}


def circuit():
    """retina (2) → cortex (2), one to one by 1 and 2; its synapses learn 0.1 · error · rate in each step."""
    populations = [
        cn.Population("retina", 2, Sensory()),
        cn.Population("cortex", 2, TwoCompartments()),
        cn.Population("teacher", 2, Sensory()),
    ]
    projections = [
        cn.Projection(
            "retina",
            "cortex",
            "dendrite",
            np.array([[1.0, 0.0], [0.0, 2.0]]),
            plasticity=ErrorTimesRate(0.1),
        ),
        cn.Projection("teacher", "cortex", "error", 1.0, cn.OneToOne()),
    ]
    return cn.Circuit(populations, projections, name="two compartments")


def shown(steps, error=0.0):
    return cn.SetInput({"retina.stimulus": 1.0, "teacher.stimulus": error}, steps=steps)


def traces(protocol):
    data = cn.simulate(circuit(), protocol)
    found = {name: data[f"cortex.{name}"].values[:, 0].tolist() for name in ("dendrite", "soma")}
    return {**found, "weights": data["weights retina->cortex"].values}


def test_a_current_is_added_to_what_a_compartment_receives_while_it_lasts():
    """The second cell alone; then by a function of the time since it began."""
    clamp = cn.Inject("cortex", "dendrite", -1.0, cells=[1])
    ramp = cn.Inject("cortex", "dendrite", lambda ms: [ms, 0.0])
    found = traces([shown(1), cn.During(clamp, [shown(1)]), shown(1), cn.During(ramp, [shown(1), shown(2)])])
    assert found["dendrite"] == [[1, 2], [1, 1], [1, 2], [1, 2], [2, 2], [3, 2]]
    assert found["soma"][:3] == [[0.5, 1], [0.75, 1], [0.875, 1.5]]


def test_a_silenced_cell_sends_nothing_and_its_dendrite_goes_on():
    found = traces([shown(1), cn.During(cn.Hold("cortex", "soma", 0.0, cells=[0]), [shown(2)]), shown(1)])
    assert found["dendrite"] == [[1, 2]] * 4
    assert found["soma"] == [[0.5, 1], [0, 1.5], [0, 1.75], [0.5, 1.875]]


def test_a_state_is_held_at_a_value_of_each_cell():
    found = traces([cn.During(cn.Hold("cortex", "dendrite", [4.0, -4.0]), [shown(2)]), shown(1)])
    assert found["dendrite"] == [[4, -4], [4, -4], [1, 2]]
    assert found["soma"] == [[2, -2], [3, -3], [2, -0.5]]


def test_blocked_plasticity_changes_nothing_while_it_lasts():
    """Three steps with an error of 1, one of them blocked: Δw = 2 · 0.1 · 1 · 1 for every synapse."""
    block = cn.BlockPlasticity("retina->cortex")
    before, after = traces([shown(1, 1.0), cn.During(block, [shown(1, 1.0)]), shown(1, 1.0)])["weights"]
    assert after - before == pytest.approx(np.full((2, 2), 0.2), abs=1e-15)


@pytest.mark.slow
def test_engines_agree_on_all_that_an_experimenter_does():
    ramp = cn.Inject("cortex", "dendrite", lambda ms: [0.1 * ms, 0.0])
    protocol = [
        cn.During([ramp, cn.BlockPlasticity("retina->cortex")], [shown(2, 1.0), shown(1, 0.5)]),
        cn.During(
            [cn.Hold("cortex", "soma", 0.3, cells=[0]), cn.Inhibit("retina", cells=[1])], [shown(3, 1.0)]
        ),
        cn.During(cn.Lesion("cortex", cells=[1]), [shown(2, 1.0)]),
        shown(2, 1.0),
    ]
    one, other = (cn.simulate(circuit(), protocol, engine) for engine in ("torch", "brian2"))
    assert np.ptp(one["weights retina->cortex"].values, axis=0).min() > 0.1
    for name in one:
        assert np.abs(one[name].values - other[name].values).max() < 1e-12, name


def test_silence_holds_what_leaves_the_population_and_a_lesion_all_of_it():
    protocol = [
        shown(1),
        cn.During(cn.Inhibit("retina"), [shown(1)]),
        cn.During(cn.Lesion("cortex"), [shown(1)]),
    ]
    data = cn.simulate(circuit(), protocol, record=["retina", "value", "dendrite", "soma"])
    assert data["retina.rate"].values[:, 0].tolist() == [[1, 1], [0, 0], [1, 1]]
    assert data["retina.value"].values[:, 0].tolist() == [[1, 1]] * 3  # its own state goes on
    assert data["cortex.dendrite"].values[:, 0].tolist() == [[1, 2], [0, 0], [0, 0]]
    assert data["cortex.soma"].values[:, 0].tolist() == [[0.5, 1], [0.25, 0.5], [0, 0]]


def test_of_two_manipulations_the_inner_counts_and_then_the_outer_again():
    outer, inner = cn.Inject("cortex", "dendrite", 5.0), cn.Inject("cortex", "dendrite", 7.0)
    protocol = [cn.During(outer, [shown(1), cn.During(inner, [shown(1)]), shown(1)]), shown(1)]
    data = cn.simulate(circuit(), protocol, record="cortex.dendrite")
    assert data["cortex.dendrite"].values[:, 0, 0].tolist() == [6, 8, 6, 1]


def test_a_manipulation_ends_with_its_run_and_a_batch_may_have_currents_of_its_own():
    clamp = cn.Inject("cortex", "dendrite", [[1.0, 0.0], [0.0, 10.0]])
    running = cn.simulator(cn.prepare(circuit(), clamp), batch=2)
    first = running.run([cn.During(clamp, [shown(1)])], record="cortex.dendrite")
    assert first["cortex.dendrite"].values[0].tolist() == [[2, 2], [1, 12]]
    assert (
        running.run([shown(1)], record="cortex.dendrite")["cortex.dendrite"].values[0].tolist()
        == [[1, 2]] * 2
    )


def test_in_a_closed_loop_light_follows_what_cells_do():
    """The cell is silenced as soon as it has passed 0.6, and released once it is silent."""
    light = cn.Inhibit("cortex")

    def experiment(running):
        for _ in range(4):
            high = running.read("cortex.soma")[0, 0] > 0.6
            yield cn.During(light, [shown(1)]) if high else shown(1)

    running = cn.simulator(cn.prepare(cn_told(), light))
    data = running.run(experiment, record="cortex.soma")
    assert data["cortex.soma"].values[:, 0, 0].tolist() == [0.5, 0.75, 0, 0.5]


def cn_told():
    """The circuit with somebody who receives what the cortex sends."""
    made = circuit()
    more = cn.Population("motor", 2, TwoCompartments())
    axon = cn.Projection("cortex", "motor", "dendrite", 1.0, cn.OneToOne())
    return cn.Circuit([*made.populations, more], [*made.projections, axon])


def test_a_circuit_that_is_prepared_and_left_alone_computes_what_it_did():
    net, rule = cn.mlp([3, 4, 2], "tanh", seed=1), cn.rule("z-il")
    plain = cn.circuit(net, rule)
    means = [
        cn.Inhibit("area1.value"),
        cn.Lesion("area1.error"),
        cn.Inject("output.prediction", "prediction", 1.0),
        cn.BlockPlasticity("input->area1"),
    ]
    prepared = cn.prepare(cn.prepare(plain, *means), *means)  # (twice is once)
    protocol = [cn.Present([[0.2, 0.5, 0.9]], steps=6), cn.Teach([1], steps=6)]
    one, other = (cn.simulate(c, protocol, record=["value", "error"]) for c in (plain, prepared))
    for name in one:
        assert np.array_equal(one[name].values, other[name].values), name


def test_a_prepared_circuit_is_read_from_a_file_where_nobody_has_prepared_one(tmp_path, monkeypatch):
    means = [
        cn.Hold("cortex", "soma"),
        cn.Inject("cortex", "dendrite", 1.0),
        cn.BlockPlasticity("retina->cortex"),
    ]
    prepared = cn.prepare(circuit(), *means)
    prepared.save(tmp_path / "prepared")
    for family in (Cell, Plasticity):
        monkeypatch.setattr(family, "kinds", {k: v for k, v in family.kinds.items() if "[" not in k})
    for made in (extended.holding, extended.listening, extended.blockable):
        made.cache_clear()
    loaded = cn.Circuit.load(tmp_path / "prepared")
    protocol = [shown(1, 1.0), cn.During(means, [shown(2, 1.0)]), shown(1, 1.0)]
    one, other = (cn.simulate(c, protocol) for c in (prepared, loaded))
    assert all(np.array_equal(one[name].values, other[name].values) for name in one)


@pytest.mark.parametrize(
    "name",
    [
        "TwoCompartments[held weight]",
        "TwoCompartments[ports dendrite]",
        "TwoCompartments[ports import os]",
        "Nobody[held soma]",
        "TwoCompartments" + "[ports x]" * 30,
        "TwoCompartments[]",
    ],
)
def test_a_file_can_name_no_kind_that_no_experiment_makes(name):
    extended.remake(Cell, name)
    assert name not in Cell.kinds


def test_axons_can_be_cut_and_feedback_that_is_cut_teaches_nothing_below():
    net = cn.mlp([3, 4, 2], "tanh", seed=1)
    cut = cn.without(cn.circuit(net, cn.rule("feedback-alignment")), "area1->output feedback")
    data = cn.simulate(
        cut, [cn.Present([[0.2, 0.5, 0.9]], steps=6), cn.Teach([1], steps=6)], record=["error"]
    )
    change = {name: np.abs(weight_change(data, name)).max() for name in ("input->area1", "area1->output")}
    assert change["input->area1"] == 0 < change["area1->output"]
    tied = cn.circuit(net, cn.rule("z-il"))
    with pytest.raises(CircuitError, match="'area1->output feedback' runs back along its synapses; cut both"):
        cn.without(tied, "area1->output")


@pytest.mark.parametrize(
    ("manipulation", "message", "error"),
    [
        (cn.Inject("cortx", "dendrite", 1.0), "did you mean 'cortex'", CircuitError),
        (cn.Inject("cortex", "apical", 1.0), "'cortex' 'apical'. Choices: dendrite, error", CircuitError),
        (cn.Inject("cortex", "dendrite", [1.0] * 3), "has shape (3,), but must have (2,)", ProtocolError),
        (cn.Inject("cortex", "dendrite", 1.0, cells=[2]), "numbers from 0 to 1, not [2]", ProtocolError),
        (cn.Hold("cortex", "sona", 1.0), "did you mean 'soma'", CircuitError),
        (cn.Inhibit("cortex"), "'cortex' sends nothing to others", ProtocolError),
        (cn.BlockPlasticity("teacher->cortex"), "does not learn, so nothing can be blocked", CircuitError),
        (cn.BlockPlasticity("cortex->retina"), "unknown projection to block", CircuitError),
    ],
)
def test_what_is_not_there_cannot_be_taken_hold_of(manipulation, message, error):
    with pytest.raises(error) as caught:
        cn.simulate(circuit(), [cn.During(manipulation, [shown(1)])])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_circuit_that_is_not_prepared_and_what_is_no_manipulation_say_so():
    light = cn.Hold("cortex", "soma", 0.0)
    with pytest.raises(ProtocolError, match=r"is not prepared for Hold; .* cn.prepare\(circuit, cn.Hold"):
        cn.simulator(circuit()).run([cn.During(light, [shown(1)])])
    with pytest.raises(ProtocolError, match=r"During takes manipulations .* not 'light'"):
        cn.During("light", [shown(1)])
    with pytest.raises(ProtocolError, match="element 1 of the protocol during element 2 of the"):
        cn.simulate(circuit(), [shown(1), cn.During(light, ["x"])])
    assert with_held_states(circuit(), {"cortex": []}).populations == circuit().populations
