"""What an epoch of training adds up to: loss, right answers, rewards, over its updates and its processes."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor

from corticalnet.rules.base import LearnResult
from corticalnet.training.objective import CLASSES, Objective
from corticalnet.training.processes import ALONE, Processes
from corticalnet.training.state import Record


class NotFinite(ArithmeticError):
    """Raised when the loss, or a weight, is no longer finite."""


@dataclass
class Meter:
    """Sums over an epoch, kept on the device, so that no update waits for them.

    Loss, right answers and rewards are each summed over samples.
    """

    device: torch.device
    objective: Objective = CLASSES
    samples: int = 0
    judged: bool = False
    rewarded: bool = False
    started: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        zeros = torch.zeros(3, dtype=torch.float64, device=self.device)
        self.loss, self.correct, self.reward = zeros.unbind()

    def add(self, step: LearnResult, targets: Tensor) -> None:
        """Add one update to the sums."""
        self.samples += len(targets)
        self.loss.add_(step.loss, alpha=len(targets))
        correct = self.objective.count_correct(step, targets)
        if correct is not None:
            self.judged = True
            self.correct.add_(correct)
        reward = getattr(step.trial_loss, "reward", None)
        if reward is not None:
            self.rewarded = True
            self.reward.add_(reward.sum())

    def read(self, team: Processes = ALONE) -> Record:
        """Return mean loss, accuracy and reward (None where there are none) and samples per second so far.

        Of this process alone, or of all of a team.

        Raises:
            NotFinite: the loss is not.
        """
        count = torch.full_like(self.loss, self.samples)
        *sums, samples = team.sum(torch.stack((self.loss, self.correct, self.reward, count))).tolist()
        loss, correct, reward = (one / max(samples, 1) for one in sums)
        if not math.isfinite(loss):
            raise NotFinite
        seconds = time.perf_counter() - self.started
        return {
            "loss": loss,
            "accuracy": correct if self.judged else None,
            "reward": reward if self.rewarded else None,
            "samples_per_second": samples / seconds,
        }
