"""Outside inputs in torch: tables of patterns that states take from, and noise that ports hear."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from corticalnet.circuits.experiment.script import Script
from corticalnet.engines.plan import Block, Plan


class Inputs:
    """The inputs of one run.

    Args:
        plan: of the circuit.
        script: the compiled protocol.
        states: by block and role; an input is an attribute beside the states.
        like: a tensor of the precision and device to use.
    """

    def __init__(
        self, plan: Plan, script: Script, states: list[dict[str, SimpleNamespace]], like: Tensor
    ) -> None:
        self._like, self._batch = like, script.batch
        self._inputs = [
            _Input(block, role, name, script, states[block.index][role], self._tensor)
            for block in plan.blocks
            for role, cell in block.roles.items()
            for name in cell.inputs
        ]
        self._noise: dict[tuple[int, str, str], Tensor] = {}
        for (population, port), noise in script.noise.items():
            place = plan.places[population]
            key = place.block.index, place.role, port
            if key not in self._noise:
                shape = script.steps, script.batch, place.block.n
                self._noise[key] = torch.zeros(shape, dtype=like.dtype, device=like.device)
            self._noise[key][:, :, place.columns] += self._tensor(noise)

    def deliver(self, t: int) -> None:
        """Every input takes its pattern of step ``t``."""
        for one in self._inputs:
            one.show(t, self._batch)

    def noise(self, block: Block, role: str, port: str, t: int) -> Tensor | None:
        """The noise that a port hears in step ``t``; None if there is none."""
        noise = self._noise.get((block.index, role, port))
        return None if noise is None else noise[t]

    def _tensor(self, array: Any) -> Tensor:
        return torch.tensor(array, dtype=self._like.dtype, device=self._like.device)


class _Input:
    """One input of one role of a block: a signal for each of its areas, or none."""

    def __init__(
        self, block: Block, role: str, name: str, script: Script, state: SimpleNamespace, tensor: Any
    ) -> None:
        self.state, self.name, self.columns = state, name, block.columns
        self.signals = [script.signals.get((population, name)) for population in block.populations[role]]
        self.patterns = [None if s is None else tensor(s.patterns) for s in self.signals]
        self.shown: list[int] | None = None
        setattr(state, name, 0.0)

    def show(self, t: int, batch: int) -> None:
        """Nothing happens while the patterns stay."""
        which = [-1 if s is None else int(s.index[t]) for s in self.signals]
        if which == self.shown:
            return
        self.shown = which
        now = [p[k] if p is not None else None for p, k in zip(self.patterns, which, strict=True)]
        if len(now) == 1:
            setattr(self.state, self.name, 0.0 if now[0] is None else now[0])
        elif any(p is not None for p in now):
            like = next(p for p in now if p is not None)
            widths = [(batch, c.stop - c.start) for c in self.columns]
            each = [like.new_zeros(w) if p is None else p.expand(w) for p, w in zip(now, widths, strict=True)]
            setattr(self.state, self.name, torch.cat(each, 1))
