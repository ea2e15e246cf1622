"""The spiking networks of `spiking_cost`, and how its numbers are made.

    python -m simulations.spiking_cost     measures them

Time is that of the process, which neighbours on the same machine disturb less than the clock's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import corticalnet as cn
from corticalnet.circuits.cells import DrivenLIF, Sensory

from .spiking_by_hand import DT, SYNAPSE, TAU

#: What is timed.
Work = Callable[[], Any]
CELL = DrivenLIF(tau=TAU, synapse=SYNAPSE)


def network(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights ``[post, pre]`` among n cells, a tenth of them not 0, and what drives each cell."""
    rng = np.random.default_rng(0)
    weights = np.where(rng.random((n, n)) < 0.1, rng.normal(0, 0.05 * (4000 / n) ** 0.5, (n, n)), 0.0)
    np.fill_diagonal(weights, 0.0)
    return weights, rng.uniform(0.08, 0.16, n)


def recurrent_circuit(weights: np.ndarray, drive: np.ndarray, listed: bool) -> cn.Circuit:
    """The population and what drives it; synapses as a matrix or as a list."""
    n, connection = len(drive), cn.AllToAll()
    if listed:
        pre, post = np.nonzero(weights.T)
        connection, weights = cn.Synapses(pre, post), weights[post, pre]
    cells = [cn.Population("out.value", n, Sensory()), cn.Population("net.cells", n, CELL)]
    links = [
        cn.Projection("out.value", "net.cells", "spikes", 1.0, cn.OneToOne()),
        cn.Projection("net.cells", "net.cells", "spikes", weights, connection, sends="spike"),
    ]
    return cn.Circuit(cells, links, dt=DT)


def timed(work: Work) -> float:
    """Seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def apart(fired: Any, spikes: np.ndarray) -> float:
    """Spikes that only one side fires, as a share of ours (their number, where ours fires none)."""
    return float((np.asarray(fired) != spikes).sum() / max(spikes.sum(), 1))


def hertz(spikes: np.ndarray) -> float:
    """Spikes of a cell in a second."""
    return 1e3 * float(spikes.mean()) / DT


def quartiles(values: list[float]) -> list[float]:
    """Lower, median, upper."""
    return [float(q) for q in np.percentile(values, [25, 50, 75])]
