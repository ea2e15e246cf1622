"""A progress bar over steps, on the error stream of a terminal or notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(begin: int, steps: int | None, show: bool) -> Iterator[Callable[[int], None] | None]:
    """Show how far a run is; the function is called with the absolute number of the next step.

    Args:
        begin: absolute number of the first step.
        steps: how many there are; None if nobody knows.
        show: otherwise, and where nobody looks (a log), there is no function.
    """
    if not show:
        yield None
        return
    from rich.console import Console

    console = Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):
        yield None
        return
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = Progress.get_default_columns()[:2]
    with Progress(*columns, MofNCompleteColumn(), TimeRemainingColumn(), console=console) as shown:
        task = shown.add_task("steps", total=steps)
        yield lambda done: shown.update(task, completed=done - begin)
