"""Progress bars on the error stream: for downloads, and for reading many image files."""

from __future__ import annotations

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

_TEXT = "{task.description}"


def counting() -> Progress:
    """Return bars that count things done; silent where nobody watches (no terminal)."""
    console = Console(stderr=True)
    columns = (TextColumn(_TEXT), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


def downloading(show: bool = True) -> Progress:
    """Return bars that count bytes and say how fast they come; none where ``show`` is false."""
    columns = (TextColumn(_TEXT), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not show)


class Transfer:
    """One file's bar among ``bars``."""

    def __init__(self, bars: Progress, title: str) -> None:
        self._bars = bars
        self._task = bars.add_task(title, total=None)

    def expect(self, size: int) -> None:
        """Say how many bytes there will be; 0 where nobody knows."""
        self._bars.update(self._task, total=size or None)

    def update(self, size: int) -> None:
        """Count ``size`` more bytes."""
        self._bars.update(self._task, advance=size)
