"""How well φ detects, and how far autonomous columns are from their twin.

autonomy(success, curves)                                   both of the following, side by side
grid_of_success(axes, {"streaming": {1: 1.0, 2: 1.0}})      a row for each name, a column for each setting
distances(axes, {"streaming": [1e-16, 2e-16, ...]})         trial by trial, on a logarithmic scale
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from corticalnet.plotting.style import GREY, LABEL, line, plain, styled
from corticalnet.tables import percent

#: What is drawn for a distance of exactly 0, or one that is not finite.
LEAST, MOST = 1e-17, 1e4
#: From here on up, weights are those of the twin.
BAR = 1e-10
_STYLES = ("-", "--", ":", "-.")


@styled
def autonomy(
    success: Mapping[str, Mapping[Any, float]], curves: Mapping[str, Sequence[float | None]]
) -> Figure:
    """Plot detection (:func:`grid_of_success`) beside distances in a stream (:func:`distances`)."""
    figure = Figure(figsize=(10.5, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    grid_of_success(left, success, "silent steps t_d")
    left.set_title("samples all of whose φ cells fired as they should, %", fontsize=LABEL + 1)
    distances(right, curves)
    right.set_title("a stream of trials of unknown timing", fontsize=LABEL + 1)
    return figure


def grid_of_success(axes: Axes, success: Mapping[str, Mapping[Any, float]], what: str = "t_d") -> None:
    """Plot fractions as a coloured table with percentages.

    Args:
        axes: to draw on.
        success: name -> setting -> fraction.
        what: the name of the settings.
    """
    names, settings = list(success), list(next(iter(success.values())))
    values = np.array([[success[name][setting] for setting in settings] for name in names])
    axes.imshow(values, cmap="RdYlBu", vmin=0, vmax=1, aspect="auto", alpha=0.35)
    for row, column in np.ndindex(values.shape):
        axes.text(column, row, percent(float(values[row, column])), ha="center", va="center", fontsize=LABEL)
    axes.set_xticks(range(len(settings)), [str(setting) for setting in settings], fontsize=LABEL)
    axes.set_yticks(range(len(names)), names, fontsize=LABEL)
    axes.set_xlabel(what, fontsize=LABEL)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def distances(axes: Axes, curves: Mapping[str, Sequence[float | None]]) -> None:
    """Plot the distance of the weights from the twin's after each trial.

    Args:
        axes: to draw on.
        curves: name -> distances; 0 is drawn at 1e-17, what ran away (None, or not finite) at 1e4.
    """
    for k, (name, curve) in enumerate(curves.items()):
        shown = [MOST if d is None or not math.isfinite(d) else min(max(d, LEAST), MOST) for d in curve]
        # Equal curves lie on each other: the first are the widest, the later ones are broken.
        look = line(k) | {"ls": _STYLES[k % 4], "lw": max(4.0 - k, 1.2)}
        axes.plot(range(1, len(shown) + 1), shown, **look, label=name)
    plain(axes)
    axes.axhline(BAR, color=GREY, lw=0.8, ls=":")
    axes.text(1, BAR * 1.6, "the twin's weights, below this line", fontsize=LABEL - 1, color=GREY)
    axes.set(yscale="log", ylim=(LEAST / 2, 2 * MOST))
    axes.yaxis.set_major_locator(LogLocator(numticks=7))
    axes.set_xlabel("trial", fontsize=LABEL)
    axes.set_ylabel("‖W − W twin‖ / ‖W twin − W(0)‖", fontsize=LABEL)
    axes.legend(frameon=False, fontsize=LABEL)
