"""A protocol made ready for one circuit: for each input a table of patterns, and which one is on when.

A compiled protocol begins where another ended: what was on stays on, and steps are counted on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits.circuit import Circuit
from corticalnet.errors import ProtocolError, one_of, unknown
from corticalnet.experiment.changes import (
    OFF,
    Batches,
    Change,
    Key,
    PlacedElement,
    changes_of,
    named_inputs,
    stimuli_of,
)
from corticalnet.experiment.during import During, over_elsewhere, surround
from corticalnet.experiment.noise import Noise, NoiseStream
from corticalnet.experiment.protocol import Element, Play, Present, Reinforce, Rest, SetInput, Teach
from corticalnet.experiment.stream import Stream

Floats = NDArray[np.float64]
#: What a protocol is made of.
ELEMENTS = (Present, Teach, Reinforce, Rest, SetInput, Play)


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
class Held:
    """Where a compiled protocol ended: what the next one goes on from.

    Attributes:
        step: absolute number of the next step.
        batch: samples that run side by side; 0 if nothing has run.
        patterns: what is on, by (population, input), ``[B or 1, n or 1]``; what is not here is 0.
        shown: for how many steps a stimulus has been on unchanged, and no teacher; None if that is not so.
    """

    step: int = 0
    batch: int = 0
    patterns: Mapping[Key, Floats] = field(default_factory=dict)
    shown: int | None = None


@dataclass(frozen=True, eq=False)
class CompiledProtocol:
    """A protocol, compiled to signals over steps.

    Attributes:
        steps: T.
        batch: B, samples that run side by side.
        signals: by (population, input); what is not here is always 0.
        noise: by (population, port).
        events: (absolute step, what begins then).
        begin: absolute number of the first step.
        after: what the next compiled protocol goes on from.
    """

    steps: int
    batch: int
    signals: dict[Key, Signal]
    noise: dict[Key, NoiseStream]
    events: tuple[tuple[int, str], ...]
    begin: int = 0
    after: Held = Held()

    @property
    def end(self) -> int:
        """Return the absolute number of the step after the last."""
        return self.begin + self.steps

    def part(self, begin: int, end: int) -> CompiledProtocol:
        """Return the protocol from one absolute step up to another."""
        a, b = begin - self.begin, end - self.begin
        signals = {key: Signal(s.patterns, s.index[a:b]) for key, s in self.signals.items()}
        events = tuple((t, label) for t, label in self.events if begin <= t < end)
        return CompiledProtocol(b - a, self.batch, signals, self.noise, events, begin, self.held_at(end))

    def held_at(self, step: int) -> Held:
        """Return the state that another compiled protocol would go on from before an absolute step."""
        if step == self.end:
            return self.after
        k = step - self.begin - 1
        on = {key: s.patterns[s.index[max(k, 0)]] for key, s in self.signals.items()}
        return Held(step, self.batch, on)


def compile_protocol(
    circuit: Circuit,
    protocol: Iterable[Element | Stream | During] | Element | Stream | During,
    noise: Iterable[Noise] | Noise = (),
    check: bool = True,
    *,
    held: Held = Held(),
    batch: int | None = None,
    seed: int = 0,
) -> CompiledProtocol:
    """Check that a protocol fits a circuit, and compile it to signals over steps.

    Args:
        circuit: that will run it.
        protocol: elements in order.
        noise: what to add to ports.
        check: whether phases must be as long as the circuit needs them.
        held: what an earlier compiled protocol left.
        batch: samples; as the stimuli (or an earlier compiled protocol) have them if not given.
        seed: of the simulation, for its noise.

    Raises:
        ProtocolError: nothing to do, shapes, classes or batches that do not fit, unknown names, phases
            that are too short.
    """
    entries = over_elsewhere(_flatten(circuit, protocol))
    stimuli = [stimuli_of(circuit, entry) for entry in entries]
    shown = _shown(circuit, entries, stimuli, held, check)
    batches = Batches(held.batch or batch or 0)
    for entry, stimulus in zip(entries, stimuli, strict=True):
        batches.add(entry, stimulus)
    size = batches.size
    changes = [s | changes_of(circuit, e, size) for e, s in zip(entries, stimuli, strict=True)]
    steps = np.array([entry.steps for entry in entries])
    keys = dict.fromkeys([*held.patterns, *(key for change in changes for key in change)])
    signals = {key: _signal([c.get(key) for c in changes], steps, held.patterns.get(key)) for key in keys}
    starts = held.step + np.cumsum(steps) - steps
    total = int(steps.sum())
    last = {key: signal.patterns[signal.index[-1]] for key, signal in signals.items()}
    last |= {key: OFF for entry in entries for key in entry.around}  # what was done during it is over
    return CompiledProtocol(
        steps=total,
        batch=size,
        signals=signals,
        noise=_noise(circuit, [noise] if isinstance(noise, Noise) else noise, seed),
        events=tuple((int(t), entry.element.label) for t, entry in zip(starts, entries, strict=True)),
        begin=held.step,
        after=Held(held.step + total, size, last, shown),
    )


def is_protocol(protocol: object) -> bool:
    """Return whether an object is a list of elements, to be compiled at once (unlike a generator)."""
    return isinstance(protocol, Element | Stream | During | Sequence)


def _flatten(circuit: Circuit, protocol: Any, inside: str = "") -> list[PlacedElement]:
    """Return all elements in order, with streams expanded to their trials, and During to what is in it."""
    listed = [protocol] if isinstance(protocol, Element | Stream | During) else list(protocol)
    entries: list[PlacedElement] = []
    for k, one in enumerate(listed, start=1):
        place = f"element {k} of the protocol{inside}"
        if isinstance(one, During):
            entries += surround(circuit, one, _flatten(circuit, one.protocol, f" during {place}"), place)
            continue
        if isinstance(one, Stream):
            found = [
                (f"{place} (Stream), trial {j // 2 + 1}, {part.label},", part)
                for j, part in enumerate(one.expand())
            ]
        elif isinstance(one, ELEMENTS):
            found = [(f"{place} ({type(one).__name__})", one)]
        else:
            choices = [kind.__name__ for kind in (*ELEMENTS, Stream, During)]
            raise ProtocolError(f"{place}: {unknown('kind', type(one).__name__, choices)}")
        for where, part in found:
            steps = part.length(circuit.dt, where)
            entries.append(PlacedElement(where, part, steps, named_inputs(circuit, part, where, steps)))
    if not entries:
        raise ProtocolError(
            "the protocol is empty; give it at least one element, such as Present(x, steps=6)"
        )
    return entries


def _shown(
    circuit: Circuit, entries: list[PlacedElement], stimuli: list[dict[Key, Change]], held: Held, check: bool
) -> int | None:
    """Return for how long the last stimulus has been on, after a check that phases are long enough.

    A stimulus that a teacher or an outcome follows, and each of these, must last as long as an error needs to
    come down. What is given in between (and a stimulus that is presented again) leaves it on.
    """
    shown, on, present = held.shown, dict(held.patterns), ""
    for k, (entry, stimulus) in enumerate(zip(entries, stimuli, strict=True)):
        element = entry.element
        if isinstance(element, Present):
            same = all(key in on and np.array_equal(on[key], new) for key, new in stimulus.items())
            shown, present = (shown or 0) * same + entry.steps, entry.where if not same else present
        elif isinstance(element, Teach | Reinforce):
            least = circuit.needs.present
            if check and shown is not None and shown < least:
                raise _short(present or f"the stimulus before {entry.where}", shown, least)
            after = k + 1
            while after < len(entries) and isinstance(entries[after].element, SetInput | Play):
                after += 1
            taught = sum(e.steps for e in entries[k:after])
            if check and taught < circuit.needs.teach:
                raise _short(entry.where, taught, circuit.needs.teach)
            shown = None
        elif (
            isinstance(element, SetInput | Play)
            and shown is not None
            and not (isinstance(element, Play) and stimulus)
        ):
            shown += entry.steps
        else:
            shown = None
        on |= stimulus
    return shown


def _short(where: str, steps: int, least: int) -> ProtocolError:
    return ProtocolError(
        f"{where} lasts {steps} steps, but must last at least {least}: "
        f"the error needs {least} steps to come down (check=False runs it all the same)"
    )


def _signal(changes: list[Change | None], steps: NDArray[np.int64], held: Floats | None) -> Signal:
    """Make a signal over time from its changes (None: no change); it begins with what was held, or 0."""
    if len(changes) == 1 and (changes[0] is None or changes[0].ndim == 2):  # one thing all the time
        one = changes[0] if changes[0] is not None else held
        return Signal(np.zeros((1, 1, 1)) if one is None else one[None], np.zeros(steps[0], np.int64))
    table: dict[tuple[tuple[int, ...], bytes], int] = {}
    patterns: list[Floats] = []

    def place(one: Floats) -> int:
        k = table.setdefault((one.shape, one.tobytes()), len(patterns))
        if k == len(patterns):
            patterns.append(one)
        return k

    current = np.zeros((1, 1)) if held is None else held
    index: list[NDArray[np.int64]] = []
    for change, length in zip(changes, steps, strict=True):
        if change is not None and change.ndim == 3:  # one pattern for each step
            index.append(np.array([place(one) for one in change]))
            current = change[-1]
        else:
            current = current if change is None else change
            index.append(np.full(length, place(current)))
    shape = np.broadcast_shapes(*(p.shape for p in patterns))
    stacked = np.stack([np.broadcast_to(p, shape) for p in patterns])
    return Signal(stacked, np.concatenate(index))


def _noise(circuit: Circuit, noise: Iterable[Noise], seed: int) -> dict[Key, NoiseStream]:
    populations = {p.name: p for p in circuit.populations}
    streams: dict[Key, NoiseStream] = {}
    for one in noise:
        if not isinstance(one, Noise):
            raise ProtocolError(f"noise takes Noise(population, port, sd), not {one!r}")
        one_of("population of Noise", one.population, populations, ProtocolError)
        population = populations[one.population]
        if one.port not in population.cell.ports:
            ports = population.cell.ports or ("none",)
            raise ProtocolError(unknown(f"port of Noise on '{one.population}'", one.port, ports))
        key = (one.population, one.port)
        if key in streams:
            raise ProtocolError(f"Noise on port '{one.port}' of '{one.population}' is given twice")
        streams[key] = one.stream(float(circuit.dt), seed)
    return streams
