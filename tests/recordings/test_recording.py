"""Recordings: which variables a request becomes, the data set they make, and the way through a file."""

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import corticalnet
from corticalnet.circuits import Circuit, OneToOne, Population, Projection
from corticalnet.circuits.cells import Cell, ChangeDetector, Clamped, Error, Prediction, Sensory
from corticalnet.circuits.plasticity import ErrorTimesRate
from corticalnet.circuits.pointwise import where
from corticalnet.circuits.quantities import MV
from corticalnet.errors import ProtocolError, RecordingWarning
from corticalnet.experiment.compiled import compile_protocol
from corticalnet.experiment.protocol import Present, Rest
from corticalnet.recordings.dataset import build_dataset
from corticalnet.recordings.loading import load_recording
from corticalnet.recordings.recording import Record, plan_recording

UP, SIDE = "input->area1", "area1->output"


class Membrane(Cell):
    """Has a voltage, and a state called as the axis of time is."""

    state = {"v": corticalnet.circuits.cells.State(-70.0, MV), "time": 0.0}


class Between(Cell):
    """Says whether it is inside of bounds, and how far it is."""

    state = {"inside": 0.0, "half": 0.5}

    def move(self, cell, port, dt):
        return {"inside": where((cell.half > 0.2) & (cell.half < 0.8), 1.0, 0.0), "half": 0.5 * cell.half}


def circuit(size=3):
    populations = [
        Population("input.value", 2, Sensory()),
        Population("area1.prediction", size, Prediction()),
        Population("area1.error", size, Error()),
        Population("area1.phi", size, ChangeDetector()),
        Population("output.value", size, Clamped()),
        Population("output.prediction", size, Prediction()),
        Population("output.error", size, Error()),
    ]
    projections = [
        Projection("input.value", "area1.prediction", "prediction", 0.5, name=UP,
                   plasticity=ErrorTimesRate()),
        Projection("output.value", "output.prediction", "prediction", 0.1, OneToOne(), name=SIDE,
                   plasticity=ErrorTimesRate()),
        Projection("input.value", "output.prediction", "prediction", 0.5, name="fixed"),
    ]  # fmt: skip
    return Circuit(populations, projections, dt=0.5, name="small")


def plan(record=None, on=None, batch=2, steps=4, **options):
    on = on or circuit()
    compiled = compile_protocol(on, [Present(np.ones((batch, 2)), steps), Rest(1)])
    return plan_recording(on, compiled, record, **options)


def names(recording):
    return [(t.part, t.state) for t in recording.variables]


def filled(recording):
    """A data set in which number k of a variable's array is k."""
    arrays = recording.allocate()
    for array in arrays:
        array.flat = np.arange(array.size)
    weights = {p.name: np.asarray(p.weight) for p in recording.circuit.plastic}
    changed = {name: weight + 1 for name, weight in weights.items()}
    return build_dataset(recording, arrays, weights, changed, {"engine": "none", "seed": 7, "settings": "{}"})


def refused(message, record=None, **options):
    with pytest.raises(ProtocolError) as caught:
        plan(record, **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_is_a_state_a_population_or_both():
    assert names(plan("error")) == [("area1.error", "error"), ("output.error", "error")]
    assert names(plan("area1.phi")) == [("area1.phi", "phi"), ("area1.phi", "silent")]
    assert names(plan("area1.phi.silent")) == [("area1.phi", "silent")]
    weights = plan(["weights", UP])
    assert names(weights) == [(UP, "weight"), (SIDE, "weight")]
    assert all(variable.is_weight for variable in weights.variables)
    assert names(plan(SIDE)) == [(SIDE, "weight")]
    assert plan([]).variables == []


def test_cells_by_area_or_by_list():
    variables = plan(Record("error", where={"output": [2, 0, 2]})).variables
    assert [(t.part, t.index.tolist()) for t in variables] == [("output.error", [0, 2])]
    variables = plan(Record("area1.phi", where=range(1, 3))).variables
    assert [t.index.tolist() for t in variables] == [[1, 2], [1, 2]]
    both = [Record("area1.error", where=[0]), Record("error", where={"area1": [2]})]
    assert [t.index.tolist() for t in plan(both).variables] == [[0, 2]]
    assert [t.index for t in plan([*both, "area1.error"]).variables] == [None]
    assert [t.index for t in plan(["error", *both]).variables] == [None, None]


def test_by_default_all_that_is_not_too_much():
    every = [(p.name, state) for p in circuit().populations for state in p.cell.state]
    assert names(plan()) == [*every, (UP, "weight"), (SIDE, "weight")]
    first = [(p.name, next(iter(p.cell.state))) for p in circuit().populations]
    with pytest.warns(RecordingWarning, match=r"^not recorded: all states .* \(22,008,000 numbers, 0.2 GB"):
        many = plan(on=circuit(1000), batch=400)
    assert names(many) == [*first, (UP, "weight"), (SIDE, "weight")]
    assert names(plan(on=circuit(1000), batch=400, every=5)) == names(plan())
    with pytest.warns(RecordingWarning, match=r"weights over time \(6,003,000 numbers.* to='run.nc'"):
        assert names(plan(on=circuit(1000), batch=1, steps=2000)) == first
    assert names(plan(on=circuit(1000), batch=400, stream=True)) == names(plan())
    assert many.kept.tolist() == [0, 1, 2, 3, 4]


def test_which_steps():
    """Of five: after each second one; the last window has not ended."""
    assert plan(every=2).kept.tolist() == [1, 3]
    assert plan(last=2).kept.tolist() == [3, 4]
    assert plan(every=2, last=3).kept.tolist() == [3]
    assert plan(last=99).kept.tolist() == [0, 1, 2, 3, 4]
    assert plan(every=99).kept.tolist() == []
    refused("every must be a whole number from 1, not 0", every=0)
    refused("every must be a whole number from 1, not 1.5", every=1.5)
    refused("last must be a whole number from 1, not 0", last=0)


def test_shapes_to_fill():
    requests = [Record("area1.error", where=[1]), "area1.phi.phi", Record("error", reduce="norm"), "weights"]
    shapes = [array.shape for array in plan(requests, every=2).allocate()]
    assert shapes == [(2, 2, 1), (2, 2, 3), (2, 2), (2, 2), (2, 3, 2), (2, 3)]


def test_a_population_s_state_has_its_cells_and_no_others():
    data = filled(plan(["error", Record("area1.phi.phi", where=[1])], every=2))
    assert {name: array.shape for name, array in data.data_vars.items() if "time" in array.dims} == {
        "area1.error.error": (2, 2, 3), "area1.phi.phi": (2, 2, 1), "output.error.error": (2, 2, 3),
    }  # fmt: skip
    assert data["time"].values.tolist() == [0.5, 1.5]
    assert data["step"].values.tolist() == [1, 3]
    assert data["time"].attrs["units"] == "ms"
    error = data["output.error.error"]
    assert error.dims == ("time", "batch", "output")
    assert error.values.ravel().tolist() == list(range(12))
    assert error.attrs == {
        "units": "1", "long_name": "error of error cells", "population": "output.error", "area": "output",
        "role": "error", "state": "error",
    }  # fmt: skip
    assert list(data.filter_by_attrs(state="error")) == ["area1.error.error", "output.error.error"]
    phi = data["area1.phi.phi"]
    assert phi.attrs["cell_methods"] == "time: sum"
    assert phi["area1.phi:cell"].values.tolist() == [1]


@pytest.mark.parametrize(
    ("engine", "options"), [("torch", {}), ("torch", {"precision": "float32"}), ("brian2", {})]
)
def test_a_recording_is_made_of_the_arrays_that_an_engine_filled(engine, options, monkeypatch):
    running = corticalnet.simulator(circuit(), engine, **options)
    truly, filled_arrays = running.engine.run, []

    def watched(*args, **options):
        filled_arrays.extend(truly(*args, **options))
        return list(filled_arrays)

    monkeypatch.setattr(running.engine, "run", watched)
    data = running.run([Present(np.ones(2), 12)], ["error", "phi", "weights"])
    names = ["area1.error.error", "output.error.error", "area1.phi.phi", UP, SIDE]
    assert [np.shares_memory(data[n].values, a) for n, a in zip(names, filled_arrays, strict=True)] == [
        True
    ] * 5
    assert data["area1.error.error"].dtype == data[UP].dtype == options.get("precision", "float64")


def test_numbers_of_a_recording_are_those_that_were_written_and_no_copy():
    recording = plan(["error", "weights"])
    arrays = recording.allocate()
    weights = {p.name: np.asarray(p.weight) for p in recording.circuit.plastic}
    data = build_dataset(recording, arrays, weights, weights, {})
    for variable, array in zip(recording.variables, arrays, strict=True):
        assert np.shares_memory(data[variable.name].values, array)


def test_cells_of_one_area_share_an_axis():
    """So one is taken off the other cell by cell, and not each off each."""
    data = filled(plan())
    apart = data["area1.error.error"] - data["area1.prediction.prediction"]
    assert apart.dims == ("time", "batch", "area1")
    assert data["area1"].values.tolist() == [0, 1, 2]


def test_some_cells_and_populations_of_another_size_have_an_axis_of_their_own():
    data = filled(plan([Record("area1.error", where=[2]), Record("area1.prediction", where=[0, 2])]))
    assert data["area1.error:cell"].values.tolist() == [2]
    assert data["area1.prediction:cell"].values.tolist() == [0, 2]
    assert "area1" not in data.dims
    two = filled(plan([Record("area1.phi.phi", where=[1]), Record("area1.phi.silent", where=[0, 2])]))
    assert two["area1.phi.phi"]["area1.phi:cell"].values.tolist() == [1]
    assert two["area1.phi.silent"]["area1.phi.silent:cell"].values.tolist() == [0, 2]
    mixed = Circuit([Population("e.big", 4, Sensory()), Population("e.small", 2, ChangeDetector())])
    data = filled(plan_recording(mixed, compile_protocol(mixed, Rest(2))))
    assert data["e.big.rate"].dims == ("time", "batch", "e")
    assert data["e.small.phi"].dims == ("time", "batch", "e.small:cell")


def test_names_do_not_depend_on_who_else_is_there():
    """A state called as an axis is, or as one of another role, keeps its name."""
    assert {"input.value.rate", "output.value.rate", "output.error.error"} <= set(filled(plan()))
    two = Circuit([Population("a.fast", 1, Membrane()), Population("a.slow", 2, Membrane())])
    data = filled(plan_recording(two, compile_protocol(two, Rest(2))))
    assert set(data) == {"a.fast.v", "a.slow.v", "a.fast.time", "a.slow.time"}
    assert data["a.slow.v"].attrs["units"] == "mV"
    assert data["a.slow.v"].attrs["long_name"] == "v of slow cells"
    assert {"a.slow.v": data["a.slow.v"].shape, "a.fast.v": data["a.fast.v"].shape} == {
        "a.slow.v": (2, 1, 2), "a.fast.v": (2, 1, 1),
    }  # fmt: skip
    one = Circuit([Population("time", 1, Membrane())])
    assert set(filled(plan_recording(one, compile_protocol(one, Rest(2))))) == {"time.v", "time.time"}


def test_two_things_of_one_name_are_refused_before_anything_runs():
    made = circuit()
    other = [replace(p, name="area1.error.error" if p.name == UP else p.name) for p in made.projections]
    made = replace(made, projections=other)
    plan("error", made)
    refused("would be called 'area1.error.error'; give a population or", ["error", "weights"], on=made)


def test_what_is_zero_or_one_is_kept_as_that():
    """Spikes and φ as small whole numbers, with a sign (a difference of two must not turn round)."""
    for every, kind in ((1, "int8"), (2, "int8"), (127, "int8"), (128, "int16")):
        data = filled(plan("area1.phi", steps=200, every=every))
        assert data["area1.phi.phi"].dtype == kind
        assert data["area1.phi.silent"].dtype == np.float64
    assert filled(plan(Record("phi", reduce="mean")))["area1.phi.phi mean"].dtype == np.float64
    on = Circuit([Population("a", 2, Between())])
    data = filled(plan_recording(on, compile_protocol(on, Rest(2))))
    assert {name: array.dtype for name, array in data.items()} == {"a.inside": bool, "a.half": np.float64}


def test_what_is_reduced_is_one_number_for_each_population():
    data = filled(plan([Record("error", reduce="mean"), Record("prediction", {"output": [0, 1]}, "max")]))
    assert data["output.error.error mean"].dims == ("time", "batch")
    assert data["output.error.error mean"].values.ravel().tolist() == list(range(10))
    assert "area1.prediction.prediction max" not in data
    assert (
        data["output.prediction.prediction max"].attrs["long_name"] == "max of prediction of prediction cells"
    )
    assert set(data.dims) == {"time", "batch", "when", f"{UP} post", f"{UP} pre", f"{SIDE} weight"}


def test_weights_over_time_and_before_and_after():
    data = filled(plan(UP))
    assert data[UP].dims == ("time", f"{UP} post", f"{UP} pre")
    assert data[UP].values.ravel().tolist() == list(range(30))
    assert data[f"weights {UP}"].dims == ("when", f"{UP} post", f"{UP} pre")
    assert data[f"weights {UP}"].sel(when="before").values.tolist() == [[0.5, 0.5]] * 3
    assert data[f"weights {UP}"].sel(when="after").values.tolist() == [[1.5, 1.5]] * 3
    assert data[f"weights {SIDE}"].dims == ("when", f"{SIDE} weight")
    assert SIDE not in data
    assert not [name for name in data if "fixed" in name]


def test_it_knows_how_it_was_made():
    attrs = filled(plan()).attrs
    assert {k: attrs[k] for k in ("title", "dt", "engine", "seed", "settings")} == {
        "title": "small", "dt": 0.5, "engine": "none", "seed": 7, "settings": "{}",
    }  # fmt: skip
    assert json.loads(attrs["events"]) == [[0, "present"], [2, "rest"]]
    assert attrs["schedule"].startswith("deliver → move → fire")
    assert attrs["corticalnet"] == corticalnet.__version__


@pytest.mark.parametrize("record", [None, "weights", [], Record("error", reduce="norm")])
def test_through_a_file(record, tmp_path):
    data = filled(plan(record))
    data.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    again = load_recording(tmp_path / "run.nc")
    xr.testing.assert_identical(data, again)
    if record is None:
        assert again["area1.error.error"].shape == (5, 2, 3)
        assert again["when"].dtype.kind == "U"


def test_files_that_are_no_recordings(tmp_path):
    with pytest.raises(ProtocolError, match="there is no recording"):
        load_recording(tmp_path / "run.nc")
    path = tmp_path / "run.nc"
    filled(plan()).to_netcdf(path, engine="h5netcdf")
    content = path.read_bytes()
    for broken in (b"", b"no recording", content[: len(content) // 2]):
        path.write_bytes(broken)
        with pytest.raises(ProtocolError, match="cannot be read") as caught:
            load_recording(path)
        assert "\n" not in str(caught.value)
    path.unlink()
    xr.Dataset({"a": ("x", [1.0])}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(ProtocolError, match="is no recording of corticalnet"):
        load_recording(path)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_file_of_another_layout_is_said_to_be_one(lazy, tmp_path):
    data = filled(plan())
    del data.attrs["layout"]
    data.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    with pytest.raises(
        ProtocolError, match="of layout 1, but this version reads layout 2; simulate"
    ) as caught:
        load_recording(tmp_path / "run.nc", lazy=lazy)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("message", "record"),
    [
        ("unknown thing to record 'eror'; did you mean 'error'?", "eror"),
        ("area1->output", "nonsense"),
        ("unknown thing to record 'fixed'", "fixed"),
        ("unknown state of 'area1.phi' to record 'gate'. Choices: phi, silent", "area1.phi.gate"),
        ("record takes names and Records, not 3", [3]),
        ("there is no cell 3 in population 'area1.error' of 3 cells", Record("area1.error", where=[0, 3])),
        ("there is no cell -1", Record("error", where={"area1": [-1]})),
        ("unknown area in where of record 'error' 'input'", Record("error", where={"input": [0]})),
        ("several populations, so where must be {area: indices}", Record("error", where=[0])),
        ("must list whole numbers", Record("area1.error", where=[0.5])),
        ("must list whole numbers", Record("area1.error", where=[])),
        ("weights are recorded as a whole", Record("weights", reduce="norm")),
        ("weights are recorded as a whole", Record(UP, where=[1])),
        (
            "the norm of 'error' of 'area1.error' is asked for over two sets of cells",
            [Record("error", reduce="norm"), Record("area1.error", [1], "norm")],
        ),
    ],
)
def test_requests_that_cannot_be(message, record):
    refused(message, record)


def test_an_unknown_way_to_reduce():
    with pytest.raises(ProtocolError, match="unknown reduce of record 'error' 'median'"):
        Record("error", reduce="median")
