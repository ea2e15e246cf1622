"""Ranges: between which numbers the signals of a rate circuit lie, so that spikes can carry them.

rates = cn.circuit(net, rule, dynamics=spiking_dynamics(rule))
spikes = cn.spiking(rates, 100, "pif", ranges=ranges(rates, protocol))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corticalnet.circuits import Circuit
from corticalnet.columns.spiking import SPIKING, Range, spiking_populations
from corticalnet.engines import simulate
from corticalnet.errors import ProtocolError


def ranges(
    circuit: Circuit,
    protocol: Any,
    margin: float = 1.2,
    *,
    populations: Sequence[str] = SPIKING,
    check: bool = True,
) -> dict[str, Range]:
    """Measure in which range the signals of a rate circuit lie, for each population that could spike.

    Args:
        circuit: of rates.
        protocol: a typical one; several samples side by side are seen together.
        margin: by how much both ends are moved away from 0: other trials may ask for more.
        populations: which would speak, by name or role.
        check: refuse a protocol that is too short for the error to come down.

    Returns:
        (least, greatest) signal by population, for :func:`corticalnet.spiking`. What never was negative has 0
        as its least; what was always 0 is left out, for it says nothing of its scale.

    Raises:
        ProtocolError: an impossible margin, or a protocol that does not fit.
        CircuitError: an unknown population, or none that tells another area anything.
    """
    if isinstance(margin, str) or not 1 <= margin < float("inf"):
        raise ProtocolError(f"ranges: margin must be a number from 1, not {margin!r}")
    told = spiking_populations(circuit, populations)
    requests = [f"{name}.{state}" for name, state in told.items()]
    data = simulate(circuit, protocol, record=requests, check=check)
    found: dict[str, Range] = {}
    for name, state in told.items():
        seen = data[f"{name}.{state}"].values
        low, high = min(0.0, float(seen.min())), max(0.0, float(seen.max()))
        if low < high:
            found[name] = margin * low, margin * high
    return found
