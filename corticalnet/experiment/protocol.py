"""Protocols: what is shown to a circuit and when, as a list of elements.

    protocol = [Present(image, steps=6), Teach(3, steps=9), Rest(ms=20)]
    protocol = [Stream(images, labels, present=(6, 12), teach=(9, 15), seed=1)]

An element lasts whole steps, or a time in ms. Inputs stay as the last element left them, also from one run
of a simulator to the next; those that no element has named are 0. A batch of samples comes from stimuli.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from corticalnet.checks import array, whole
from corticalnet.circuits.quantities import MS, quantity
from corticalnet.errors import ProtocolError


class Element:
    """Base class of elements of a protocol, which last for some ``steps``, or ``ms``."""

    steps: int | None
    ms: float | str | None

    def __post_init__(self) -> None:
        kind = type(self).__name__
        if (self.steps is None) == (self.ms is None):
            raise ProtocolError(f"{kind} lasts for steps=… or ms=…; give exactly one of the two")
        if self.steps is not None:
            object.__setattr__(self, "steps", whole(f"{kind}: steps", self.steps, ProtocolError))
        else:
            object.__setattr__(self, "ms", quantity(self.ms, MS, f"{kind}: ms"))

    @property
    def label(self) -> str:
        """Return the word for the element in events and messages."""
        return type(self).__name__.lower()

    def length(self, dt: float, where: str) -> int:
        """Return how many steps the element lasts.

        Raises:
            ProtocolError: its time is no whole number of steps.
        """
        if self.steps is not None:
            return self.steps
        ms = float(self.ms or 0.0)
        steps = round(ms / dt) if math.isfinite(ms) else 0
        if steps < 1 or not math.isclose(ms / dt, steps, rel_tol=1e-9):
            raise ProtocolError(f"{where} lasts {ms:g} ms, which is no whole number of steps of {dt:g} ms")
        return steps


@dataclass(frozen=True, eq=False)
class Present(Element):
    """Show a stimulus; no teacher is there.

    Args:
        stimulus: ``[n]``, ``[B, n]`` or ``[B, *shape]``; {population: array} where several take a stimulus.
        steps: how long, in steps.
        ms: or in ms (30, "30 ms").
        exploration_noise: what is added to the bid of each action, ``[n]`` or ``[B, n]``; 0 if not given. See
            :func:`exploration_noise`.

    Raises:
        ProtocolError: not exactly one of steps and ms.

    >>> Present([[0.0, 1.0]], ms=20).ms
    20.0
    """

    stimulus: Any
    steps: int | None = None
    ms: float | str | None = field(default=None, kw_only=True)
    exploration_noise: Any = field(default=None, kw_only=True)


@dataclass(frozen=True, eq=False)
class Teach(Element):
    """Hold the output at a target; the stimulus that was shown last stays.

    Args:
        target: a class (whole number), one class per sample ``[B]`` or ``[B, 1]`` (whole numbers), or vectors
            ``[n]``, ``[B, n]`` of any numbers; {population: target} where several take one. As many whole
            numbers as there are samples are classes.
        steps: how long, in steps.
        ms: or in ms (30, "30 ms").

    Raises:
        ProtocolError: not exactly one of steps and ms.

    >>> Teach([1], steps=5).steps
    5
    """

    target: Any
    steps: int | None = None
    ms: float | str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, eq=False)
class Reinforce(Element):
    """Let the outcome of a choice come; the stimulus that was shown last stays.

    Args:
        reward: of each action, ``[n]`` or ``[B, n]`` (``np.eye(n)[action] * 0.5``); or the class that is
            rewarded with 1 (a whole number), or one for each sample ``[B]`` or ``[B, 1]``.
        steps: how long, in steps.
        ms: or in ms (30, "30 ms").
        ended: whether a trial ends with it, for circuits that remember: one for all, or one for each sample
            ``[B]``.

    Raises:
        ProtocolError: not exactly one of steps and ms.

    >>> Reinforce([1], steps=5).steps
    5
    """

    reward: Any
    steps: int | None = None
    ms: float | str | None = field(default=None, kw_only=True)
    ended: Any = field(default=False, kw_only=True)


@dataclass(frozen=True, eq=False)
class Rest(Element):
    """Rest: no stimulus and no teacher.

    Args:
        steps: how long, in steps.
        ms: or in ms (30, "30 ms").

    Raises:
        ProtocolError: not exactly one of steps and ms.

    >>> Rest(ms="0.1 s").ms
    100.0
    """

    steps: int | None = None
    ms: float | str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, eq=False)
class SetInput(Element):
    """Drive any inputs by name with numbers that stay; all others stay as they are.

    Args:
        signals: {"population.input": a number, ``[n]`` or ``[B, n]``}; what changes in time: :class:`Play`.
        steps: how long until the next element, in steps; the signals stay on.
        ms: or in ms (30, "30 ms").

    Raises:
        ProtocolError: not exactly one of steps and ms.

    >>> SetInput({"retina.stimulus": [0.0, 1.0], "midbrain.stimulus": 1.0}, ms=200).ms
    200.0
    """

    signals: Mapping[str, Any]
    steps: int | None = None
    ms: float | str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.signals, Mapping):
            raise ProtocolError(f"SetInput takes {{'population.input': array}}, not {self.signals!r}")


@dataclass(frozen=True, eq=False)
class Play(Element):
    """Drive inputs with numbers that change from step to step; all others (the teacher too) stay as they are.

    At the end the last of them stays on.

    Args:
        signals: an array ``[time, n]`` or ``[time, B, n]`` (or ``[time, *shape]``, ``[time, B, *shape]``) for
            the one population that takes a stimulus; or a function of time (ms since the element began)
            that returns ``[n]`` or ``[B, n]``; or {"population.input": array or function}.
        steps: how long, in steps; as long as the arrays if neither steps nor ms is given.
        ms: or in ms (30, "30 ms").

    Raises:
        ProtocolError: both steps and ms, a function alone without either, or arrays of other lengths.

    >>> import numpy as np
    >>> Play({"retina.stimulus": np.linspace(0, 1, 50)[:, None]}, steps=50).steps
    50
    """

    signals: Any
    steps: int | None = None
    ms: float | str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.signals, Mapping) and not callable(self.signals):
            object.__setattr__(self, "signals", array("Play", self.signals, ProtocolError, finite=True))
        elif isinstance(self.signals, Mapping):
            read = {
                name: s if callable(s) else array(f"Play: {name}", s, ProtocolError, finite=True)
                for name, s in self.signals.items()
            }
            object.__setattr__(self, "signals", read)
        each = self.signals.values() if isinstance(self.signals, Mapping) else [self.signals]
        lengths = [len(one) if np.ndim(one) else 1 for one in each if not callable(one)]
        if self.steps is None and self.ms is None:
            if not lengths:
                raise ProtocolError("Play of functions lasts for steps=… or ms=…; give one of the two")
            object.__setattr__(self, "steps", lengths[0])
        super().__post_init__()

    def sampled(self, signal: Any, steps: int, dt: float, what: str) -> Any:
        """Sample a signal at each step: an array as it is, a function at the times."""
        if not callable(signal):
            return signal
        function: Callable[[float], Any] = signal
        values = [
            array(f"{what} at {k * dt:g} ms", function(k * dt), ProtocolError, finite=True)
            for k in range(steps)
        ]
        if len({value.shape for value in values}) > 1:
            raise ProtocolError(f"{what}: the function returns arrays of different shapes")
        return np.stack(values)
