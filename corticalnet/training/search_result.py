"""What a search has found: a row for each setting, mean ± s.d. over its seeds."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corticalnet.tables import table


@dataclass(frozen=True)
class Search:
    """What a search has found so far.

    Attributes:
        names: of the settings that were varied.
        rows: for each setting its values, the validation and test scores of its finished seeds, and errors.
        measure: what the scores are, "accuracy" or "loss".
        out: the folder.
    """

    names: tuple[str, ...]
    rows: list[dict[str, Any]]
    measure: str
    out: Path

    @property
    def best(self) -> dict[str, Any] | None:
        """Return the row with the best mean validation score; None if nothing has finished."""
        done = [row for row in self.rows if row["validation"]]
        pick = max if self.measure == "accuracy" else min
        return pick(done, key=lambda row: statistics.fmean(row["validation"])) if done else None

    def to_dict(self) -> dict[str, Any]:
        """Describe all rows as data for JSON."""
        return {"varied": list(self.names), "measure": self.measure, "out": str(self.out), "rows": self.rows}

    def __str__(self) -> str:
        lines = []
        for row in self.rows:
            values = [str(row["settings"][name]) for name in self.names]
            scores = [_plus_minus(row[key], self.measure) for key in ("validation", "test")]
            failed = f"{len(row['errors'])} failed" if row["errors"] else ""
            lines.append([*values, str(len(row["test"])), *scores, "best" if row is self.best else failed])
        unit = " %" if self.measure == "accuracy" else ""
        head = [*self.names, "seeds", f"validation {self.measure}{unit}", f"test {self.measure}{unit}", ""]
        return table(head, lines)


def _plus_minus(scores: list[float], measure: str) -> str:
    if not scores:
        return "–"
    factor = 100 if measure == "accuracy" else 1
    mean = f"{factor * statistics.fmean(scores):.2f}"
    return f"{mean} ± {factor * statistics.stdev(scores):.2f}" if len(scores) > 1 else mean
