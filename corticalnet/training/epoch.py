"""One epoch: every training image once, in an order that depends on seed and epoch alone."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from corticalnet.data import Data, chance
from corticalnet.network.initialisation import generator
from corticalnet.rules.base import Step
from corticalnet.training.goal import CLASSES, Goal
from corticalnet.training.history import Record
from corticalnet.training.model import Model

#: Seconds between two looks at the device, for the progress bar and for losses that are not finite.
LOOK_EVERY = 0.1


class NotFinite(ArithmeticError):
    """The loss, or a weight, is no longer a finite number."""


def data_order(count: int, seed: int, epoch: int) -> Tensor:
    """The permutation of ``count`` images of an epoch: the same whatever was drawn before.

    >>> data_order(4, seed=0, epoch=1).sort().values
    tensor([0, 1, 2, 3])
    """
    return torch.randperm(count, generator=generator(seed, f"order of epoch {epoch}"))


@dataclass
class Meter:
    """Sums over an epoch, kept on the device, so that no update waits for them.

    Loss, right answers and rewards are each summed over samples.
    """

    device: torch.device
    goal: Goal = CLASSES
    samples: int = 0
    judged: bool = False
    rewarded: bool = False
    started: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        zeros = torch.zeros(3, dtype=torch.float64, device=self.device)
        self.loss, self.right, self.reward = zeros.unbind()

    def add(self, step: Step, targets: Tensor) -> None:
        """Count one update."""
        self.samples += len(targets)
        self.loss.add_(step.loss, alpha=len(targets))
        right = self.goal.right(step, targets)
        if right is not None:
            self.judged = True
            self.right.add_(right)
        reward = getattr(step.lesson, "reward", None)
        if reward is not None:
            self.rewarded = True
            self.reward.add_(reward.sum())

    def read(self) -> Record:
        """Mean loss, accuracy and reward (None where there are none) and samples per second until now.

        Raises:
            NotFinite: the loss is not.
        """
        sums = torch.stack((self.loss, self.right, self.reward))
        loss, right, reward = (sums / max(self.samples, 1)).tolist()
        if not math.isfinite(loss):
            raise NotFinite
        seconds = time.perf_counter() - self.started
        return {
            "loss": loss,
            "accuracy": right if self.judged else None,
            "reward": reward if self.rewarded else None,
            "samples_per_second": self.samples / seconds,
        }


def run_epoch(
    model: Model,
    optimizer: torch.optim.Optimizer,
    data: Data,
    epoch: int,
    look: Callable[[int, Record], None],
) -> Record:
    """Update on every batch of an epoch and return what :meth:`Meter.read` says.

    Samples are shown as the data's transform makes them. ``look`` is called now and then with
    the number of samples done and the reading.

    Raises:
        NotFinite: the loss, or a weight, is no longer finite.
        DataError: samples cannot be read, or the transform fails.
    """
    net, rule, settings = model.network, model.rule, model.settings
    dtype = next(net.parameters()).dtype
    split, own_seed = data.train, chance.number(settings.seed, "epoch", epoch)
    batches = split.order(own_seed, settings.batch)
    if batches is None:
        batches = list(data_order(len(split), settings.seed, epoch).split(settings.batch))
    if settings.drop_last and len(batches[-1]) < settings.batch:
        batches.pop()
    meter, looked = Meter(split.labels.device, settings.goal), time.perf_counter()
    net.train()
    for x, labels in split.draw(batches, dtype, own_seed):
        if data.transform is not None:
            x = data.transform(x, own_seed, meter.samples)
        targets = settings.goal.targets(x, labels)
        meter.add(rule.update(net, x, targets, optimizer), targets)
        if time.perf_counter() - looked > LOOK_EVERY:
            look(meter.samples, meter.read())
            looked = time.perf_counter()
    reading = meter.read()
    with torch.no_grad():  # (weights that were made in inference mode have no other way)
        if not all(bool(p.isfinite().all()) for p in (*net.parameters(), *rule.parameters(net))):
            raise NotFinite
    return reading
