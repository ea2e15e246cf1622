"""Moments: what every cell holds when synapses are about to change. An audit listens to them.

    moment({("area1", "error"): error, ("area1", "rate"): rate, …})

A rule says with ``moment`` which cells there are and what each of them holds at that time; from there on a
synapse may use its own two columns and its own weight. An audit disturbs one thing after another in place
and watches whose changes move. In training nobody listens, and nothing is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

#: (area, state) -> ``[batch, *columns]``
Cells = Mapping[tuple[str, str], Tensor]
#: name -> ``[batch]`` or a single number
Broadcasts = Mapping[str, Tensor]
Listener = Callable[[Cells, Broadcasts], None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def moment(cells: Cells, broadcasts: Broadcasts | None = None) -> None:
    """Say what cells hold, just before synapses may change.

    Args:
        cells: the very tensors that the changes are made of, (area, state) -> ``[batch, *columns]``.
        broadcasts: signals that every synapse hears, one number for each sample (or for all).
    """
    listener = _listener.get()
    if listener is not None:
        listener(cells, broadcasts or {})


def listening() -> bool:
    """Whether an audit listens: rules that take a shortcut then go the long way, cell by cell."""
    return _listener.get() is not None


@contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Call ``listener`` at every moment of the rules that run inside."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
