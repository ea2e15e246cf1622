"""``corticalnet validate``: what it measures, writes and says; and ``simulate`` in spikes."""

import json

import pytest
import xarray as xr

from corticalnet.recordings.reading import all_cells


def test_views_of_a_model(cli, place):
    said = cli(
        "validate small --rule brainprop --set columns=6 --cells 3 --trials 1 --window 50 --out here --json"
    )
    assert said.code == 0, said.err
    found = json.loads(said.out)
    errors = {one["view"]: one["trials"][0]["all"]["error"] for one in found["views"]}
    assert errors["steps"] < 1e-10
    assert errors["rates, dt = 1 ms"] < 1e-4
    assert 1e-4 < errors["3 pif cells"] < 5
    assert json.loads((place / "here" / "validation.json").read_text())["views"] == found["views"]
    assert (place / "here" / "views.png").stat().st_size > 10_000


def test_a_sweep_of_a_model(cli, place):
    said = cli("validate small --rule il --trials 2")
    assert said.code == 0, said.err
    assert "small by il: weight changes beside backprop's, 2 trials" in said.out
    said = cli("validate small --rule brainprop --sweep tau --trials 1 --out there --no-plot")
    assert said.code == 0, said.err
    assert "τ (ms), s = 200 ms" in said.out
    assert {path.name for path in (place / "there").iterdir()} == {"validation.json", "command.json"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--set columns=2000", "2,074 columns"),
        ("--sweep depth", "Choices: dt, tau, delay"),
        ("--trials 99", "60 training images, but trials = 99"),
        ("--cell hodgkin", "poisson, pif, lif"),
        ("--engine neuron", "unknown engine 'neuron'"),
        ("--window 0.1V --rule z-il", "must be a time"),
    ],
)
def test_mistakes_are_one_line(cli, options, message):
    said = cli(f"validate small {options}")
    assert said.code == 1
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert message in said.err


@pytest.mark.filterwarnings("always::corticalnet.errors.RecordingWarning")
def test_a_model_in_spikes(cli, place):
    said = cli("simulate small --rule brainprop --set columns=2 --cells-per-column 4 --cell lif --trials 1 "
               "--slack 0 --dt 1 --out here --no-plot --every 5")  # fmt: skip
    assert said.code == 0, said.err
    assert "warning: not recorded: all but 100 cells of each spiking population (--record spike" in said.err
    assert "4 lif cells for each column" in said.out
    data = xr.load_dataset(place / "here" / "recording.nc", engine="h5netcdf")
    numbers = {name: data[f"{name}.spike"].shape[2] for name in ("input.value.on", "area1.value.on")}
    assert numbers == {"input.value.on": 100, "area1.value.on": 8}
    spikes = all_cells(data, "spike")
    assert 0 < spikes.sum() < spikes.size * 5 / 10  # counted over five steps
