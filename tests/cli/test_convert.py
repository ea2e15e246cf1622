"""``corticalnet convert``: what goes through several formats is in the end what it was in the beginning."""

import functools
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.circuits.cells import DrivenLIF, Sensory
from corticalnet.formats.conversion import FORMATS


@functools.cache
def content():
    """A recording of φ, rates and weights, as a file of our own; made once."""
    made = cn.circuit(cn.mlp([3, 4, 2], "tanh", seed=0), cn.rule("streaming-fa-z-il"), 0.1)
    trial = [cn.Present(np.full((2, 3), 0.5), 6), cn.Teach([0, 1], 6)]
    with tempfile.TemporaryDirectory() as folder:
        cn.simulate(made, trial, to=Path(folder) / "recording.nc")
        return (Path(folder) / "recording.nc").read_bytes()


def recorded(path):
    """The recording, in a file."""
    (path / "recording.nc").write_bytes(content())
    return cn.load_recording(path / "recording.nc")


def test_a_recording_goes_round_and_is_what_it_was(cli, place):
    pytest.importorskip("pynwb")
    data = recorded(place)
    for line in (
        "convert . run.nwb",
        "convert run.nwb made/cf.nc",
        "convert made/cf.nc again.nc --format recording",
    ):
        found = cli(line)
        assert (found.code, found.err) == (0, "")
    assert found.out == "made/cf.nc (netcdf) → again.nc (recording)\n"
    assert cn.load_recording("again.nc").identical(data)
    assert cn.from_netcdf("made/cf.nc").identical(data)
    assert cli("convert run.nwb columns --format sonata").code == 0
    again = cn.from_sonata("columns")
    np.testing.assert_array_equal(again["area1.phi.phi"].values, data["area1.phi.phi"].values)
    told = json.loads(cli("convert columns last.nc --json").out)
    assert told == {"from": "columns", "format": "sonata", "to": "last.nc", "new_format": "netcdf"}


def test_a_circuit_goes_out_as_nir_and_comes_back(cli, place):
    pytest.importorskip("nir")
    cells = [cn.Population("retina", 2, Sensory()), cn.Population("cortex", 3, DrivenLIF(spread=0))]
    circuit = cn.Circuit(cells, [cn.Projection("retina", "cortex", "spikes", 2.0)], dt=0.5)
    circuit.save(place / "cells.json")
    assert cli("convert cells.json cells.nir --reader snntorch").code == 0
    assert cli("convert cells.nir back.json").code == 0
    spikes = {"retina": (np.random.default_rng(0).random((60, 2)) < 0.3).astype(float)}
    fired = [
        cn.simulate(one, [cn.Play({f"{name}.stimulus": spikes["retina"]})], record=["spike"])["cortex.spike"]
        for one, name in ((circuit, "retina"), (cn.Circuit.load(place / "back.json"), "input"))
    ]
    assert fired[0].values.sum() > 10
    np.testing.assert_array_equal(fired[0].values, fired[1].values)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("convert nowhere.nwb run.nc", "there is no 'nowhere.nwb'"),
        (
            "convert recording.nc run.xyz",
            "'run.xyz' has the suffix of no format; choose from .nwb, .nc, .zarr",
        ),
        ("convert recording.nc run.nwb --format nbw", "unknown format 'nbw'"),
        ("convert recording.nc run.nc --format nwb", "a file of format nwb is called ….nwb, not 'run.nc'"),
        ("convert recording.nc cells.nir", "'recording.nc' holds a recording, and nir a circuit"),
        ("convert recording.nc recording.nc", "recording.nc is there already"),
        ("convert recording.nc run.nc --reader norse", "--reader is for nir, not for netcdf"),
        ("convert models run.nc", "folder 'models' holds no recording"),
        ("convert text.nwb run.nc", "text.nwb"),
        ("convert text.json run.nir", "circuit text"),
    ],
)
def test_a_mistake_is_one_line_and_loses_nothing(cli, place, line, says):
    recorded(place)
    for name in ("text.nwb", "text.json"):
        (place / name).write_text("no such file")
    before = (place / "recording.nc").read_bytes()
    found = cli(line)
    assert found.code != 0
    assert says in found.err
    assert found.err.count("\n") == 1
    assert (place / "recording.nc").read_bytes() == before
    assert not list(place.glob("run.*"))


def test_every_format_has_a_suffix_of_its_own_or_a_name():
    suffixes = [one.suffix for one in FORMATS.values() if one.suffix != ".nc"]
    assert len(set(suffixes)) == len(suffixes)
