"""Agents whose steps are taken by their circuit, on an engine.

agent = CircuitAgent(AuGMEnT(inputs=4, actions=3, seed=0), engine="brian2")
learn(agent, Saccade())                 the same actions and weights as AuGMEnT's own
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from corticalnet.circuits import Circuit
from corticalnet.columns.augment import NEEDS, agent_circuit, learning_rate, memory_areas, pieces
from corticalnet.engines.simulator import Simulator
from corticalnet.errors import TaskError
from corticalnet.experiment.protocol import Element, Present, SetInput
from corticalnet.reinforcement import Agent, AuGMEnT
from corticalnet.reinforcement.agent import Bools
from corticalnet.reinforcement.tasks.random_streams import Floats, Indices


class CircuitAgent(Agent):
    """AuGMEnT agents that live in a circuit, which an engine steps through time.

    A step of the world is seven steps of the circuit: what is seen is presented for four, for two the world
    takes the action, and in the last, when the next step tells what that has brought, the outcome is known.
    Noise to explore is the agents' own. So actions, weights and tags are those of the agents.

    Args:
        agent: settings, weights and random numbers are copied from it, as they are now.
        engine: "torch" or "brian2".
        options: of the engine.

    Attributes:
        running: the simulator.

    Raises:
        TaskError: it is no AuGMEnT.
        CircuitError: some of its agents learn faster than others.
        EngineError: the engine is unknown, not installed, or does not take an option.

    >>> from corticalnet.reinforcement import AuGMEnT, learn
    >>> from corticalnet.reinforcement.tasks import Saccade
    >>> agent = AuGMEnT(inputs=4, actions=3, batch=2, seed=0)
    >>> in_time = CircuitAgent(agent)
    >>> histories = [learn(one, Saccade(), trials=3, progress=False) for one in (agent, in_time)]
    >>> histories[0].equals(histories[1])
    True
    """

    def __init__(self, agent: AuGMEnT, engine: str = "torch", **options: Any) -> None:
        if not isinstance(agent, AuGMEnT):
            raise TaskError(f"CircuitAgent takes an AuGMEnT, not {type(agent).__name__}")
        self._agent, self._engine = copy.deepcopy(agent), (engine, options)
        self.batch, self.inputs, self.actions = agent.batch, agent.inputs, agent.actions
        self.discount, self.rate = agent.discount, agent.rate.copy()
        self.running = Simulator(agent_circuit(self._agent), engine, **options)
        self._learning_rate, self._pieces = learning_rate(agent), pieces(agent)
        self._begin()

    def _begin(self) -> None:
        """Go back to the start of a trial: nothing has been done yet."""
        self.rpe = np.zeros(self.batch)
        self._action: Indices | None = None
        self._forgetting = np.zeros(self.batch, dtype=bool)

    @property
    def circuit(self) -> Circuit:
        """Return the circuit, with its weights as they are now."""
        return self.running.circuit.with_weights(self.running.weights)

    @property
    def rates(self) -> dict[str, Floats]:
        """Return what each population does now; what comes and goes has gone when an action is chosen."""
        areas = {"sensory": ["sensory"], "regular": [], "memory": [], "action": ["output"]}
        areas["memory"] = [area for area, *_ in memory_areas(self._agent)]
        areas["regular"] = ["regular"] if self._agent.rates["regular"].size else []
        return {name: self._rates(names) for name, names in areas.items()}

    def _rates(self, areas: list[str]) -> Floats:
        parts = [self.running.read(f"{area}.value.rate").reshape(self.batch, -1) for area in areas]
        return np.concatenate([*parts, np.zeros((self.batch, 0))], axis=1)

    @property
    def weights(self) -> dict[str, Floats]:
        """Return all weights, as :class:`~corticalnet.reinforcement.AuGMEnT` has them."""
        return self._gathered(self._agent.weights, self.running.weights)

    @property
    def tags(self) -> dict[str, Floats]:
        """Return all tags, as :class:`~corticalnet.reinforcement.AuGMEnT` has them."""
        tags = {piece.name: self.running.read(f"{piece.name}.tag") for piece in self._pieces}
        return self._gathered(self._agent.tags, tags)

    def _gathered(self, like: dict[str, Floats], numbers: dict[str, Floats]) -> dict[str, Floats]:
        """Arrange numbers of synapses as the agents have them."""
        found = {key: np.zeros(array.shape) for key, array in like.items()}
        for piece in self._pieces:
            if piece.key in found:
                part = piece.of(found)
                part[...] = numbers[piece.name].reshape(part.shape)
        return found

    def step(self, seen: Floats, reward: Floats, ended: Bools) -> Indices:
        """Observe, choose an action, learn from the last one, and tag synapses; see :meth:`Agent.step`."""
        seen, reward, ended = self._observed(seen, reward, ended)
        self._agent.trials += ended
        noise = self._agent.exploration_noise()
        silent = self._silent()
        look = Present(seen.ravel(), NEEDS.present, exploration_noise=noise.ravel())
        taken = SetInput({"outcome.outcome": 1.0, "dopamine.silence": silent}, NEEDS.teach - 1)
        answer = self._answer(reward, ended, silent)
        data = self.running.run([*answer, look, taken], record=["rpe"], check=False)
        said = data["dopamine.rpe"].values[:, 0]
        self.rpe = np.where(ended, said[0], said[1 - NEEDS.teach])
        action = self._action = self._chosen()
        return action

    def _answer(self, reward: Floats, ended: Bools, silent: Bools) -> list[Element]:
        """Return what the world answers to the last actions; nothing if there were none."""
        if self._action is None:
            return []
        each = np.eye(self.actions)[self._action] * reward[:, None]
        forgetting, self._forgetting = self._forgetting, np.zeros(self.batch, dtype=bool)
        told = {"world.answer": each.ravel(), "outcome.ended": ended | forgetting}
        return [SetInput({**told, "dopamine.silence": silent | forgetting}, 1)]

    def _silent(self) -> Bools:
        """Return whose dopamine is silent: those that learn no more."""
        rates = self.rate[self.rate != 0]
        if (rates != self._learning_rate).any():
            raise TaskError(
                f"CircuitAgent: rate = {self.rate.tolist()}; in a circuit made for the rate "
                f"{self._learning_rate:g} each agent's is that, or 0"
            )
        return np.asarray(self.rate == 0)

    def _chosen(self) -> Indices:
        chosen = self.running.read("output.action.action").reshape(self.batch, self.actions)
        return np.asarray(chosen.argmax(axis=1))

    def reset(self, agents: Indices) -> None:
        """Reset ``agents``: nothing is remembered, expected or tagged, from their next look on."""
        chosen = self._agents(agents)
        self._forgetting[chosen] = True
        if self._forgetting.all():
            self.running.reset()
            self._begin()

    def next_values(self, seen: Floats) -> Floats:
        """Compute the action values that ``seen`` would have if it came next, ``[batch, actions]``."""
        seen = self._read("seen", seen, (self.batch, self.inputs))
        twin, no = copy.deepcopy(self.running), np.zeros(self.batch)
        forgetting = self._forgetting
        answer = self._answer(no, no.astype(bool), self._silent())
        self._forgetting = forgetting
        twin.run([*answer, Present(seen.ravel(), 2)], record=[], check=False)
        return twin.read("output.value.rate").reshape(self.batch, self.actions)

    def eval_copy(self, agents: Indices | None = None) -> CircuitAgent:
        """Copy ``agents`` (all), reset to the start of a trial, without learning and exploration."""
        now = copy.copy(self._agent)
        now.weights = self.weights
        engine, options = self._engine
        return CircuitAgent(now.eval_copy(agents), engine, **options)

    def __repr__(self) -> str:
        return f"CircuitAgent({self._agent!r}, engine={self._engine[0]!r})"
