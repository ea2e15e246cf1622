"""``corticalnet simulate``: what it writes and says, and what it says of mistakes."""

import json
import warnings

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.cli.simulate import _some_cells
from corticalnet.errors import RecordingWarning
from corticalnet.recordings.reading import all_cells


def test_a_recording_a_circuit_and_figures(cli, place):
    said = cli("simulate small --data digits --rule streaming-fa-z-il --trials 2 --out here")
    assert said.code == 0, said.err
    assert "area1.phi" in said.out
    data = cn.load_recording(place / "here" / "recording.nc")
    assert data.attrs["engine"] == "torch"
    assert data["output.phi.phi"].sum() > 0
    circuit = cn.Circuit.load(place / "here" / "circuit")
    assert np.array_equal(circuit.weights["input->area1"], data["weights input->area1"].sel(when="before"))
    assert {p.stem for p in (place / "here").glob("*.png")} == {"wiring", "traces", "raster", "weights"}


def test_json_and_where_it_goes(cli, place):
    said = cli(
        "simulate small --data digits --rule z-il --trials 1 --no-plot --json --record error --every 2"
    )
    result = json.loads(said.out)
    assert result["rule"] == "z-il"
    assert result["figures"] == []
    assert set(result["relative_change"]) == {"input->area1", "area1->output"}
    assert all(change > 0 for change in result["relative_change"].values())
    data = cn.load_recording(place / result["out"] / "recording.nc")
    assert "value" not in data
    assert list(data.step.values[:3]) == [1, 3, 5]  # each sample at the end of the steps that it stands for


def test_decoders_learn_by_noise(cli, place):
    rule = "--rule simplified-target-propagation"
    said = cli(f"simulate small --data digits {rule} --trials 1 --no-plot --json --out tp")
    assert json.loads(said.out)["relative_change"]["area1->output feedback"] > 0
    data = cn.load_recording(place / "tp" / "recording.nc")
    noise = (data["area1.noisy.rate"] - data["area1.value.rate"]).values[-3:]
    assert 0.05 < noise.std() < 0.2  # σ = 0.1
    assert np.unique(noise).size == noise.size


def test_weights_that_were_all_zero_have_no_relative_change(cli):
    """So begin biases; here one that has learned from it."""
    command = "simulate oreilly_generec --data digits --trials 1 --set hidden=4 --no-plot --overwrite --out b"
    changes = json.loads(cli(f"{command} --json").out)["relative_change"]
    assert {name: change is None for name, change in changes.items()} == {
        name: name.endswith("bias") for name in changes
    }
    rows = [line.split() for line in cli(command).out.splitlines()]
    assert ["area1->output", "bias", "–"] in rows


def test_the_regime_of_the_first_trial(cli):
    said = cli("simulate small --data digits --rule il --seed 1 --trials 2 --no-plot --out il")
    assert "first trial, il: " in said.out
    assert "γ λ" in said.out
    said = cli("simulate small --data digits --rule z-il --trials 2 --no-plot --json --out z-il")
    found = json.loads(said.out)["regime"]
    assert (found["word"], found["changed"]) == ("backprop-like", {"area1": [1], "output": [0]})
    assert found["energies"]["output"][0] > 0
    said = cli("simulate small --data digits --rule feedback-alignment --trials 1 --no-plot --out none")
    assert said.code == 0
    assert "first trial" not in said.out


def test_weights_of_a_run(cli, place):
    assert cli("train small --data digits --rule z-il --out run").code == 0
    said = cli("simulate small --data digits --rule z-il --weights run --trials 1 --no-plot --out sim")
    assert said.code == 0, said.err
    data = cn.load_recording(place / "sim" / "recording.nc")
    net = cn.Network((1, 8, 8), [cn.Area(cn.Dense(8), "relu"), cn.Area(cn.Dense(10), "linear")])
    from corticalnet.training.checkpoint import load_weights

    load_weights(net, next((place / "run").rglob("best*.safetensors")))
    before = torch.tensor(data["weights input->area1"].sel(when="before").values).float()
    assert torch.equal(before, net.links[0].weight.detach())


def test_the_engines_agree(cli, place):
    pytest.importorskip("brian2")
    for engine in ("torch", "brian2"):
        said = cli(
            f"simulate small --data digits --rule il --trials 1 --no-plot --engine {engine} --out {engine}"
        )
        assert said.code == 0, said.err
    mine, its = (cn.load_recording(place / engine / "recording.nc") for engine in ("torch", "brian2"))
    assert abs(all_cells(mine, "error") - all_cells(its, "error")).max() < 1e-10


@pytest.mark.filterwarnings("always::corticalnet.errors.CircuitWarning")
def test_continuous_time(cli, place):
    """Each area leaves rest one read delay after the area above; a warning is one line."""
    said = cli("simulate small --data digits --rule z-il --trials 1 --no-plot --out here --dynamics latch "
               "--dt 5ms --read-delay 25")  # fmt: skip
    assert said.code == 0, said.err
    (warning,) = (line for line in said.err.splitlines() if "warning" in line.lower())
    assert warning.startswith(
        "warning: continuous time, latch: read_delay = 25 ms is less than 3 tau, so errors"
    )
    data = cn.load_recording(place / "here" / "recording.nc")
    assert data.attrs["dt"] == 5
    areas = ("output", "area1")
    fired = {area: data.time.values[data[f"{area}.phi.phi"].values[:, 0, 0] > 0] for area in areas}
    assert len(fired["output"]) == len(fired["area1"]) == 1
    assert fired["area1"] - fired["output"] == pytest.approx(25, abs=10)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("simulate smal", "unknown model 'smal'; did you mean 'small'"),
        ("simulate small --data digits --rule agrel --dynamics latch", "not by SoftmaxReward"),
        (
            "simulate small --data digits --rule z-il --engine brain2",
            "unknown engine 'brain2'; did you mean 'brian2'",
        ),
        ("simulate small --data digits --rule z-il --engine brian2 --target c", "unknown target 'c'"),
        ("simulate small --data digits --rule z-il --target numpy", "engine 'torch'"),
        ("simulate small --data digits --rule z-il --record eror", "eror"),
        ("simulate small --data digits --rule z-il --trials 1000", "training images"),
        ("simulate small --data digits --rule z-il --dynamics latsch", "did you mean 'latch'"),
        ("simulate small --data digits --rule il --dynamics latch", "il: in continuous time"),
        ("simulate small --data digits --rule z-il --tau 5", "--tau belongs to continuous time"),
        ("simulate small --data digits --rule z-il --dynamics latch --dt 3mV", "dt = '3mV' is a voltage"),
        ("simulate small --data digits --rule z-il --weights nowhere", "nowhere"),
        ("simulate small --data digits --rule z-il --nwb run.nc", "is called something.nwb, not 'run.nc'"),
    ],
)
def test_mistakes_are_one_line(cli, place, command, words):
    said = cli(command)
    assert said.code != 0
    assert said.out == ""
    assert words in said.err
    assert said.err.count("\n") == 1
    assert not (place / "runs").exists()


def test_an_nwb_file_beside_the_recording(cli, place):
    pytest.importorskip("pynwb")
    line = "simulate small --data digits --rule z-il --trials 1 --no-plot --record error --out here"
    line += " --nwb there/run.nwb"
    assert cli(line).code == 0
    data = cn.load_recording(place / "here" / "recording.nc")
    assert cn.from_nwb(place / "there" / "run.nwb").equals(data)
    said = cli(line.replace("here --nwb", "other --nwb"))
    assert "run.nwb is there already" in said.err
    assert not (place / "other").exists()


def test_a_recording_is_not_lost(cli, place):
    again = "simulate small --data digits --rule z-il --trials 1 --no-plot --out here"
    assert cli(again).code == 0
    before = (place / "here" / "recording.nc").stat().st_mtime_ns
    said = cli(again)
    assert said.code != 0
    assert "--overwrite" in said.err
    assert (place / "here" / "recording.nc").stat().st_mtime_ns == before
    assert cli(again + " --overwrite").code == 0
    assert (place / "here" / "recording.nc").stat().st_mtime_ns > before


def test_a_simulation_that_diverges_is_one_line_and_leaves_nothing(cli, place):
    said = cli("simulate small --data digits --rule z-il --lr 1e200 --trials 3 --out here")
    assert said.code == 1
    assert said.out == ""
    assert said.err.startswith("error: the simulation diverged: in step ")
    assert "ran away: choose a smaller learning rate" in said.err
    assert said.err.count("\n") == 1
    assert not (place / "here").exists()


def test_a_recording_streams_to_disk(cli, place, monkeypatch):
    """The same recording, in pieces, and what is said and drawn of it."""
    command = "simulate small --data digits --rule streaming-fa-z-il --trials 2 --json --no-plot"
    monkeypatch.setattr("corticalnet.recordings.recording.PIECE", 5000)
    found = [json.loads(cli(f"{command} {more}").out) for more in ("--out whole", "--out here --stream")]
    for result in found:
        del result["seconds"], result["out"], result["figures"]
    assert found[0] == found[1]
    whole, streamed = (cn.load_recording(place / name / "recording.nc") for name in ("whole", "here"))
    assert streamed.identical(whole)
    assert {p.name for p in (place / "here").iterdir()} == {p.name for p in (place / "whole").iterdir()}
    said = cli(f"{command} --out here --stream")
    assert said.err == "error: here holds a recording already; give another --out, or --overwrite\n"
    assert cli(f"{command} --out here --stream --overwrite --record eror").code == 1
    assert cn.load_recording(place / "here" / "recording.nc").identical(whole)  # nothing came in its place
    assert cli(f"{command} --out here --stream --overwrite --trials 1").code == 0
    assert {p.name for p in (place / "here").iterdir()} == {p.name for p in (place / "whole").iterdir()}
    assert cn.load_recording(place / "here" / "recording.nc").sizes["time"] < whole.sizes["time"]


def test_what_was_streamed_until_numbers_ran_away_is_there(cli, place):
    said = cli("simulate small --data digits --rule z-il --lr 1e200 --trials 3 --out here --stream")
    assert said.code == 1
    assert said.err.endswith("; here/recording.nc holds what was recorded until then\n")
    assert said.err.count("\n") == 1
    assert cn.load_recording(place / "here" / "recording.nc").sizes["time"] > 0
    said = cli("simulate small --data digits --rule z-il --record eror --out there --stream")
    assert said.code == 1
    assert not (place / "there").exists()


@pytest.mark.filterwarnings("always::corticalnet.errors.RecordingWarning")
def test_what_is_left_out_is_said_in_the_words_of_the_command(cli, monkeypatch):
    monkeypatch.setattr("corticalnet.recordings.variables.MOST_WEIGHTS", 10)
    said = cli("simulate small --data digits --rule z-il --trials 1 --no-plot --out here")
    assert said.code == 0
    (line,) = said.err.splitlines()
    assert line.startswith("warning: not recorded: weights over time (")
    assert line.endswith(
        "--record weights keeps them); --every records less often, --stream streams all to disk"
    )


def test_the_commands_own_choice_of_cells_is_said():
    """Of some hundreds of spiking cells a hundred, and the command says so."""
    net = cn.mlp([3, 2], "sigmoid", seed=0)
    with pytest.warns(RecordingWarning, match=r"^not recorded: all but 100 cells of each spiking population"):
        _some_cells(cn.circuit(net, cn.rule("brainprop"), cells_per_column=101))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _some_cells(cn.circuit(net, cn.rule("brainprop"), cells_per_column=20))
