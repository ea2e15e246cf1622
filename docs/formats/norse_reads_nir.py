"""Draw docs/figures/norse_reads_nir.png: our spiking circuit, written as NIR and run by Norse.

pip install 'corticalnet[nir]' norse==1.1.0
python docs/formats/norse_reads_nir.py
"""

import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import nir
import norse.torch
import numpy as np
import torch

import corticalnet as cn
from corticalnet.circuits.cells import DrivenLIF, Sensory

STEPS, DT = 800, 0.5
FIGURE = Path(__file__).parents[1] / "figures" / "norse_reads_nir.png"


def circuit() -> cn.Circuit:
    """Return excitatory and inhibitory cells, all joined, that 20 inputs drive."""
    rng = np.random.default_rng(0)
    size = {"input": 20, "excitatory": 40, "inhibitory": 10}
    cell = {"input": Sensory(), "excitatory": DrivenLIF(20, 5), "inhibitory": DrivenLIF(10, 5)}
    strength = {"input": 0.45, "excitatory": 0.12, "inhibitory": -0.5}
    spiking = ("excitatory", "inhibitory")
    return cn.Circuit(
        [cn.Population(name, n, cell[name]) for name, n in size.items()],
        [
            cn.Projection(pre, post, "spikes", strength[pre] * rng.random((size[post], size[pre])))
            for pre in size
            for post in spiking
        ],
        dt=DT,
    )


def ours(made: cn.Circuit, x: np.ndarray, names: list[str]) -> np.ndarray:
    """Return our spikes, once voltages have come to rest."""
    simulator = cn.simulator(made)
    simulator.run([cn.Rest(ms=800)], record=["spike"])
    data = simulator.run([cn.Play({"input.stimulus": x})], record=["spike"])
    return np.concatenate([data[f"{name}.spike"].values[:, 0] for name in names], axis=1)


def theirs(path: Path, x: np.ndarray) -> np.ndarray:
    """Return the spikes of the file in Norse."""
    graph = nir.read(path)
    model, state, found = norse.torch.from_nir(graph, dt=float(graph.metadata["dt"])), None, []
    with torch.no_grad():
        for now in torch.tensor(x, dtype=torch.float32):
            spikes, state = model(now[None], state)
            found.append(spikes[0].numpy())
    return np.array(found)


def main() -> None:
    """Run both, and draw their spikes over each other."""
    x = (np.random.default_rng(1).random((STEPS, 20)) < 0.03).astype(float)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cells.nir"
        graph = cn.to_nir(circuit(), path, "norse")
        names = [name for name, _ in json.loads(graph.metadata["populations"])]
        here, there = ours(circuit(), x, names), theirs(path, x)
    counts = int(here.sum()), int(there.sum()), int((here != there).sum())
    print("{} spikes here, {} in Norse, {} differences".format(*counts))
    figure, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for spikes, marker, label in ((there, "o", "Norse"), (here, ".", "corticalnet")):
        step, cell = np.nonzero(spikes)
        fill = {"facecolors": "none", "edgecolors": "tab:orange"} if marker == "o" else {"color": "k"}
        axis.scatter(step * DT, cell, s=22 if marker == "o" else 5, marker=marker, label=label, **fill)
    axis.axhline(39.5, color="0.7", lw=0.8)
    axis.set(xlabel="time (ms)", ylabel="cell (inhibitory: 40 to 49)", title="One file, two simulators")
    axis.legend(loc="upper right", ncols=2)
    figure.savefig(FIGURE, dpi=130)


if __name__ == "__main__":
    main()
