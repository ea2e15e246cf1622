"""Which cells fire when: a dot for every time at which a state is not zero."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from corticalnet.plotting.style import GREY, LABEL, mark_phases, name_phases, plain
from corticalnet.recordings.reading import phases, symbol
from corticalnet.recordings.reading import state as read

WIDTH = 7.0


def raster(data: xr.Dataset, state: str = "phi", batch: int = 0) -> Figure:
    """Dots wherever a state is not zero; columns stacked by area, the first area at the bottom.

    Args:
        data: a recording.
        state: its name.
        batch: which trial of the batch.

    Raises:
        ProtocolError: the state was not recorded, or there is no such trial.
    """
    arrays = read(data, state, batch)
    total = sum(array.shape[1] for array in arrays.values())
    figure = Figure(figsize=(WIDTH, float(np.clip(1.2 + 0.035 * total, 2.2, 7))), layout="constrained")
    axes = figure.subplots()
    size = float(np.clip(700 / max(total, data.sizes["time"] / 2), 1.5, 12))
    middles, names, bottom = [], [], 0
    for name, array in arrays.items():
        cells = array.shape[1]
        steps, fired = np.nonzero(array.values)
        axes.scatter(data["time"].values[steps], bottom + fired, s=size, color="black", lw=0, label=name)
        middles.append(bottom + (cells - 1) / 2)
        names.append(f"{name}\n({cells})")
        if bottom > 0:
            axes.axhline(bottom - 0.5, color=GREY, lw=0.6)
        bottom += cells
    plain(axes)
    mark_phases(axes, phases(data))
    name_phases(figure, [axes], phases(data), WIDTH - 1)
    axes.set_yticks(middles, names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.5, total - 0.5)
    axes.set_xlabel("time (ms)", fontsize=LABEL)
    axes.set_ylabel("column, by area", fontsize=LABEL)
    title = f"{data.attrs.get('title', '')}: {symbol(state, next(iter(arrays.values())))} ≠ 0".removeprefix(
        ": "
    )
    figure.suptitle(title, fontsize=LABEL + 1)
    return figure
