"""States of all cells as tensors, before all time."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import Tensor

from corticalnet.engines.plan import Plan

#: For each block, for each role, its states by name, ``[B, columns]``.
States = list[dict[str, SimpleNamespace]]


def states_at_rest(plan: Plan, batch: int, like: Tensor) -> States:
    """Every state at rest, or where its cells are scattered; inputs are 0.

    Args:
        plan: whose blocks.
        batch: samples.
        like: a tensor of the engine's precision and device.
    """
    states: States = []
    for block in plan.blocks:
        shape, roles = (batch, block.n), {}
        for role, cell in block.roles.items():
            rest = {
                k: torch.full(shape, v, dtype=like.dtype, device=like.device) for k, v in cell.rest().items()
            }
            roles[role] = SimpleNamespace(**rest, **dict.fromkeys(cell.inputs, 0.0))
        states.append(roles)
    for population in plan.circuit.populations:
        place = plan.places[population.name]
        for name, values in plan.scattered(population, batch).items():
            getattr(states[place.block.index][place.role], name)[:, place.columns] = torch.as_tensor(
                values
            ).to(like)
    return states
