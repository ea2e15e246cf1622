"""Streams: trials of random timing, one after another, and exploration noise in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.checks import array, positive, probability, whole
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
        exploration_noise: to explore, ``[trials, n]`` or ``[trials, B, n]``, see :func:`exploration_noise`.

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
        for name in (
            "stimuli",
            "targets",
            *(["exploration_noise"] if self.exploration_noise is not None else []),
        ):
            object.__setattr__(
                self, name, array(f"Stream: {name}", getattr(self, name), ProtocolError, finite=True)
            )
        if np.ndim(self.stimuli) < 2 or np.ndim(self.targets) < 1 or len(self.stimuli) != len(self.targets):
            shapes = f"{np.shape(self.stimuli)} and {np.shape(self.targets)}"
            raise ProtocolError(f"Stream: stimuli and targets have shapes {shapes}; both begin with trials")
        if self.exploration_noise is not None and len(self.exploration_noise) != len(self.stimuli):
            raise ProtocolError(
                f"Stream: exploration_noise is for {len(self.exploration_noise)} "
                f"of {len(self.stimuli)} trials"
            )
        for name in ("present", "teach"):
            object.__setattr__(self, name, self._range(name))

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
            noise = None if self.exploration_noise is None else self.exploration_noise[k]
            trials.append(Present(self.stimuli[k], int(shown), exploration_noise=noise))
            trials.append(lesson(self.targets[k], int(taught)))
        return trials


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


def explore(
    rng: np.random.Generator, size: tuple[int, int], exploration: float, temperature: float
) -> NDArray[np.float64]:
    """Draw ``[trials, actions]`` from a generator that goes on; see :func:`exploration_noise`."""
    explores = rng.random((size[0], 1)) < exploration
    return np.where(explores, temperature * rng.gumbel(size=size), 0.0)
