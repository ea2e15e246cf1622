"""When steps are made by a compiled program: always, never, or where it pays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, float32

from corticalnet.engines.plan import Plan
from corticalnet.engines.torch_engine.learning import Learner
from corticalnet.engines.torch_engine.native.library import compiled, is_there
from corticalnet.engines.torch_engine.native.memory import Key
from corticalnet.engines.torch_engine.native.program import StepProgram
from corticalnet.engines.torch_engine.weights import Weights
from corticalnet.errors import EngineError

#: A compiler takes as long as so many steps of operations; one that has run before as long as so few.
PAYS, PAYS_AT_ONCE = 1000, 100


class Choice:
    """Whether a compiled program makes the steps of a circuit.

    What is chosen depends on the steps of a simulation alone, never on how fast the machine is. (Whether the
    program is there already counts only where it computes the same bits.)

    Args:
        wanted: True always, False never, None where it pays.
        plan, weights, learners: of the engine.
        like: a tensor of its precision and device.

    Raises:
        EngineError: a compiled program is wanted on a device that is no processor.
    """

    def __init__(
        self,
        wanted: bool | None,
        plan: Plan,
        weights: Weights,
        learners: Mapping[str, Learner],
        like: Tensor,
    ) -> None:
        if wanted is not None and not isinstance(wanted, bool):
            raise EngineError(f"compiled must be True, False or None, not {wanted!r}")
        if wanted and like.device.type != "cpu":
            raise EngineError(f"compiled=True needs device='cpu', not '{like.device}'")
        self._wanted = wanted if like.device.type == "cpu" else False
        self._parts, self._like = (plan, weights, learners), like
        self._programs: dict[tuple[int, frozenset[Key]], StepProgram] = {}

    def program(self, batch: int, noise: frozenset[Key], steps: int) -> StepProgram | None:
        """Return the program for a batch and noisy ports, once so many steps have been asked for.

        Raises:
            EngineError: one is wanted, and cannot be compiled.
        """
        if self._wanted is False or (self._wanted is None and steps < PAYS_AT_ONCE):
            return None
        key = batch, noise
        if key not in self._programs:
            self._programs[key] = StepProgram(*self._parts, batch, noise, self._like.dtype == float32)
        program = self._programs[key]
        if self._wanted is None and steps < PAYS and not (program.exact and is_there(program.source)):
            return None
        made = compiled(program.source)
        if isinstance(made, Path):
            return program
        if self._wanted:
            raise EngineError(f"compiled=True: {made}; compiled=None goes on without a compiled program")
        return None

    def path(self, program: StepProgram) -> Path:
        """Return where a program that has been chosen is compiled."""
        made = compiled(program.source)
        assert isinstance(made, Path), "it has been chosen"
        return made
