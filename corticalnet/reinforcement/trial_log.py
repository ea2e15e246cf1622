"""What becomes of every trial, kept while agents learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr


class TrialLog:
    """Counts each agent's trials, their steps and rewards.

    Args:
        batch: number of agents.

    Attributes:
        count: trials that each agent has done, ``[batch]``.
    """

    def __init__(self, batch: int) -> None:
        self.count, self._steps = (np.zeros(batch, dtype=np.intp) for _ in range(2))
        self._reward = np.zeros(batch)
        self._tables: dict[str, Any] = {}
        self._room = 1024

    def step(self, reward: Any, ended: Any, info: dict[str, Any], learning: Any) -> None:
        """Record a step of all agents, and the trials that it ends, of agents still ``learning``."""
        self._reward += reward
        self._steps += 1
        agents = np.flatnonzero(ended & learning)
        if agents.size:
            told = {"reward": self._reward, "steps": self._steps}
            told |= {name: info[name] for name in ("correct", "kind") if name in info}
            for name, values in told.items():
                self._table(name)[agents, self.count[agents]] = values[agents]
            self.count[agents] += 1
        self._reward[ended], self._steps[ended] = 0, 0

    def _table(self, name: str) -> Any:
        """Return the table of this name, with room for one more trial; room is doubled."""
        while self._room <= self.count.max():
            self._room *= 2
        table = self._tables.get(name, np.empty((len(self.count), 0), dtype=np.float32))
        if table.shape[1] < self._room:
            more = np.full((len(self.count), self._room - table.shape[1]), np.nan, dtype=np.float32)
            self._tables[name] = table = np.hstack([table, more])
        return table

    def history(self, reached: Any, kinds: tuple[str, ...]) -> xr.Dataset:
        """Return the records by agent and trial; NaN after an agent's last trial."""
        tables = {name: table[:, : self.count.max()] for name, table in self._tables.items()}
        data: dict[str, Any] = {name: (("agent", "trial"), table) for name, table in tables.items()}
        data["trials_to_criterion"] = ("agent", reached)
        return xr.Dataset(data, attrs={"kinds": list(kinds)})
