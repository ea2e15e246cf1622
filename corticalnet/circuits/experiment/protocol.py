"""Protocols: what is shown to a circuit and when, as a list of elements.

    protocol = [Present(image, steps=6), Teach(3, steps=9), Rest(ms=20)]
    protocol = [Stream(images, labels, present=(6, 12), teach=(9, 15), seed=1)]

An element lasts whole steps, or a time in ms. Inputs that no element has named are 0.
"""

from __future__ import annotations

import hashlib
import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits.quantities import MS, quantity
from corticalnet.errors import ProtocolError


class Element:
    """Base of what lasts for a time: ``steps``, or ``ms``."""

    steps: int | None
    ms: float | str | None

    def __post_init__(self) -> None:
        kind = type(self).__name__
        if (self.steps is None) == (self.ms is None):
            raise ProtocolError(f"{kind} lasts for steps=… or ms=…; give exactly one of the two")
        if self.steps is not None:
            object.__setattr__(self, "steps", whole(self.steps, f"{kind}: steps"))
        else:
            object.__setattr__(self, "ms", quantity(self.ms, MS, f"{kind}: ms"))

    @property
    def label(self) -> str:
        """For events and messages."""
        return type(self).__name__.lower()

    def length(self, dt: float, where: str) -> int:
        """How many steps it lasts.

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
        urge: to explore: what is added to the bid of each action, ``[n]`` or ``[B, n]``; 0 if not given. See
            :func:`urges`.

    Raises:
        ProtocolError: not exactly one of steps and ms.
    """

    stimulus: Any
    steps: int | None = None
    ms: float | str | None = field(default=None, kw_only=True)
    urge: Any = field(default=None, kw_only=True)


@dataclass(frozen=True, eq=False)
class Teach(Element):
    """Hold the output at a target; the stimulus that was shown last stays.

    Args:
        target: a class (whole number), one class per sample ``[B]`` (whole numbers), or vectors ``[n]``,
            ``[B, n]``; {population: target} where several take one.
        steps: how long, in steps.
        ms: or in ms (30, "30 ms").

    Raises:
        ProtocolError: not exactly one of steps and ms.
    """

    target: Any
    steps: int | None = None
    ms: float | str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, eq=False)
class Reinforce(Element):
    """Let the outcome of a choice come; the stimulus that was shown last stays.

    Args:
        answer: the class that is rewarded (whole number), one for each sample ``[B]`` (whole numbers), or the
            reward of each action, ``[n]`` or ``[B, n]`` (numbers with a point).
        steps: how long, in steps.
        ms: or in ms (30, "30 ms").

    Raises:
        ProtocolError: not exactly one of steps and ms.
    """

    answer: Any
    steps: int | None = None
    ms: float | str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, eq=False)
class Rest(Element):
    """No stimulus and no teacher.

    Args:
        steps: how long, in steps.
        ms: or in ms (30, "30 ms").

    Raises:
        ProtocolError: not exactly one of steps and ms.
    """

    steps: int | None = None
    ms: float | str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, eq=False)
class Give(Element):
    """Drive any inputs by name; all others stay as they are.

    Args:
        signals: {"population.input": a number, ``[n]`` or ``[B, n]``}.
        steps: how long until the next element, in steps; the signals stay on.
        ms: or in ms (30, "30 ms").

    Raises:
        ProtocolError: not exactly one of steps and ms.
    """

    signals: Mapping[str, Any]
    steps: int | None = None
    ms: float | str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.signals, Mapping):
            raise ProtocolError(f"Give takes {{'population.input': array}}, not {self.signals!r}")


@dataclass(frozen=True)
class Noise:
    """Gaussian noise that is added to a port, drawn for each step, sample and cell.

    It is drawn before the engine, from a stream of its own for every population and port: all engines hear
    the same noise, and what else is noisy changes nothing.

    Args:
        population: whose cells hear it.
        port: of theirs.
        sd: standard deviation, in the port's unit.
        seed: a whole number.

    Raises:
        ProtocolError: an impossible sd or seed.
    """

    population: str
    port: str = "prediction"
    sd: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.sd, str) or not 0 <= self.sd < math.inf:
            raise ProtocolError(f"Noise on '{self.population}': sd must be a number from 0, not {self.sd!r}")
        whole(self.seed, f"Noise on '{self.population}': seed", 0)

    def draw(self, steps: int, batch: int, n: int) -> NDArray[np.float64]:
        """``[steps, batch, n]``; more steps begin like fewer."""
        digest = hashlib.sha256(f"{self.seed}/{self.population}/{self.port}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        return rng.normal(0.0, self.sd, (steps, batch, n))


def whole(value: Any, what: str, least: int = 1) -> int:
    """A whole number that is at least ``least``.

    Raises:
        ProtocolError: it is not.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if isinstance(value, bool | np.bool_) or number < least:
        raise ProtocolError(f"{what} must be a whole number from {least}, not {value!r}")
    return number


def array(value: Any, what: str) -> NDArray[Any]:
    """Numbers as a NumPy array; a tensor is brought to the CPU without its history.

    Raises:
        ProtocolError: they are no numbers, not a full array, or not finite.
    """
    for method in ("detach", "cpu"):
        value = getattr(value, method)() if hasattr(value, method) else value
    try:
        numbers = np.asarray(value)
    except ValueError:
        raise ProtocolError(f"{what} must be an array of numbers, but its rows differ in length") from None
    if numbers.dtype.kind not in "biuf":
        raise ProtocolError(f"{what} must be an array of numbers, not {type(value).__name__}")
    if not np.isfinite(numbers).all():
        raise ProtocolError(f"{what} has a value that is not finite")
    return numbers
