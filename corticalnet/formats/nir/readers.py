"""How each reader of NIR takes a neuron: the same file is another model elsewhere.

NIR's equations are of continuous time and name no step. What the readers make of them (Norse 1.1.0, snnTorch
1.0.0, SpikingJelly 2.0.0; seen on 2026-12-01), with h their step:

    CubaLIF   i ← i (1 − h/τ_s) + h/τ_s · w_in · x,   v ← v (1 − h/τ) + h/τ · r · i     all of them
    LIF       v ← v (1 − h/τ) + h/τ · r · x           Norse takes r as 1; the others want r = τ/h
    IF        v ← v + x                               Norse whatever r and h are; SpikingJelly if r = 1/h;
                                                      snnTorch multiplies v by 0.9 in each step

So every node is written with the gains that make h/τ · r and h/τ_s · w_in one, and the rest is in the
weights: a step of the reader is then a step of the circuit, dt, whatever h is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits.cells import Cell, CubaLIF, DrivenLIF, IntegrateAndFire, LeakyIntegrateAndFire

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NirReader:
    """What a reader of NIR asks of a file.

    Attributes:
        name: of the library, for messages.
        step: its step in s, if it has a fixed one.
        lif_gain: whether it takes r of a LIF into account.
        if_gain: the same of an IF; None if it reads no IF.
        resets: whether it takes v_reset into account.
        leaks: whether a leak may be other than 0.
        alike: whether all neurons of a node must be alike, and what must be.
    """

    name: str
    step: float | None = None
    lif_gain: bool = True
    if_gain: bool | None = True
    resets: bool = False
    leaks: bool = False
    alike: tuple[str, ...] = ()


READERS: dict[str, NirReader] = {
    "norse": NirReader("Norse", lif_gain=False, if_gain=False, alike=("reset",)),
    "snntorch": NirReader("snnTorch", step=1e-4, if_gain=None, alike=("threshold",)),
    "spikingjelly": NirReader("SpikingJelly", resets=True, alike=("tau", "synapse", "threshold", "reset")),
    "nir": NirReader("NIR itself", resets=True, leaks=True),
}


@dataclass(frozen=True)
class NodeKind:
    """How a cell of ours is written.

    Attributes:
        node: name of the class in NIR.
        gain: (cell, dt) -> what weights are multiplied by, for a step of the reader to be one of ours.
    """

    node: str
    gain: Callable[[Any, float], float]


KINDS: dict[type[Cell], NodeKind] = {
    DrivenLIF: NodeKind("CubaLIF", lambda cell, dt: dt / cell.tau),
    CubaLIF: NodeKind("CubaLIF", lambda cell, dt: dt / cell.tau * dt / cell.synapse),
    LeakyIntegrateAndFire: NodeKind("LIF", lambda cell, dt: dt / cell.tau),
    IntegrateAndFire: NodeKind("IF", lambda cell, dt: dt * cell.slope),
}


def weight_gain(cell: Cell, reader: NirReader, dt: float) -> float:
    """Return what weights to a cell are multiplied by for a reader."""
    if isinstance(cell, LeakyIntegrateAndFire) and not reader.lif_gain:
        return 1.0
    return KINDS[type(cell)].gain(cell, dt)


def node_of(nir: Any, cells: list[Cell], reader: NirReader, dt: float, step: float) -> Any:
    """Return the node of NIR that holds cells of one kind, one neuron for each, for a reader of this step."""

    def each(name: str, default: float = 0.0) -> Floats:
        return np.array([getattr(cell, name, default) for cell in cells])

    common = {"v_threshold": each("threshold", 1.0), "v_reset": each("reset")}
    kind = KINDS[type(cells[0])].node
    if kind == "IF":
        return nir.IF(r=np.full(len(cells), 1 / step if reader.if_gain else 1.0), **common)
    ratio = each("tau") / dt
    common["v_leak"] = each("leak")
    if kind == "LIF":
        return nir.LIF(tau=ratio * step, r=ratio if reader.lif_gain else np.ones_like(ratio), **common)
    synapse = each("synapse") / dt
    return nir.CubaLIF(tau_mem=ratio * step, tau_syn=synapse * step, r=ratio, w_in=synapse, **common)
