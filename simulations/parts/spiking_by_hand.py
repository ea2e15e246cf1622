"""The same leaky cells without this toolkit: plain torch, snnTorch and Norse, each at its best.

    python -m simulations.spiking_cost     compares them with the engine's

    I ← (1 − dt/τ_s) I + what arrives,   v ← v + dt/τ (I − v),   a spike at v = 1, then v = 0

snnTorch has two forms. ``Synaptic`` resets in the step of the spike only with ``reset_delay=False`` (else
it stays at 0 for one step more); ``Leaky`` after a current of one's own is the same model with less work.
Both leave dt/τ to the weights. Norse's cells are these equations.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

DT, TAU, SYNAPSE = 0.5, 20.0, 5.0
#: From what arrives and the state to spikes and the new state.
Step = Callable[[Tensor, Any], tuple[Tensor, Any]]
#: A step, the state for voltages and currents of 0, and by what weights are multiplied.
Kind = tuple[Step, Callable[[Tensor], Any], float]


def kinds() -> dict[str, Kind]:
    """Cells by name: plain torch, and the packages that are installed."""
    found = {"plain torch": plain()}
    if find_spec("snntorch"):
        found |= {"snnTorch Leaky": snntorch_leaky(), "snnTorch Synaptic": snntorch_synaptic()}
    if find_spec("norse"):
        found["Norse LIFCell"] = norse_cell()
    return found


def plain() -> Kind:
    """As few operations as it takes."""

    def step(drive: Tensor, state: Any) -> tuple[Tensor, Any]:
        current, voltage = state
        current = current * (1 - DT / SYNAPSE) + drive
        voltage = voltage + DT / TAU * (current - voltage)
        spike = (voltage >= 1).to(voltage.dtype)
        return spike, (current, voltage * (1 - spike))

    return step, lambda v: (torch.zeros_like(v), v), 1.0


def snntorch_leaky() -> Kind:
    """``Leaky``, its input low-passed by hand."""
    import snntorch

    cell = snntorch.Leaky(beta=1 - DT / TAU, reset_mechanism="zero")

    def step(drive: Tensor, state: Any) -> tuple[Tensor, Any]:
        current = state[0] * (1 - DT / SYNAPSE) + drive
        spike, voltage = cell(current, state[1])
        return spike, (current, voltage)

    return step, lambda v: (torch.zeros_like(v), v), DT / TAU


def snntorch_synaptic() -> Kind:
    """``Synaptic``."""
    import snntorch

    cell = snntorch.Synaptic(
        alpha=1 - DT / SYNAPSE, beta=1 - DT / TAU, reset_mechanism="zero", reset_delay=False
    )

    def step(drive: Tensor, state: Any) -> tuple[Tensor, Any]:
        spike, *state = cell(drive, *state)
        return spike, state

    return step, lambda v: (torch.zeros_like(v), v), DT / TAU


def norse_cell() -> Kind:
    """``LIFCell``."""
    from norse.torch import LIFCell
    from norse.torch.functional.lif import LIFFeedForwardState

    return LIFCell(_norse(), dt=DT), lambda v: LIFFeedForwardState(v, torch.zeros_like(v)), 1.0


def _norse() -> Any:
    from norse.torch.functional.lif import LIFParameters

    return LIFParameters(tau_syn_inv=torch.tensor(1 / SYNAPSE), tau_mem_inv=torch.tensor(1 / TAU))


def layered(
    kind: Kind, weights: list[Tensor], voltages: list[Tensor], x: Tensor
) -> Callable[[], list[Tensor]]:
    """Populations in a row; a spike arrives in the step in which it is fired. All spikes, ``[T, B, n]``."""
    step, start, scale = kind
    scaled = [w * scale for w in weights]

    @torch.no_grad()
    def run() -> list[Tensor]:
        states, spikes = [start(v) for v in voltages], [[] for _ in weights]
        for said in x:
            for k, w in enumerate(scaled):
                said, states[k] = step(F.linear(said, w), states[k])
                spikes[k].append(said)
        return [torch.stack(each) for each in spikes]

    return run


def recurrent(
    kind: Kind, weights: Tensor, voltage: Tensor, drive: Tensor, steps: int, sparse: bool
) -> Callable[[], Tensor]:
    """One population, ``[1, n]``, synapses among its cells (a CSR matrix if ``sparse``), and a drive."""
    step, start, scale = kind
    w, drive = weights * scale, drive * scale
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR")  # "is in beta state"
        w = w.to_sparse_csr() if sparse else w

    @torch.no_grad()
    def run() -> Tensor:
        state, spike, spikes = start(voltage), torch.zeros_like(voltage), []
        for _ in range(steps):
            arrived = (w @ spike[0])[None] if sparse else F.linear(spike, w)
            spike, state = step(drive + arrived, state)
            spikes.append(spike)
        return torch.stack(spikes)

    return run


def norse_recurrent(
    weights: Tensor, voltage: Tensor, drive: Tensor, steps: int, sparse: bool
) -> Callable[[], Tensor]:
    """Norse's own ``LIFRecurrentCell``; ``sparse``: spikes are a sparse tensor, as it offers.

    It transposes its weights in each step; here they lie in memory so that nothing is copied for that.
    """
    from norse.torch import LIFRecurrentCell
    from norse.torch.functional.lif import LIFState

    w = weights.t().contiguous().t() if sparse else weights
    ready = {"input_weights": drive.t().contiguous(), "recurrent_weights": w, "autapses": True}
    cell = LIFRecurrentCell(1, weights.shape[0], _norse(), dt=DT, **ready)
    one, silence = torch.ones(1, 1), torch.zeros_like(voltage)
    one, silence = (one.to_sparse(), silence.to_sparse()) if sparse else (one, silence)

    @torch.no_grad()
    def run() -> Tensor:
        state, spikes = LIFState(silence, voltage, torch.zeros_like(voltage)), []
        for _ in range(steps):
            spike, state = cell(one, state)
            spikes.append(spike)
        return torch.stack(spikes).to_dense() if sparse else torch.stack(spikes)

    return run
