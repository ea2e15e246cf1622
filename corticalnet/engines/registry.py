"""Engines by name, and what every engine can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from corticalnet.engines.recorder import Windows
from corticalnet.engines.torch_engine import TorchEngine
from corticalnet.experiment.compiled import CompiledProtocol
from corticalnet.recordings.recording import Recording
from corticalnet.recordings.variables import RecordedVariable

Array = NDArray[np.float64]


class Engine(Protocol):
    """What every engine can do; most of it is in :class:`corticalnet.engines.stepping.Stepping`."""

    windows: Windows

    @property
    def weights(self) -> dict[str, Array]:
        """Return the present weights by projection."""

    def set_weights(self, weights: Mapping[str, Array]) -> None:
        """Set the weights of some or all projections."""

    def run(
        self,
        compiled: CompiledProtocol,
        recording: Recording,
        progress: Callable[[int], None] | None = None,
        *,
        guard: bool = False,
    ) -> list[NDArray[Any]]:
        """Run a compiled protocol from where the last one ended; return an array for each variable."""

    def reset(self, batch: int = 1) -> None:
        """Reset every state to rest."""

    def read(self, variable: RecordedVariable) -> Array:
        """Return the present value of a variable: ``[B, n]`` of cells, ``[B, *shape]`` of synapses."""

    def trouble(self) -> tuple[str, str] | None:
        """Find the first population and state (or projection and state, or "weight") that is not finite."""

    def snapshot(self) -> dict[str, Array]:
        """Return all arrays that the next step depends on, except inputs."""

    def restore(self, snapshot: Mapping[str, Array], batch: int, every: int, step: int) -> None:
        """Restore a snapshot."""


def _torch() -> type[Engine]:
    return TorchEngine


def _brian2() -> type[Engine]:
    from corticalnet.engines.brian2_engine import Brian2Engine  # only who asks for it needs Brian2

    return Brian2Engine


#: Engines by name: functions that fetch their class.
ENGINES: dict[str, Callable[[], Callable[..., Engine]]] = {"torch": _torch, "brian2": _brian2}
