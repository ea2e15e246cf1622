"""What the eye-movement tasks share: look at a mark until it goes, then to the left or the right."""

from __future__ import annotations

import numpy as np

from corticalnet.checks import number, whole
from corticalnet.errors import TaskError
from corticalnet.reinforcement.tasks.random_streams import Floats, Indices
from corticalnet.reinforcement.tasks.spaces import Discrete
from corticalnet.reinforcement.tasks.task import Bools, Task

FIXATE, LEFT, RIGHT = range(3)
BLANK, WAIT, HOLD, CUE = range(4)


class Fixation(Task):
    """Trials made of: blank, wait for fixation, hold it, cues, delay, go.

    The screen is blank for one step, then the fixation mark is there. Once the agent fixates it must go on
    until the mark disappears (go); otherwise the trial ends. Having held fixation for a second step it gets a
    small reward (shaping), and the cues come. At go, its first look away is the answer.

    Args:
        batch: see :class:`~corticalnet.reinforcement.tasks.Task`.
        delay: steps between cues and go.
        fixation_reward: for holding fixation; 0 is training without shaping.
        reward: for the answer.
        patience: most steps to begin to fixate.
        go: most steps to answer.

    Raises:
        TaskError: impossible numbers of steps.
    """

    def __init__(
        self,
        batch: int | None = None,
        *,
        delay: int = 2,
        fixation_reward: float = 0.2,
        reward: float = 1.5,
        patience: int = 10,
        go: int = 8,
    ) -> None:
        super().__init__(batch)
        kind = type(self).__name__
        self.delay = whole(f"{kind}: delay", delay, TaskError, least=0)
        self.patience = whole(f"{kind}: patience", patience, TaskError)
        self.go = whole(f"{kind}: go", go, TaskError)
        self.fixation_reward = number(f"{kind}: fixation_reward", fixation_reward, TaskError)
        self.reward = number(f"{kind}: reward", reward, TaskError)
        self.action_space = Discrete(3)

    def _reserve(self) -> None:
        self._phase, self._clock = (np.zeros(self.n, dtype=np.intp) for _ in range(2))
        self._go = np.zeros(self.n, dtype=np.intp)  # the phase in which the mark is gone
        self._rewarded, self._expected = (np.zeros(self.n, dtype=np.intp) for _ in range(2))

    def _start(self, agents: Indices, cues: int | Indices) -> None:
        """Begin the trials of ``agents`` with a blank screen; they will have so many cues."""
        self._phase[agents], self._clock[agents] = BLANK, 0
        self._go[agents] = CUE + cues + self.delay

    def _act(self, action: Indices) -> tuple[Floats, Bools, Bools]:
        phase, fixates = self._phase, action == FIXATE
        before = phase < self._go
        moves = (phase == BLANK) | (fixates & before)  # on to the next phase
        breaks = ~fixates & (phase >= HOLD) & before
        answers = ~fixates & ~before
        clock = np.where(moves, 0, self._clock + 1)
        late = ((phase == WAIT) & (clock >= self.patience)) | (~before & (clock >= self.go))
        reward = self.fixation_reward * (moves & (phase == HOLD))
        reward = reward + self.reward * (answers & (action == self._rewarded))
        correct = answers & ((action == self._expected) | (self._expected == FIXATE))
        self._phase, self._clock = phase + moves, clock
        return reward, breaks | answers | late, correct

    @property
    def _marked(self) -> Bools:
        """Return whether each agent sees the fixation mark."""
        return (self._phase > BLANK) & (self._phase < self._go)
