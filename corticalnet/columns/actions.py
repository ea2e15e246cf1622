"""Choosing and being rewarded: what an output area needs besides its columns (docs/decisions/0013)."""

from __future__ import annotations

from typing import Any

import numpy as np

from corticalnet.circuits import cells
from corticalnet.circuits.connection import AllToAll, OneToOne, Synapses
from corticalnet.circuits.parts import Broadcast, Population, Projection, Wire
from corticalnet.columns.area import AreaPopulations, AreaSpec, GlobalPopulations


def add_actions(made: AreaPopulations, area: AreaSpec, role: str, rate: str, average: float = 0.0) -> None:
    """Add an action value and an action for each column of the output.

    Args:
        made: the cells of the output.
        area: the output.
        role, rate: whose state is what the action is worth.
        average: for how long (ms) bids average what it is worth; 0 for now.
    """
    bid = cells.LeakyActionValue(average) if average else cells.ActionValue()
    made.cells |= {"bid": bid, "action": cells.Action(rivals=float(area.n - 1))}
    expected = ("bid", "mean") if average else (role, rate)
    made.wires += [Wire(role, "bid", "value", rate), Wire(expected[0], "action", "value", expected[1])]


def world_and_dopamine(output: AreaSpec, hearing: list[str], burst: float = 0.0) -> GlobalPopulations:
    """Return the competitions between actions, the world's reward source, and dopamine.

    Args:
        output: where the actions are.
        hearing: populations or plastic projections that receive the reward-prediction error.
        burst: how long (ms) dopamine stays; 0 for one step.
    """
    n, name = output.n, output.name
    dopamine = cells.PhasicDopamine(burst) if burst else cells.Dopamine()
    populations = [Population("world", n, cells.RewardSource()), Population("dopamine", 1, dopamine)]
    projections = [
        Projection(f"{name}.action", "world", "action", 1.0, OneToOne(), "action"),
        Projection("world", "dopamine", "reward", 1.0, AllToAll(), "reward"),
        Projection(f"{name}.action", "dopamine", "expected_reward", 1.0, AllToAll(), "expected"),
    ]
    competition, between = contests(name, n)
    projections += between
    return GlobalPopulations(
        [*competition, *populations], projections, [Broadcast("dopamine", hearing, "rpe")]
    )


def contests(name: str, n: int, groups: int = 1) -> tuple[list[Population], list[Projection]]:
    """Return competitions between each two actions: a population (none for one action) and its projections.

    Args:
        name: of the area that has bids and actions.
        n: actions.
        groups: how many agents stand side by side, with n actions each.
    """
    first, second = ((side + n * np.arange(groups)[:, None]).ravel() for side in np.triu_indices(n, 1))
    if not len(first):
        return [], []
    index, projections = np.arange(len(first)), []
    for side, winner, sign in ((first, "first", 1.0), (second, "second", -1.0)):
        one: Any = {"weight_index": index * 0, "count": 1}
        bids, wins = Synapses(side, index, **one), Synapses(index, side, **one)
        projections += [
            Projection(f"{name}.bid", "contest", "difference", sign, bids, "bid", f"bids, {winner}"),
            Projection("contest", f"{name}.action", "wins", 1.0, wins, winner, f"wins, {winner}"),
        ]
    return [Population("contest", len(first), cells.PairwiseCompetition())], projections
