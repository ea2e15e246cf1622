"""The loop: order, means, precision, what is reported, what is refused."""

from __future__ import annotations

import json
import math

import pytest
import torch

import corticalnet as cn
from corticalnet import data
from corticalnet.errors import (
    CheckpointError,
    ModelError,
    NetworkError,
    SettingError,
    ShapeError,
    TrainingError,
)
from corticalnet.training import Settings, load_weights, train
from corticalnet.training.checkpoint import read_checkpoint
from corticalnet.training.loop import data_order
from corticalnet.training.result import score


def test_the_order_of_data_depends_on_seed_and_epoch_alone():
    first = data_order(50, seed=3, epoch=2)
    torch.manual_seed(99)
    torch.rand(5)
    assert torch.equal(first, data_order(50, seed=3, epoch=2))
    assert torch.equal(first.sort().values, torch.arange(50))
    assert not torch.equal(first, data_order(50, seed=3, epoch=3))
    assert not torch.equal(first, data_order(50, seed=4, epoch=2))


class Spy(cn.Rule):
    """Backprop that keeps what it was shown."""

    def __init__(self):
        super().__init__(name="spy")
        self.seen = []

    def update(self, net, x, targets, optimizer):
        step = super().update(net, x, targets, optimizer)
        self.seen.append((len(x), float(step.loss), int((step.prediction == targets).sum()), x.dtype))
        return step


def test_every_image_once_and_means_over_true_batches(make):
    rule = Spy()
    result = train(make(rule, epochs=1, limit=50, batch=16), progress=False)
    sizes = [n for n, *_ in rule.seen]
    assert sizes == [16, 16, 16, 2]
    record = result.history[0]
    assert record["loss"] == pytest.approx(sum(n * loss for n, loss, *_ in rule.seen) / 50)
    assert record["accuracy"] == sum(right for _, _, right, _ in rule.seen) / 50
    assert record["reward"] is None


def test_drop_last_leaves_the_incomplete_batch_out(make):
    rule = Spy()
    train(make(rule, epochs=1, limit=50, batch=16, drop_last=True), progress=False)
    assert [n for n, *_ in rule.seen] == [16, 16, 16]


def test_a_rewarded_rule_reports_its_reward(make):
    record = train(make("brainprop", epochs=1), progress=False).history[0]
    assert record["reward"] == record["accuracy"]


@pytest.mark.parametrize("precision", ["float64", "bfloat16"])
@pytest.mark.parametrize("rule", ["backprop", "brainprop", "direct-feedback-alignment", "il"])
@pytest.mark.parametrize("homeostasis", [None, "slow", "batch"])
def test_every_precision_learns_as_float32_does(make, precision, rule, homeostasis):
    losses = {}
    for each in ("float32", precision):
        model = make(rule, homeostasis=homeostasis, precision=each, lr=0.02, epochs=4, drop_last=True)
        losses[each] = train(model, progress=False).history[-1]["loss"]
        wanted = torch.float64 if each == "float64" else torch.float32
        assert {p.dtype for p in model.network.parameters()} == {wanted}
    # Exploration draws other numbers in another format, so a rewarded rule goes its own way.
    tolerance = 0.3 if rule == "brainprop" else 0.1
    assert losses[precision] == pytest.approx(losses["float32"], rel=tolerance)


@pytest.mark.parametrize("rule", ["z-il", "brainprop", "weight-mirror"])
def test_a_network_is_trained_in_the_format_in_which_it_was_made(rule):
    ends = {}
    for made, asked in (
        ("float64", None),
        ("float64", "float64"),
        ("float32", "float64"),
        ("float64", "float32"),
    ):
        spy = Spy() if rule == "z-il" else cn.rule(rule)
        net = cn.mlp([64, 12, 10], hidden="tanh", seed=1, dtype=getattr(torch, made))
        train(cn.Model(net, spy, Settings(epochs=1, limit=50, precision=asked)), progress=False)
        wanted = getattr(torch, asked or made)
        assert {tensor.dtype for tensor in net.parameters()} == {wanted}
        assert {dtype for *_, dtype in getattr(spy, "seen", [])} <= {wanted}
        ends[made, asked] = net.links[0].weight.detach()
    assert torch.equal(ends["float64", None], ends["float64", "float64"])
    # (weights that were rounded to float32 before training end elsewhere)
    assert not torch.equal(ends["float64", None], ends["float32", "float64"])


@pytest.mark.parametrize("cast", [lambda net: net.half(), lambda net: net.links[0].double()])
def test_a_network_in_a_format_that_cannot_be_trained_in_is_refused(make, cast):
    model = make(epochs=1)
    cast(model.network)
    with pytest.raises(
        SettingError, match=r"network is in float(16|32 and float64); .* set precision to one of"
    ):
        train(model, progress=False)
    model.settings = model.settings.change(precision="float32")
    train(model, progress=False)
    assert {p.dtype for p in model.network.parameters()} == {torch.float32}


def test_bfloat16_convolutions_and_pools_run(make):
    areas = [
        cn.Area(cn.Convolution(4, bias=True), "relu", homeostasis="batch", pool=2, dropout=0.1),
        cn.Area(cn.Local(3, 2), "tanh"),
        cn.Area(cn.Dense(10), "linear"),
    ]
    settings = Settings(precision="bfloat16", limit=64, epochs=2)
    result = train(cn.Model(cn.Network((1, 8, 8), areas), "backprop", settings), progress=False)
    assert math.isfinite(result.history[-1]["loss"])


def test_the_test_set_is_scored_for_the_last_and_the_best_epoch(make, tmp_path):
    # A rate far too high makes accuracy jump about, so the best epoch is not the last.
    for seed in range(20):
        model = make(epochs=8, lr=0.25, seed=seed, patience=None)
        result = train(model, out=tmp_path / str(seed), progress=False)
        if result.best_epoch < 8 and result.best_test_accuracy != result.last_test_accuracy:
            break
    else:
        pytest.fail("no seed had its best epoch early")
    digits = data.load("digits", seed=seed, limit=100)
    validation = [record["validation_accuracy"] for record in result.history]
    assert result.best_epoch == 1 + validation.index(max(validation))
    assert score(model.network, digits.test) == result.last_test_accuracy
    load_weights(model.network, tmp_path / str(seed))
    assert score(model.network, digits.test) == result.best_test_accuracy
    assert score(model.network, digits.validation) == max(validation)
    summary = json.loads((tmp_path / str(seed) / "summary.json").read_text())
    assert summary["best_test_accuracy"] == result.best_test_accuracy


def test_training_leaves_the_callers_randomness_alone(make):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train(make(dropout=0.5, epochs=1), progress=False)
    assert torch.equal(before, torch.get_rng_state())


def test_on_epoch_sees_every_record(make):
    seen = []
    result = train(make(), progress=False, on_epoch=seen.append)
    assert seen == result.history


def test_a_run_folder_records_everything(make, tmp_path, monkeypatch):
    monkeypatch.undo()  # figures too
    train(make(), out=tmp_path / "run", progress=False)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    figures = {"curves.png", "weights.png", "confusion.png"}
    assert names >= figures | {"settings.json", "metrics.jsonl", "summary.json"}
    assert names >= {"last.safetensors", "best.safetensors"}
    assert not [name for name in names if name.endswith(".part")]
    about = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert about["settings"]["batch"] == 16
    assert about["versions"]["torch"] == torch.__version__
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("rule", "settings", "cause"),
    [
        ("backprop", {"lr": 1e30}, "lr=1e+30 is too high for sgd"),
        ("il", {"lr": 1e30}, "γ=0.1 makes the 20 inference steps unstable"),
    ],
)
def test_a_loss_that_is_not_finite_stops_the_run(make, tmp_path, rule, settings, cause):
    with pytest.raises(TrainingError) as error:
        train(make(rule, epochs=30, **settings), out=tmp_path / "run", progress=False)
    assert cause in str(error.value)
    assert f"rule {rule}" in str(error.value)
    assert "epoch 1" in str(error.value)
    assert not (tmp_path / "run" / "last.safetensors").exists()


def test_a_loss_that_breaks_later_leaves_the_last_good_checkpoint(make, tmp_path):
    def poison(record):
        if record["epoch"] == 2:
            with torch.no_grad():
                model.network.links[0].weight.fill_(math.inf)

    model = make(epochs=5)
    with pytest.raises(TrainingError, match=r"in epoch 3 .*the checkpoint of epoch 2 is sound"):
        train(model, out=tmp_path / "run", progress=False, on_epoch=poison)
    again = make(epochs=2)
    train(again, out=tmp_path / "run", resume=True, progress=False)
    assert all(bool(p.isfinite().all()) for p in again.network.parameters())


def test_what_does_not_fit_is_refused_before_anything_is_written(make, tmp_path):
    wide = cn.Model(cn.mlp([784, 10]), "backprop")
    with pytest.raises(ShapeError, match="input is 784, but images of digits are 1×8×8"):
        train(wide, out=tmp_path / "run", progress=False)
    few = cn.Model(cn.mlp([64, 5]), "backprop")
    with pytest.raises(ShapeError, match="label 9 is out of range; the output has columns 0 to 4"):
        train(few, out=tmp_path / "run", progress=False)
    with pytest.raises(SettingError, match="drop_last=true"):
        train(make(homeostasis="batch", limit=65), out=tmp_path / "run", progress=False)
    with pytest.raises(SettingError, match="leaves nothing"):
        train(make(limit=10, drop_last=True), out=tmp_path / "run", progress=False)
    with pytest.raises(SettingError, match="tf32, which needs a CUDA device"):
        train(make(precision="tf32", device="cpu"), out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_another_run_is_never_overwritten(make, tmp_path):
    train(make(), out=tmp_path, progress=False)
    with pytest.raises(CheckpointError, match=r"holds a finished run; go on with resume=True \(--resume"):
        train(make(), out=tmp_path, progress=False)


class LastStraw(cn.Rule):
    """Backprop whose last update of the second epoch breaks a weight; no loss has seen it yet."""

    updates = 0

    def update(self, net, x, targets, optimizer):
        step = super().update(net, x, targets, optimizer)
        self.updates += 1
        if self.updates == 4:
            with torch.no_grad():
                net.links[0].weight[0, 0] = math.nan
        return step


def test_weights_that_are_not_finite_reach_no_checkpoint(make, tmp_path):
    with pytest.raises(TrainingError, match="in epoch 2"):
        train(make(LastStraw(), limit=32, epochs=5), out=tmp_path, progress=False)
    _, about = read_checkpoint(tmp_path / "last.safetensors")
    assert len(about["history"]) == 1


def test_weights_that_nothing_can_be_taught_from_are_told_before_anything_is_written(make, tmp_path):
    model = make()
    model.network.to("meta")
    with pytest.raises(NetworkError, match="'weight' has no numbers"):
        train(model, out=tmp_path / "run", progress=False)
    model.network.to_empty(device="cpu")
    with torch.no_grad():
        model.network.links[0].weight.fill_(math.nan)
    with pytest.raises(NetworkError, match=r"0\.weight' holds NaN or infinite numbers before the"):
        train(model, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_weights_made_in_inference_mode_learn_as_others_do(make):
    usual = make(epochs=1)
    with torch.inference_mode():
        model = make(epochs=1)
    for one in (usual, model):
        train(one, progress=False)
    pairs = zip(usual.network.parameters(), model.network.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize("part", ["network", "rule", "settings"])
def test_a_part_of_a_model_that_was_exchanged_is_looked_at(make, part):
    model = make()
    setattr(model, part, None)
    with pytest.raises(ModelError, match=f"a model's {part} must be a .*, not NoneType"):
        train(model, progress=False)


def test_a_rule_may_be_exchanged_by_name(make):
    models = make("z-il", epochs=1), make(epochs=1)
    models[1].rule = "z-il"
    results = [train(model, progress=False) for model in models]
    assert results[0].history[0]["loss"] == results[1].history[0]["loss"]
    assert models[1].rule.name == "z-il"
