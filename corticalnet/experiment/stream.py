"""Streams: trials of random timing, one after another; patterns that pass smoothly; exploration noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.checks import array, positive, probability, whole
from corticalnet.circuits.circuit import Circuit
from corticalnet.circuits.quantities import MS, quantity
from corticalnet.errors import ProtocolError
from corticalnet.experiment.protocol import Element, Present, Reinforce, Teach


@dataclass(frozen=True, eq=False)
class Stream:
    """Trials of random timing: each presents its stimulus, then teaches its target.

    Args:
        stimuli: ``[trials, n]`` or ``[trials, B, n]``.
        targets: classes ``[trials]`` or ``[trials, B]`` (whole numbers), or vectors ``[trials, n]``,
            ``[trials, B, n]``; each trial's is read as :class:`Teach` reads it.
        present, teach: least and greatest number of steps of each; every number between is as likely.
        seed: of the lengths; a longer stream begins like a shorter one.
        rewarded: an outcome comes instead of a teacher; targets say which action brings reward.
        exploration_noise: to explore, ``[trials, n]`` or ``[trials, B, n]``, see :func:`exploration_noise`;
            {population: array} where several take it, see :func:`perturbation_noise`.

    Raises:
        ProtocolError: lengths that are no range, or not as many targets as stimuli.

    >>> import corticalnet as cn
    >>> stream = Stream([[0.0, 1.0], [1.0, 0.0]], [1, 0], present=(6, 12), teach=(3, 9), seed=0)
    >>> circuit = cn.circuit(cn.mlp([2, 3, 2]), cn.rule("streaming-fa-z-il"))
    >>> cn.simulate(circuit, [stream], record=["phi"]).sizes["batch"]
    1
    """

    stimuli: Any
    targets: Any
    present: tuple[int, int] = field(kw_only=True)
    teach: tuple[int, int] = field(kw_only=True)
    seed: int = field(default=0, kw_only=True)
    rewarded: bool = field(default=False, kw_only=True)
    exploration_noise: Any = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("stimuli", "targets"):
            object.__setattr__(self, name, self._numbers(name, getattr(self, name)))
        if np.ndim(self.stimuli) < 2 or np.ndim(self.targets) < 1 or len(self.stimuli) != len(self.targets):
            shapes = f"{np.shape(self.stimuli)} and {np.shape(self.targets)}"
            raise ProtocolError(f"Stream: stimuli and targets have shapes {shapes}; both begin with trials")
        if self.exploration_noise is not None:
            object.__setattr__(self, "exploration_noise", self._noise(self.exploration_noise))
        for name in ("present", "teach"):
            object.__setattr__(self, name, self._range(name))

    def _noise(self, given: Any) -> Any:
        """Read the noise of all trials: an array, or one for each population."""
        by_name = given if isinstance(given, Mapping) else {"": given}
        read = {name: self._numbers("exploration_noise", noise) for name, noise in by_name.items()}
        for noise in read.values():
            if len(noise) != len(self.stimuli):
                raise ProtocolError(
                    f"Stream: exploration_noise is for {len(noise)} of {len(self.stimuli)} trials"
                )
        return read if isinstance(given, Mapping) else read[""]

    def _numbers(self, name: str, given: Any) -> NDArray[Any]:
        return array(f"Stream: {name}", given, ProtocolError, finite=True)

    def _range(self, name: str) -> tuple[int, int]:
        given = getattr(self, name)
        if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != 2:
            raise ProtocolError(f"Stream: {name} = {given!r} must be (least, greatest) steps")
        low, high = (whole(f"Stream: {name}", bound, ProtocolError) for bound in given)
        if low > high:
            raise ProtocolError(f"Stream: {name} = {given!r} must not begin above its end")
        return low, high

    def expand(self) -> list[Element]:
        """Return the elements of all trials: Present, Teach (or Reinforce), Present, …"""
        bounds = np.array([self.present, self.teach]).T
        rng = np.random.default_rng(whole("Stream: seed", self.seed, ProtocolError, least=0))
        lengths = rng.integers(bounds[0], bounds[1], size=(len(self.stimuli), 2), endpoint=True)
        trials: list[Element] = []
        lesson = Reinforce if self.rewarded else Teach
        for k, (shown, taught) in enumerate(lengths):
            noise = self.exploration_noise
            if isinstance(noise, Mapping):
                noise = {name: each[k] for name, each in noise.items()}
            elif noise is not None:
                noise = noise[k]
            trials.append(Present(self.stimuli[k], int(shown), exploration_noise=noise))
            trials.append(lesson(self.targets[k], int(taught)))
        return trials


def low_passed(patterns: Any, each: float | str, tau: float | str) -> Callable[[float], NDArray[np.float64]]:
    """Return a function of time, for ``Play``, that passes smoothly from one pattern to the next.

    It begins at 0 and relaxes to each pattern in turn, ``τ dx/dt = pattern − x``; the last one stays.

    Args:
        patterns: ``[trials, n]`` or ``[trials, B, n]``.
        each: how long a pattern is shown, in ms or as "100 ms".
        tau: τ.

    Raises:
        ProtocolError: no such array, or a time that is not above 0.

    >>> stream = low_passed([[1.0, 0.0], [0.0, 1.0]], each="100 ms", tau="3 ms")
    >>> stream(0.0).tolist(), stream(100.0).round(6).tolist()
    ([0.0, 0.0], [1.0, 0.0])
    """
    shown = array("low_passed: patterns", patterns, ProtocolError, finite=True).astype(np.float64)
    if shown.ndim < 2 or not len(shown):
        raise ProtocolError(f"low_passed: patterns have shape {shown.shape}; they begin with trials")
    times = [quantity(one, MS, f"low_passed: {name}") for name, one in (("each", each), ("tau", tau))]
    length, slow = (positive("low_passed: each and tau", one, ProtocolError) for one in times)
    starts = np.zeros((len(shown) + 1, *shown.shape[1:]))
    for k, pattern in enumerate(shown):
        starts[k + 1] = pattern + (starts[k] - pattern) * np.exp(-length / slow)

    def at(ms: float) -> NDArray[np.float64]:
        k = min(int(ms // length), len(shown) - 1)
        there: NDArray[np.float64] = shown[k] + (starts[k] - shown[k]) * np.exp(-(ms - k * length) / slow)
        return there

    return at


def exploration_noise(
    trials: int, actions: int, exploration: float = 0.02, temperature: float = 1.0, seed: int = 0
) -> NDArray[np.float64]:
    """Draw exploration noise, ``[trials, actions]``: with it the best bid is the max-Boltzmann choice.

    In a trial in which nobody explores all are 0. Otherwise they are temperature × Gumbel noise, and the
    winner is a draw from softmax(y / temperature) (Pozzi et al. 2020: exploration 0.02, temperature 1).

    Raises:
        ProtocolError: an impossible number of them, probability or temperature.

    >>> exploration_noise(trials=3, actions=2).shape
    (3, 2)
    """
    size = (
        whole("exploration_noise: trials", trials, ProtocolError),
        whole("exploration_noise: actions", actions, ProtocolError),
    )
    exploration = probability("exploration_noise: exploration", exploration, ProtocolError)
    temperature = positive("exploration_noise: temperature", temperature, ProtocolError)
    rng = np.random.default_rng(whole("exploration_noise: seed", seed, ProtocolError, least=0))
    return explore(rng, size, exploration, temperature)


def perturbation_noise(
    circuit: Circuit, trials: int, deviation: float, seed: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Draw the noise of columns that learn by perturbation, {population: ``[trials, n]``}, N(0, deviation²).

    Args:
        circuit: columns of node perturbation or REINFORCE.
        trials: how many.
        deviation: σ of the rule.
        seed: of the noise.

    Raises:
        ProtocolError: an impossible number of trials or deviation, or no cell takes noise.

    >>> import corticalnet as cn
    >>> columns = cn.circuit(cn.mlp([4, 3, 2]), cn.rule("node-perturbation"))
    >>> {name: noise.shape for name, noise in perturbation_noise(columns, 5, 0.01).items()}
    {'area1.value': (5, 3), 'output.value': (5, 2)}
    """
    trials = whole("perturbation_noise: trials", trials, ProtocolError)
    deviation = positive("perturbation_noise: deviation", deviation, ProtocolError)
    rng = np.random.default_rng(whole("perturbation_noise: seed", seed, ProtocolError, least=0))
    takers = [name for name, variable in circuit.inputs if variable == "exploration_noise"]
    if not takers:
        raise ProtocolError("perturbation_noise: no population of this circuit takes exploration noise")
    return {name: deviation * rng.normal(size=(trials, circuit.population(name).n)) for name in takers}


def explore(
    rng: np.random.Generator, size: tuple[int, int], exploration: float, temperature: float
) -> NDArray[np.float64]:
    """Draw ``[trials, actions]`` from a generator that goes on; see :func:`exploration_noise`."""
    explores = rng.random((size[0], 1)) < exploration
    return np.where(explores, temperature * rng.gumbel(size=size), 0.0)
