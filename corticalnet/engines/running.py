"""A circuit on an engine, and how far the experiment has come: what planning, recording and running share."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.checks import whole
from corticalnet.circuits import Circuit
from corticalnet.engines.registry import ENGINES, Engine
from corticalnet.errors import EngineError, ProtocolError, one_of
from corticalnet.experiment.compiled import Held


class Running:
    """What goes on from run to run.

    Args:
        circuit, name, seed, batch, options: as :class:`corticalnet.engines.Simulator` takes them.

    Attributes:
        engine: that runs it.

    Raises:
        EngineError: the engine is unknown, not installed, or does not take an option.
        ProtocolError: an impossible seed or batch.
    """

    def __init__(
        self, circuit: Circuit, name: str, seed: int, batch: int | None, options: dict[str, Any]
    ) -> None:
        one_of("engine", name, ENGINES, EngineError)
        self.circuit, self.name, self.options = circuit, name, options
        self.seed = whole("seed", seed, ProtocolError, least=0)
        self._asked = None if batch is None else whole("batch", batch, ProtocolError)
        self._held = Held()
        self._planned: tuple[Any, Any] = (None, None)  # which request, and what it was planned to be
        make = ENGINES[name]()
        try:
            inspect.signature(make).bind(circuit, seed=seed, **options)
        except TypeError as error:
            raise EngineError(f"engine '{name}': {error}") from None
        self.engine: Engine = make(circuit, seed=seed, **options)
        if self._asked is not None:
            self.engine.reset(self._asked)

    @property
    def weights(self) -> dict[str, NDArray[np.float64]]:
        """Return the present weights by projection."""
        return {name: weight.copy() for name, weight in self.engine.weights.items()}

    @property
    def step(self) -> int:
        """Return the number of steps made, which is that of the next one."""
        return self._held.step
