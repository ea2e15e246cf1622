"""Scalars for TensorBoard, where the package ``tensorboard`` is installed; nothing where it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from corticalnet.training.history import Record

_SHOWN = ("loss", "accuracy", "reward", "validation_accuracy", "validation_loss", "lr", "samples_per_second")


@contextmanager
def scalars(folder: Path | None, done: int) -> Iterator[Callable[[Record], None]]:
    """A function that adds an epoch's record to the events in ``folder``.

    ``done`` epochs are kept of what is there; later ones are of a run that was cut short.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        folder = None
    if folder is None:
        yield lambda record: None
        return

    def add(record: Record) -> None:
        for name in _SHOWN:
            if record.get(name) is not None:
                writer.add_scalar(name, record[name], record["epoch"])

    with SummaryWriter(str(folder), purge_step=done + 1) as writer:
        yield add
