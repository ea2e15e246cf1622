"""What a run's folder says, as far as it can be read: a run may be unfinished, old, or go on right now."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from corticalnet.errors import CheckpointError
from corticalnet.store import holder, read_json, read_whole
from corticalnet.store.reading import first_fault
from corticalnet.training.objective import CLASSES, OBJECTIVES, Objective
from corticalnet.training.run_folder import RunFolder
from corticalnet.training.schemas import ConfusionAbout, EpochAbout, RunAbout, SeedsAbout, StoppedAbout
from corticalnet.training.state import History, best_epoch

Schema = TypeVar("Schema", bound=BaseModel)


class Summary(BaseModel):
    """``summary.json`` of one run: its scores have their objective's name."""

    model_config = ConfigDict(extra="allow")

    best_epoch: int
    seconds: float
    silent: list[str] = []

    def score(self, when: str, objective: Objective) -> float:
        """Return the test score after the "last" or the "best" epoch; NaN if it is not there."""
        value = (self.model_extra or {}).get(f"{when}_test_{objective.measure}")
        return float(value) if isinstance(value, int | float) else float("nan")


@dataclass(frozen=True)
class TrainingRun:
    """One run of one seed.

    Attributes:
        folder: the run's.
        label: a short name for tables and legends.
        about: what was run; None if that is gone.
        history: of the epochs so far.
        summary: of a run that has finished.
        stopped: of a run that could not go on.
        confusion: which class was taken for which.
        holder: the process that writes the folder now.
        remarks: what could not be read.
    """

    folder: Path
    label: str
    about: RunAbout | None
    history: History
    summary: Summary | None
    stopped: StoppedAbout | None
    confusion: ConfusionAbout | None
    holder: str | None
    remarks: list[str] = field(default_factory=list)

    @property
    def settings(self) -> dict[str, Any]:
        """Return all settings; none where the file is gone."""
        return {} if self.about is None else self.about.settings

    @property
    def objective(self) -> Objective:
        """Return the objective of the run; classification where it is unknown."""
        return OBJECTIVES.get(str(self.settings.get("target")), CLASSES)

    @property
    def loss(self) -> str:
        """Name the loss: "squared", "cross-entropy", or the signal that teaches ("Reward"); "" if unknown."""
        taught = re.search(
            r"teaching=(\w+)\((?:loss='([\w-]+)')?", self.about.rule_parts if self.about else ""
        )
        return (taught[2] or taught[1]) if taught else ""

    @property
    def best_epoch(self) -> int:
        """Return the best epoch so far by validation; 0 before the first."""
        return best_epoch(self.history, self.objective)

    @property
    def epochs(self) -> int:
        """Return the number of epochs that were planned; those done if that is not known."""
        wanted = self.settings.get("epochs")
        return wanted if type(wanted) is int else len(self.history)

    @property
    def title(self) -> str:
        """Format model, rule and data as a title."""
        if self.about is None:
            return self.label
        return f"{self.about.model or 'A model'} by {self.about.rule} on {self.settings.get('data', 'data')}"

    @cached_property
    def status(self) -> tuple[str, str]:
        """Describe the status in words; return that with whether it is good."""
        done = len(self.history)
        if self.summary is not None:
            return ("finished", "good")
        if self.holder is not None:
            return (f"running: {done} of {self.epochs} epochs done", "doubt")
        if self.stopped is not None:
            return (f"stopped in epoch {self.stopped.epoch} of {self.epochs}", "bad")
        return (f"interrupted after {done} of {self.epochs} epochs", "doubt")

    def scores(self, when: str) -> str:
        """Format the test score after the "best" or the "last" epoch; a dash before the end."""
        if self.summary is None:
            return "–"
        return self.objective.format_score(self.summary.score(when, self.objective))


def read_run(folder: Path, label: str = "") -> TrainingRun:
    """Read all files of a run that are there; what is damaged becomes a remark."""
    run, remarks = RunFolder(folder), []

    def read(path: Path, schema: type[Schema]) -> Schema | None:
        if not path.exists():
            return None
        try:
            return read_json(path, schema, CheckpointError)
        except CheckpointError as error:
            remarks.append(f"Left out: {error}.")
            return None

    running = holder(folder)  # first: a run that ends in between has its summary
    about = read(run.settings, RunAbout)
    if about is None and not run.settings.exists():
        remarks.append(f"{run.settings.name} is gone, so settings, network and versions are not known.")
    objective = OBJECTIVES.get(str(about.settings.get("target")) if about else "", CLASSES)
    return TrainingRun(
        folder,
        label or folder.name or str(folder),
        about,
        _history(run.metrics, objective, remarks),
        read(run.summary, Summary),
        read(run.stopped, StoppedAbout),
        read(run.confusion, ConfusionAbout),
        running,
        remarks,
    )


def _history(path: Path, objective: Objective, remarks: list[str]) -> History:
    """Read the records of the epochs, up to the first that cannot be read."""
    history: History = []
    try:
        lines = read_whole(path).splitlines() if path.exists() else []
    except OSError as error:
        remarks.append(f"Left out: {path} cannot be read: {error.strerror or error}.")
        return history
    for number, line in enumerate(lines, 1):
        try:
            record = EpochAbout.model_validate_json(line, strict=True).model_dump()
        except ValidationError as fault:
            remarks.append(f"Left out: {path} is damaged from line {number} on: {first_fault(fault)}.")
            break
        history.append({objective.validation: None, **record})
    return history


@dataclass(frozen=True)
class RunGroup:
    """Runs of the same model from several seeds, or a single run.

    Attributes:
        folder: theirs.
        label: a short name for tables and legends.
        runs: those that have begun.
        seeds: the list of seeds that were to be run; None for a single run.
        about: where the model came from; None where that is not known.
        remarks: what could not be read of the list.
    """

    folder: Path
    label: str
    runs: list[TrainingRun]
    seeds: list[int] | None = None
    about: SeedsAbout | None = None
    remarks: list[str] = field(default_factory=list)

    @property
    def first(self) -> TrainingRun:
        """Return the first run whose settings are known, or else the first."""
        return next((run for run in self.runs if run.about is not None), self.runs[0])

    @property
    def finished(self) -> list[TrainingRun]:
        """Return the runs that have a result."""
        return [run for run in self.runs if run.summary is not None]

    def scores(self, when: str) -> list[float]:
        """Return the test scores of all finished runs, after the "last" or the "best" epoch."""
        return [run.summary.score(when, run.objective) for run in self.finished if run.summary is not None]


def read_group(folder: Path, label: str = "") -> RunGroup:
    """Read a run's folder, or that of several seeds.

    Raises:
        CheckpointError: the list of seeds is damaged, or none of them has begun.
    """
    label = label or folder.name or str(folder)
    path = RunFolder(folder).seeds
    if not path.exists():
        return RunGroup(folder, label, [read_run(folder, label)])
    about = read_json(path, SeedsAbout, CheckpointError)
    places = {seed: folder / f"seed-{seed}" for seed in about.seeds}
    begun = {seed: place for seed, place in places.items() if RunFolder(place).there()}
    if not begun:
        raise CheckpointError(f"there is no run to report in {folder}: none of its seeds has begun")
    missing = ", ".join(str(seed) for seed in places if seed not in begun)
    remarks = [f"Not begun: seeds {missing}."] if missing else []
    runs = [read_run(place, f"seed {seed}") for seed, place in begun.items()]
    return RunGroup(folder, label, runs, about.seeds, about, remarks)
