"""Several seeds: mean and standard deviation against numpy's, and going on with what is there."""

from __future__ import annotations

import json

import numpy as np
import pytest

from corticalnet.errors import CheckpointError, ModelError, SettingError
from corticalnet.training import run_seeds


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


def test_a_model_that_ignores_the_seed_is_told(make):
    with pytest.raises(ModelError, match="every seed begins with the same weights"):
        run_seeds(lambda seed: make(), range(2), progress=False)


@pytest.mark.parametrize("seeds", [[], [1, 1]])
def test_seeds_must_be_different(make, seeds):
    with pytest.raises(SettingError, match="different"):
        run_seeds(lambda seed: make(), seeds, progress=False)
