"""Recordings: which tracks a wish becomes, the data set they make, and the way through a file."""

import json

import numpy as np
import pytest
import xarray as xr

import corticalnet
from corticalnet.circuits import Circuit, OneToOne, Population, Projection
from corticalnet.circuits.cells import Cell, ChangeDetector, Clamped, Error, Prediction, Sensory
from corticalnet.circuits.plasticity import ErrorTimesRate
from corticalnet.circuits.quantities import MV
from corticalnet.errors import ProtocolError, RecordingWarning
from corticalnet.experiment.protocol import Present, Rest
from corticalnet.experiment.script import compile_protocol
from corticalnet.recordings.recording import Record, load_recording, plan_recording

UP, SIDE = "input->area1", "area1->output"


class Membrane(Cell):
    """Has a voltage, and a state called as the axis of time is."""

    state = {"v": corticalnet.circuits.cells.State(-70.0, MV), "time": 0.0}


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
    script = compile_protocol(on, [Present(np.ones((batch, 2)), steps), Rest(1)])
    return plan_recording(on, script, record, **options)


def names(recording):
    return [(t.part, t.state) for t in recording.tracks]


def filled(recording):
    """A data set in which number k of a track's array is k."""
    arrays = recording.allocate()
    for array in arrays:
        assert np.isnan(array).all()
        array.flat = np.arange(array.size)
    weights = {p.name: np.asarray(p.weight) for p in recording.circuit.plastic}
    changed = {name: weight + 1 for name, weight in weights.items()}
    return recording.dataset(arrays, weights, changed, {"engine": "none", "seed": 7, "settings": "{}"})


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
    assert all(track.is_weight for track in weights.tracks)
    assert names(plan(SIDE)) == [(SIDE, "weight")]
    assert plan([]).tracks == []


def test_cells_by_area_or_by_list():
    tracks = plan(Record("error", where={"output": [2, 0, 2]})).tracks
    assert [(t.part, t.index.tolist()) for t in tracks] == [("output.error", [0, 2])]
    tracks = plan(Record("area1.phi", where=range(1, 3))).tracks
    assert [t.index.tolist() for t in tracks] == [[1, 2], [1, 2]]
    both = [Record("area1.error", where=[0]), Record("error", where={"area1": [2]})]
    assert [t.index.tolist() for t in plan(both).tracks] == [[0, 2]]
    assert [t.index for t in plan([*both, "area1.error"]).tracks] == [None]
    assert [t.index for t in plan(["error", *both]).tracks] == [None, None]


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
    wishes = [Record("area1.error", where=[1]), "area1.phi.phi", Record("error", reduce="norm"), "weights"]
    shapes = [array.shape for array in plan(wishes, every=2).allocate()]
    assert shapes == [(2, 2, 1), (2, 2, 3), (2, 2), (2, 2), (2, 3, 2), (2, 3)]


def test_states_on_the_axis_of_columns():
    data = filled(plan(["error", Record("area1.phi.phi", where=[1])], every=2))
    assert dict(data.sizes) == {
        "time": 2, "batch": 2, "column": 6, f"{UP} post": 3, f"{UP} pre": 2, f"{SIDE} weight": 3,
    }  # fmt: skip
    assert data["time"].values.tolist() == [0.5, 1.5]
    assert data["step"].values.tolist() == [1, 3]
    assert data["time"].attrs["units"] == "ms"
    assert data["area"].values.tolist() == ["area1"] * 3 + ["output"] * 3
    assert data["index"].values.tolist() == [0, 1, 2] * 2
    assert data["error"].dims == ("time", "batch", "column")
    assert data["error"].attrs == {"units": "1", "long_name": "error of error cells"}
    assert data["error"].sel(area="output").values.ravel().tolist() == list(range(12))
    phi = data["phi"]
    assert phi.attrs["cell_methods"] == "time: sum"
    assert np.isnan(phi.values).sum() == 20
    assert phi.sel(area="area1").isel(column=1).values.ravel().tolist() == list(range(4))


def test_only_recorded_cells_are_columns():
    data = filled(plan([Record("area1.error", where=[2]), Record("area1.prediction", where=[0, 2])]))
    assert data["index"].values.tolist() == [0, 2]
    assert np.isnan(data["error"].isel(column=0)).all()
    assert not np.isnan(data["error"].isel(column=1)).any()


def test_a_name_that_means_two_things_carries_its_role():
    assert {"value", "rate", "error"} <= set(filled(plan()))
    two = Circuit([Population("a.fast", 1, Membrane()), Population("a.slow", 2, Membrane())])
    data = plan_recording(two, compile_protocol(two, Rest(2)))
    data = data.dataset([np.ones(a.shape) for a in data.allocate()], {}, {}, {})
    assert set(data) == {"fast_v", "slow_v", "fast_time", "slow_time"}
    assert data["slow_v"].attrs == {"units": "mV", "long_name": "v of slow cells"}
    assert np.isnan(data["fast_v"].values[0, 0]).tolist() == [False, True]
    one = Circuit([Population("a", 1, Membrane())])
    recording = plan_recording(one, compile_protocol(one, Rest(2)))
    assert set(recording.dataset(recording.allocate(), {}, {}, {})) == {"v", "cell_time"}


def test_what_is_reduced_is_on_the_axis_of_areas():
    data = filled(plan([Record("error", reduce="mean"), Record("prediction", {"output": [0, 1]}, "max")]))
    assert data["sheet"].values.tolist() == ["area1", "output"]
    assert data["error_mean"].dims == ("time", "batch", "sheet")
    assert data["error_mean"].sel(sheet="output").values.ravel().tolist() == list(range(10))
    assert np.isnan(data["prediction_max"].sel(sheet="area1")).all()
    assert data["prediction_max"].attrs["long_name"] == "max of prediction of prediction cells"
    assert "column" not in data.dims


def test_weights_over_time_and_before_and_after():
    data = filled(plan(UP))
    assert data[UP].dims == ("time", f"{UP} post", f"{UP} pre")
    assert data[UP].values.ravel().tolist() == list(range(30))
    assert data[f"{UP} before"].values.tolist() == [[0.5, 0.5]] * 3
    assert data[f"{UP} after"].values.tolist() == [[1.5, 1.5]] * 3
    assert data[f"{SIDE} before"].dims == (f"{SIDE} weight",)
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
        assert again["error"].sel(area="area1").shape == (5, 2, 3)


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
def test_wishes_that_cannot_be(message, record):
    refused(message, record)


def test_an_unknown_way_to_reduce():
    with pytest.raises(ProtocolError, match="unknown reduce of record 'error' 'median'"):
        Record("error", reduce="median")
