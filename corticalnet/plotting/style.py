"""The look of all figures: type, lines and colours by role, and pale bands for phases.

Colours are those of Okabe & Ito (2008), told apart by people who see red and green alike. A draw function
that is ``@styled`` draws in this look; a colour with a meaning is ``COLOURS[role]``, others come from the
cycle.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from cycler import cycler
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from corticalnet.errors import printable

GREY = "0.45"
LABEL = 8
#: By what a population does, or what is drawn of it.
COLOURS = {
    "value": "#0072b2",
    "prediction": "#009e73",
    "error": "#d55e00",
    "feedback": "#d55e00",
    "phi": "#e69f00",
    "weight": "#882255",
    "dopamine": "#000000",
    "rpe": "#000000",
}
#: Anything else that has a role.
OTHER = "#8d8d8d"
#: For what has no role (rules, areas, columns), in this order.
BLUE, ORANGE, GREEN, RED, PINK, SKY, BLACK, WINE = CYCLE = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#000000", "#882255"
)  # fmt: skip
STYLE: dict[Any, Any] = {
    "font.size": LABEL,
    "axes.titlesize": LABEL + 1,
    "axes.labelsize": LABEL,
    "xtick.labelsize": LABEL,
    "ytick.labelsize": LABEL,
    "legend.fontsize": LABEL - 1,
    "figure.titlesize": LABEL + 2,
    "axes.prop_cycle": cycler(color=CYCLE),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "legend.frameon": False,
    **{f"{axis}tick.major.{what}": size for axis in "xy" for what, size in (("width", 0.6), ("size", 2.5))},
    **{f"{axis}tick.minor.{what}": size for axis in "xy" for what, size in (("width", 0.4), ("size", 1.5))},
}
#: One for each phase label, in the order in which the labels appear.
BANDS = ("#f6f6f6", "#fdf0e1", "#eaf2fa", "#edf6ea", "#f8ecf4", "#fcf8e2")
#: More phases than this are no longer seen as bands.
MOST_BANDS = 60
#: Letters that fit into an inch.
LETTERS = 13
#: The same of a title.
WIDE_LETTERS = 11

Phases = Sequence[tuple[float, float, str]]
P = ParamSpec("P")
T = TypeVar("T")


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Wrap a function that makes a figure, so that it uses the common style."""

    @wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        with rc_context(STYLE):
            figure = draw(*args, **kwargs)
            if isinstance(figure, Figure):
                _keep(figure)
        return figure

    return inside


def _keep(figure: Figure) -> None:
    """Fix what matplotlib would look up only when it saves the figure: ticks made then, the colour "C1"."""
    for one in figure.findobj(Line2D):
        for value, put in (
            (one.get_color(), one.set_color),
            (one.get_markerfacecolor(), one.set_markerfacecolor),
            (one.get_markeredgecolor(), one.set_markeredgecolor),
        ):
            if isinstance(value, str) and value[:1] == "C" and value[1:].isdigit():
                put(to_hex(value))
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        for which in ("major", "minor"):
            given = axis.get_tick_params(which=which)
            own = {"width": STYLE[f"xtick.{which}.width"], "length": STYLE[f"xtick.{which}.size"]}
            own |= {"labelsize": LABEL}
            axis.set_tick_params(which=which, **{k: v for k, v in own.items() if k not in given})  # type: ignore[arg-type]


def words(name: object) -> str:
    """Escape a name from a user, so that matplotlib prints "$" and control characters as they are."""
    return printable(name).replace("$", r"\$")


def title_lines(title: object, width: float) -> list[str]:
    """Wrap a title to the lines that fit a figure of so many inches."""
    return textwrap.wrap(words(title), max(int(WIDE_LETTERS * width), 12))


def entitle(figure: Figure, title: object, **where: Any) -> None:
    """Write a title, wrapped to the figure's width."""
    figure.suptitle("\n".join(title_lines(title, figure.get_figwidth())), **where)


def line(k: int) -> dict[str, Any]:
    """Return the style of the k-th line of a panel: the colours of the cycle, then the same broken."""
    return {"color": CYCLE[k % len(CYCLE)], "ls": ("-", "--", ":")[k // len(CYCLE) % 3]}


def shades(n: int) -> list[tuple[float, ...]]:
    """Return n colours for ordered things (areas, columns), from pale to dark."""
    return [colormaps["viridis_r"](0.2 + 0.8 * (k + 1) / n) for k in range(n)]


def plain(axes: Axes, ticks: int = 3) -> None:
    """Remove the box of axes; use few ticks and small type."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_linewidth(0.6)
    axes.tick_params(labelsize=LABEL, width=0.6, length=2.5)
    axes.yaxis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))


def mark_phases(axes: Axes, phases: Phases) -> None:
    """Draw pale bands, and thin lines where a phase begins after the first."""
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
    """Write labels above the bands of the axes in ``tops`` if they fit, one legend for the figure otherwise.

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
    room = max(len(str(patch.get_label())) for patch in keys) + 7  # letters of the longest, with its patch
    beside = max(1, int(LETTERS * figure.get_figwidth() / room))
    legend = figure.legend(
        handles=keys, loc=place, ncols=beside, frameon=False, fontsize=LABEL, labelcolor=GREY
    )
    for patch in legend.get_patches():
        patch.set(edgecolor="0.75", linewidth=0.5)


def _colours(phases: Phases) -> dict[str, str]:
    labels = dict.fromkeys(label for _, _, label in phases)
    return {label: BANDS[k % len(BANDS)] for k, label in enumerate(labels)}
