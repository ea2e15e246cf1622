"""The delayed saccade/antisaccade task."""

from __future__ import annotations

from typing import Any

import numpy as np

from corticalnet.reinforcement.tasks.criteria import Criterion, Recent
from corticalnet.reinforcement.tasks.fixation import CUE, LEFT, RIGHT, Fixation
from corticalnet.reinforcement.tasks.random_streams import Floats, Indices, choose
from corticalnet.reinforcement.tasks.spaces import Box


class Saccade(Fixation):
    """Remember where the cue was; look there (pro) or to the other side (anti), as the mark's colour says.

    seen: ``[pro mark, anti mark, cue left, cue right]``, zeros and ones; actions: 0 fixate, 1 left, 2 right

        blank ─ mark (≤ 10 steps to fixate) ─ mark, held: + 0.2 ─ mark and cue ─ mark, 2 steps ─ go: + 1.5

    Criterion: 90 % of the last 50 trials of each of the four kinds correct, and then (``exam``) one of each
    kind correct without learning and exploration.

    Source: Rombouts, Bohte & Roelfsema 2015, PLoS Comput Biol 11: e1004060, Fig. 2; task after Gottlieb &
    Goldberg 1999. Steps as in Rombouts' program (github JRombouts/augment), but for 1. exactly 10 steps to
    fixate and 8 to answer (its way of counting allows 11 and 9).

    Args:
        batch: number of agents, None for one without an axis.
        **settings: delay, fixation_reward, reward, patience, go.

    >>> task = Saccade()
    >>> seen, info = task.reset(seed=0, options={"kind": "anti left"})
    >>> [task.step(action)[1] for action in (0, 0, 0, 0, 0, 0, 2)]
    [0.0, 0.0, 0.2, 0.0, 0.0, 0.0, 1.5]
    """

    exam = True
    kinds = ("pro left", "pro right", "anti left", "anti right")

    def __init__(self, batch: int | None = None, **settings: Any) -> None:
        super().__init__(batch, **settings)
        self.observation_space = Box((4,))

    def criterion(self) -> Criterion:
        """Return the criterion: 90 % of the last 50 trials of each kind correct."""
        return Recent(0.9, last=50, kinds=4)

    def _begin(self, agents: Indices, kind: int | None) -> None:
        drawn = choose(self.roll(agents, 1)[:, 0], 4)
        self._kind[agents] = drawn if kind is None else kind
        self._start(agents, cues=1)
        anti, right = np.divmod(self._kind[agents], 2)
        self._rewarded[agents] = self._expected[agents] = np.where(anti == right, LEFT, RIGHT)

    def _see(self) -> Floats:
        anti, right = np.divmod(self._kind, 2)
        mark, cue = self._marked, self._phase == CUE
        seen = [mark & (anti == 0), mark & (anti == 1), cue & (right == 0), cue & (right == 1)]
        return np.stack(seen, axis=1).astype(float)
