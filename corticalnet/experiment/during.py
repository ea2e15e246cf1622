"""Manipulations in time: they last for the elements of a protocol that they stand around."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from corticalnet.circuits.circuit import Circuit
from corticalnet.errors import ProtocolError
from corticalnet.experiment.changes import OFF, Change, Key, PlacedElement
from corticalnet.experiment.manipulation import Manipulation


@dataclass(frozen=True, eq=False)
class During:
    """Do something to cells or synapses while elements of a protocol go on; it is over after them.

    Args:
        manipulations: one, or several; of two of the same kind at the same place the inner, or later, counts.
        protocol: the elements.

    Raises:
        ProtocolError: something that is no manipulation.

    >>> import corticalnet as cn
    >>> During(cn.Inhibit("area1.value"), [cn.Rest(steps=3)]).protocol[0].steps
    3
    """

    manipulations: Any
    protocol: Any

    def __post_init__(self) -> None:
        given = self.manipulations
        several = isinstance(given, Iterable) and not isinstance(given, str)
        each = list(given) if several else [given]
        for one in each:
            if not isinstance(one, Manipulation):
                kinds = "Inject, Hold, Inhibit, Lesion, BlockPlasticity"
                raise ProtocolError(f"During takes manipulations ({kinds}), not {one!r}")
        object.__setattr__(self, "manipulations", tuple(each))
        inner = self.protocol
        listed = list(inner) if isinstance(inner, Iterable) else [inner]
        object.__setattr__(self, "protocol", tuple(listed))


def manipulations_of(protocol: Any) -> list[Manipulation]:
    """Return all manipulations of a protocol, if it is a list or an element (and no function)."""
    if isinstance(protocol, During):
        return [*protocol.manipulations, *manipulations_of(protocol.protocol)]
    if isinstance(protocol, Sequence) and not isinstance(protocol, str):
        return [one for element in protocol for one in manipulations_of(element)]
    return []


def surround(circuit: Circuit, one: During, entries: list[PlacedElement], where: str) -> list[PlacedElement]:
    """Return elements with the inputs of what is done during them.

    Args:
        circuit: prepared.
        one: what is done.
        entries: during which; what is done during some of them alone counts there.
        where: in the protocol, for messages.

    Raises:
        ProtocolError: the circuit is not prepared for it, or numbers do not fit.
    """
    signals: dict[Key, Change] = {}
    for manipulation in one.manipulations:
        found = manipulation.signals(circuit, sum(entry.steps for entry in entries), where)
        for key in found:
            if key not in circuit.inputs:
                kind = type(manipulation).__name__
                raise ProtocolError(
                    f"{where}: circuit '{circuit.name}' is not prepared for {kind}; simulate a protocol that "
                    f"is a list, or give the simulator cn.prepare(circuit, cn.{kind}(...))"
                )
        signals |= found
    done, begin = [], 0
    for entry in entries:
        now = {
            key: change if change.ndim == 2 else change[begin : begin + entry.steps]
            for key, change in signals.items()
        }
        done.append(replace(entry, around={**now, **entry.around}))
        begin += entry.steps
    return done


def over_elsewhere(entries: list[PlacedElement]) -> list[PlacedElement]:
    """Return elements with all that is done during some of them switched off during the others."""
    off = dict.fromkeys((key for entry in entries for key in entry.around), OFF)
    return [replace(entry, around={**off, **entry.around}) for entry in entries] if off else entries
