"""Curves of several training runs in one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from corticalnet.errors import printable
from corticalnet.plotting.style import LABEL, plain, styled

#: Runs that have a name in the legend.
MOST_NAMES = 16
#: Where the largest number is so many times the smallest, the axis is logarithmic.
DECADES = 1000
_TITLES = {
    "loss": "training: mean loss",
    "accuracy": "training: fraction right",
    "validation_accuracy": "validation: fraction right",
    "validation_loss": "validation: loss",
}

History = Sequence[Mapping[str, Any]]


@styled
def several_learning_curves(
    runs: Mapping[str, Sequence[History]], losses: Mapping[str, str] | None = None
) -> Figure:
    """Plot loss and scores over epochs, a colour for each name.

    Args:
        runs: name -> histories, one for each seed. Several are thin lines, and a thick one is their mean, as
            far as all of them go.
        losses: name -> what its loss is ("squared"); those that differ have axes of their own.
    """
    told = losses or {}
    colours = {name: f"C{number % 10}" for number, name in enumerate(runs)}
    panels: list[tuple[str, dict[str, list[list[float]]]]] = []
    for key, title in _TITLES.items():
        curves = {
            name: [[one[key] for one in history if one.get(key) is not None] for history in histories]
            for name, histories in runs.items()
        }
        kinds = dict.fromkeys(told.get(name, "") for name in runs) if key == "loss" else {"": None}
        for kind in kinds:
            heading = f"{title} ({kind})" if len(kinds) > 1 and kind else title
            own = {
                name: found for name, found in curves.items() if len(kinds) == 1 or told.get(name, "") == kind
            }
            if key == "loss" or any(curve for found in own.values() for curve in found):
                panels.append((heading, own))
    figure = Figure(figsize=(3.4 * len(panels), 3.1), layout="constrained")
    for (title, own), axes in zip(panels, figure.subplots(1, len(panels), squeeze=False)[0], strict=True):
        for name, found in own.items():
            _draw(axes, [curve for curve in found if curve], colours[name], name)
        plain(axes, 4)
        if _spans_decades([value for found in own.values() for curve in found for value in curve]):
            axes.set_yscale("log")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_title(title, fontsize=LABEL + 1)
        axes.set_xlabel("epoch", fontsize=LABEL)
    axes = figure.axes[0]
    lines = {line.get_label(): line for a in figure.axes for line in a.get_lines()}
    named = {name: line for name, line in lines.items() if not str(name).startswith("_")}
    if 1 < len(named) <= MOST_NAMES:
        figure.legend(
            list(named.values()),
            [_escaped(str(name)) for name in named],
            loc="outside lower center",
            ncols=min(len(named), 3),
            frameon=False,
            fontsize=LABEL,
        )
    return figure


def _draw(axes: Any, curves: list[list[float]], colour: str, name: str) -> None:
    """Draw one curve per seed as thin lines, and their mean."""
    if not curves:
        return
    thin = len(curves) > 1
    for curve in curves:
        axes.plot(
            range(1, len(curve) + 1),
            curve,
            color=colour,
            lw=0.8 if thin else 1.6,
            alpha=0.5 if thin else 1.0,
            marker="." if len(curve) == 1 else "",
            label="_one" if thin else _label(name),
        )
    if thin:
        shortest = min(map(len, curves))
        mean = np.mean([curve[:shortest] for curve in curves], axis=0)
        axes.plot(range(1, shortest + 1), mean, color=colour, lw=2, label=_label(name))


def _spans_decades(values: list[float]) -> bool:
    """Return whether values span decades, so that small ones would be lost on a linear axis."""
    return bool(values) and min(values) > 0 and max(values) > DECADES * min(values)


def _label(name: str) -> str:
    """Return a name that matplotlib takes into a legend, even where it begins with "_"."""
    return f"\u200b{name}" if name.startswith("_") else name


def _escaped(name: str) -> str:
    """Escape a name for matplotlib, which reads "$" as mathematics."""
    return printable(name.lstrip("\u200b")).replace("$", r"\$")
