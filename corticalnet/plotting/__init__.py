"""Figures as a paper would print them: of circuits and their recordings, and of training runs.

save(figures(data, circuit), "runs/fa-z-il")        all that make sense of a recording, as png
traces(data, states=["value", "error"], columns=4)  or one of them, as a matplotlib Figure
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr
from matplotlib.figure import Figure

from corticalnet.errors import CorticalnetError, OutputError
from corticalnet.plotting.alignment import alignment
from corticalnet.plotting.raster import raster
from corticalnet.plotting.spikes import spikes
from corticalnet.plotting.traces import traces
from corticalnet.plotting.training import confusion, learning_curves, receptive_fields, reconstructions
from corticalnet.plotting.weights import weight_changes
from corticalnet.plotting.wiring import wiring
from corticalnet.recordings.firing import spiking
from corticalnet.recordings.reading import plastic_projections, state_names
from corticalnet.store import make_folder, replacing

__all__ = [
    "alignment",
    "confusion",
    "figures",
    "learning_curves",
    "raster",
    "receptive_fields",
    "reconstructions",
    "save",
    "spikes",
    "traces",
    "weight_changes",
    "wiring",
]


def figures(data: xr.Dataset, circuit: Any = None) -> dict[str, Figure]:
    """All figures that make sense of a recording, by name.

    Args:
        data: a recording.
        circuit: a Circuit; with it comes the figure "wiring".

    Returns:
        "traces" if cell states were recorded, "raster" if φ was, "spikes" if spikes were, "weights" if
        projections are plastic.
    """
    drawn = {} if circuit is None else {"wiring": wiring(circuit)}
    states = state_names(data)
    if states:
        drawn["traces"] = traces(data)
    if "phi" in states:
        drawn["raster"] = raster(data)
    if spiking(data):
        drawn["spikes"] = spikes(data)
    if plastic_projections(data):
        drawn["weights"] = weight_changes(data)
    return drawn


def save(
    figures: Mapping[str, Figure], folder: str | Path, error: type[CorticalnetError] = OutputError
) -> list[Path]:
    """Write each figure to ``folder/name.png`` (150 dots per inch); return the paths.

    Raises:
        OutputError: (or ``error``) the disk or the folder says no.
    """
    folder = Path(folder)
    make_folder(folder, error)
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"{name}.png")
        with replacing(paths[-1], error) as file:
            figure.savefig(file, format="png", dpi=150)
    return paths
