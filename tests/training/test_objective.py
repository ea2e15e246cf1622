"""To reconstruct instead of to classify: what is told, scored, chosen, drawn, refused, and resumed."""

from __future__ import annotations

import json

import pytest
import torch

import corticalnet as cn
from corticalnet import data
from corticalnet.errors import CheckpointError, SettingError, ShapeError
from corticalnet.training import Settings, load_weights, run_seeds, train
from corticalnet.training.checkpoint import read_checkpoint, write_checkpoint
from corticalnet.training.loop import data_order
from corticalnet.training.state import best_epoch, finished


@pytest.fixture
def build():
    """An autoencoder of digits: ``build(rule, code=…, seed=…, **settings)``."""

    def made(rule="backprop", code=4, seed=0, **settings):
        net = cn.mlp([64, 16, code, 64], hidden="tanh", output="relu", seed=seed, bias=True)
        usual = {"epochs": 3, "limit": 120, "batch": 16, "lr": 0.02, "target": "image", "seed": seed}
        return cn.Model(net, rule, Settings(**usual | settings), "auto")

    return made


def loss(net, split):
    """By the definition: half the squares of an image's numbers, mean over images."""
    x, _ = split.batch(slice(None))
    wanted = x.flatten(1)
    return 0.5 * torch.nn.functional.mse_loss(net(wanted), wanted, reduction="sum").item() / len(split)


def test_updates_are_autograds_on_the_image(build):
    """One epoch of plain SGD, beside the same by torch alone."""
    model, twin = build(epochs=1, validation=0), build().network
    digits = data.load("digits", limit=48, validation=0)
    train(model, digits, progress=False)
    for index in data_order(48, seed=0, epoch=1).split(16):
        x, _ = digits.train.batch(index)
        error = 0.5 * (twin(x) - x.flatten(1)).square().sum() / len(x)
        gradients = torch.autograd.grad(error, list(twin.parameters()))
        with torch.no_grad():
            for p, g in zip(twin.parameters(), gradients, strict=True):
                p -= 0.02 * g
    for p, q in zip(model.network.parameters(), twin.parameters(), strict=True):
        assert torch.allclose(p, q, atol=1e-6)


def test_scores_are_losses_of_the_last_and_the_best_epoch(build, tmp_path):
    # A rate near the edge makes the loss jump about, so the best epoch is not the last.
    for seed in range(20):
        model = build(epochs=8, lr=0.09, seed=seed, patience=None)
        result = train(model, out=tmp_path / str(seed), progress=False)
        if result.best_epoch < 8:
            break
    else:
        pytest.fail("no seed had its best epoch early")
    digits = data.load("digits", seed=seed, limit=120)
    held_out = [record["validation_loss"] for record in result.history]
    assert result.best_epoch == 1 + held_out.index(min(held_out))
    assert result.history[0]["accuracy"] is None
    assert loss(model.network, digits.test) == pytest.approx(result.last_test_loss)
    assert loss(model.network, digits.validation) == pytest.approx(held_out[-1])
    load_weights(model.network, tmp_path / str(seed))
    assert loss(model.network, digits.test) == pytest.approx(result.best_test_loss)
    summary = json.loads((tmp_path / str(seed) / "summary.json").read_text())
    assert summary["best_test_loss"] == result.best_test_loss
    assert summary["validation_loss"] == min(held_out)
    assert f"test loss {result.last_test_loss:.4g} after the last epoch (8)" in str(result)
    with pytest.raises(SettingError, match="target='image' has no test accuracy, but a test loss"):
        _ = result.last_test_accuracy


def test_patience_waits_for_a_loss_that_falls_by_a_share():
    def history(*losses):
        return [{"epoch": k, "validation_loss": one} for k, one in enumerate(losses, start=1)]

    settings = Settings(target="image", epochs=100, patience=2, min_improvement=0.1)
    assert best_epoch(history(5, 3, 4, 3), settings.objective) == 2
    assert not finished(history(20, 17, 15), settings)
    assert finished(history(20, 18.5, 18.1), settings)  # each a tenth or less below 20
    assert not finished(history(20, 18.5, 17.9), settings)  # small steps add up
    assert finished(history(20, 30, 40), settings)


@pytest.mark.parametrize("rule", ["backprop", "perturbed-feedback", "kolen-pollack"])
def test_a_run_that_stopped_goes_on_bit_for_bit(build, tmp_path, rule):
    whole, again = build(rule, epochs=4, momentum=0.5), build(rule, epochs=4, momentum=0.5)
    one = train(whole, out=tmp_path / "whole", progress=False)
    train(build(rule, epochs=2, momentum=0.5), out=tmp_path / "run", progress=False)
    two = train(again, out=tmp_path / "run", resume=True, progress=False)
    for p, q in zip(whole.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(p, q)
    assert [r["validation_loss"] for r in one.history] == [r["validation_loss"] for r in two.history]
    assert one.best_test_loss == two.best_test_loss


def test_classes_do_not_go_on_as_images(build, tmp_path):
    train(build(target="class"), out=tmp_path / "run", progress=False)
    with pytest.raises(CheckpointError, match="target is class there and image here"):
        train(build(epochs=5), out=tmp_path / "run", resume=True, progress=False)


def test_a_checkpoint_older_than_the_setting_is_of_classes(build, tmp_path):
    train(build(target="class"), out=tmp_path / "run", progress=False)
    tensors, about = read_checkpoint(tmp_path / "run" / "last.safetensors")
    del about["identity"]["settings"]["target"]
    write_checkpoint(tmp_path / "run" / "last.safetensors", tensors, about)
    result = train(build(target="class", epochs=5), out=tmp_path / "run", resume=True, progress=False)
    assert len(result.history) == 5
    write_checkpoint(tmp_path / "run" / "last.safetensors", tensors, about)
    with pytest.raises(CheckpointError, match="target is class there and image here"):
        train(build(epochs=5), out=tmp_path / "run", resume=True, progress=False)


def test_seeds_report_losses(build):
    result = run_seeds(lambda seed: build(seed=seed), [0, 1], progress=False)
    losses = [run.last_test_loss for run in result.results]
    assert result.mean("last_test_loss") == pytest.approx(sum(losses) / 2)
    assert result.to_dict()["last_test_loss"]["sd"] == pytest.approx(abs(losses[0] - losses[1]) / 2**0.5)
    assert f"test loss after the last epoch: {sum(losses) / 2:.4g} ± " in str(result)


def test_answers_in_bfloat16_are_held_against_the_image_itself():
    """By hand: two images of one pixel, 100 / 255 and 37 / 255, and answers of 0 and 0.25."""
    split = data.Split(torch.tensor([100, 37], dtype=torch.uint8).view(2, 1, 1, 1), torch.tensor([0, 1]))
    answers = torch.tensor([[0.0], [0.25]], dtype=torch.bfloat16)
    wanted = ((100 / 255) ** 2 + (37 / 255 - 0.25) ** 2) / 4
    assert Settings(target="image").objective.score(answers, split) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("rule", ["brainprop", "agrel"])
def test_reward_is_for_classes(build, rule, tmp_path):
    with pytest.raises(
        SettingError, match=f"a teacher who shows the image, and {rule} is rewarded for a class"
    ):
        train(build(rule), out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_an_output_that_does_not_fit_the_images_is_refused(build):
    few = cn.Model(cn.mlp([64, 10]), "backprop", Settings(target="image"))
    with pytest.raises(
        ShapeError, match=r"output of 64 columns, one for each number of an image of digits; .* has 10"
    ):
        train(few, progress=False)
    sheet = cn.Network((1, 8, 8), [cn.Area(cn.Convolution(1, padding="same"), "linear")])
    with pytest.raises(ShapeError, match="must be a row of columns, not 1×8×8"):
        train(cn.Model(sheet, "backprop", Settings(target="image")), progress=False)
    with pytest.raises(SettingError, match="target"):
        Settings(target="picture")


def test_the_folder_has_reconstructions(build, tmp_path, monkeypatch):
    monkeypatch.undo()  # figures too
    train(build(), out=tmp_path / "run", progress=False)
    assert {path.name for path in (tmp_path / "run").glob("*.png")} == {
        "curves.png", "weights.png", "reconstructions.png"
    }  # fmt: skip


def test_the_picture_shows_every_class_and_what_was_made_of_it():
    digits = data.load("digits", limit=60)
    objective, (x, wanted) = (
        Settings(target="image").objective,
        Settings(target="image").objective.batch(digits.test, slice(None)),
    )
    figure = objective.draw(0.5 * wanted, digits)
    shown = [axes.images[0].get_array() for axes in figure.axes]
    above, below = shown[: len(shown) // 2], shown[len(shown) // 2 :]
    assert all((2 * b == a).all() for a, b in zip(above, below, strict=True))
    assert len({axes.get_title() for axes in figure.axes[: len(above)]}) == 10
    assert f"{objective.score(0.5 * wanted, digits.test):.4g}" in figure.get_suptitle()
    assert objective.score(0.5 * wanted, digits.test) == pytest.approx(x.square().sum().item() / 8 / len(x))
