"""What is said when a number of a simulation is no longer finite."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits import Circuit
from corticalnet.engines.stepping import Diverged

Array = NDArray[np.float64]
#: Weights that have become so many times as large have run away.
_GROWN = 100.0


def explain(circuit: Circuit, weights: Mapping[str, Array], found: Diverged) -> str:
    """Explain in one sentence the step, the population (or projection) and the likely cause.

    Args:
        circuit: that ran.
        weights: as they are now.
        found: what diverged.
    """
    if found.state == "weight":
        what = f"weights of '{found.part}'"
    else:
        kind = "population" if found.part in {p.name for p in circuit.populations} else "projection"
        what = f"'{found.state}' of {kind} '{found.part}'"
    when = f"step {found.step} ({found.step * float(circuit.dt):g} ms)"
    return (
        f"the simulation diverged: in {when} {what} became infinite or no number; {_cause(circuit, weights)}"
    )


def _cause(circuit: Circuit, weights: Mapping[str, Array]) -> str:
    """Describe the most likely cause."""
    for name, weight in weights.items():
        start = float(np.abs(circuit.weights[name]).max(initial=0.0))
        now = np.abs(weight[np.isfinite(weight)]).max(initial=0.0)
        plastic = circuit.projection(name).plasticity is not None
        if plastic and (not np.isfinite(weight).all() or now > _GROWN * max(start, 1.0)):
            return f"weights of '{name}' ran away: choose a smaller learning rate"
    return (
        "activity ran away: choose a shorter dt or longer time constants, smaller weights or inputs, or "
        "gated feedback"
    )
