"""What need not be computed: the same twice, and what nobody looks at.

Each pass takes calls in their order and returns calls in their order. None changes a bit of what comes out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from corticalnet.replay.calls import Call, mapped, memory, tensors

_aten = torch.ops.aten
_SAME = {_aten.detach.default, _aten.alias.default}


def reduced(calls: list[Call], results: list[Tensor]) -> tuple[list[Call], Renamed]:
    """Return the calls that are needed, and by which tensors the results are known now."""
    calls, same = without_repetition(calls)
    kept = [same(t) for t in results]
    return without_dead_work(calls, kept), same


Renamed = Callable[[Tensor], Tensor]


def without_repetition(calls: list[Call]) -> tuple[list[Call], Renamed]:
    """Compute what is computed twice only once: the same operation on the same numbers.

    Nothing that draws numbers, and nothing that is written to later.
    """
    written = {place for call in calls for place in call.writes}
    versions: Counter[int] = Counter()
    first: dict[Any, Call] = {}
    names: dict[int, Tensor] = {}
    kept = []

    def same(tensor: Tensor) -> Tensor:
        while id(tensor) in names:
            tensor = names[id(tensor)]
        return tensor

    for call in calls:
        before, call = call, renamed(call, same)
        names |= {id(a): b for a, b in zip(before.made, call.made, strict=True) if a is not b}
        if call.op in _SAME:
            names[id(call.made[0])] = call.args[0]
            continue
        pure = not call.random and not call.writes and call.made
        if pure and (call.view or all(memory(t) not in written for t in call.made)):
            key = (call.op, _frozen(call.args, versions), _frozen(call.kwargs, versions))
            earlier = first.setdefault(key, call)
            if earlier is not call:
                pairs = zip(call.results, earlier.results, strict=True)
                names |= {id(t): b for t, b in pairs if t is not None and b is not None}
                continue
        versions.update(call.writes)
        kept.append(call)
    return kept, same


def _frozen(value: Any, versions: Counter[int]) -> Any:
    """Return arguments as a key: tensors by identity, and by how often their memory has been written to."""
    if isinstance(value, Tensor):
        return id(value), versions[memory(value)]
    if isinstance(value, list | tuple):
        return tuple(_frozen(one, versions) for one in value)
    if isinstance(value, dict):
        return tuple((key, _frozen(one, versions)) for key, one in value.items())
    return type(value), value


def renamed(call: Call, same: Renamed) -> Call:
    """Return a call on other tensors; a view of another tensor is another view."""
    given = list(tensors((call.args, call.kwargs)))
    if all(same(t) is t for t in given):
        return call
    args, kwargs = mapped(call.args, same), mapped(call.kwargs, same)
    reads = {memory(t) for t in tensors((args, kwargs))}
    results = call.results
    if call.view:
        seen = call.op(*args, **kwargs)
        results = [*seen] if call.several else [seen]
    return Call(call.op, args, kwargs, results, call.several, reads, call.writes)


def without_dead_work(calls: list[Call], results: list[Tensor]) -> list[Call]:
    """Leave out what neither comes out, nor changes anything outside, nor draws or checks anything."""
    inside = {place for call in calls for place in call.new}
    needed, used = {memory(t) for t in results}, {id(t) for t in results}
    kept = []
    for call in reversed(calls):
        if call.view:
            live = any(id(t) in used for t in call.made)
        else:
            changed = call.writes | {memory(t) for t in call.made}
            live = call.random or call.checks or bool(changed & needed or call.writes - inside)
        if live:
            needed |= call.reads
            used |= {id(t) for t in tensors((call.args, call.kwargs))}
            kept.append(call)
    return kept[::-1]
