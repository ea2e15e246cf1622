"""What a history tells: the best epoch, and when to stop. Pure functions, so resuming changes nothing.

A history is a list with one record (a dict of numbers) for each epoch, from epoch 1.
"""

from __future__ import annotations

from typing import Any

from corticalnet.training.goal import CLASSES, Goal
from corticalnet.training.settings import Settings

Record = dict[str, Any]
History = list[Record]


def best_epoch(history: History, goal: Goal = CLASSES) -> int:
    """The first epoch with the best validation score; the last epoch if nothing was held out."""
    if not history:
        return 0
    scores = [record[goal.validation] for record in history]
    if scores[-1] is None:
        return len(history)
    best = 0
    for k, score in enumerate(scores):
        best = k if goal.better(score, scores[best]) else best
    return 1 + best


def finished(history: History, settings: Settings) -> bool:
    """Whether all epochs are done, or validation has not become better for ``patience`` epochs.

    It has when it is better by more than ``min_improvement`` than the last value that counted.
    """
    goal = settings.goal
    if len(history) >= settings.epochs:
        return True
    if settings.patience is None or not history or history[-1][goal.validation] is None:
        return False
    reached, risen = None, 0
    for record in history:
        score = record[goal.validation]
        if reached is None or goal.better(score, reached, settings.min_improvement):
            reached, risen = score, record["epoch"]
    return len(history) - risen >= settings.patience
