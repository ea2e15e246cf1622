"""Draw what Elephant computes from our NWB file: rates of spiking columns, and how irregular they fire.

pip install 'corticalnet[nwb]' neo elephant
python docs/formats/elephant_reads_nwb.py          # docs/figures/elephant_reads_nwb.png
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import neo
import numpy as np
import pynwb
import quantities as pq
import torch
from elephant.kernels import GaussianKernel
from elephant.statistics import cv2, instantaneous_rate

import corticalnet as cn

FIGURE = Path(__file__).parents[1] / "figures" / "elephant_reads_nwb.png"


def write(path: Path) -> None:
    """Two trials of columns that tell their rates by twenty Poisson cells each."""
    net = cn.mlp([4, 3, 2], "sigmoid", seed=0, dtype=torch.float64)
    columns = cn.circuit(net, cn.rule("brainprop"), cells_per_column=20)
    images = np.array([[1.0, 0.2, 0.0, 0.6]])
    trial = [cn.Rest(ms=100), cn.Present(images, ms=300)]
    cn.to_nwb(cn.simulate(columns, [*trial, *trial], record="spike", check=False), path)


def main() -> None:
    """Write a file, read it with pynwb, compute with Elephant, draw."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.nwb"
        write(path)
        with pynwb.NWBHDF5IO(str(path), "r") as io:
            nwb = io.read()
            units, phases = nwb.units.to_dataframe(), nwb.epochs.to_dataframe()
    end = float(units["obs_intervals"].iloc[0][-1][1])
    trains = [neo.SpikeTrain(times, units="s", t_stop=end) for times in units["spike_times"]]
    figure, (top, below) = plt.subplots(2, 1, figsize=(7, 4.4), sharex=True, layout="constrained")
    inputs = units[units["population"] == "input.value.on"]
    for row, k in enumerate(inputs.index):
        top.plot(trains[k].magnitude, np.full(len(trains[k]), row), "k.", ms=1.5)
    irregular = np.nanmean([cv2(np.diff(trains[k].magnitude), with_nan=True) for k in inputs.index])
    top.set(
        ylabel="cell of input", title=f"cn.to_nwb → pynwb → Elephant: mean CV2 of the input {irregular:.2f}"
    )
    for column, cells in inputs.groupby("column"):
        kernel = GaussianKernel(20 * pq.ms)
        rates = [instantaneous_rate(trains[k], 1 * pq.ms, kernel).magnitude for k in cells.index]
        below.plot(np.arange(len(rates[0])) / 1000, np.mean(rates, axis=0), label=f"column {column}")
    for _, phase in phases[phases["label"] == "present"].iterrows():
        below.axvspan(phase["start_time"], phase["stop_time"], color="0.92", zorder=0)
    below.set(xlabel="time (s)", ylabel="rate (Hz)")
    below.legend(frameon=False, ncols=4, fontsize=8)
    figure.savefig(FIGURE, dpi=120)
    print(f"{len(trains)} units, {sum(map(len, trains))} spikes; mean CV2 of the input {irregular:.3f}")


if __name__ == "__main__":
    main()
