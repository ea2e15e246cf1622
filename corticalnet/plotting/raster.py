"""Which cells fire when: a dot for every time at which a state is not zero."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from corticalnet.errors import ProtocolError
from corticalnet.plotting.style import GREY, LABEL, mark_phases, name_phases, plain
from corticalnet.recordings.reading import area_names, phases, present, symbol
from corticalnet.recordings.reading import state as read

WIDTH = 7.0


def raster(data: xr.Dataset, state: str = "phi", batch: int = 0) -> Figure:
    """Dots wherever a state is not zero; columns stacked by area, the first area at the bottom.

    Args:
        data: a recording.
        state: its name.
        batch: which trial of the batch.

    Raises:
        ProtocolError: the state was not recorded, there is no such trial, or no cell has the state.
    """
    array = read(data, state, batch)
    cells = present(array)
    if not len(cells):
        raise ProtocolError(f"no cell has a number of '{state}' in this recording")
    areas, values = data["area"].values[cells], array.values[:, cells]
    figure = Figure(figsize=(WIDTH, float(np.clip(1.2 + 0.035 * len(cells), 2.2, 7))), layout="constrained")
    axes = figure.subplots()
    size = float(np.clip(700 / max(len(cells), len(values) / 2), 1.5, 12))
    middles, names = [], []
    for name in area_names(data):
        rows = np.flatnonzero(areas == name)
        if not len(rows):
            continue
        steps, fired = np.nonzero(np.nan_to_num(values[:, rows]))
        axes.scatter(data["time"].values[steps], rows[fired], s=size, color="black", lw=0, label=name)
        middles.append((rows[0] + rows[-1]) / 2)
        names.append(f"{name}\n({len(rows)})")
        if rows[0] > 0:
            axes.axhline(rows[0] - 0.5, color=GREY, lw=0.6)
    plain(axes)
    mark_phases(axes, phases(data))
    name_phases(figure, [axes], phases(data), WIDTH - 1)
    axes.set_yticks(middles, names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.5, len(cells) - 0.5)
    axes.set_xlabel("time (ms)", fontsize=LABEL)
    axes.set_ylabel("column, by area", fontsize=LABEL)
    title = f"{data.attrs.get('title', '')}: {symbol(data, state)} ≠ 0".removeprefix(": ")
    figure.suptitle(title, fontsize=LABEL + 1)
    return figure
