"""Progress bars on the error stream: the look of all of them, here alone.

with bars() as shown: task = shown.add_task(…)    silent where nobody watches (a log, a pipe)
with bar("steps", 1000) as tick: tick(done)       a single one, as a function of what is done
with downloading() as shown: …                    bytes, and how fast they come
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


class Bars(Progress):
    """Bars of rich; where nobody watches, rich before 14.2 still ends its line."""

    def stop(self) -> None:
        """Leave the screen, if there was something on it."""
        if not self.disable:
            super().stop()


def watched(console: Console) -> bool:
    """Return whether progress can be seen: in a terminal, or in a notebook that can show bars."""
    return console.is_terminal or (console.is_jupyter and find_spec("ipywidgets") is not None)


def bars(show: bool = True, *, width: int = 0, counts: bool = True, stay: bool = False) -> Bars:
    """Make bars that count things done.

    Args:
        show: otherwise they are silent, as where nobody watches.
        width: letters kept for descriptions, where these change.
        counts: whether they say how many things are done; the bar and the time left always stand there.
        stay: leave the last state on the screen.
    """
    console = Console(stderr=True, highlight=False)
    count = [MofNCompleteColumn()] if counts else []
    columns = (TextColumn(f"{{task.description:{width}s}}"), BarColumn(20), *count, TimeRemainingColumn())
    return Bars(*columns, console=console, transient=not stay, disable=not (show and watched(console)))


@contextmanager
def bar(
    title: str, total: int | None, show: bool = True, *, begin: int = 0, stay: bool = False
) -> Iterator[Callable[[int], None] | None]:
    """Show a progress bar; yield a function to call with the number of things done, or None if unseen.

    Args:
        title: what is counted.
        total: how many there are; None if nobody knows.
        show: otherwise there is no function.
        begin: how many were done before the first.
        stay: leave the last state on the screen.
    """
    if not show:  # (a console takes longer to make than a step of a simulation)
        yield None
        return
    shown = bars(stay=stay)
    if shown.disable:
        yield None
        return
    with shown:
        task = shown.add_task(title, total=total)
        yield lambda done: shown.update(task, completed=done - begin)


def downloading(show: bool = True) -> Bars:
    """Make bars that count bytes and show their rate; silent if ``show`` is false."""
    text = TextColumn("{task.description}")
    columns = (text, BarColumn(20), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return Bars(*columns, console=Console(stderr=True), disable=not show)


class Transfer:
    """One file's bar among ``shown``."""

    def __init__(self, shown: Bars, title: str) -> None:
        self._shown = shown
        self._task = shown.add_task(title, total=None)

    def expect(self, size: int) -> None:
        """Set the total number of bytes; 0 where it is unknown."""
        self._shown.update(self._task, total=size or None)

    def update(self, size: int) -> None:
        """Count ``size`` more bytes."""
        self._shown.update(self._task, advance=size)
