"""Kinds of cells and plasticity with something more: states that can be held, more ports, a block.

    Value[held rate]                    a state that is held is what the rest of a step goes by
    Value[ports blocked_x]              more ports, for what arrives for synapses alone
    ErrorTimesRate[blocked_x]           an eligibility that such a port blocks

They are made when they are asked for, and made again by these names when a circuit is read from a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.state import as_states
from corticalnet.circuits.parameters import Part
from corticalnet.circuits.pointwise import where
from corticalnet.circuits.quantities import ONE
from corticalnet.circuits.schedule import PHASES

#: Names of the inputs by which a state is held: whether, and at what.
HELD, VALUE = "{}_held", "{}_value"
#: Extensions of an extension that a file may name; an experiment has two or three.
_MOST = 16


@cache
def holding(kind: Any, states: tuple[str, ...]) -> Any:
    """Return the kind of cell with states that can be held; the same for the same arguments."""
    units = {name: state.unit for name, state in as_states(kind.state).items()}
    inputs = {HELD.format(state): ONE for state in states} | {VALUE.format(s): units[s] for s in states}

    def phase(name: str) -> Callable[..., dict[str, Any]]:
        def acts(self: Any, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
            new: dict[str, Any] = getattr(kind, name)(self, cell, port, dt)
            return {state: _or_held(cell, state, x) if state in states else x for state, x in new.items()}

        acts.__doc__ = getattr(kind, name).__doc__
        return acts

    body: dict[str, Any] = {p.name: phase(p.name) for p in PHASES if hasattr(kind, p.name)}
    return _made(kind, f"held {' '.join(states)}", {**body, "inputs": {**kind.inputs, **inputs}})


@cache
def listening(kind: Any, port: str) -> Any:
    """Return the kind of cell with one port more, for its synapses; the same for the same arguments."""
    return _made(kind, f"ports {port}", {"ports": {**kind.ports, port: ""}})


@cache
def blockable(kind: Any, port: str) -> Any:
    """Return the kind of plasticity that a port of the postsynaptic cell blocks."""

    def eligibility(self: Any, synapse: Any, pre: Any, post: Any, arrived: Any) -> Any:
        """Compute the eligibility, 0 where it is blocked."""
        return (1.0 - getattr(arrived, port)) * kind.eligibility(self, synapse, pre, post, arrived)

    return _made(kind, port, {"eligibility": eligibility})


def remake(family: type[Part], name: str) -> None:
    """Make an extended kind that a file names, if it is one, and of a kind that is known.

    Args:
        family: :class:`Cell` or plasticity.
        name: of the kind; what is no such name stays unknown.
    """
    parts = re.fullmatch(r"(.+)\[(held |ports |)([\w ]+)\]", name)
    if name in family.kinds or parts is None or name.count("[") > _MOST:
        return
    base, how, words = parts.groups()
    remake(family, base)
    kind: Any = family.kinds.get(base)
    if kind is None:
        return
    cells = issubclass(family, Cell)
    if cells and how == "held " and set(words.split()) <= kind.state.keys():
        holding(kind, tuple(words.split()))
    elif cells and how == "ports " and words.isidentifier() and words not in kind.ports:
        listening(kind, words)
    elif not cells and not how and words.isidentifier():
        blockable(kind, words)


def _made(kind: Any, how: str, body: dict[str, Any]) -> Any:
    told = {"__doc__": kind.__doc__, "__module__": kind.__module__}
    return type(f"{kind.__name__}[{how}]", (kind,), {**body, **told})


def _or_held(cell: Any, state: str, value: Any) -> Any:
    return where(getattr(cell, HELD.format(state)) != 0, getattr(cell, VALUE.format(state)), value)
