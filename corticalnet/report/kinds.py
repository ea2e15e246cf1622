"""Kinds of results: each says by which file a folder of it is known, and makes its page.

A kind is a file beside this one that calls :func:`register`; a folder may hold results of several kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from corticalnet.errors import CheckpointError
from corticalnet.report.page import Page


@dataclass(frozen=True)
class Kind:
    """What kind of results a command writes.

    Attributes:
        name: for people, such as "training run".
        files: a folder that has one of these holds such results.
        page: makes the page of a folder.
        compare: makes one page of several folders; None if they are shown one after another.
    """

    name: str
    files: tuple[str, ...]
    page: Callable[[Path], Page]
    compare: Callable[[Sequence[Path]], Page] | None = None

    def made(self, folder: Path) -> bool:
        """Return whether a folder holds results of this kind."""
        return any((folder / name).is_file() for name in self.files)


KINDS: list[Kind] = []


def register(kind: Kind) -> None:
    """Register a kind of results, so that its folders are recognised."""
    KINDS.append(kind)


def kinds_of(folder: Path) -> list[Kind]:
    """Return the kinds of results that a folder holds.

    Raises:
        CheckpointError: there is no such folder, or it holds no results.
    """
    if not folder.is_dir():
        what = "is a file; name the folder of the run" if folder.exists() else "is not there"
        raise CheckpointError(f"there is no run to report in {folder}: it {what}")
    found = [kind for kind in KINDS if kind.made(folder)]
    if not found:
        raise CheckpointError(f"there is no run to report in {folder}; {_hint(folder)}")
    return found


def _hint(folder: Path) -> str:
    """Suggest what to name instead."""
    below = sorted(one for one in folder.iterdir() if one.is_dir())
    runs = [one for one in below if any(kind.made(one) for kind in KINDS)]
    if runs:
        return f"it holds {len(runs)} that can be named, such as {runs[0]}"
    return "a folder written by train, audit, autonomy, validate or simulate is one"
