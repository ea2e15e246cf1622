"""What a state was some steps ago: Brian2 delays spikes alone, so populations remember what they send."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from corticalnet.engines.brian2_script.joints import Summed
from corticalnet.engines.brian2_script.scope import Group, ScriptVariable


@dataclass(eq=False)
class Past:
    """The last steps of one state, as they were at one moment of a step.

    Attributes:
        group, state: whose.
        when: the moment: the phase in which it is read, at its begin or its end.
        steps: how far it goes back.
        readers: sums that read it; when all have done so, it ages.
    """

    group: Group
    state: str
    when: str
    steps: int = 0
    readers: list[Summed] = field(default_factory=list)

    def ago(self, steps: int) -> str:
        """Return the variable with the state of some steps ago."""
        now = self.group.variables[self.group.names(self.state)]
        for k in range(self.steps + 1, steps + 1):
            note = f"{self.state} of past steps" if k == 1 else ""
            self.group.add(
                self._words(k), ScriptVariable(now.unit, note=note, initial=now.initial), self._shown(k)
            )
        self.steps = max(steps, self.steps)
        return self.group.names(*self._words(steps), say=self._shown(steps))

    def due(self, placed: Collection[Summed]) -> bool:
        """Return whether all sums have read it."""
        return all(one in placed for one in self.readers)

    def age(self, phase: str, order: int) -> None:
        """Add the code by which every past value grows older by a step."""
        names = [self.group.names(self.state)]
        names += [self.group.names(*self._words(k), say=self._shown(k)) for k in range(1, self.steps + 1)]
        # −(−x) copies; Brian2's NumPy code would let x and its copy share their memory.
        lines = [f"{names[k]} = -(-{names[k - 1]})" for k in range(self.steps, 0, -1)]
        self.group.run(f"{self.group.variable}_{self.state}_ages", phase, order, lines)

    def _words(self, k: int) -> tuple[str, ...]:
        return "ago", self.state, self.when, str(k)

    def _shown(self, k: int) -> str:
        return f"{self.state}_{k}_ago"
