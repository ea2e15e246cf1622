"""What a run came to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corticalnet.errors import SettingError
from corticalnet.training.history import History
from corticalnet.training.settings import Settings


@dataclass(frozen=True)
class Result:
    """What :func:`corticalnet.training.train` returns.

    Attributes:
        model: its name.
        rule: its rule's name.
        settings: of the run.
        history: one record for each epoch: epoch, loss, accuracy, reward, validation_accuracy (or
            validation_loss), lr, samples_per_second, seconds. Accuracies are fractions; what there is none of
            is None.
        best_epoch: the epoch with the best validation score (the last one if nothing was held out).
        last_test: score on the test set, after the last epoch: accuracy, or what else the goal measures.
        best_test: on the test set, after the best epoch. Validation chose it, not the test set.
        seconds: all epochs together.
        out: the run's folder, if there is one.
    """

    model: str
    rule: str
    settings: Settings
    history: History
    best_epoch: int
    last_test: float
    best_test: float
    seconds: float
    out: Path | None = None

    @property
    def last_test_accuracy(self) -> float:
        """After the last epoch; a fraction."""
        return self._told("accuracy", self.last_test)

    @property
    def best_test_accuracy(self) -> float:
        """After the best epoch; a fraction."""
        return self._told("accuracy", self.best_test)

    @property
    def last_test_loss(self) -> float:
        """After the last epoch, of a network that reconstructs images."""
        return self._told("loss", self.last_test)

    @property
    def best_test_loss(self) -> float:
        """After the best epoch, of a network that reconstructs images."""
        return self._told("loss", self.best_test)

    def _told(self, measure: str, score: float) -> float:
        """The score, if it is one of this measure.

        Raises:
            SettingError: it is not.
        """
        if self.settings.goal.measure != measure:
            target, own = self.settings.target, self.settings.goal.measure
            raise SettingError(f"a run with target='{target}' has no test {measure}, but a test {own}")
        return score

    def to_dict(self) -> dict[str, Any]:
        """The result without its history, as JSON can hold it."""
        goal = self.settings.goal
        return {
            "model": self.model,
            "rule": self.rule,
            "data": self.settings.data,
            "seed": self.settings.seed,
            "epochs": len(self.history),
            "best_epoch": self.best_epoch,
            f"last_test_{goal.measure}": self.last_test,
            f"best_test_{goal.measure}": self.best_test,
            goal.validation: self.history[self.best_epoch - 1][goal.validation],
            "seconds": self.seconds,
            "out": None if self.out is None else str(self.out),
        }

    def __str__(self) -> str:
        goal = self.settings.goal
        return (
            f"{self.model or 'model'} by {self.rule} on {self.settings.data}: "
            f"test {goal.measure} {goal.words(self.last_test)} after the last epoch ({len(self.history)}), "
            f"{goal.words(self.best_test)} after the best by validation ({self.best_epoch}); "
            f"{self.seconds:.1f} s"
        )
