"""Figures as a paper would print them: of circuits and their recordings, and of training runs.

save(figures(data, circuit), "runs/fa-z-il")        all that make sense of a recording, as png
traces(data, ["value", "error"], columns=4)         or one of them, as a matplotlib Figure
raster(data, area="area1", role="value")            the same words in all: states, area, role, columns, batch
weight_traces(data, "input->area1", post=3, pre=0)  one weight over time, and when it changed by how much
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
from corticalnet.plotting.selection import recorded
from corticalnet.plotting.spikes import spikes
from corticalnet.plotting.traces import traces
from corticalnet.plotting.training import confusion, learning_curves, receptive_fields, reconstructions
from corticalnet.plotting.weight_traces import weight_traces
from corticalnet.plotting.weights import weight_changes
from corticalnet.plotting.wiring import wiring
from corticalnet.recordings.reading import plastic_projections
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
    "weight_traces",
    "wiring",
]


def figures(data: xr.Dataset, circuit: Any = None) -> dict[str, Figure]:
    """Draw all figures that suit a recording, by name.

    Args:
        data: a recording.
        circuit: a Circuit; with it comes the figure "wiring".

    Returns:
        "traces" if states of cells were recorded, "raster" if φ was, "spikes" if spikes were, "weights" if
        projections are plastic.
    """
    drawn = {} if circuit is None else {"wiring": wiring(circuit)}
    states = {one.state for one in recorded(data)}
    if states - {"spike"}:
        drawn["traces"] = traces(data)
    if "phi" in states:
        drawn["raster"] = raster(data, "phi")
    if "spike" in states:
        drawn["spikes"] = spikes(data)
    if plastic_projections(data):
        drawn["weights"] = weight_changes(data)
    return drawn


def save(
    figures: Mapping[str, Figure], folder: str | Path, error: type[CorticalnetError] = OutputError
) -> list[Path]:
    """Save each figure as ``folder/name.png`` (150 dots per inch); return the paths.

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
