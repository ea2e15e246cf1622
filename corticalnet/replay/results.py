"""Results of a function: the tensors in them, and the same results of other tensors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

Maker = Callable[[list[Tensor]], Any]


def found(result: Any) -> list[Tensor]:
    """Return all tensors in a result, each once: in lists, tuples, dictionaries, and attributes of objects.

    Of objects, those of this package that are no modules of torch's.
    """
    return list({id(t): t for t in _walk(result, set())}.values())


def _walk(value: Any, seen: set[int]) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
        return
    inside = _inside(value)
    if inside and id(value) not in seen:
        seen.add(id(value))
        for one in inside:
            yield from _walk(one, seen)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, nn.Module) or not type(value).__module__.startswith("corticalnet."):
        return []
    return list(getattr(value, "__dict__", {}).values())


def maker(result: Any, place: Callable[[Tensor], int | None]) -> Maker:
    """Return what makes such a result of other tensors.

    Args:
        result: with tensors in it.
        place: of a tensor in the list that the maker will be given; None: the same tensor for ever.
    """
    if isinstance(result, Tensor):
        where = place(result)
        return (lambda _: result) if where is None else (lambda new: new[where])
    inside = _inside(result)
    if all(place(t) is None for t in found(inside)):
        return lambda _: result
    if isinstance(result, dict):
        makers = {key: maker(one, place) for key, one in result.items()}
        return lambda new: {key: make(new) for key, make in makers.items()}
    if isinstance(result, list | tuple):
        makes = [maker(one, place) for one in result]
        if isinstance(result, list):
            return lambda new: [make(new) for make in makes]
        kind: Any = type(result)
        if hasattr(kind, "_make"):
            return lambda new: kind._make(make(new) for make in makes)
        return lambda new: tuple(make(new) for make in makes)
    return _object_maker(result, place)


def _object_maker(result: Any, place: Callable[[Tensor], int | None]) -> Maker:
    plain = copy.copy(result)
    moving = {
        key: maker(one, place)
        for key, one in vars(result).items()
        if any(place(t) is not None for t in found(one))
    }
    for key in moving:
        plain.__dict__[key] = None
    kind, fixed = type(result), plain.__dict__

    def make(new: list[Tensor]) -> Any:
        other = object.__new__(kind)
        own = other.__dict__
        own.update(fixed)
        for key, one in moving.items():
            own[key] = one(new)
        return other

    return make
