"""Outside inputs in torch: tables of patterns that states take from, and noise that ports hear."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from corticalnet.circuits.experiment.script import Script
from corticalnet.engines.plan import Block, Place, Plan


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
        self._like, self._batch, self._begin = like, script.batch, script.begin
        self._inputs = [
            _Input(block, role, name, script, states[block.index][role], self._tensor)
            for block in plan.blocks
            for role, cell in block.roles.items()
            for name in cell.inputs
        ]
        self._streams: dict[tuple[int, str, str], list[tuple[Place, Any]]] = {}
        for (population, port), stream in script.noise.items():
            place = plan.places[population]
            self._streams.setdefault((place.block.index, place.role, port), []).append((place, stream))
        self._noise: dict[tuple[int, str, str], Tensor] = {}

    def deliver(self, t: int) -> None:
        """Every input takes its pattern of (absolute) step ``t``, and noise is drawn."""
        for one in self._inputs:
            one.show(t - self._begin, self._batch)
        self._noise = {key: self._draw(places, t) for key, places in self._streams.items()}

    def noise(self, block: Block, role: str, port: str) -> Tensor | None:
        """The noise that a port hears in this step; None if there is none."""
        return self._noise.get((block.index, role, port))

    def _draw(self, streams: list[tuple[Place, Any]], t: int) -> Tensor:
        noise = self._like.new_zeros((self._batch, streams[0][0].block.n))
        for place, stream in streams:
            columns = place.columns
            noise[:, columns] = self._tensor(stream.at(t, self._batch, columns.stop - columns.start))
        return noise

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
        self.n = block.n

    def show(self, t: int, batch: int) -> None:
        """Nothing happens while the patterns stay."""
        which = [-1 if s is None else int(s.index[t]) for s in self.signals]
        if which == self.shown:
            return
        self.shown = which
        now = [p[k] if p is not None else None for p, k in zip(self.patterns, which, strict=True)]
        if len(now) == 1:
            setattr(self.state, self.name, 0.0 if now[0] is None else now[0].expand(batch, self.n))
        elif any(p is not None for p in now):
            like = next(p for p in now if p is not None)
            widths = [(batch, c.stop - c.start) for c in self.columns]
            each = [like.new_zeros(w) if p is None else p.expand(w) for p, w in zip(now, widths, strict=True)]
            setattr(self.state, self.name, torch.cat(each, 1))
        else:
            setattr(self.state, self.name, 0.0)
