"""A protocol made ready for one circuit: for each input a table of patterns, and which one is on when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits.circuit import Circuit
from corticalnet.circuits.experiment.protocol import (
    Element,
    Give,
    Noise,
    Present,
    Reinforce,
    Rest,
    Teach,
    array,
)
from corticalnet.circuits.experiment.stream import Stream
from corticalnet.errors import ProtocolError, one_of, unknown

Floats = NDArray[np.float64]
#: (population, input) or (population, port).
Key = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Signal:
    """One input of one population, over time.

    Attributes:
        patterns: ``[P, B or 1, n or 1]``, each only once.
        index: ``[T]``, the pattern that is on at each step.
    """

    patterns: Floats
    index: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Script:
    """A compiled protocol.

    Attributes:
        steps: T.
        batch: B, samples that run side by side.
        signals: by (population, input); what is not here is always 0.
        noise: by (population, port), ``[T, B, n]``.
        events: (first step, counted from 0; what begins).
    """

    steps: int
    batch: int
    signals: dict[Key, Signal]
    noise: dict[Key, Floats]
    events: tuple[tuple[int, str], ...]


@dataclass(frozen=True, eq=False)
class _Entry:
    """An element, where it stands and how long it lasts."""

    where: str
    element: Element
    steps: int


def compile_protocol(
    circuit: Circuit,
    protocol: Sequence[Element | Stream] | Element | Stream,
    noise: Iterable[Noise] | Noise = (),
    check: bool = True,
) -> Script:
    """See that a protocol fits a circuit, and lay it out in steps.

    Args:
        circuit: that will run it.
        protocol: elements in order.
        noise: what to add to ports.
        check: whether phases must be as long as the circuit needs them.

    Raises:
        ProtocolError: nothing to do, shapes, classes or batches that do not fit, unknown names, phases
            that are too short.
    """
    entries = _flatten(circuit, protocol)
    if check:
        _check_lengths(circuit, entries)
    changes = [_changes(circuit, entry) for entry in entries]
    batch = _batch(entries, changes)
    steps = np.array([entry.steps for entry in entries])
    keys = dict.fromkeys(key for change in changes for key in change)
    starts = np.cumsum(steps) - steps
    total = int(steps.sum())
    return Script(
        steps=total,
        batch=batch,
        signals={key: _signal([change.get(key) for change in changes], steps) for key in keys},
        noise=_noise(circuit, [noise] if isinstance(noise, Noise) else noise, total, batch),
        events=tuple((int(t), entry.element.label) for t, entry in zip(starts, entries, strict=True)),
    )


def _flatten(circuit: Circuit, protocol: Any) -> list[_Entry]:
    """All elements in order, streams as their trials."""
    listed = [protocol] if isinstance(protocol, Element | Stream) else list(protocol)
    entries = []
    for k, one in enumerate(listed, start=1):
        if isinstance(one, Stream):
            found = [
                (f"element {k} of the protocol (Stream), trial {j // 2 + 1}, {part.label},", part)
                for j, part in enumerate(one.expand())
            ]
        elif isinstance(one, Present | Teach | Reinforce | Rest | Give):
            found = [(f"element {k} of the protocol ({type(one).__name__})", one)]
        else:
            choices = [kind.__name__ for kind in (Present, Teach, Reinforce, Rest, Give, Stream)]
            raise ProtocolError(
                f"element {k} of the protocol: {unknown('kind', type(one).__name__, choices)}"
            )
        entries += [_Entry(where, part, part.length(circuit.dt, where)) for where, part in found]
    if not entries:
        raise ProtocolError(
            "the protocol is empty; give it at least one element, such as Present(x, steps=6)"
        )
    return entries


def _check_lengths(circuit: Circuit, entries: list[_Entry]) -> None:
    """A Present that a Teach follows, and every Teach, must last as long as the circuit needs."""
    for k, entry in enumerate(entries):
        after = k + 1
        while after < len(entries) and isinstance(entries[after].element, Give):
            after += 1  # giving something leaves stimulus and teacher on
        taught_next = after < len(entries) and isinstance(entries[after].element, Teach | Reinforce)
        if isinstance(entry.element, Present) and taught_next:
            least = circuit.needs.present
        elif isinstance(entry.element, Teach | Reinforce):
            least = circuit.needs.teach
        else:
            continue
        steps = sum(e.steps for e in entries[k:after])
        if steps < least:
            raise ProtocolError(
                f"{entry.where} lasts {steps} steps, but must last at least {least}: "
                f"the error needs {least} steps to come down (check=False runs it all the same)"
            )


def _changes(circuit: Circuit, entry: _Entry) -> dict[Key, Floats]:
    """What an element changes: for each input ``[B or 1, n or 1]``."""
    element, where = entry.element, entry.where
    if isinstance(element, Give):
        inputs = {f"{p}.{name}": (p, name) for p, name in _inputs(circuit)}
        for full in element.signals:
            if full not in inputs:
                raise ProtocolError(unknown(f"input in {where}", full, inputs or ["none"]))
        return {
            inputs[full]: _fit(value, circuit.population(inputs[full][0]).n, f"{where}: {full}", number=True)
            for full, value in element.signals.items()
        }
    off = np.zeros((1, 1))
    if isinstance(element, Reinforce):
        answers = _by_population(circuit, "answer", element.answer, where)
        new = {key: off + 1 for key in _inputs(circuit) if key[1] == "outcome"}
        for name, value in answers.items():
            new[name, "answer"] = _target(value, circuit.population(name).n, f"{where}: answer of '{name}'")
        return new
    told = ("target", "clamped", "teaching", "answer", "outcome")
    new = {key: off for key in _inputs(circuit) if key[1] in told}
    if isinstance(element, Teach):
        new |= {key: off + 1 for key in new if key[1] == "teaching"}
        for name, value in _by_population(circuit, "target", element.target, where).items():
            new[name, "target"] = _target(value, circuit.population(name).n, f"{where}: target of '{name}'")
            if "clamped" in circuit.population(name).cell.inputs:
                new[name, "clamped"] = off + 1
        return new
    new |= {key: off for key in _inputs(circuit) if key[1] in ("stimulus", "urge")}
    if isinstance(element, Present):
        for name, value in _by_population(circuit, "stimulus", element.stimulus, where).items():
            size = circuit.population(name).n
            new[name, "stimulus"] = _fit(value, size, f"{where}: stimulus of '{name}'")
        urge = {} if element.urge is None else _by_population(circuit, "urge", element.urge, where)
        for name, value in urge.items():
            new[name, "urge"] = _fit(value, circuit.population(name).n, f"{where}: urge of '{name}'")
    return new


def _inputs(circuit: Circuit) -> list[Key]:
    return [(p.name, name) for p in circuit.populations for name in p.cell.inputs]


def _by_population(circuit: Circuit, port: str, value: Any, where: str) -> dict[str, Any]:
    """Whom a stimulus or target is for."""
    takers = [name for name, taken in _inputs(circuit) if taken == port]
    if not takers:
        one = f"{'an' if port[0] in 'aeiou' else 'a'} {port}"
        raise ProtocolError(f"{where}: no population of circuit '{circuit.name}' takes {one}")
    if isinstance(value, Mapping):
        for name in value:
            one_of(f"population in {where}", name, takers, ProtocolError)
        return dict(value)
    if len(takers) > 1:
        raise ProtocolError(
            f"{where}: several populations take a {port}, so give {{population: {port}}}; "
            f"choices: {', '.join(takers)}"
        )
    return {takers[0]: value}


def _fit(value: Any, n: int, what: str, number: bool = False) -> Floats:
    """``[n]``, ``[B, n]`` or ``[B, *shape]`` as ``[B or 1, n]``; a single number as ``[1, 1]``."""
    given = array(value, what)
    if given.ndim == 0 and (number or n == 1):
        return given.astype(np.float64).reshape(1, 1)
    batched = given.ndim > 1 and int(np.prod(given.shape[1:])) == n
    if not given.size or not (batched or given.size == n):
        raise ProtocolError(f"{what} has shape {given.shape}, but must have ({n},) or (batch, {n})")
    return given.astype(np.float64).reshape(len(given) if batched else 1, n)


def _target(value: Any, n: int, what: str) -> Floats:
    """Classes as one-hot rows ``[B or 1, n]``; vectors as they are."""
    given = array(value, what)
    if given.dtype.kind not in "iu" or given.ndim > 1:
        return _fit(given, n, what)
    for label in given.ravel():
        if not 0 <= label < n:
            raise ProtocolError(f"{what} is class {label}, but its {n} cells stand for classes 0 to {n - 1}")
    return _fit(np.eye(n)[given], n, what)


def _batch(entries: list[_Entry], changes: list[dict[Key, Floats]]) -> int:
    """The one batch size that is not 1."""
    batch, first = 1, ""
    for entry, change in zip(entries, changes, strict=True):
        for name, value in change.items():
            if len(value) not in (1, batch):
                if batch > 1:
                    raise ProtocolError(
                        f"{entry.where}: '{'.'.join(name)}' has a batch of {len(value)}, "
                        f"but {first} has one of {batch}; a batch of 1 goes with any"
                    )
                batch, first = len(value), entry.where.rstrip(",")
    return batch


def _signal(changes: list[Floats | None], steps: NDArray[np.int64]) -> Signal:
    """A signal over time from its changes (None: it stays); it begins at 0."""
    table: dict[tuple[tuple[int, ...], bytes], int] = {}
    patterns: list[Floats] = []
    index = []
    current = np.zeros((1, 1))
    last = -1
    for change in changes:
        if change is not None or last < 0:
            current = current if change is None else change
            last = table.setdefault((current.shape, current.tobytes()), len(patterns))
            if last == len(patterns):
                patterns.append(current)
        index.append(last)
    shape = np.broadcast_shapes(*(p.shape for p in patterns))
    stacked = np.stack([np.broadcast_to(p, shape) for p in patterns])
    return Signal(stacked, np.repeat(np.array(index, dtype=np.int64), steps))


def _noise(circuit: Circuit, noise: Iterable[Noise], steps: int, batch: int) -> dict[Key, Floats]:
    populations = {p.name: p for p in circuit.populations}
    drawn: dict[Key, Floats] = {}
    for one in noise:
        one_of("population of Noise", one.population, populations, ProtocolError)
        population = populations[one.population]
        if one.port not in population.cell.ports:
            ports = population.cell.ports or ("none",)
            raise ProtocolError(unknown(f"port of Noise on '{one.population}'", one.port, ports))
        key = (one.population, one.port)
        if key in drawn:
            raise ProtocolError(f"Noise on port '{one.port}' of '{one.population}' is given twice")
        drawn[key] = one.draw(steps, batch, population.n)
    return drawn
