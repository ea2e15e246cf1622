"""What is decided from the history: the best epoch, and when to stop."""

from __future__ import annotations

import pytest

from corticalnet.training import Settings, train
from corticalnet.training.state import best_epoch, finished


def history(*accuracies):
    return [{"epoch": k, "validation_accuracy": a} for k, a in enumerate(accuracies, start=1)]


def test_the_best_epoch_is_the_first_with_the_highest_validation_accuracy():
    assert best_epoch([]) == 0
    assert best_epoch(history(0.1, 0.5, 0.4, 0.5)) == 2
    assert best_epoch(history(None, None, None)) == 3


def test_training_stops_when_validation_has_not_risen_for_long_enough():
    settings = Settings(epochs=100, patience=2, min_improvement=0.01)
    assert not finished([], settings)
    assert not finished(history(0.5, 0.5), settings)
    assert finished(history(0.5, 0.5, 0.4), settings)
    assert not finished(history(0.5, 0.5, 0.6), settings)
    # Small steps do not count, yet they add up.
    assert finished(history(0.5, 0.505, 0.509), settings)
    assert not finished(history(0.5, 0.505, 0.511), settings)


def test_training_stops_after_all_epochs_and_never_early_without_patience_or_validation():
    flat = history(*[0.5] * 10)
    assert finished(flat, Settings(epochs=10, patience=None))
    assert not finished(flat, Settings(epochs=11, patience=None))
    assert not finished(history(*[None] * 10), Settings(epochs=11, patience=1))


def test_early_stopping_ends_a_run(make):
    result = train(make(epochs=50, patience=3, lr=1e-6), progress=False)
    assert len(result.history) == 4
    assert result.best_epoch == 1


@pytest.mark.parametrize("validation", [0, 0.0])
def test_without_validation_the_last_epoch_is_the_best(make, validation):
    result = train(make(validation=validation, patience=1), progress=False)
    assert len(result.history) == result.best_epoch == 3
    assert result.last_test_accuracy == result.best_test_accuracy
    assert result.history[0]["validation_accuracy"] is None
