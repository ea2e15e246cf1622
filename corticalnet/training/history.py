"""What a history tells: the best epoch, and when to stop. Pure functions, so resuming changes nothing.

A history is a list with one record (a dict of numbers) for each epoch, from epoch 1.
"""

from __future__ import annotations

from typing import Any

from corticalnet.training.settings import Settings

Record = dict[str, Any]
History = list[Record]


def best_epoch(history: History) -> int:
    """The first epoch with the highest validation accuracy; the last epoch if nothing was held out."""
    if not history:
        return 0
    if history[-1]["validation_accuracy"] is None:
        return len(history)
    accuracies = [record["validation_accuracy"] for record in history]
    return 1 + accuracies.index(max(accuracies))


def finished(history: History, settings: Settings) -> bool:
    """Whether all epochs are done, or validation accuracy has not risen for ``patience`` epochs.

    It has risen when it is more than ``min_improvement`` above the last value that counted as a rise.
    """
    if len(history) >= settings.epochs:
        return True
    if settings.patience is None or not history or history[-1]["validation_accuracy"] is None:
        return False
    reached, risen = float("-inf"), 0
    for record in history:
        if record["validation_accuracy"] > reached + settings.min_improvement:
            reached, risen = record["validation_accuracy"], record["epoch"]
    return len(history) - risen >= settings.patience
