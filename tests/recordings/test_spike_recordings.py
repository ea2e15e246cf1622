"""Recordings of circuits that spike: small by default, every cell knows its column, through a file."""

import numpy as np
import pytest
import torch
import xarray as xr

import corticalnet as cn
from corticalnet.circuits.cells import PIF, Sensory
from corticalnet.errors import RecordingWarning
from corticalnet.experiment.compiled import compile_protocol
from corticalnet.recordings.recording import plan_recording

X = np.random.default_rng(3).uniform(0, 1, 6)


def circuit(cells=4, kind="pif"):
    net = cn.mlp([6, 5, 3], "sigmoid", seed=0, dtype=torch.float64)
    return cn.circuit(net, cn.rule("brainprop"), 0.5, cells_per_column=cells, cell=kind)


def plan(made, ms, **options):
    return plan_recording(made, compile_protocol(made, [cn.Present(X, ms=ms)], check=False), **options)


@pytest.fixture(scope="module")
def data():
    return cn.simulate(circuit(), [cn.Present(X, ms=60)], check=False)


@pytest.mark.parametrize("kind", ["poisson", "pif", "lif"])
def test_by_default_spikes_of_spiking_cells_and_all_states_of_others(kind):
    made = circuit(kind=kind)
    variables = [t for t in plan(made, 60).variables if not t.is_weight]
    spiking = {p.name for p in made.populations if p.name.endswith((".on", ".off"))}
    assert {(t.part, t.state) for t in variables if t.part in spiking} == {
        (name, "spike") for name in spiking
    }
    others = {(p.name, state) for p in made.populations if p.name not in spiking for state in p.cell.state}
    assert {(t.part, t.state) for t in variables if t.part not in spiking} == others
    assert all(t.index is None for t in variables)


def test_of_too_many_spikes_each_column_keeps_some_cells():
    """28 · 500 cells for 1,600 steps are more than 20 million numbers, half of them are not."""
    made = circuit(500, "lif")
    with pytest.warns(RecordingWarning, match=r"all but one cell in 2 .*; record='spike' keeps them"):
        variables = [t for t in plan(made, 800).variables if t.state == "spike"]
    cells = sum(made.population(t.part).n for t in variables)
    kept = sum(len(t.index) for t in variables)
    assert cells * 1600 > 20_000_000 >= kept * 1600
    assert kept == cells / 2
    for t in variables:
        columns = made.population(t.part.rpartition(".")[0]).n
        np.testing.assert_array_equal(np.bincount(t.index // 500), np.full(columns, 250))
    assert all(t.index is None for t in plan(made, 800, every=2).variables)


def test_every_cell_knows_the_column_that_it_speaks_for(data):
    """The synapses that drive the cells say which column each belongs to."""
    made = circuit()
    for name in ("input.value.on", "area1.value.on", "output.feedback.off"):
        drive = made.projection(f"{name} drive")
        sizes = (made.population(end).n for end in (drive.source, drive.target))
        pre, post, _ = drive.connection.synapses(*sizes)
        axis = name.rpartition(".")[0]  # which "on" and "off" share
        np.testing.assert_array_equal(data[f"{name}.spike"][axis], post)
        np.testing.assert_array_equal(data[f"{name}.spike"][f"{axis}:column"], pre)


def test_chosen_cells_keep_their_number_and_column():
    only = cn.Record("area1.value.on", where=[1, 7, 8])
    data = cn.simulate(circuit(), [cn.Present(X, ms=5)], record=only, check=False)
    assert data["area1.value.on:cell"].values.tolist() == [1, 7, 8]
    assert data["area1.value.on:column"].values.tolist() == [0, 1, 2]


def test_spiking_cells_that_speak_for_nobody_are_columns_themselves():
    populations = [cn.Population("retina", 3, Sensory()), cn.Population("layer.pif", 3, PIF(max_rate=0.5))]
    made = cn.Circuit(
        populations, [cn.Projection("retina", "layer.pif", "drive", 1.0, cn.OneToOne())], dt=1.0
    )
    data = cn.simulate(
        made, [cn.SetInput({"retina.stimulus": [1.0, 0.5, 0.0]}, ms=9)], record="spike", seed=0
    )
    assert data["layer"].values.tolist() == [0, 1, 2]
    assert "layer:column" not in data
    # PIFs fire at 0.5, 0.25 and 0 per ms; where they stood in their cycle at first is worth one spike more.
    found = data["layer.pif.spike"].isel(batch=0).sum("time").values
    assert (np.abs(found - [4.5, 2.25, 0]) < 1).all()


def test_through_a_file(data, tmp_path):
    path = tmp_path / "run.nc"
    data.to_netcdf(path, engine="h5netcdf")
    again = cn.load_recording(path)
    xr.testing.assert_identical(data, again)
    on = again["area1.value.on.spike"]
    assert (on.dtype, on.shape) == (np.int8, (120, 1, 20))
    assert on.sum() > 0
    np.testing.assert_array_equal(on, data["area1.value.on.spike"])


def test_a_file_packs_spikes(tmp_path):
    data = cn.simulate(circuit(100), [cn.Present(X, ms=50)], record="spike", check=False)
    alone = data.filter_by_attrs(state="spike")
    alone.to_netcdf(tmp_path / "spikes.nc", engine="h5netcdf")
    plain = alone.copy()
    for array in plain.values():
        array.encoding = {}
    plain.to_netcdf(tmp_path / "plain.nc", engine="h5netcdf")
    packed, all_of_it = ((tmp_path / f"{name}.nc").stat().st_size for name in ("spikes", "plain"))
    assert packed < all_of_it - 0.8 * alone.nbytes
