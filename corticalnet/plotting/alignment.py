"""How a rule's feedback turns towards backprop's, over training."""

from __future__ import annotations

import xarray as xr
from matplotlib.figure import Figure

from corticalnet.plotting.style import LABEL, entitle, plain, shades, styled, words

_PANELS = {
    "angle": ("area", "angle to backprop (°)", (-4, 184), 90.0),
    "gap": ("link", "‖W − B‖ / ‖W‖", None, 0.0),
    "congruence": ("link", "share of equal signs", (-0.03, 1.03), 0.5),
}


@styled
def alignment(data: xr.Dataset) -> Figure:
    """Plot angles by area, and how similar weights up and down are by link; darker is nearer the output.

    Thin lines: what chance would be (90°, half of all signs), and no gap.

    Args:
        data: a recording of ``corticalnet.analysis.AlignmentTracker``.
    """
    names = [name for name, (dim, *_) in _PANELS.items() if data.sizes[dim]]
    figure = Figure(figsize=(0.6 + 3.2 * len(names), 2.7), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        dim, title, limits, line = _PANELS[name]
        for one, colour in zip(data[dim].values, shades(data.sizes[dim]), strict=True):
            axes.plot(data["time"], data[name].sel({dim: one}), color=colour, lw=1.5, label=words(one))
        plain(axes, 4)
        axes.axhline(line, color="0.8", lw=0.8, zorder=0)
        if limits is None:
            axes.set_ylim(bottom=-0.03 * (axes.get_ylim()[1]))
        else:
            axes.set_ylim(*limits)
        axes.set_title(title, fontsize=LABEL + 1)
        axes.set_xlabel(data["time"].attrs.get("units", "time"), fontsize=LABEL)
        axes.legend(title={"area": "into", "link": "along"}[dim])
    entitle(figure, data.attrs.get("rule", ""))
    return figure
