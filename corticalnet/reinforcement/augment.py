"""AuGMEnT: attention-gated memory tagging."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from corticalnet.checks import array, flag, not_negative, number, positive, probability, whole
from corticalnet.errors import TaskError, one_of
from corticalnet.reinforcement.agent import Agent, Bools
from corticalnet.reinforcement.tasks import RandomStreams
from corticalnet.reinforcement.tasks.random_streams import Floats, Indices


class AuGMEnT(Agent):
    """A batch of independent agents, each a network that learns to act and to remember from reward alone.

    Populations, in each agent::

        sensory   x          what is seen
        transient x⁺, x⁻     on and off: [x − x']⁺, [x' − x]⁺, x' what was seen before
        regular   y_R        σ(V_R [1, x] − θ)
        memory    y_M        σ(a − θ),  a ← leak a + V_M [x⁺, x⁻]
        action    q          W_R [1, y_R] + W_M y_M: what each action is expected to bring

    One action z is chosen: the best of q + noise. With probability ε an agent explores: noise is Gumbel noise
    / gain, and the best a draw from softmax(gain q) (max-Boltzmann); otherwise it is 0.
    From it feedback B goes to the hidden units, and synapses that have just been active are tagged::

        sT  ← leak sT + [x⁺, x⁻]               trace of what a memory synapse has received
        T_W ← λγ T_W + y z
        T_V ← λγ T_V + [1, x] y (1 − y) B_z    regular; memory: sT for [1, x]

    Dopamine broadcasts the RPE δ = r + γ q − q' (q' the value of the action before; q = 0 after the end), and
    each synapse changes by its tag: Δw = β δ T. Order of a step: populations, choice, δ, weights by the *old*
    tags, then tags. When a trial ends, memory, traces and tags are gone.

    Source: Rombouts, Bohte & Roelfsema 2015, PLoS Comput Biol 11: e1004060, equations 1–18, whose settings
    are the defaults. Leak < 1, ``feedback="learned"`` and ``anneal`` (the gain rises from 1 to 6 over trials,
    1 + 10/π atan(trial / anneal)) are from Martinolli, Gerstner & Gilra 2018, Front Comput Neurosci 12: 50.
    Learned feedback starts as random as the weights and changes by the tags of W.

    Args:
        inputs, actions: numbers of sensory and of action units.
        regular, memory: numbers of hidden units.
        batch: how many; agent k is that of ``seed + k`` alone.
        rate: β.
        discount: γ.
        trace: λ.
        exploration: ε.
        threshold: θ.
        leak: of memory units; several numbers for as many equal parts of them.
        spread: weights start evenly between −spread and spread.
        bias: whether the 1s above are there.
        feedback: "tied" (B = W) or "learned".
        anneal: trials; None for a gain of 1.
        seed: of weights and choices.

    Attributes:
        weights: ``[batch, post, pre]``: "V_R" (regular, 1 + inputs), "V_M" (memory, 2 inputs), "W_R"
            (actions, 1 + regular), "W_M" (actions, memory); learned feedback "B_R", "B_M" (actions, hidden).
        tags: of the same shapes.
        rates: what each population does now, "sensory", "transient", "regular", "memory", "action".
        rpe: δ of the last step, ``[batch]``.
        rate, exploration: β and ε of each agent, ``[batch]``.

    Raises:
        TaskError: a size or setting that is impossible.
    """

    def __init__(
        self,
        inputs: int,
        actions: int,
        regular: int = 3,
        memory: int = 4,
        *,
        batch: int = 1,
        rate: float = 0.15,
        discount: float = 0.9,
        trace: float = 0.2,
        exploration: float = 0.025,
        threshold: float = 2.5,
        leak: float | Sequence[float] = 1.0,
        spread: float = 0.25,
        bias: bool = True,
        feedback: str = "tied",
        anneal: float | None = None,
        seed: int | None = 0,
    ) -> None:
        self.inputs, self.actions, self.batch = inputs, actions, batch = [
            whole(f"AuGMEnT: {name}", size, TaskError)
            for name, size in (("inputs", inputs), ("actions", actions), ("batch", batch))
        ]
        regular, memory = (
            whole(f"AuGMEnT: {name}", size, TaskError, least=0)
            for name, size in (("regular", regular), ("memory", memory))
        )
        leaks = array("AuGMEnT: leak", leak, TaskError).ravel()
        leaks = np.array([probability("AuGMEnT: leak", value, TaskError) for value in leaks])
        if regular + memory == 0 or not len(leaks) or memory % len(leaks):
            raise TaskError(f"AuGMEnT: regular = {regular}, memory = {memory} units in {len(leaks)} parts")
        self.discount = probability("AuGMEnT: discount", discount, TaskError)
        self.trace = probability("AuGMEnT: trace", trace, TaskError)
        exploration = probability("AuGMEnT: exploration", exploration, TaskError)
        rate = not_negative("AuGMEnT: rate", rate, TaskError)
        spread = not_negative("AuGMEnT: spread", spread, TaskError)
        self.threshold = number("AuGMEnT: threshold", threshold, TaskError)
        self.anneal = None if anneal is None else positive("AuGMEnT: anneal", anneal, TaskError)
        self.bias = int(flag("AuGMEnT: bias", bias, TaskError))
        one_of("feedback", feedback, ("tied", "learned"), TaskError)
        self.leak = np.repeat(leaks, memory // len(leaks))
        self.rate, self.exploration = np.full(batch, rate), np.full(batch, exploration)
        shapes = {
            "V_R": (regular, self.bias + inputs),
            "V_M": (memory, 2 * inputs),
            "W_R": (actions, self.bias + regular),
            "W_M": (actions, memory),
        }
        if feedback == "learned":
            shapes |= {"B_R": (actions, regular), "B_M": (actions, memory)}
        self._random = RandomStreams(batch, seed, stream=1)
        everyone = np.arange(batch)
        self.weights: dict[str, Floats] = {}
        for name, shape in shapes.items():
            rolls = RandomStreams(
                batch, seed, stream=2 + len(self.weights), block=max(1, int(np.prod(shape)))
            )
            even = rolls.roll(everyone, int(np.prod(shape))).reshape(batch, *shape)
            self.weights[name] = spread * (2 * even - 1)
        self.tags = {name: np.zeros_like(w) for name, w in self.weights.items() if name[0] != "B"}
        units = {"sensory": inputs, "transient": 2 * inputs, "regular": regular, "memory": memory}
        units["action"] = actions
        self._rates = {name: np.zeros((batch, size)) for name, size in units.items()}
        self._ones = np.ones((batch, self.bias))
        self.traces = np.zeros((batch, memory, 2 * inputs))
        self._accumulated = np.zeros((batch, memory))
        self.value, self.rpe = np.zeros(batch), np.zeros(batch)
        self.trials = np.zeros(batch)

    def step(self, seen: Floats, reward: Floats, ended: Bools) -> Indices:
        """Observe, choose an action, learn from the last one, and tag synapses; see :meth:`Agent.step`."""
        seen, reward, ended = self._observed(seen, reward, ended)
        self.rpe = reward - self.value
        (over,) = ended.nonzero()
        if over.size:
            self._learn(over)
            self.reset(over)
            self.trials[over] += 1
        self._fire(seen)
        action = self._choose()
        everyone = np.arange(self.batch)
        value = self.rates["action"][everyone, action]
        self.rpe = np.where(ended, self.rpe, self.rpe + self.discount * value)
        self._learn()  # where a trial has just ended there are no tags
        self._tag(action)
        self.value = value
        return action

    def reset(self, agents: Indices) -> None:
        """Reset ``agents``: nothing is seen, remembered, expected or tagged."""
        agents = self._agents(agents)
        seen = self.rates["sensory"]
        for state in (seen, self._accumulated, self.traces, self.value, *self.tags.values()):
            state[agents] = 0

    def _fire(self, seen: Floats) -> None:
        w, r = self.weights, self.rates
        x = np.array(seen, dtype=float)  # a copy: what is forgotten is ours, not the world's
        change = x - r["sensory"]
        x_pm = np.concatenate([change, -change], axis=1).clip(min=0)
        self._accumulated = self.leak * self._accumulated + _drive(w["V_M"], x_pm)
        y_r = _sigmoid(_drive(w["V_R"], self._with_bias(x)) - self.threshold)
        y_m = _sigmoid(self._accumulated - self.threshold)
        q = _drive(w["W_R"], self._with_bias(y_r)) + _drive(w["W_M"], y_m)
        self._rates = {"sensory": x, "transient": x_pm, "regular": y_r, "memory": y_m, "action": q}

    @property
    def rates(self) -> dict[str, Floats]:
        """Return what each population does now, ``[batch, units]`` by name."""
        return self._rates

    def exploration_noise(self) -> Floats:
        """Draw the noise that is added to action values in the next step, ``[batch, actions]``."""
        rolls = self._random.roll(np.arange(self.batch), 1 + self.actions)
        gain = np.ones(self.batch)
        if self.anneal is not None:
            gain += 10 / np.pi * np.arctan(self.trials / self.anneal)
        gumbel = -np.log(-np.log(rolls[:, 1:].clip(2**-54)))  # (a roll may be 0)
        return np.where(rolls[:, :1] < self.exploration[:, None], gumbel / gain[:, None], 0.0)

    def _choose(self) -> Indices:
        return np.asarray((self.rates["action"] + self.exploration_noise()).argmax(axis=1))

    def _learn(self, agents: Indices | slice = slice(None)) -> None:
        """Change the weights of ``agents`` by Δw = β δ T."""
        dopamine = (self.rate * self.rpe)[agents, None, None]
        changes = {name: dopamine * tag[agents] for name, tag in self.tags.items()}
        if "B_R" in self.weights:
            changes |= {"B_R": changes["W_R"][:, :, self.bias :], "B_M": changes["W_M"]}
        for name, change in changes.items():
            self.weights[name][agents] += change

    def _tag(self, action: Indices) -> None:
        w, r, everyone = self.weights, self.rates, np.arange(self.batch)
        y_r, y_m = r["regular"], r["memory"]
        tied = "B_R" not in w
        b_r = (w["W_R"][:, :, self.bias :] if tied else w["B_R"])[everyone, action]
        b_m = (w["W_M"] if tied else w["B_M"])[everyone, action]
        self.traces = self.leak[:, None] * self.traces + r["transient"][:, None, :]
        for tag in self.tags.values():
            tag *= self.trace * self.discount
        self.tags["W_R"][everyone, action] += self._with_bias(y_r)
        self.tags["W_M"][everyone, action] += y_m
        self.tags["V_R"] += (y_r * (1 - y_r) * b_r)[:, :, None] * self._with_bias(r["sensory"])[:, None, :]
        self.tags["V_M"] += (y_m * (1 - y_m) * b_m)[:, :, None] * self.traces

    def _with_bias(self, rates: Floats) -> Floats:
        return np.concatenate([self._ones, rates], axis=1)

    def next_values(self, seen: Floats) -> Floats:
        """Compute the action values that ``seen`` would have if it came next, ``[batch, actions]``."""
        other = copy.copy(self)
        other._fire(self._read("seen", seen, (self.batch, self.inputs)))
        return other.rates["action"]

    def eval_copy(self, agents: Indices | None = None) -> AuGMEnT:
        """Copy ``agents`` (all), reset to the start of a trial, without learning and exploration."""
        agents = self._agents(slice(None) if agents is None else agents)
        other = copy.copy(self)
        other.batch = len(agents)
        for name in ("weights", "tags", "_rates"):
            setattr(other, name, {key: array[agents] for key, array in getattr(self, name).items()})
        for name in ("traces", "_accumulated", "_ones", "value", "rpe", "trials"):
            setattr(other, name, getattr(self, name)[agents])
        other.rate, other.exploration = np.zeros(len(agents)), np.zeros(len(agents))
        other._random = RandomStreams(len(agents), 0, stream=1)
        other.reset(np.arange(len(agents)))
        return other

    def __repr__(self) -> str:
        hidden = f"{self.rates['regular'].shape[1]} regular, {self.rates['memory'].shape[1]} memory"
        return f"AuGMEnT({self.batch} agents: {self.inputs} sensory, {hidden}, {self.actions} action units)"


def _drive(weights: Floats, rates: Floats) -> Floats:
    """Return Σ weight × rate, for each agent: ``[batch, post, pre] × [batch, pre]``."""
    summed: Floats = np.einsum("apq,aq->ap", weights, rates)
    return summed


def _sigmoid(x: Floats) -> Floats:
    rates: Floats = 1 / (1 + np.exp(-x.clip(min=-500)))
    return rates
