"""A model that reconstructs images, with every command that takes a model."""

import json

import numpy as np
import pytest
import torch

import corticalnet as cn
import corticalnet.data as data
from corticalnet.recordings.reading import weight_change
from corticalnet.training import load_model

MODEL = '''"""A small autoencoder."""
import corticalnet as cn
from corticalnet.training import Settings

def build(rule="backprop", output="relu", seed=0):
    net = cn.mlp([64, 3, 64], hidden="tanh", output=output, bias=True, seed=seed)
    return cn.Model(net, rule, Settings(epochs=2, limit=60, target="image", lr=0.02, seed=seed))
'''


@pytest.fixture(autouse=True)
def auto(place):
    (place / "models" / "auto.py").write_text(MODEL)


def test_train_says_losses(cli):
    done = cli("train auto --out run")
    assert done.code == 0, done.err
    assert "auto by backprop on digits: test loss " in done.out
    assert "accuracy" not in done.out + done.err
    summary = json.loads(cli("train auto --seeds 2 --epochs 1 --out two --json").out)
    assert summary["last_test_loss"]["sd"] > 0
    assert cli("train --resume run --epochs 3").code == 0


def test_a_circuit_is_taught_the_image(cli, place):
    """One trial changes the weights as the rule does that is told the image."""
    said = cli("simulate auto --data digits --rule z-il --trials 1 --lr 0.1 --no-plot --out here")
    assert said.code == 0, said.err
    recording = cn.load_recording(place / "here" / "recording.nc")
    model = load_model("auto")
    net = model.network.double()
    x, _ = data.load("digits", limit=60).train.batch(slice(0, 1), torch.float64)
    model.rule.learn(net, x, x.flatten(1))
    for link in net.links:
        change = weight_change(recording, link.name)
        assert np.abs(change).max() > 0
        assert change == pytest.approx(-0.1 * link.weight.grad.numpy(), abs=1e-12)


@pytest.mark.slow
def test_views_in_time_see_the_image_too(cli):
    said = cli("validate auto --rule z-il --trials 1 --cells 2 --window 60 --json")
    assert said.code == 0, said.err
    errors = {one["view"]: one["trials"][0]["all"]["error"] for one in json.loads(said.out)["views"]}
    assert errors["steps"] < 1e-10
    assert errors["rates, dt = 1 ms"] < 1e-4
    said = cli("autonomy auto --rule z-il --samples 5 --trials 2 --out there --json")
    assert said.code == 0, said.err
    assert json.loads(said.out)["streams"]["streaming φ"]["worst"] < 1e-10


@pytest.mark.parametrize("command", ["train", "simulate", "validate", "autonomy"])
def test_reward_is_refused_in_one_sentence(cli, command):
    said = cli(f"{command} auto --rule brainprop --data digits")
    assert said.code == 1
    assert said.out == ""
    assert said.err.count("\n") == 1
    # (autonomy has another sentence of its own for rewarded rules)
    assert "brainprop is rewarded for a class" in said.err or command == "autonomy"


@pytest.mark.parametrize("command", ["train", "simulate", "validate", "autonomy"])
def test_an_output_that_is_no_image_is_refused_in_one_sentence(cli, command):
    said = cli(f"{command} small --set target=image --rule z-il --data digits")
    assert said.code == 1
    assert said.err.startswith("error: target='image' needs an output of 64 columns")
    assert said.err.count("\n") == 1


def test_an_audit_asks_rules_not_models(cli):
    said = cli("audit auto")
    assert said.code == 1
    assert said.err.startswith("error: unknown rule 'auto'. Choices: backprop")
