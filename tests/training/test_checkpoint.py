"""Checkpoints: whole or not there, damaged ones told, other runs' refused, resuming exact."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace

import pytest
import torch

import corticalnet as cn
from corticalnet import data
from corticalnet.errors import CheckpointError, RuleError
from corticalnet.training import Settings, load_weights, train
from corticalnet.training.checkpoint import read_checkpoint, write_checkpoint
from corticalnet.training.identity import describe

KINDS = [
    ("backprop", {"dropout": 0.3, "optimizer": "adam", "lr": 0.01, "weight_decay": 1e-3}),
    ("brainprop", {"dropout": 0.3, "momentum": 0.9, "homeostasis": "batch", "drop_last": True}),
    ("z-il", {"dropout": 0.3, "momentum": 0.9, "homeostasis": "batch", "drop_last": True, "shortcut": True}),
    ("feedback-alignment", {"lr": 0.01, "homeostasis": "slow", "halve_every": 2}),
    ("fa-z-il", {"optimizer": "rmsprop", "lr": 0.001, "momentum": 0.5, "precision": "float64"}),
    ("kolen-pollack", {"momentum": 0.9, "weight_decay": 1e-3, "halve_every": 2, "shortcut": True}),
    ("z-il", {"schedule": "ReduceLROnPlateau(patience=0, factor=0.5)", "momentum": 0.5}),
    ("backprop", {"schedule": "CosineAnnealingLR(T_max=4)", "optimizer": "adamw", "lr": 0.01}),
    ("weight-mirror", {"optimizer": "adam", "lr": 0.01, "dropout": 0.2, "link_rates": (2, 0.3)}),
    ("perturbed-feedback", {"lr": 0.01, "momentum": 0.5, "dropout": 0.2}),
    ("reinforce", {"lr": 0.0003, "homeostasis": "batch", "drop_last": True}),
    ("ipc", {"optimizer": "adamw", "lr": 0.001, "precision": "bfloat16", "dropout": 0.2}),
]


def same(one, other):
    tensors, _ = read_checkpoint(one)
    others, _ = read_checkpoint(other)
    assert tensors.keys() == others.keys()
    return all(torch.equal(tensors[name], others[name]) for name in tensors)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            "z-il",
            "Rule(feedback=Tied(), name='z-il', teaching=Teacher(loss='squared'), "
            "trigger=ZIL(levelled=False, noise=0.0, rate=1.0, simulate=False, writes_once=True))",
        ),
        (
            "node-perturbation",
            "Rule(feedback=NoPathway(), name='node-perturbation', teaching=Teacher(loss='squared'), "
            "trigger=NodePerturbation(baseline='undisturbed', deviation=0.01))",
        ),
        (
            "brainprop",
            "Rule(feedback=Tied(), name='brainprop', teaching=Reward(exploration=0.02, temperature=1.0), "
            "trigger=Sweep(feedback_cells=True))",
        ),
    ],
)
def test_a_checkpoint_knows_its_rule_by_the_same_words_as_earlier_ones(rule, said):
    """Names of classes and settings are in checkpoints; another word would refuse all earlier runs."""
    assert describe(cn.rule(rule)) == said


@pytest.mark.parametrize(("rule", "settings"), KINDS, ids=[rule for rule, _ in KINDS])
def test_a_resumed_run_is_bit_identical(make, tmp_path, rule, settings):
    train(make(rule, epochs=5, **settings), out=tmp_path / "whole", progress=False)
    train(make(rule, epochs=2, **settings), out=tmp_path / "parts", progress=False)
    torch.manual_seed(7)  # what others draw in between must not matter
    result = train(make(rule, epochs=5, **settings), out=tmp_path / "parts", resume=True, progress=False)
    assert same(tmp_path / "whole" / "last.safetensors", tmp_path / "parts" / "last.safetensors")
    assert same(tmp_path / "whole" / "best.safetensors", tmp_path / "parts" / "best.safetensors")
    assert [record["epoch"] for record in result.history] == [1, 2, 3, 4, 5]
    lines = (tmp_path / "parts" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == result.history


def test_states_that_persist_are_resumed_with(make, tmp_path):
    def model(epochs):
        rule = cn.rule("equilibrium-propagation", persistent=True, steps=4, nudged_steps=2, feedback=0.1)
        return make(rule, epochs=epochs, limit=32, lr=0.01)

    with warnings.catch_warnings(action="ignore"):  # (in phases that settle, kept states would not matter)
        for epochs, name in ((3, "whole"), (2, "parts")):
            train(model(epochs), out=tmp_path / name, progress=False)
        train(model(3), out=tmp_path / "parts", resume=True, progress=False)
    assert same(tmp_path / "whole" / "last.safetensors", tmp_path / "parts" / "last.safetensors")


def test_a_cosine_over_all_epochs_is_another_one_over_more(make, tmp_path):
    train(make(epochs=2, schedule="CosineAnnealingLR"), out=tmp_path / "run", progress=False)
    longer = make(epochs=4, schedule="CosineAnnealingLR")
    with pytest.raises(CheckpointError, match=r"schedule is .*\(T_max=2\) there and .*\(T_max=4\) here"):
        train(longer, out=tmp_path / "run", resume=True, progress=False)
    same_rates = make(epochs=4, schedule="CosineAnnealingLR(T_max=2)")
    result = train(same_rates, out=tmp_path / "run", resume=True, progress=False)
    assert result.history[2]["lr"] == pytest.approx(0)  # (a rate of 0 is in a checkpoint, too)
    train(same_rates, out=tmp_path / "run", resume=True, progress=False)


def test_convolutions_resume_in_their_own_memory_layout(tmp_path):
    def model(epochs):
        areas = [cn.Area(cn.Convolution(4), "relu", pool=2, dropout=0.2), cn.Area(cn.Dense(10), "linear")]
        settings = Settings(epochs=epochs, limit=100, optimizer="adam", lr=0.01)
        return cn.Model(cn.Network((1, 8, 8), areas), "brainprop", settings)

    train(model(4), out=tmp_path / "whole", progress=False)
    train(model(2), out=tmp_path / "parts", progress=False)
    last = model(4)
    train(last, out=tmp_path / "parts", resume=True, progress=False)
    assert same(tmp_path / "whole" / "last.safetensors", tmp_path / "parts" / "last.safetensors")
    assert last.network.links[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_least_squares_goes_on_from_its_sums(make, tmp_path):
    def rule():
        return cn.rule("z-il", feedback=cn.Perturbed(fit="least squares"))

    train(make(rule(), epochs=3), out=tmp_path / "whole", progress=False)
    train(make(rule(), epochs=2), out=tmp_path / "parts", progress=False)
    resumed = rule()
    train(make(resumed, epochs=3), out=tmp_path / "parts", resume=True, progress=False)
    assert same(tmp_path / "whole" / "last.safetensors", tmp_path / "parts" / "last.safetensors")
    kept, _ = read_checkpoint(tmp_path / "whole" / "last.safetensors")
    state = resumed.state_dict()
    assert any(name.endswith(" gram") for name in state)
    assert all(torch.equal(kept[f"rule.{name}"], tensor) for name, tensor in state.items())


def test_feedback_of_another_network_is_refused(make):
    rule, other = cn.rule("kolen-pollack"), cn.rule("kolen-pollack")
    rule.parameters(make().network)
    other.parameters(cn.mlp([4, 3, 3, 2]))
    with pytest.raises(RuleError, match=r"feedback of another network: area1->\w+ is .* there and .* here"):
        rule.load_state_dict(other.state_dict())


class Learned(cn.Rule):
    """A rule with state of its own: how many updates it has made."""

    def __init__(self):
        super().__init__(name="learned")
        self._updates = torch.zeros((), dtype=torch.int64)

    def update(self, net, x, targets, optimizer):
        self._updates += 1
        return super().update(net, x, targets, optimizer)

    def state_dict(self):
        return {"updates": self._updates}

    def load_state_dict(self, state):
        self._updates = state["updates"]


def test_a_rule_with_state_of_its_own_goes_on_from_it(make, tmp_path):
    train(make(Learned(), epochs=2), out=tmp_path, progress=False)
    rule = Learned()
    train(make(rule, epochs=3), out=tmp_path, resume=True, progress=False)
    assert int(rule._updates) == 3 * 7


def test_a_finished_run_resumes_to_the_same_result(make, tmp_path):
    first = train(make(), out=tmp_path, progress=False)
    again = train(make(), out=tmp_path, resume=True, progress=False)
    assert again == first


OTHERS = [
    ({"columns": 13}, r"another network: areas.area1.links.0.bias is \[12\] there and \[13\] here"),
    ({"dropout": 0.1}, "another network: 'area1 12 dense .* relu 768' there, .*dropout 0.1"),
    ({"net_seed": 1}, "another network: .*seed 0' there, .*seed 1' here"),
    ({"rule": "z-il"}, "another rule: .*'backprop'.* there, .*'z-il'.* here"),
    ({"rule": cn.rule("backprop", loss="cross-entropy")}, "another rule: .*'squared'.*'cross-entropy'"),
    ({"lr": 0.2}, "other settings: lr is 0.1 there and 0.2 here"),
    ({"seed": 1}, "other settings: seed is 0 there and 1 here"),
    ({"precision": "float64"}, "other settings: precision is float32 there and float64 here"),
]


@pytest.mark.parametrize(("change", "message"), OTHERS, ids=lambda value: str(value)[:25])
def test_a_checkpoint_of_another_run_is_refused_and_stays(make, tmp_path, change, message):
    train(make(epochs=1), out=tmp_path, progress=False)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(CheckpointError, match=message) as error:
        train(make(**change), out=tmp_path, resume=True, progress=False)
    assert "\n" not in str(error.value)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("what", ["images", "labels"])
def test_a_run_does_not_go_on_with_other_data_of_the_same_shape(make, tmp_path, split, what):
    digits = data.load("digits", limit=100)
    train(make(epochs=1), digits, out=tmp_path, progress=False)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    part = getattr(digits, split)
    changed = getattr(part, what).clone()
    changed[-1] = changed[-1].flip(-1) if what == "images" else 9 - changed[-1]
    others = replace(digits, **{split: replace(part, **{what: changed})})
    with pytest.raises(CheckpointError, match=f"of a run with other data: {split} is .* there and .* here"):
        train(make(epochs=2), others, out=tmp_path, resume=True, progress=False)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(train(make(epochs=2), digits, out=tmp_path, resume=True, progress=False).history) == 2


def test_a_run_does_not_go_on_in_another_number_format(make, tmp_path):
    train(make(epochs=1), out=tmp_path, progress=False)
    other = make(epochs=2)
    other.network.double()
    with pytest.raises(CheckpointError, match="precision is float32 there and float64 here"):
        train(other, out=tmp_path, resume=True, progress=False)


def test_damage_is_told_wherever_it_is(make, tmp_path):
    train(make(epochs=1), out=tmp_path / "run", progress=False)
    path = tmp_path / "run" / "last.safetensors"
    sound = path.read_bytes()
    broken = {f"cut at {n}": sound[:n] for n in (0, 7, 100, len(sound) // 2, len(sound) - 1)}
    for place in range(0, len(sound), max(1, len(sound) // 97)):
        changed = bytes([sound[place] ^ 1])
        broken[f"bit at {place}"] = sound[:place] + changed + sound[place + 1 :]
    for what, content in broken.items():
        path.write_bytes(content)
        with pytest.raises(CheckpointError) as error:
            read_checkpoint(path)
        assert "\n" not in str(error.value), what


def test_missing_runs_and_checkpoints_are_told(make, tmp_path):
    with pytest.raises(CheckpointError, match="there is no run to resume in"):
        train(make(), out=tmp_path / "nowhere", resume=True, progress=False)
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        load_weights(make().network, tmp_path / "nowhere")
    (tmp_path / "settings.json").write_text('{"file": ')
    with pytest.raises(CheckpointError, match=r"settings\.json is damaged"):
        train(make(), out=tmp_path, resume=True, progress=False)


def test_load_weights_takes_a_folder_or_a_file_and_refuses_other_networks(make, tmp_path):
    model = make(epochs=2)
    train(model, out=tmp_path, progress=False)
    fresh = make().network
    load_weights(fresh, tmp_path / "last.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(fresh.parameters(), model.network.parameters(), strict=True))
    load_weights(fresh, tmp_path)
    with pytest.raises(CheckpointError, match="another network"):
        load_weights(make(columns=5).network, tmp_path)


def test_best_weights_are_no_run_to_resume(make, tmp_path):
    train(make(epochs=1), out=tmp_path, progress=False)
    (tmp_path / "best.safetensors").replace(tmp_path / "last.safetensors")
    with pytest.raises(CheckpointError, match="holds weights only"):
        train(make(epochs=1), out=tmp_path, resume=True, progress=False)


def test_other_files_are_no_checkpoints(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(2)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CheckpointError, match="no checkpoint of corticalnet"):
        read_checkpoint(tmp_path / "foreign.safetensors")


def test_every_kind_of_tensor_comes_back(tmp_path):
    tensors = {
        "scalar": torch.tensor(1.5, dtype=torch.float64),
        "empty": torch.zeros(0, 3),
        "short": torch.randn(3).bfloat16(),
        "turned": torch.randn(3, 4).t(),
        "bytes": torch.arange(5, dtype=torch.uint8),
    }
    write_checkpoint(tmp_path / "file", tensors, {"π": [1e-17, None]})
    back, about = read_checkpoint(tmp_path / "file")
    assert all(torch.equal(back[name], tensor) for name, tensor in tensors.items())
    assert all(back[name].dtype == tensor.dtype for name, tensor in tensors.items())
    assert about == {"π": [1e-17, None]}


def test_other_settings_than_a_runs_are_told_the_way_on(make, tmp_path):
    first = make()
    train(first, out=tmp_path / "run", progress=False)
    model = make(lr=0.03)
    with pytest.raises(CheckpointError, match="begin another run with another out=") as told:
        train(model, out=tmp_path / "run", resume=True, progress=False)
    command = str(told.value).partition("if you like: ")[2]
    exec(command, {"cn": cn, "model": model})  # the way that the sentence names is one
    assert all(map(torch.equal, model.network.parameters(), first.network.parameters()))
    train(model, out=tmp_path / "another", progress=False)
