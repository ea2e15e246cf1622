"""States of all cells as tensors: at rest, and whether all are numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import SimpleNamespace

import torch
from torch import Tensor

from corticalnet.engines.plan import Plan

#: For each block, for each role, its states by name, ``[B, columns]``.
States = list[dict[str, SimpleNamespace]]


def states_at_rest(plan: Plan, batch: int, like: Tensor) -> States:
    """Create every state at rest, or with its initial spread; inputs are 0.

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


def named(plan: Plan, kind: str, spaces: States) -> dict[str, Tensor]:
    """Name states (or ports) "kind/block/role/name"; inputs are left out."""
    return {
        f"{kind}/{block.index}/{role}/{name}": value
        for block, roles in zip(plan.blocks, spaces, strict=True)
        for role, space in roles.items()
        for name, value in vars(space).items()
        if kind != "state" or name not in block.roles[role].inputs
    }


def trouble(
    plan: Plan,
    states: States,
    weights: Mapping[str, Tensor],
    synapses: Mapping[str, Mapping[str, Tensor]],
) -> tuple[str, str] | None:
    """Find the first population and state (or projection and state, or "weight") that is no longer finite.

    Args:
        plan: that runs.
        states: of cells.
        weights: by projection.
        synapses: their states, by projection and name.
    """
    every = [
        getattr(space, name)
        for block, roles in zip(plan.blocks, states, strict=True)
        for role, space in roles.items()
        for name in block.roles[role].state
    ]
    total = float(torch.cat(every, 1).sum()) + sum(float(weights[p.name].sum()) for p in plan.circuit.plastic)
    total += sum(float(value.sum()) for own in synapses.values() for value in own.values())
    if math.isfinite(total):  # (a sum may overflow by itself: then look closer)
        return None
    for population in plan.circuit.populations:
        place = plan.places[population.name]
        for name in population.cell.state:
            value = getattr(states[place.block.index][place.role], name)[:, place.columns]
            if not torch.isfinite(value).all():
                return population.name, name
    for projection, own in synapses.items():
        for name, value in own.items():
            if not torch.isfinite(value).all():
                return projection, name
    for name, weight in weights.items():
        if not torch.isfinite(weight).all():
            return name, "weight"
    return None
