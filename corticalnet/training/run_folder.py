"""A run's folder: what was run, with what, how it went, and what came out.

    settings.json       model, settings, versions          last.safetensors   all that resuming needs
    metrics.jsonl       one record for each epoch          best.safetensors   weights of the best epoch
    summary.json        the result                         *.png              figures
    stopped.json        why it ended before its time       confusion.json     which class was taken for which

Every file is written whole or not at all, and one process at a time writes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corticalnet.errors import CheckpointError
from corticalnet.store import (
    clear_unfinished,
    locked,
    make_folder,
    read_json,
    read_whole,
    remove,
    write_json,
    write_whole,
)
from corticalnet.training.identity import describe
from corticalnet.training.model import Model
from corticalnet.training.schemas import Period, RunAbout, StoppedAbout
from corticalnet.training.state import History, State

#: How often a folder that vanishes is made again.
_ATTEMPTS = 10
#: What to choose where a folder is taken, as Python and the command line call it.
ANOTHER = "another out= (--out)"


def going_on(path: Path) -> str:
    """Return how the run in a folder goes on, in the words of Python and of the command line."""
    return f"resume=True (--resume {path})"


@dataclass(frozen=True)
class RunFolder:
    """The paths of a run's files."""

    path: Path

    @property
    def settings(self) -> Path:
        """Return the path of the file with model, settings and versions."""
        return self.path / "settings.json"

    @property
    def last(self) -> Path:
        """Return the path of the checkpoint that resuming starts from."""
        return self.path / "last.safetensors"

    @property
    def best(self) -> Path:
        """Return the path of the weights of the epoch with the best validation score."""
        return self.path / "best.safetensors"

    @property
    def summary(self) -> Path:
        """Return the path of the result of a finished run."""
        return self.path / "summary.json"

    @property
    def stopped(self) -> Path:
        """Return the path of the reason why a run could not go on."""
        return self.path / "stopped.json"

    @property
    def confusion(self) -> Path:
        """Return the path of the confusion matrix of the best epoch's network on the test images."""
        return self.path / "confusion.json"

    @property
    def metrics(self) -> Path:
        """Return the path of the records, a line for each epoch."""
        return self.path / "metrics.jsonl"

    @property
    def seeds(self) -> Path:
        """Return the path of the list of seeds, in a folder that holds one run for each."""
        return self.path / "seeds.json"

    @contextmanager
    def held(self, resume: bool) -> Iterator[None]:
        """Lock the folder until the block ends.

        Raises:
            CheckpointError: it cannot be written to, another process has it, or :meth:`check` says no.
        """
        if resume:
            self.check(resume)
        with holding(self.path):
            self.check(resume)
            yield

    def check(self, resume: bool) -> None:
        """Check that the folder holds a run to resume, or else none that would be lost.

        Raises:
            CheckpointError: it is the other way round.
        """
        if resume:
            self._can_go_on()
        else:
            self._is_free()

    def _can_go_on(self) -> None:
        there = self.there()
        if not there:
            raise CheckpointError(f"there is no run to resume in {self.path}")
        members = sorted(self.path.glob("seed-*/settings.json"))
        if members and self.settings.name not in there and self.last.name not in there:
            raise CheckpointError(
                f"{self.path} holds runs of several seeds, but {self.seeds.name}, their list, is gone; "
                f"put it back, or go on with one: {going_on(members[0].parent)}"
            )
        if self.settings.name in there:
            read_json(self.settings, RunAbout, CheckpointError)
        if self.last.name in there:
            return  # it decides, see State.load
        epochs = self._epochs()
        # A run that was killed before its first checkpoint begins anew: it has lines for no epoch yet.
        if self.settings.name in there and self.summary.name not in there and epochs == 0:
            return
        if self.settings.name in there and set(there) == {self.settings.name}:
            return
        raise CheckpointError(
            f"the run in {self.path} cannot go on: {self.last.name} is gone, there is only "
            f"{', '.join(there)}; put {self.last.name} back, or begin anew in {ANOTHER}"
        )

    def _is_free(self) -> None:
        there = self.there()
        if self.seeds.exists():
            raise CheckpointError(f"{self.path} holds runs of several seeds; choose {ANOTHER}")
        if self.summary.name in there or self.last.name in there:
            kind = "a finished" if self.summary.name in there else "an unfinished"
            raise CheckpointError(
                f"{self.path} holds {kind} run; go on with {going_on(self.path)}, or choose {ANOTHER}"
            )
        # A run that ended before its first checkpoint has nothing to lose.
        begun = self.settings.name in there and set(there) <= {self.settings.name, self.metrics.name}
        if begun and not self._epochs():
            read_json(self.settings, RunAbout, CheckpointError)
        elif there:
            raise CheckpointError(
                f"{self.path} holds {', '.join(there)}, which would be lost; choose {ANOTHER}"
            )

    def there(self) -> list[str]:
        """List the names of a run's files that exist."""
        files = (self.settings, self.metrics, self.last, self.best, self.summary)
        return [path.name for path in files if path.exists()]

    def _epochs(self) -> int | None:
        """Count the lines of epochs; None where there is no file of them."""
        try:
            return len(read_whole(self.metrics).splitlines())
        except OSError:
            return None

    def open(self, state: State, resume: bool, other_versions: bool = False) -> None:
        """Restore ``state`` if the run is resumed, and record its settings.

        Raises:
            CheckpointError: the checkpoint is not of this run, or not its last, or a file cannot be written.
        """
        if resume and self.last.exists():
            state.load(self.last, other_versions)
            done, lines = len(state.history), self._epochs() or 0
            if lines > done:
                raise CheckpointError(
                    f"{self.last} is of epoch {done}, but {self.metrics.name} has {lines} epochs; put the "
                    f"last checkpoint back, or remove {self.metrics.name} to go on from epoch {done}"
                )
            state.save_best(self.best)
        self.write_settings(state)
        self._write_metrics(state.history)
        for outdated in (self.summary, self.stopped, self.confusion):
            remove(outdated, CheckpointError)

    def keep(self, state: State, improved: bool) -> None:
        """Save an epoch. The last checkpoint is decisive; all else can be made from it.

        Raises:
            CheckpointError: the disk says no; the message says what is lost and what is not.
        """
        epoch = len(state.history)
        saved = epoch - 1
        try:
            if improved:
                state.save_best(self.best)
            state.save(self.last)
            saved = epoch
            self._write_metrics(state.history)
        except CheckpointError as error:
            lost = f"epoch {epoch} is lost, " if saved < epoch else ""
            kept = f"the checkpoint of epoch {saved} is sound" if saved else "there is no checkpoint yet"
            raise CheckpointError(
                f"{error}; {lost}{kept}: mend it and go on with {going_on(self.path)}"
            ) from error

    def write_settings(self, state: State) -> None:
        """Record model, settings and versions."""
        model = state.model
        about = RunAbout(
            **origin(model),
            rule=str(model.rule.name),
            rule_parts=describe(model.rule),
            network=str(model.network).splitlines(),
            notes=str(model.notes),
            settings=model.settings.model_dump(mode="json"),
            versions=Period(**state.periods[-1]),
            earlier_versions=[Period(**period) for period in state.periods[:-1]],
            about="" if model.origin is None else model.origin.about,
            equations=str(model.rule).splitlines(),
            content=state.content,
        )
        write_json(self.settings, about.model_dump(), CheckpointError)

    def stop(self, epoch: int, reason: str) -> None:
        """Record why a run cannot go on."""
        write_json(self.stopped, StoppedAbout(epoch=epoch, reason=reason).model_dump(), CheckpointError)

    def _write_metrics(self, history: History) -> None:
        """Record every epoch, one line each."""
        lines = "".join(json.dumps(record) + "\n" for record in history)
        write_whole(self.metrics, lines, CheckpointError)


@contextmanager
def holding(path: Path) -> Iterator[None]:
    """Lock a folder until the block ends; a new one is made, and removed again if it stays empty.

    Raises:
        CheckpointError: it cannot be made or written to, or another process has it.
    """
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        with ExitStack() as stack:
            _have(path, stack)
            clear_unfinished(path)
            yield
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def _have(path: Path, stack: ExitStack) -> None:
    """Make and lock a folder; another run may be removing it at the same time."""
    for attempt in range(_ATTEMPTS):
        try:
            make_folder(path, CheckpointError)
            stack.enter_context(locked(path, CheckpointError))
            return
        except CheckpointError as error:
            vanished = isinstance(error.__cause__, FileNotFoundError | FileExistsError)
            if not vanished or attempt == _ATTEMPTS - 1 or (path.exists() and not path.is_dir()):
                raise


def origin(model: Model) -> dict[str, Any]:
    """Return the origin of a model, as :class:`ModelAbout` has it."""
    came = model.origin
    return {
        "model": str(model.name),
        "file": None if came is None else str(came.path),
        "sha256": None if came is None else came.sha256,
        "arguments": {} if came is None else came.arguments,
    }
