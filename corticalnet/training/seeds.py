"""The same model from several seeds: mean ± standard deviation."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from corticalnet.errors import CheckpointError, ModelError, SettingError
from corticalnet.store import read_json, remove, write_json
from corticalnet.training.loop import train
from corticalnet.training.model import Model
from corticalnet.training.result import Result
from corticalnet.training.run_folder import RunFolder, holding, origin
from corticalnet.training.schemas import SeedsAbout
from corticalnet.training.state import Record


@dataclass(frozen=True)
class SeedsResult:
    """What :func:`run_seeds` returns: the ``results``, one for each seed."""

    results: list[Result]

    def mean(self, what: str) -> float:
        """Compute the mean of a field of the results, for example ``"best_test_accuracy"``."""
        return statistics.fmean(self._values(what))

    def sd(self, what: str) -> float | None:
        """Compute the standard deviation of a field (n − 1 in the denominator); None for a single seed."""
        values = self._values(what)
        return statistics.stdev(values) if len(values) > 1 else None

    def _values(self, what: str) -> list[float]:
        return [float(getattr(result, what)) for result in self.results]

    def to_dict(self) -> dict[str, Any]:
        """Describe means, standard deviations and every run as data for JSON."""
        measure = self.results[0].settings.objective.measure
        fields = {
            "last_test": f"last_test_{measure}",
            "best_test": f"best_test_{measure}",
            "seconds": "seconds",
        }
        return {
            "seeds": [result.settings.seed for result in self.results],
            **{name: {"mean": self.mean(key), "sd": self.sd(key)} for key, name in fields.items()},
            "runs": [result.to_dict() for result in self.results],
        }

    def __str__(self) -> str:
        objective = self.results[0].settings.objective
        lines = [f"seed {result.settings.seed}: {result}" for result in self.results]
        for key, words in (("last", "after the last epoch"), ("best", "after the best by validation")):
            mean, sd = self.mean(f"{key}_test"), self.sd(f"{key}_test")
            spread = "" if sd is None else f" ± {objective.format_score(sd)}"
            shown = f"{objective.format_score(mean)}{spread} (n = {len(self.results)})"
            lines.append(f"test {objective.measure} {words}: {shown}")
        return "\n".join(lines)


def run_seeds(
    make_model: Callable[[int], Model],
    seeds: Iterable[int],
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    other_versions: bool = False,
    **given: Any,
) -> SeedsResult:
    """Train a model once for each seed, one after the other.

    Args:
        make_model: makes the model of a seed, for example
            ``lambda seed: load_model("brainprop_dense", seed=seed)``.
        seeds: the seeds.
        out: folder for the runs (``seed-0``, ``seed-1``, …) and their summary.
        resume: go on where runs in ``out`` stopped; finished ones are not run again.
        progress: show bars on the terminal.
        given: your own data and their augmentation: ``data``, ``validation``, ``test``, ``transform`` of
            :func:`train`.
        other_versions: resume although versions, threads or device are not those of the runs.

    Raises:
        SettingError: no seed, or one that comes twice.
        ModelError: networks of two seeds begin with the same weights.
        CheckpointError: ``out`` holds other runs. And all that :func:`train` raises.
    """
    wanted, folder = list(seeds), None if out is None else Path(out)
    if not wanted or len(set(wanted)) != len(wanted):
        raise SettingError(f"seeds must be different whole numbers, at least one, not {wanted}")
    with nullcontext() if folder is None else holding(folder):
        places = {seed: None if folder is None else folder / f"seed-{seed}" for seed in wanted}
        if folder is not None:
            _check(folder, wanted, resume)
        begun = {seed for seed, place in places.items() if place and resume and RunFolder(place).there()}
        results, first = [], None
        for seed in wanted:
            model = make_model(seed)
            model.settings = model.settings.change(seed=seed)
            weights = next(link.weight for link in model.network.links if link.plastic).detach().clone()
            if first is None:
                first = weights
                if folder is not None:
                    about = SeedsAbout(**origin(model), seeds=wanted)
                    write_json(folder / "seeds.json", about.model_dump(), CheckpointError)
            elif torch.equal(first, weights):
                raise ModelError(
                    f"{model.name}: every seed begins with the same weights; let build() take seed"
                )
            how: dict[str, Any] = {
                "out": places[seed],
                "resume": seed in begun,
                "other_versions": other_versions,
            }
            if folder is not None:
                how["on_epoch"] = partial(_outdated, folder / "summary.json")
            result = train(model, progress=progress, **how, **given)
            results.append(result)
        together = SeedsResult(results)
        if folder is not None:
            write_json(folder / "summary.json", together.to_dict(), CheckpointError)
        return together


def _outdated(summary: Path, record: Record) -> None:
    """Remove the summary of runs of which one has gone on since."""
    remove(summary, CheckpointError)


def _check(folder: Path, wanted: list[int], resume: bool) -> None:
    """Check in advance that no run would be lost, and that those to resume can go on.

    Raises:
        CheckpointError: one would, or cannot.
    """
    group = folder / "seeds.json"
    known = read_json(group, SeedsAbout, CheckpointError).seeds if group.exists() else []
    if resume:
        forgotten = [seed for seed in known if seed not in wanted]
        if forgotten:
            raise CheckpointError(f"{folder} holds runs of other seeds, too: {forgotten}; give them as well")
    for seed in sorted({*wanted, *known}):
        run = RunFolder(folder / f"seed-{seed}")
        run.check(resume=resume and bool(run.there()))
    there = [] if resume else RunFolder(folder).there()
    if there:
        raise CheckpointError(f"{folder} holds {', '.join(there)}, which would be lost; choose another out")
