"""Whether anything is replayed: an option of the process, and of a block of code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch.utils._python_dispatch import is_in_torch_dispatch_mode

_eager: ContextVar[bool] = ContextVar("eager", default=False)


@contextmanager
def eager() -> Iterator[None]:
    """Run everything in this block operation by operation, as it is written; nothing is recorded or replayed.

    The results are those of a replay, to the bit. For debugging, and to time what replaying saves.

    >>> import corticalnet as cn
    >>> import torch
    >>> net, rule = cn.mlp([4, 3, 2]), cn.rule("z-il")
    >>> optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    >>> with eager():
    ...     step = rule.update(net, torch.rand(5, 4), [0, 1, 0, 1, 1], optimizer)
    """
    before = _eager.set(True)
    try:
        yield
    finally:
        _eager.reset(before)


def replays() -> bool:
    """Return whether recordings may be made and replayed: not in :func:`eager`, nor while torch traces."""
    return not _eager.get() and not is_in_torch_dispatch_mode()
