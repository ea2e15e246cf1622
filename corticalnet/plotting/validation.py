"""How far views are from backprop, and how errors follow a setting.

by_view({"steps": {"area1": [(cosine, ratio, error), ...]}})               a dot for each trial and area
over_setting(x, {"area1": [[errors of a trial, ...], ...]}, {"area1": [cosine, ...]})
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from corticalnet.plotting.style import CYCLE, GREY, LABEL, entitle, plain, styled

#: What is drawn for an error of exactly 0.
LEAST = 1e-17
_TITLES = ("cosine", "norm ratio", "relative error")


@styled
def by_view(
    views: Mapping[str, Mapping[str, Sequence[tuple[float, float, float]]]], title: str = ""
) -> Figure:
    """Plot cosine, ratio of norms and relative error, a row for each view.

    Args:
        views: view -> area -> (cosine, ratio, error) of each trial; a view without areas was left out.
        title: of the figure.
    """
    figure = Figure(figsize=(10.5, 1.3 + 0.42 * len(views)), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    areas = list(dict.fromkeys(area for found in views.values() for area in found))
    for axes, measure, part in zip(panels, _TITLES, range(3), strict=True):
        for row, found in enumerate(views.values()):
            for k, area in enumerate(areas):
                seen = [
                    max(trial[part], LEAST) if part == 2 else trial[part] for trial in found.get(area, ())
                ]
                y = row + 0.5 * ((k + 0.5) / len(areas) - 0.5)
                label = area if row == 0 else None
                axes.plot(
                    seen, [y] * len(seen), "o", ms=3.5, color=CYCLE[k % len(CYCLE)], alpha=0.8, label=label
                )
            if not found:
                where = {"ha": "center", "va": "center", "fontsize": LABEL, "color": GREY}
                axes.text(0.5, row, "left out", transform=axes.get_yaxis_transform(), **where)  # type: ignore[arg-type]
        plain(axes)
        axes.set_title(measure, fontsize=LABEL + 1)
        axes.set_yticks(range(len(views)), list(views), fontsize=LABEL)
        axes.grid(axis="x", lw=0.4, color="0.9")
        if part < 2:
            axes.axvline(1, color=GREY, lw=0.8, ls=":")
            axes.ticklabel_format(axis="x", useOffset=False)
        elif any(
            math.isfinite(error) for found in views.values() for one in found.values() for *_, error in one
        ):
            axes.set_xscale("log")
    panels[0].set_ylim(len(views) - 0.5, -0.5)
    handles, labels = next(
        (found for axes in panels if (found := axes.get_legend_handles_labels())[0]), ([], [])
    )
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=9, frameon=False, fontsize=LABEL)
    entitle(figure, title)
    return figure


@styled
def over_setting(
    x: Sequence[float],
    errors: Mapping[str, Sequence[Sequence[float]]],
    cosines: Mapping[str, Sequence[float]],
    laws: Mapping[str, tuple[float, float]] | None = None,
    label: str = "",
    title: str = "",
) -> Figure:
    """Plot relative errors (see :func:`curves`) and mean cosines over a setting.

    Args:
        x: the setting.
        errors: area -> for each x, those of all trials.
        cosines: area -> for each x, their mean over trials.
        laws: area -> (scale, exponent).
        label: of the setting.
        title: of the figure.
    """
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    curves(left, x, errors, laws, label)
    for k, (area, means) in enumerate(cosines.items()):
        right.plot(x, means, "o-", ms=4, lw=1.3, color=CYCLE[k % len(CYCLE)], label=area)
    plain(right)
    if min(x) > 0:
        right.set_xscale("log")
        right.set_xticks(x, [f"{value:g}" for value in x], fontsize=LABEL)
        right.minorticks_off()
    right.ticklabel_format(axis="y", useOffset=False)
    right.axhline(1, color=GREY, lw=0.8, ls=":")
    right.set_xlabel(label, fontsize=LABEL)
    right.set_ylabel("cosine to backprop, mean over trials", fontsize=LABEL)
    entitle(figure, title)
    return figure


def curves(
    axes: Axes,
    x: Sequence[float],
    errors: Mapping[str, Sequence[Sequence[float]]],
    laws: Mapping[str, tuple[float, float]] | None = None,
    label: str = "",
) -> None:
    """Plot relative errors over a setting: trials are dots, geometric means a line, power laws broken lines.

    Args:
        axes: to draw on.
        x: the setting.
        errors: name -> for each x, those of all trials.
        laws: name -> (scale, exponent).
        label: of the setting.
    """
    for k, (name, found) in enumerate(errors.items()):
        colour = CYCLE[k % len(CYCLE)]
        shown = [[max(e, LEAST) for e in trials if math.isfinite(e)] for trials in found]
        for where, trials in zip(x, shown, strict=True):
            axes.plot([where] * len(trials), trials, ".", ms=4, color=colour, alpha=0.45)
        middle = [math.exp(float(np.mean(np.log(trials)))) if trials else math.nan for trials in shown]
        law = (laws or {}).get(name)
        text = name if law is None else f"{name}, exponent {law[1]:.2f}"
        axes.plot(x, middle, "-" if law is None else "o", ms=4, lw=1.3, color=colour, label=text)
        if law is not None:
            axes.plot(x, [law[0] * value ** law[1] for value in x], "--", lw=1, color=colour)
    plain(axes)
    axes.set_yscale("log")
    if min(x) > 0:
        axes.set_xscale("log")
        axes.set_xticks(list(x), [f"{value:g}" for value in x], fontsize=LABEL)
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label, fontsize=LABEL)
    axes.set_ylabel("relative error to backprop", fontsize=LABEL)
    axes.legend(frameon=False, fontsize=LABEL)
