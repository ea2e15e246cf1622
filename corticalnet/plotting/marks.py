"""Rules × properties: a mark in every field, and the number behind it.

marks({"backprop": {"local": ("no", "✗", "0.087")}}, [("Song et al. 2020, Table 2", ["local"])])
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from corticalnet.plotting.style import GREY, LABEL, styled

#: Pale, and told apart without colour by the mark itself.
COLOURS = {"yes": "#cfe8cf", "some": "#fbe9b7", "no": "#f4cccc", "none": "#f2f2f2"}


@styled
def marks(
    rows: Mapping[str, Mapping[str, tuple[str, str, str]]], groups: Sequence[tuple[str, Sequence[str]]]
) -> Figure:
    """Plot a matrix of marks for each group of properties, side by side.

    Args:
        rows: rule -> property -> (kind of mark: "yes", "some", "no" or "none"; the mark; the number).
        groups: title and properties of each matrix.
    """
    counts = [len(properties) for _, properties in groups]
    size = 1.9 + 0.92 * sum(counts) + 0.3 * len(groups), 1.4 + 0.34 * len(rows)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(groups), width_ratios=counts, squeeze=False)[0]
    for axes, (title, properties) in zip(panels, groups, strict=True):
        for y, fields in enumerate(rows.values()):
            for x, name in enumerate(properties):
                kind, mark, number = fields[name]
                box = Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=COLOURS[kind], edgecolor="white", lw=1.5)
                axes.add_patch(box)
                where = {"va": "center", "fontsize": LABEL + 1}
                axes.text(x - 0.24, y, mark, ha="center", weight="bold", **where)  # type: ignore[arg-type]
                axes.text(x - 0.08, y, number, ha="left", color=GREY, va="center", fontsize=LABEL)
        words = [textwrap.fill(name, 14) for name in properties]
        axes.set(xlim=(-0.5, len(properties) - 0.5), ylim=(len(rows) - 0.5, -0.5))
        axes.set_xticks(range(len(properties)), words, fontsize=LABEL)
        axes.set_yticks(
            range(len(rows)), list(rows) if axes is panels[0] else [""] * len(rows), fontsize=LABEL + 1
        )
        axes.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
        axes.spines[:].set_visible(False)
        axes.set_title(title, fontsize=LABEL + 2, loc="left", y=1.0, pad=36)  # above three lines of words
    keys = ("✓ holds", "~ for some networks", "✗ does not", "– cannot be asked", "number: the worst of them")
    figure.supxlabel("        ".join(keys), fontsize=LABEL, color=GREY)
    return figure
