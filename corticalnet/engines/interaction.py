"""A circuit and a world: the world shows something, the columns act, and the world may reward it.

life = cn.Interaction(Saccade(), trials=50)
data = cn.simulate(circuit, life, record="rpe")         a protocol like any other
life.actions, life.rewards                              what happened, step by step
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.checks import whole
from corticalnet.circuits import Circuit
from corticalnet.engines.simulator import Simulator
from corticalnet.errors import ProtocolError
from corticalnet.experiment.protocol import Element, Present, Reinforce
from corticalnet.experiment.stream import explore
from corticalnet.reinforcement.environments import world

Array = NDArray[Any]


class Interaction:
    """A protocol in which a circuit acts in a world, and is reinforced by what it brings.

    At each step of the world: what is seen is presented, the action that the columns have chosen by then is
    read and done, and its reward is the outcome that comes (:class:`Reinforce`). So columns learn what each
    action brings at once; what comes later needs a memory, as :class:`corticalnet.reinforcement.AuGMEnT` has.

    Run again, by the same simulator, life goes on where it stopped.

    Args:
        task: a task of :mod:`corticalnet.reinforcement.tasks`, anything with Gymnasium's ``reset`` and
            ``step`` and discrete actions, or a list of such environments. Several agents are the samples of
            a batch, which share their weights. What is seen is laid out flat; when a trial ends the next
            begins.
        trials: how many each agent ends at least, in each run.
        present, teach: steps of each look and each outcome; as many as the circuit needs if not given.
        exploration: how probable it is that an action is drawn from softmax(bids / temperature).
        temperature: of these.
        seed: of the world and of exploration.

    Attributes:
        actions: ``[batch]`` at each step of the world.
        rewards: ``[batch]``, what they brought.
        ended: ``[batch]``, whether a trial ended with them.

    Raises:
        ProtocolError: impossible numbers; when it runs: a circuit without actions, or with others than the
            world's.
        TaskError: the task has not Gymnasium's interface, or no discrete actions.

    >>> import corticalnet as cn
    >>> from corticalnet.reinforcement.tasks import Classification
    >>> life = Interaction(Classification([[0.0, 1.0], [1.0, 0.0]], [0, 1]), trials=3)
    >>> data = cn.simulate(cn.circuit(cn.mlp([2, 4, 2]), cn.rule("brainprop")), life, record="rpe")
    >>> len(life.actions), len(life.rewards)
    (3, 3)
    """

    def __init__(
        self,
        task: Any,
        trials: int = 1,
        *,
        present: int | None = None,
        teach: int | None = None,
        exploration: float = 0.02,
        temperature: float = 1.0,
        seed: int = 0,
    ) -> None:
        self._world, _, self._choices = world(task)
        self.trials = whole("Interaction: trials", trials, ProtocolError)
        self.seed = whole("Interaction: seed", seed, ProtocolError, least=0)
        self._present, self._teach = (
            None if steps is None else whole(f"Interaction: {name}", steps, ProtocolError)
            for name, steps in (("present", present), ("teach", teach))
        )
        if not 0 <= exploration <= 1 or not 0 < temperature < math.inf:
            raise ProtocolError(
                f"Interaction: exploration = {exploration} is a probability, temperature = {temperature} "
                "more than 0"
            )
        self.exploration, self.temperature = exploration, temperature
        self._random = np.random.default_rng(self.seed)
        self._seen: Array | None = None
        self.actions: list[Array] = []
        self.rewards: list[Array] = []
        self.ended: list[Array] = []

    def __call__(self, running: Simulator) -> Iterator[Element]:
        """Yield the elements of the protocol one after another, for :meth:`Simulator.run`."""
        actor, needs = self._actor(running.circuit), running.circuit.needs
        present, teach = self._present or max(1, needs.present), self._teach or max(1, needs.teach)
        if self._seen is None:
            self._seen, _ = self._world.reset(seed=self.seed)
        left = np.full(self._world.n, self.trials)
        while (left > 0).any():
            size = (self._world.n, self._choices)
            noise = explore(self._random, size, self.exploration, self.temperature)
            yield Present(self._seen, present, exploration_noise=noise)
            chosen = running.read(actor)
            if not chosen.any(axis=1).all():
                raise ProtocolError(
                    f"Interaction: no action is chosen in step {running.step - 1}; present for more than "
                    f"{present} steps"
                )
            action = chosen.argmax(axis=1)
            self._seen, reward, terminated, truncated, _ = self._world.step(action)
            ended = np.asarray(terminated) | np.asarray(truncated)
            self.actions.append(action)
            self.rewards.append(np.array(reward, dtype=np.float64))
            self.ended.append(ended)
            left = left - ended
            reward = np.eye(self._choices)[action] * self.rewards[-1][:, None]
            yield Reinforce(reward, teach, ended=ended)

    def _actor(self, circuit: Circuit) -> str:
        acting = [p for p in circuit.populations if "action" in p.cell.state]
        if not acting:
            raise ProtocolError(
                f"circuit '{circuit.name}' has no actions to choose from; make one that is taught by reward, "
                "such as cn.circuit(net, cn.rule('brainprop'))"
            )
        if acting[0].n != self._choices:
            raise ProtocolError(
                f"the world has {self._choices} actions, but '{acting[0].name}' has {acting[0].n} cells"
            )
        return f"{acting[0].name}.action"
