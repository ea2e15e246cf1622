"""How a run goes, for who watches it: a bar on a terminal, else a line for each epoch; and TensorBoard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from corticalnet.progress import bars
from corticalnet.training.objective import CLASSES, Objective
from corticalnet.training.state import Record

#: What of a record TensorBoard is told.
_SHOWN = ("loss", "accuracy", "reward", "validation_accuracy", "validation_loss", "lr", "samples_per_second")


class ProgressDisplay:
    """Shows the progress of a run of ``epochs`` epochs of ``samples`` samples, if ``show``."""

    def __init__(
        self,
        title: str,
        epochs: int,
        samples: int,
        done: int,
        show: bool = True,
        objective: Objective = CLASSES,
    ) -> None:
        self.epochs, self.samples, self.show, self.objective = epochs, samples, show, objective
        self.bars = bars(show, counts=False, stay=True)
        self.title, self._validation = title, ""
        self._task = self.bars.add_task(title, total=epochs * samples, completed=done * samples)

    def __enter__(self) -> ProgressDisplay:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def update(self, epoch: int, samples: int, reading: Record) -> None:
        """Show the progress within an epoch."""
        self.bars.update(
            self._task,
            completed=(epoch - 1) * self.samples + samples,
            description=f"{self.title}  {self._words(epoch, reading)}{self._validation}",
        )

    def epoch(self, record: Record) -> None:
        """Show the results of an epoch."""
        epoch, validation = record["epoch"], record[self.objective.validation]
        self._validation = (
            "" if validation is None else f"  validation {self.objective.format_score(validation)}"
        )
        self.update(epoch, self.samples, record)
        if self.show and self.bars.disable:
            self.bars.console.print(self._words(epoch, record) + self._validation, soft_wrap=True)

    def _words(self, epoch: int, reading: Record) -> str:
        correct = "" if reading["accuracy"] is None else f"  accuracy {reading['accuracy']:.2%}"
        reward = "" if reading["reward"] is None else f"  reward {reading['reward']:.3f}"
        return (
            f"epoch {epoch}/{self.epochs}  loss {reading['loss']:.4g}{correct}"
            f"{reward}  {reading['samples_per_second']:,.0f} samples/s"
        )


@contextmanager
def scalars(folder: Path | None, done: int) -> Iterator[Callable[[Record], None]]:
    """Make a function that adds an epoch's record to TensorBoard's events in ``folder``, if installed.

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
