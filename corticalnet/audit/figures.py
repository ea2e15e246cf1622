"""Figures of a validation."""

from __future__ import annotations

from matplotlib.figure import Figure

from corticalnet.audit.comparison import ALL
from corticalnet.audit.sweeps import Sweep
from corticalnet.audit.validation import Validation
from corticalnet.plotting.style import LABEL, plain
from corticalnet.plotting.validation import by_view, curves


def figures(report: Validation) -> dict[str, Figure]:
    """By name: "views", if views were run, and "sweep_of_…", if a setting was swept."""
    found: dict[str, Figure] = {}
    if report.views:
        found["views"] = by_view(
            {
                one.view: {
                    area: [(c.cosine, c.ratio, c.error) for c in (trial[area] for trial in one.trials)]
                    for area in (report.areas if one.trials else ())
                }
                for one in report.views
            }
        )
        found["views"].suptitle(f"{report.name}: weight changes beside backprop's", fontsize=LABEL + 2)
    if report.sweep is not None:
        found[f"sweep_of_{report.sweep.name}"] = _sweep(report.sweep, report.name)
    return found


def _sweep(sweep: Sweep, name: str) -> Figure:
    """Errors, and cosines, area by area."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    areas = [area for area in sweep.areas if area != ALL]
    laws = {area: (law.scale, law.exponent) for area in areas if (law := sweep.law(area))}
    curves(left, sweep.values, {area: sweep.errors(area) for area in areas}, laws, sweep.label)
    for k, area in enumerate(areas):
        right.plot(sweep.values, sweep.cosine(area), "o-", ms=4, lw=1.3, color=f"C{k}", label=area)
    plain(right)
    if min(sweep.values) > 0:
        right.set_xscale("log")
        right.set_xticks(sweep.values, [f"{value:g}" for value in sweep.values], fontsize=LABEL)
        right.minorticks_off()
    right.ticklabel_format(axis="y", useOffset=False)
    right.axhline(1, color="0.45", lw=0.8, ls=":")
    right.set_xlabel(sweep.label, fontsize=LABEL)
    right.set_ylabel("cosine to backprop, mean over trials", fontsize=LABEL)
    figure.suptitle(name, fontsize=LABEL + 2)
    return figure
