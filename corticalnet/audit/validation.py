"""Reports of a validation: every view's weight changes beside backprop's, and how errors follow a setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from corticalnet.audit.comparison import ALL, LEAST, Comparison, geometric_mean, mean
from corticalnet.audit.report import brief, finite
from corticalnet.audit.sweeps import ParameterSweep
from corticalnet.errors import ProtocolError, unknown
from corticalnet.tables import table


@dataclass(frozen=True)
class Found:
    """One view of a rule beside backprop.

    Attributes:
        view: its name.
        trials: for each trial: area -> comparison; empty if it was left out.
        reason: why it was left out.
        seconds: that it took.
    """

    view: str
    trials: tuple[Mapping[str, Comparison], ...] = ()
    reason: str = ""
    seconds: float = 0.0

    def geometric_mean(self, area: str = ALL) -> Comparison:
        """Average over trials: mean cosine and ratio, geometric mean of errors."""
        here = [trial[area] for trial in self.trials]
        return Comparison(
            mean(c.cosine for c in here),
            geometric_mean(c.ratio for c in here),
            geometric_mean(c.error for c in here),
            geometric_mean(c.own for c in here),
        )


@dataclass(frozen=True)
class Validation:
    """The result of a validation: every view of a network and a rule, or a sweep.

    Attributes:
        name: of what was validated.
        areas: with synapses that learn, from the input up.
        views: one after another, from the network to spikes.
        sweep: how errors follow a setting, if one was swept.
    """

    name: str
    areas: tuple[str, ...]
    views: tuple[Found, ...] = ()
    sweep: ParameterSweep | None = None

    def __getitem__(self, view: str) -> Found:
        """Return a view by its name, or by its beginning ("rates" is the last of them).

        Raises:
            ProtocolError: no view begins so.
        """
        for found in reversed(self.views):
            if found.view.startswith(view):
                return found
        raise ProtocolError(unknown("view", view, [found.view for found in self.views] or ["none"]))

    def to_dict(self) -> dict[str, Any]:
        """Describe the validation as data for JSON; numbers that are not finite become None."""
        tidy: dict[str, Any] = finite(
            {
                "name": self.name,
                "areas": self.areas,
                "views": [
                    {
                        "view": found.view,
                        "left out": found.reason or None,
                        "seconds": found.seconds,
                        "trials": [_plain(trial) for trial in found.trials],
                    }
                    for found in self.views
                ],
                "sweep": None if self.sweep is None else _swept(self.sweep),
            }
        )
        return tidy

    def __str__(self) -> str:
        parts = [self._table()] if self.views else []
        return "\n\n".join([*parts, *([_lines(self.sweep, self.name)] if self.sweep else [])])

    def _table(self) -> str:
        rows: list[list[str]] = []
        left: dict[str, list[str]] = {}
        for found in self.views:
            if found.reason:
                left.setdefault(found.reason, []).append(found.view)
                rows.append([found.view, "–", "–", "–", "–", "–"])
            for area in [*self.areas, ALL] if found.trials else []:
                c = found.geometric_mean(area)
                shown = [f"{c.cosine:.5f}", f"{c.ratio:.4f}", _brief(c.error), _brief(c.own)]
                rows.append([found.view if area == self.areas[0] else "", area, *shown])
        header = ["view", "area", "cosine", "norm ratio", "relative error", "to the rule"]
        count = max((len(found.trials) for found in self.views), default=0)
        title = f"{self.name}: weight changes beside backprop's, {count} trials"
        reasons = [f"left out: {'; '.join(names)}: {reason}" for reason, names in left.items()]
        return "\n".join([table(header, rows, title), *reasons])


def _lines(sweep: ParameterSweep, name: str) -> str:
    rows = [
        [
            area,
            *(f"{_brief(e)} ({c:.4f})" for e, c in zip(sweep.error(area), sweep.cosine(area), strict=True)),
        ]
        for area in sweep.areas
    ]
    header = [sweep.label, *(f"{value:g}" for value in sweep.values)]
    laws = {area: sweep.power_law(area) for area in sweep.areas}
    if any(laws.values()):
        header.append("exponent")
        rows = [[*row, str(laws[area] or "")] for area, row in zip(sweep.areas, rows, strict=True)]
    return table(header, rows, f"{name}: relative error (cosine) to backprop's change")


def _brief(error: float) -> str:
    """Format an error; 0 if it is below rounding."""
    return brief(0.0 if error <= LEAST else error)


def _plain(trial: Mapping[str, Comparison]) -> dict[str, Any]:
    return {area: asdict(comparison) for area, comparison in trial.items()}


def _swept(sweep: ParameterSweep) -> dict[str, Any]:
    laws = {area: sweep.power_law(area) for area in sweep.areas}
    return {
        "name": sweep.name,
        "values": sweep.values,
        "trials": [[_plain(trial) for trial in trials] for trials in sweep.found],
        "laws": {area: law and asdict(law) for area, law in laws.items()},
    }
