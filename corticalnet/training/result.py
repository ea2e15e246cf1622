"""What a run came to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corticalnet.training.history import History
from corticalnet.training.settings import Settings


@dataclass(frozen=True)
class Result:
    """What :func:`corticalnet.training.train` returns.

    Attributes:
        model: its name.
        rule: its rule's name.
        settings: of the run.
        history: one record for each epoch: epoch, loss, accuracy, reward, validation_accuracy, lr,
            samples_per_second, seconds. Accuracies are fractions; what there is none of is None.
        best_epoch: the epoch with the best validation accuracy (the last one if nothing was held out).
        last_test_accuracy: on the test set, after the last epoch.
        best_test_accuracy: on the test set, after the best epoch. Validation chose it, not the test set.
        seconds: all epochs together.
        out: the run's folder, if there is one.
    """

    model: str
    rule: str
    settings: Settings
    history: History
    best_epoch: int
    last_test_accuracy: float
    best_test_accuracy: float
    seconds: float
    out: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """The result without its history, as JSON can hold it."""
        return {
            "model": self.model,
            "rule": self.rule,
            "data": self.settings.data,
            "seed": self.settings.seed,
            "epochs": len(self.history),
            "best_epoch": self.best_epoch,
            "last_test_accuracy": self.last_test_accuracy,
            "best_test_accuracy": self.best_test_accuracy,
            "validation_accuracy": self.history[self.best_epoch - 1]["validation_accuracy"],
            "seconds": self.seconds,
            "out": None if self.out is None else str(self.out),
        }

    def __str__(self) -> str:
        return (
            f"{self.model or 'model'} by {self.rule} on {self.settings.data}: "
            f"test accuracy {self.last_test_accuracy:.2%} after the last epoch ({len(self.history)}), "
            f"{self.best_test_accuracy:.2%} after the best by validation ({self.best_epoch}); "
            f"{self.seconds:.1f} s"
        )
