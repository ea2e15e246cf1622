"""Several seeds: mean and standard deviation against numpy's, and going on with what is there."""

from __future__ import annotations

import json

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.errors import CheckpointError, ModelError, SettingError
from corticalnet.training import Settings, run_seeds, train
from corticalnet.training.result import weights_as_images


def test_mean_and_spread_are_numpys(make, tmp_path):
    result = run_seeds(lambda seed: make(net_seed=seed), range(3), out=tmp_path, progress=False)
    values = [run.last_test_accuracy for run in result.results]
    assert len(set(values)) > 1
    assert result.mean("last_test_accuracy") == pytest.approx(np.mean(values))
    assert result.sd("last_test_accuracy") == pytest.approx(np.std(values, ddof=1))
    assert [run.settings.seed for run in result.results] == [0, 1, 2]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["last_test_accuracy"]["sd"] == result.sd("last_test_accuracy")
    assert all((tmp_path / f"seed-{seed}" / "best.safetensors").exists() for seed in range(3))
    assert "±" in str(result)


def test_one_seed_has_no_spread(make):
    result = run_seeds(lambda seed: make(net_seed=seed), [4], progress=False)
    assert result.sd("best_test_accuracy") is None
    assert "±" not in str(result)


def test_seeds_resume(make, tmp_path):
    made = []

    def model(seed):
        made.append(seed)
        if len(made) == 2:
            raise KeyboardInterrupt
        return make(net_seed=seed)

    with pytest.raises(KeyboardInterrupt):
        run_seeds(model, range(3), out=tmp_path, progress=False)
    with pytest.raises(CheckpointError, match="seed-0 holds a finished run"):
        run_seeds(model, range(3), out=tmp_path, progress=False)
    before = (tmp_path / "seed-0" / "last.safetensors").read_bytes()
    result = run_seeds(model, range(3), out=tmp_path, resume=True, progress=False)
    assert len(result.results) == 3
    assert before == (tmp_path / "seed-0" / "last.safetensors").read_bytes()


def test_a_model_whose_first_link_has_no_weights_is_no_model_that_ignores_the_seed():
    """Nor has it weights to draw as receptive fields."""

    def make(seed):
        areas = [cn.Area(cn.Identity(), "relu", homeostasis="slow"), cn.Area(cn.Dense(10), "linear")]
        return cn.Model(cn.Network((1, 8, 8), areas, seed), "z-il", Settings(epochs=1, limit=100))

    found = run_seeds(make, [0, 1], progress=False)
    assert found.results[0].history != found.results[1].history
    assert weights_as_images(make(0).network, (1, 8, 8)) is None


def test_a_model_that_ignores_the_seed_is_told(make):
    with pytest.raises(ModelError, match="every seed begins with the same weights"):
        run_seeds(lambda seed: make(), range(2), progress=False)


@pytest.mark.parametrize("seeds", [[], [1, 1]])
def test_seeds_must_be_different(make, seeds):
    with pytest.raises(SettingError, match="different"):
        run_seeds(lambda seed: make(), seeds, progress=False)


def test_a_folder_of_seeds_forgets_none_and_takes_more(make, tmp_path):
    def model(seed):
        return make(net_seed=seed, epochs=1)

    run_seeds(model, [0, 1], out=tmp_path, progress=False)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    for seeds, resume, words in (
        ([1, 2], True, r"holds runs of other seeds, too: \[0\]; give them as well"),
        ([2, 3], False, "seed-0 holds a finished run"),
    ):
        with pytest.raises(CheckpointError, match=words):
            run_seeds(model, seeds, out=tmp_path, resume=resume, progress=False)
        assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    more = run_seeds(model, [0, 1, 2], out=tmp_path, resume=True, progress=False)
    assert len(more.results) == 3
    assert json.loads((tmp_path / "seeds.json").read_text())["seeds"] == [0, 1, 2]


def test_a_seed_that_cannot_go_on_is_found_out_before_the_others_are_trained(make, tmp_path):
    run_seeds(lambda seed: make(net_seed=seed, epochs=1), [0, 1], out=tmp_path, progress=False)
    (tmp_path / "seed-1" / "last.safetensors").unlink()
    made = []
    with pytest.raises(CheckpointError, match=r"the run in .*seed-1 cannot go on: last.safetensors is gone"):
        run_seeds(made.append, [0, 1], out=tmp_path, resume=True, progress=False)
    assert made == []


def test_a_run_and_runs_of_seeds_do_not_share_a_folder(make, tmp_path):
    train(make(epochs=1), out=tmp_path / "one", progress=False)
    with pytest.raises(CheckpointError, match=r"one holds settings.json, .*, which would be lost"):
        run_seeds(lambda seed: make(net_seed=seed), [0, 1], out=tmp_path / "one", progress=False)
    run_seeds(lambda seed: make(net_seed=seed, epochs=1), [0, 1], out=tmp_path / "two", progress=False)
    with pytest.raises(CheckpointError, match="two holds runs of several seeds"):
        train(make(epochs=1), out=tmp_path / "two", progress=False)


def test_a_summary_is_gone_once_a_run_that_it_speaks_of_has_gone_on(make, tmp_path):
    run_seeds(lambda seed: make(net_seed=seed, epochs=1), [0, 1], out=tmp_path, progress=False)
    before = (tmp_path / "summary.json").read_bytes()

    with pytest.raises(CheckpointError, match="another rule"):  # nothing has gone on
        run_seeds(
            lambda seed: make("z-il", net_seed=seed, epochs=1),
            [0, 1],
            out=tmp_path,
            resume=True,
            progress=False,
        )
    assert (tmp_path / "summary.json").read_bytes() == before

    def longer(seed):
        if seed == 1:
            raise KeyboardInterrupt
        return make(net_seed=seed, epochs=2)

    with pytest.raises(KeyboardInterrupt):
        run_seeds(longer, [0, 1], out=tmp_path, resume=True, progress=False)
    assert not (tmp_path / "summary.json").exists()


def test_runs_of_seeds_whose_list_is_gone_are_known_as_such(make, tmp_path):
    run_seeds(lambda seed: make(net_seed=seed, epochs=1), [0, 1], out=tmp_path, progress=False)
    (tmp_path / "seeds.json").unlink()
    with pytest.raises(CheckpointError, match=r"several seeds, but seeds.json, .* is gone; .*seed-0"):
        train(make(epochs=1), out=tmp_path, resume=True, progress=False)
