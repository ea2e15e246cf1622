"""Outside inputs in torch: tables of patterns that states take from, and noise that ports receive."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from corticalnet.engines.plan import Block, Place, Plan
from corticalnet.experiment.compiled import CompiledProtocol
from corticalnet.experiment.noise import NoiseStream

Array = NDArray[np.float64]


class Inputs:
    """The inputs of a circuit, from one run to the next.

    Args:
        plan: of the circuit.
        states: by block and role; an input is an attribute beside the states.
        batch: samples.
        like: a tensor of the precision and device to use.
    """

    def __init__(
        self, plan: Plan, states: list[dict[str, SimpleNamespace]], batch: int, like: Tensor
    ) -> None:
        self._plan, self._like, self._batch, self._begin = plan, like, batch, 0
        self._inputs = [
            _Input(block, role, name, states[block.index][role], batch, like)
            for block in plan.blocks
            for role, cell in block.roles.items()
            for name in cell.inputs
        ]
        self._streams: dict[tuple[int, str, str], list[tuple[Place, NoiseStream]]] = {}
        #: The noise that ports receive in this step, by block, role and port.
        self.noise: dict[tuple[int, str, str], Tensor] = {}
        self._turns: dict[int, list[_Input]] = {}

    def begin(self, compiled: CompiledProtocol) -> None:
        """Prepare a compiled protocol's signals and noise."""
        self._begin, self._streams, self.noise = compiled.begin, {}, {}
        self._turns = {}
        for one in self._inputs:
            for step in one.begin(compiled):
                self._turns.setdefault(step, []).append(one)
        for (population, port), stream in compiled.noise.items():
            place = self._plan.places[population]
            self._streams.setdefault((place.block.index, place.role, port), []).append((place, stream))

    def deliver(self, t: int) -> None:
        """Set every input to its pattern of (absolute) step ``t``, and draw the noise."""
        self.show(t)
        for key, places in self._streams.items():
            self.noise[key] = self._draw(places, t)

    def show(self, t: int) -> None:
        """Set every input to its pattern of (absolute) step ``t``."""
        for one in self._turns.get(t - self._begin, ()):
            one.show(t - self._begin)

    def turns(self, begin: int, end: int) -> list[int]:
        """Return the (absolute) steps before ``end``, from ``begin`` on, in which patterns change."""
        return [t for t in range(begin, end) if t - self._begin in self._turns]

    @property
    def noisy(self) -> frozenset[tuple[int, str, str]]:
        """Return the ports that receive noise, by block, role and port."""
        return frozenset(self._streams)

    def drawn(self, begin: int, steps: int) -> dict[tuple[int, str, str], Tensor]:
        """Draw the noise of several steps, ``[steps, B, columns]``."""
        return {
            key: torch.stack([self._draw(places, t) for t in range(begin, begin + steps)])
            for key, places in self._streams.items()
        }

    def _draw(self, streams: list[tuple[Place, NoiseStream]], t: int) -> Tensor:
        noise = self._like.new_zeros((self._batch, streams[0][0].block.n))
        for place, stream in streams:
            columns = place.columns
            drawn = stream.at(t, self._batch, columns.stop - columns.start)
            noise[:, columns] = torch.as_tensor(drawn).to(self._like)
        return noise


class _Input:
    """One input of one role of a block: a signal for each of its areas, or none."""

    def __init__(
        self, block: Block, role: str, name: str, state: SimpleNamespace, batch: int, like: Tensor
    ) -> None:
        self.populations, self.name, self.state, self.like = block.populations[role], name, state, like
        self.shapes = [(batch, columns.stop - columns.start) for columns in block.columns]
        self.on: list[Array | None] = [None] * len(self.shapes)
        self.nothing = like.new_zeros((1, 1))
        setattr(state, name, self.nothing)

    def begin(self, compiled: CompiledProtocol) -> list[int]:
        """Prepare the signals of a compiled protocol; return the steps of it in which patterns change."""
        self.signals = [compiled.signals.get((population, self.name)) for population in self.populations]
        self.which: list[int] | None = None
        self.tensors: dict[tuple[int, int], Tensor] = {}
        turns = {0}
        for signal in self.signals:
            if signal is not None:
                turns.update((np.flatnonzero(np.diff(signal.index)) + 1).tolist())
        return sorted(turns)

    def show(self, t: int) -> None:
        """Set the input to the patterns of step ``t``, if they have changed."""
        which = [-1 if s is None else int(s.index[t]) for s in self.signals]
        if which == self.which:
            return
        begins, self.which = self.which is None, which
        new = [None if s is None else s.patterns[k] for s, k in zip(self.signals, which, strict=True)]
        if begins and all(map(_same, self.on, new)):  # (within a protocol every pattern is another one)
            return
        self.on = new
        if all(pattern is None for pattern in new):
            setattr(self.state, self.name, self.nothing)
            return
        parts = [
            self._tensor(area, k, pattern) for area, (k, pattern) in enumerate(zip(which, new, strict=True))
        ]
        setattr(self.state, self.name, parts[0] if len(parts) == 1 else torch.cat(parts, 1))

    def _tensor(self, area: int, k: int, pattern: Array | None) -> Tensor:
        """Return a pattern of an area as a tensor ``[B, n]``."""
        if pattern is None:
            return self.like.new_zeros(self.shapes[area])
        if (area, k) not in self.tensors:
            self.tensors[area, k] = torch.tensor(pattern).to(self.like)
        return self.tensors[area, k].expand(self.shapes[area])


def _same(one: Array | None, other: Array | None) -> bool:
    if one is None or other is None:
        return one is other
    return one is other or np.array_equal(one, other)
