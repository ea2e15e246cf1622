"""The page of ``corticalnet validate``: every view's weight changes beside backprop's."""

from __future__ import annotations

import math
from pathlib import Path

from pydantic import BaseModel, Field

from corticalnet.audit.comparison import ALL, LEAST, geometric_mean, mean
from corticalnet.audit.report import brief
from corticalnet.errors import CheckpointError
from corticalnet.report.command import again
from corticalnet.report.kinds import Kind, register
from corticalnet.report.page import Callout, Page, PagePart, Section, Table
from corticalnet.report.pictures import saved
from corticalnet.report.words import count, duration
from corticalnet.store import read_json


class ComparisonAbout(BaseModel):
    """One area's change in one trial; None is no number."""

    cosine: float | None
    ratio: float | None
    error: float | None
    own: float | None


Trials = list[dict[str, ComparisonAbout]]


class ViewAbout(BaseModel):
    """One view of the same trials."""

    view: str
    left_out: str | None = Field(alias="left out")
    seconds: float
    trials: Trials


class LawAbout(BaseModel):
    """The power law that errors follow."""

    exponent: float | None


class SweepAbout(BaseModel):
    """How errors follow a setting."""

    name: str
    values: list[float]
    trials: list[Trials]
    laws: dict[str, LawAbout | None]


class ValidationAbout(BaseModel):
    """What the file ``validation.json`` holds."""

    name: str
    areas: list[str]
    views: list[ViewAbout]
    sweep: SweepAbout | None


def page(folder: Path) -> Page:
    """Make the page of one folder."""
    found = read_json(folder / "validation.json", ValidationAbout, CheckpointError)
    views, sweep = [], []
    if found.views:
        alt = "A dot for each trial and area: cosine, ratio of norms and relative error, a row for each view."
        picture = _picture(folder / "views.png", alt, "Each dot is an area's weight change in one trial.")
        views = [*picture, *_left_out(found), _views(found)]
    if found.sweep is not None:
        name = found.sweep.name
        alt = f"Relative errors and cosines to backprop's weight changes, over {name}."
        caption = f"How errors follow {name}; dots are trials."
        sweep = [*_picture(folder / f"sweep_of_{name}.png", alt, caption), _sweep(found.sweep)]
    shown = [section for section in (Section("Views", views), Section("Sweep", sweep)) if section.blocks]
    return Page("Validation", found.name, _sentence(found), [*shown, again(folder)], where=str(folder))


def _sentence(found: ValidationAbout) -> str:
    if found.views:
        trials = max(len(view.trials) for view in found.views)
        views = count(sum(bool(view.trials) for view in found.views), "view")
        return (
            f"Weight changes of {count(trials, 'trial')}, in {views}, beside backprop's on the same network."
        )
    return "How the errors of weight changes, beside backprop's, follow a setting."


def _picture(path: Path, alt: str, caption: str) -> list[PagePart]:
    return [saved(path, alt, caption)] if path.exists() else []


def _left_out(found: ValidationAbout) -> list[PagePart]:
    """Return notes about views that a rule has no circuit for, by reason."""
    reasons: dict[str, list[str]] = {}
    for view in found.views:
        if view.left_out:
            reasons.setdefault(view.left_out, []).append(view.view)
    return [Callout(f"Left out: {'; '.join(names)}: {reason}.") for reason, names in reasons.items()]


def _views(found: ValidationAbout) -> Table:
    """Tabulate means over trials, a row for each view and area."""
    rows = [
        [view.view, area, *_typical(view, area), duration(view.seconds) if area == ALL else ""]
        for view in found.views
        for area in ([*found.areas, ALL] if view.trials else ())
    ]
    header = ["view", "area", "cosine", "norm ratio", "relative error", "to the rule", "time"]
    caption = "Weight changes beside backprop's: mean cosine and ratio, geometric mean of errors over trials"
    return Table(caption, header, rows)


def _typical(view: ViewAbout, area: str) -> list[str]:
    trials = [trial[area] for trial in view.trials if area in trial]
    cosine, ratio = mean(_number(c.cosine) for c in trials), geometric_mean(_number(c.ratio) for c in trials)
    errors = [geometric_mean(_number(getattr(c, key)) for c in trials) for key in ("error", "own")]
    return [f"{cosine:.5f}", f"{ratio:.4f}", *map(_brief, errors)]


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _brief(error: float) -> str:
    """Format an error: 0 below rounding, a dash for NaN."""
    return "–" if math.isnan(error) else brief(0.0 if error <= LEAST else error)


def _sweep(sweep: SweepAbout) -> Table:
    """Tabulate errors at every value, and the exponent."""
    areas = list(sweep.trials[0][0]) if sweep.trials and sweep.trials[0] else []
    rows = []
    for area in areas:
        errors = [geometric_mean(_number(trial[area].error) for trial in trials) for trials in sweep.trials]
        law = sweep.laws.get(area)
        exponent = "–" if law is None or law.exponent is None else f"{law.exponent:.2f}"
        rows.append([area, *map(_brief, errors), exponent])
    header = ["area", *(f"{value:g}" for value in sweep.values), "exponent"]
    return Table(f"Relative error to backprop's change, over {sweep.name}", header, rows)


register(Kind("validation", ("validation.json",), page))
