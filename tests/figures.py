"""What a reader needs of any figure, asked of the figure itself and not of its pixels."""

import itertools

from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from corticalnet.plotting.style import LABEL


def hard_to_read(figure):
    """Sentences on what is wrong: empty panels, lines that look alike, a box around a plot, large type."""
    found = []
    for axes in figure.axes:
        if not axes.get_visible() or not axes.axison:
            continue
        name = axes.get_title() or axes.get_ylabel() or axes.get_xlabel() or "a panel"
        if not (axes.lines or axes.collections or axes.images or axes.patches or axes.texts):
            found.append(f"{name} is empty")
        looks = {}
        for line in axes.lines:
            if not str(line.get_label()).startswith("_"):
                look = to_hex(line.get_color()), line.get_linestyle(), line.get_marker(), line.get_linewidth()
                looks.setdefault(look, []).append(line.get_label())
        found += [f"{name}: {' and '.join(alike)} look alike" for alike in looks.values() if len(alike) > 1]
        if axes.spines["top"].get_visible() and not axes.images and not axes.collections:
            found.append(f"{name} stands in a box")
        if axes.xaxis.label.get_fontsize() > LABEL + 2 or axes.title.get_fontsize() > LABEL + 3:
            found.append(f"{name} has large type")
    return found


def overlapping(figure):
    """Pairs of titles, or of tick labels of one axis, that overlap, and bars that a legend covers."""
    figure.draw_without_rendering()
    titles = [axes.title for axes in figure.axes if axes.get_visible() and axes.get_title()]
    found = [
        (one.get_text(), other.get_text())
        for one, other in itertools.combinations(titles, 2)
        if one.get_window_extent().overlaps(other.get_window_extent())
    ]
    for axes in (axes for axes in figure.axes if axes.get_visible() and axes.axison):
        for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
            boxes = [
                (label.get_text(), label.get_window_extent())
                for label in labels
                if label.get_text() and label.get_visible() and label.get_rotation() == 0
            ]
            for (one, box), (other, beside) in itertools.pairwise(boxes):
                if box.overlaps(beside) and box.width and beside.width:
                    found.append((one, other))
        legend = axes.get_legend()
        if legend is not None:
            box = legend.get_window_extent()
            rectangles = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
            bars = [bar for bar in rectangles if bar.get_data_transform() == axes.transData]  # (no bands)
            found += [
                ("legend", f"bar {k}") for k, bar in enumerate(bars) if box.overlaps(bar.get_window_extent())
            ]
    return found
