"""The look of all figures: plain axes, pale bands for phases, one hue for each kind of cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

GREY = "0.45"
LABEL = 8
#: One for each phase label, in the order in which the labels appear.
BANDS = ("#f6f6f6", "#fdf0e1", "#eaf2fa", "#edf6ea", "#f8ecf4", "#fcf8e2")
#: More phases than this are no longer seen as bands.
MOST_BANDS = 60
#: Letters that fit into an inch.
LETTERS = 13

Phases = Sequence[tuple[float, float, str]]


def plain(axes: Axes, ticks: int = 3) -> None:
    """No box, few ticks, small type."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_linewidth(0.6)
    axes.tick_params(labelsize=LABEL, width=0.6, length=2.5)
    axes.yaxis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))


def mark_phases(axes: Axes, phases: Phases) -> None:
    """Pale bands, and thin lines where a phase begins after the first."""
    if not 0 < len(phases) <= MOST_BANDS:
        return
    for label, colour in _colours(phases).items():
        spans = [(start, end - start) for start, end, other in phases if other == label]
        bars = axes.broken_barh(spans, (0, 1), transform=axes.get_xaxis_transform(), color=colour, lw=0)
        bars.set(zorder=-2, gid=f"phase {label}")
    onsets = [start for start, _, _ in phases[1:]]
    axes.vlines(onsets, 0, 1, transform=axes.get_xaxis_transform(), color="0.75", lw=0.5, zorder=-1)
    axes.set_xlim(phases[0][0], phases[-1][1])


def name_phases(figure: Figure, tops: Sequence[Axes], phases: Phases, width: float) -> None:
    """Labels above the bands of the axes in ``tops`` if they fit, one legend for the figure otherwise.

    Args:
        figure: for the legend.
        tops: the axes that stand on top of their columns.
        phases: as :func:`mark_phases` takes them.
        width: of the axes, in inches.
    """
    if not 0 < len(phases) <= MOST_BANDS:
        return
    scale = width * LETTERS / (phases[-1][1] - phases[0][0])
    if all((end - start) * scale > len(label) for start, end, label in phases):
        for axes in tops:
            for start, end, label in phases:
                where = {"ha": "center", "va": "bottom", "fontsize": LABEL - 1, "color": GREY}
                axes.text((start + end) / 2, 1.01, label, transform=axes.get_xaxis_transform(), **where)  # type: ignore[arg-type]
        return
    place: Any = "outside lower center" if figure.get_constrained_layout() else "lower center"
    keys = [Patch(facecolor=colour, label=label) for label, colour in _colours(phases).items()]
    legend = figure.legend(handles=keys, loc=place, ncols=6, frameon=False, fontsize=LABEL, labelcolor=GREY)
    for patch in legend.get_patches():
        patch.set(edgecolor="0.75", linewidth=0.5)


def _colours(phases: Phases) -> dict[str, str]:
    labels = dict.fromkeys(label for _, _, label in phases)
    return {label: BANDS[k % len(BANDS)] for k, label in enumerate(labels)}
