"""What is said when a number of a simulation is no longer finite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from corticalnet.engines.stepping import Diverged

if TYPE_CHECKING:
    from corticalnet.engines.simulator import Simulator

#: Weights that have become so many times as large have run away.
_GROWN = 100.0


def explain(running: Simulator, found: Diverged) -> str:
    """One sentence: the step, the population (or projection) and the likely cause."""
    circuit = running.circuit
    what = (
        f"weights of '{found.part}'"
        if found.state == "weight"
        else f"'{found.state}' of population '{found.part}'"
    )
    when = f"step {found.step} ({found.step * float(circuit.dt):g} ms)"
    return f"the simulation diverged: in {when} {what} became infinite or no number; {_cause(running)}"


def _cause(running: Simulator) -> str:
    """What has most likely happened."""
    for name, weight in running.weights.items():
        start = float(np.abs(running.circuit.weights[name]).max(initial=0.0))
        now = np.abs(weight[np.isfinite(weight)]).max(initial=0.0)
        plastic = running.circuit.projection(name).plasticity is not None
        if plastic and (not np.isfinite(weight).all() or now > _GROWN * max(start, 1.0)):
            return f"weights of '{name}' ran away: choose a smaller learning rate"
    return (
        "activity ran away: choose a shorter dt or longer time constants, smaller weights or inputs, or "
        "gated feedback"
    )
