"""What an element of a protocol changes: numbers for each input, by (population, input).

A change is ``[B or 1, n or 1]``, or ``[T, B or 1, n or 1]`` if it is another one in each step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.checks import array
from corticalnet.circuits.circuit import Circuit
from corticalnet.errors import ProtocolError, one_of, unknown
from corticalnet.experiment.protocol import Element, Play, Present, Reinforce, SetInput, Teach
from corticalnet.experiment.values import course, pattern, samples, target

#: Numbers of an input; see above.
Change = NDArray[np.float64]
#: (population, input) or (population, port).
Key = tuple[str, str]
OFF = np.zeros((1, 1))


@dataclass(frozen=True, eq=False)
class PlacedElement:
    """An element, where it stands in the protocol, how many steps it lasts, and inputs that it names.

    Attributes:
        around: inputs of the manipulations during which it goes on.
    """

    where: str
    element: Element
    steps: int
    named: Mapping[Key, Change]
    around: Mapping[Key, Change] = field(default_factory=dict)


def stimuli_of(circuit: Circuit, entry: PlacedElement) -> dict[Key, Change]:
    """Return the stimuli of an element: the part of its changes that may bring a batch of samples."""
    element, where = entry.element, entry.where
    if isinstance(element, Present):
        new = {key: OFF for key in circuit.inputs if key[1] == "stimulus"}
        for name, value in _by_population(circuit, "stimulus", element.stimulus, where).items():
            size = circuit.population(name).n
            new[name, "stimulus"] = pattern(value, size, f"{where}: stimulus of '{name}'")
        return new
    if isinstance(element, SetInput | Play):
        shows = {"stimulus"} & {name for _, name in circuit.inputs} or {name for _, name in entry.named}
        return {key: change for key, change in entry.named.items() if key[1] in shows}
    return {}


def changes_of(circuit: Circuit, entry: PlacedElement, batch: int) -> dict[Key, Change]:
    """Return all other changes of an element, in a simulation of ``batch`` samples."""
    return _of_element(circuit, entry, batch) | _fitting(entry.around, batch, entry)


def _of_element(circuit: Circuit, entry: PlacedElement, batch: int) -> dict[Key, Change]:
    element, where = entry.element, entry.where
    if isinstance(element, SetInput | Play):
        return _fitting(entry.named, batch, entry)
    if isinstance(element, Reinforce):
        answers = _by_population(circuit, "answer", element.reward, where)
        new = {key: OFF + 1 for key in circuit.inputs if key[1] == "outcome"}
        new |= {key: _ends(element.ended, where) for key in circuit.inputs if key[1] == "ended"}
        for name, value in answers.items():
            what, n = f"{where}: reward of '{name}'", circuit.population(name).n
            _of_each_action(value, n, what)
            new[name, "answer"] = target(value, n, batch, what)
        return _fitting(new, batch, entry)
    told = ("target", "clamped", "teaching", "answer", "outcome", "ended")
    new = {key: OFF for key in circuit.inputs if key[1] in told}
    if isinstance(element, Teach):
        new |= {key: OFF + 1 for key in new if key[1] == "teaching"}
        for name, value in _by_population(circuit, "target", element.target, where).items():
            what = f"{where}: target of '{name}'"
            new[name, "target"] = target(value, circuit.population(name).n, batch, what)
            if "clamped" in circuit.population(name).cell.inputs:
                new[name, "clamped"] = OFF + 1
        return _fitting(new, batch, entry)
    new |= {key: OFF for key in circuit.inputs if key[1] == "exploration_noise"}
    if isinstance(element, Present):
        noise = (
            {}
            if element.exploration_noise is None
            else _by_population(circuit, "exploration_noise", element.exploration_noise, where)
        )
        for name, value in noise.items():
            new[name, "exploration_noise"] = pattern(
                value, circuit.population(name).n, f"{where}: exploration_noise of '{name}'"
            )
    else:
        new |= {key: OFF for key in circuit.inputs if key[1] == "stimulus"}
    return _fitting(new, batch, entry)


class Batches:
    """The one size of batch that is not 1.

    Args:
        size: if it is known already; 0 if not.
    """

    def __init__(self, size: int = 0) -> None:
        self._known, self._size, self._first = bool(size), size or 1, ""

    @property
    def size(self) -> int:
        """Return the number of samples that run side by side."""
        return self._size

    def add(self, entry: PlacedElement, stimuli: Mapping[Key, Change]) -> None:
        """Check that the stimuli of an element agree with the batch size so far.

        Raises:
            ProtocolError: it is of another batch; or an array that is given for just as many steps as it has
                rows could be meant as time or as a batch.
        """
        for key, change in stimuli.items():
            found = change.shape[-2]
            if found in (1, self._size):
                continue
            name = ".".join(key)
            if self._known:
                raise ProtocolError(
                    f"{entry.where}: '{name}' has a batch of {found}, but this simulation runs "
                    f"{samples(self._size)}; a batch of 1 goes with any, and reset() begins anew"
                )
            if self._size > 1:
                raise ProtocolError(
                    f"{entry.where}: '{name}' has a batch of {found}, "
                    f"but {self._first} has one of {self._size}; a batch of 1 goes with any"
                )
            if isinstance(entry.element, SetInput) and found == entry.steps:
                raise ProtocolError(
                    f"{entry.where}: '{name}' has {found} rows and lasts {found} steps: for numbers that "
                    f"change in time use Play, for {found} samples say batch={found}"
                )
            self._size, self._first = found, entry.where.rstrip(",")


def _fitting(changes: Mapping[Key, Change], batch: int, entry: PlacedElement) -> dict[Key, Change]:
    """Check that each change is of one sample or of all; return the changes."""
    for name, change in changes.items():
        if change.shape[-2] not in (1, batch):
            raise ProtocolError(
                f"{entry.where}: '{'.'.join(name)}' has a batch of {change.shape[-2]}, but the stimuli have "
                f"one of {batch}; a batch of 1 goes with any"
            )
    return dict(changes)


def named_inputs(circuit: Circuit, element: Element, where: str, steps: int) -> dict[Key, Change]:
    """Return the changes of inputs that SetInput and Play name; none for other elements."""
    if not isinstance(element, SetInput | Play):
        return {}
    known = {f"{p}.{name}": (p, name) for p, name in circuit.inputs}
    signals = element.signals
    if not isinstance(signals, Mapping):
        signals = {f"{p}.stimulus": s for p, s in _by_population(circuit, "stimulus", signals, where).items()}
    found: dict[Key, Change] = {}
    for full, value in signals.items():
        if full not in known:
            raise ProtocolError(unknown(f"input in {where}", full, known or ["none"]))
        n, what = circuit.population(known[full][0]).n, f"{where}: {full}"
        if isinstance(element, SetInput):
            found[known[full]] = pattern(value, n, what, number=True)
        else:
            values = element.sampled(value, steps, float(circuit.dt), what)
            found[known[full]] = course(values, n, steps, what)
    return found


def _of_each_action(value: Any, n: int, what: str) -> None:
    """Refuse a single number for several actions that is no class: whose reward is it?"""
    given = array(what, value, ProtocolError)
    if n > 1 and given.ndim == 0 and given.dtype.kind == "f":
        raise ProtocolError(
            f"{what} is the reward of each action, {n} numbers, not {value!r} alone: "
            f"np.eye({n})[action] * {given.item():g}; or a whole number, the class that is rewarded"
        )


def _ends(value: Any, where: str) -> Change:
    """Return whether the trial of each sample ends, ``[B or 1, 1]``."""
    given = array(f"{where}: ended", value, ProtocolError)
    if given.ndim > 1 or given.dtype.kind not in "bi" or not np.isin(given, (0, 1)).all():
        raise ProtocolError(f"{where}: ended must be True or False, or one for each sample, not {value!r}")
    return given.reshape(-1, 1).astype(np.float64)


def _by_population(circuit: Circuit, port: str, value: Any, where: str) -> dict[str, Any]:
    """Return a stimulus or target by the populations that take it: of one area, if none is named."""
    takers = [name for name, taken in circuit.inputs if taken == port]
    if not takers:
        one = f"{'an' if port[0] in 'aeiou' else 'a'} {port.replace('_', ' ')}"
        rewarded = port == "target" and any(taken == "answer" for _, taken in circuit.inputs)
        hint = "; it learns from reward: cn.Reinforce(...)" if rewarded else ""
        raise ProtocolError(f"{where}: no population of circuit '{circuit.name}' takes {one}{hint}")
    if isinstance(value, Mapping):
        for name in value:
            one_of(f"population in {where}", name, takers, ProtocolError)
        return dict(value)
    if len({circuit.population(name).area for name in takers}) > 1:
        raise ProtocolError(
            f"{where}: several populations take a {port}, so give {{population: {port}}}; "
            f"choices: {', '.join(takers)}"
        )
    return dict.fromkeys(takers, value)
