"""A run's folder: what was run, with what, how it went, and what came out.

    settings.json       model, settings, versions          last.safetensors   all that resuming needs
    metrics.jsonl       one record for each epoch          best.safetensors   weights of the best epoch
    summary.json        the result                         *.png              figures

Every file is written whole or not at all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corticalnet.errors import CheckpointError
from corticalnet.store import write_json, write_whole
from corticalnet.training.history import History
from corticalnet.training.identity import describe
from corticalnet.training.model import Model
from corticalnet.training.state import State
from corticalnet.training.versions import versions


@dataclass(frozen=True)
class RunFolder:
    """The paths of a run's files."""

    path: Path

    @property
    def settings(self) -> Path:
        """Model, settings and versions."""
        return self.path / "settings.json"

    @property
    def last(self) -> Path:
        """The checkpoint that resuming starts from."""
        return self.path / "last.safetensors"

    @property
    def best(self) -> Path:
        """The weights of the epoch with the best validation score."""
        return self.path / "best.safetensors"

    @property
    def summary(self) -> Path:
        """The result of a finished run."""
        return self.path / "summary.json"

    def check(self, resume: bool) -> None:
        """See that the folder holds a run to resume, or none that would be lost.

        Raises:
            CheckpointError: it is the other way round.
        """
        if resume:
            recorded(self.settings)
        elif self.summary.exists() or self.last.exists():
            kind = "a finished" if self.summary.exists() else "an unfinished"
            raise CheckpointError(
                f"{self.path} holds {kind} run; go on with --resume {self.path}, or choose another --out"
            )

    def open(self, state: State, resume: bool) -> None:
        """Make the folder, bring ``state`` to where its run was, and record what is run.

        Raises:
            CheckpointError: the folder cannot be written to, or its checkpoint is not of this run.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(f"cannot make folder {self.path}: {error.strerror or error}") from error
        # A run that was killed before its first checkpoint begins anew.
        if resume and self.last.exists():
            state.load(self.last)
        self.summary.unlink(missing_ok=True)
        self.write_settings(state.model, str(state.device))
        self._write_metrics(state.history)

    def keep(self, state: State, improved: bool) -> None:
        """Write what an epoch has changed. The last checkpoint decides; all else can be made from it."""
        if improved:
            state.save_best(self.best)
        state.save(self.last)
        self._write_metrics(state.history)

    def write_settings(self, model: Model, device: str) -> None:
        """Record what is run, with what."""
        origin = model.origin
        about = {
            "model": model.name,
            "file": None if origin is None else str(origin.path),
            "sha256": None if origin is None else origin.sha256,
            "arguments": {} if origin is None else origin.arguments,
            "rule": model.rule.name,
            "rule_parts": describe(model.rule),
            "network": str(model.network).splitlines(),
            "notes": model.notes,
            "settings": model.settings.model_dump(mode="json"),
            "versions": versions(device),
        }
        write_json(self.settings, about, CheckpointError)

    def _write_metrics(self, history: History) -> None:
        """Record every epoch, a line each."""
        lines = "".join(json.dumps(record) + "\n" for record in history)
        write_whole(self.path / "metrics.jsonl", lines, CheckpointError)


def recorded(path: Path) -> dict[str, Any]:
    """What a run's ``settings.json`` (or ``seeds.json``) says.

    Raises:
        CheckpointError: there is no such file, or it is damaged.
    """
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointError(f"there is no run to resume in {path.parent}") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error
    if not isinstance(about, dict) or not {"file", "arguments"} <= about.keys():
        raise CheckpointError(f"{path} is damaged: it lacks the model's file and arguments")
    return about
