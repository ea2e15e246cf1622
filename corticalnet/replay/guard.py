"""Notices whether what a recording depends on has been changed since: settings, modes, weights replaced.

Numbers in tensors are none of it, for a program reads them where they lie. But what a Python object says when
a function runs (a rate, a mode, which tensor is the weight) is in the recording as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import chain
from operator import is_, itemgetter
from typing import Any

from torch import Tensor, nn

#: What every module of torch's has, apart from whether it is in training.
_TORCHS = frozenset(vars(nn.Module())) - {"training"}
#: How many attributes of objects that notice have been assigned so far, all over the process.
_assigned = [0]


class Guarded:
    """Base of objects whose attributes are watched at no cost: each assignment is noticed as it happens."""

    def __setattr__(self, name: str, value: Any) -> None:
        _assigned[0] += 1
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        _assigned[0] += 1
        super().__delattr__(name)


class Guard:
    """Holds as long as nothing has been assigned in some objects, and in the objects that they are made of.

    That is: attributes (of modules and of this package's objects), entries of dictionaries and lists in them,
    and where tensors lie, are all the same as when it was made.

    Args:
        roots: the objects.
        but: kinds of objects that are not looked into.
        ignored: names of attributes that may change.

    >>> import corticalnet as cn
    >>> net = cn.mlp([4, 3, 2])
    >>> guard = Guard([net])
    >>> guard.holds(), guard.holds(), net.eval() is net, guard.holds()
    (True, True, True, False)
    """

    def __init__(
        self, roots: Iterable[Any], but: tuple[type, ...] = (), ignored: Collection[str] = ()
    ) -> None:
        self._but, self._ignored = but, frozenset(ignored)
        #: Attributes of objects that notice, those of others, and what is in dictionaries and lists.
        self._noticed, self._other = _Attributes(), _Attributes()
        self._live: list[Iterable[Any]] = []
        self._empty: list[Any] = []
        self._tensors: list[Tensor] = []
        seen: set[int] = set()
        for root in roots:
            self._look(root, seen)
        self._assigned = _assigned[0]
        self._noticed.remember()
        self._other.remember()
        self._known = [*chain.from_iterable(self._live)]
        self._places = [*map(_state, self._tensors)]

    def holds(self) -> bool:
        """Return whether nothing has changed."""
        now = [*chain.from_iterable(self._live)]
        if len(now) != len(self._known) or not all(map(is_, now, self._known)) or any(self._empty):
            return False
        if [*map(_state, self._tensors)] != self._places or not self._other.same():
            return False
        if self._assigned != _assigned[0]:
            if not self._noticed.same():
                return False
            self._assigned = _assigned[0]
        return True

    def _look(self, value: Any, seen: set[int]) -> None:
        """Watch a value, and what is in it."""
        if id(value) in seen or isinstance(value, self._but):
            return
        seen.add(id(value))
        inside: Iterable[Any] = ()
        if isinstance(value, Tensor):
            self._tensors.append(value)
        elif isinstance(value, dict | list):
            entries = value.values() if isinstance(value, dict) else value
            (self._live if value else self._empty).append(entries if value else value)
            inside = list(entries)
        elif isinstance(value, tuple):
            inside = value
        elif isinstance(value, nn.Module):
            inside = [value._modules, value._parameters, value._buffers]
            if not isinstance(value, nn.ModuleList | nn.ModuleDict | nn.Sequential):
                inside = [*inside, *self._attributes(value, self._ignored | _TORCHS)]
        elif type(value).__module__.startswith("corticalnet.") and not _frozen(value):
            inside = self._attributes(value, self._ignored)
        for one in inside:
            self._look(one, seen)

    def _attributes(self, owner: Any, but: Collection[str]) -> list[Any]:
        """Watch the attributes of an object; return their values."""
        names = [name for name in vars(owner) if name not in but]
        (self._noticed if isinstance(owner, Guarded) else self._other).add(vars(owner), names, but)
        return [vars(owner)[name] for name in names]


def _frozen(value: Any) -> bool:
    """Return whether a value has no attributes that could be assigned."""
    plan = getattr(value, "__dataclass_params__", None)
    return isinstance(value, type) or not hasattr(value, "__dict__") or (plan is not None and plan.frozen)


class _Attributes:
    """Attributes of some objects, and what they were."""

    def __init__(self) -> None:
        self._getters: list[tuple[Callable[[Any], tuple[Any, ...]], dict[str, Any]]] = []
        self._but: list[Collection[str]] = []
        self._known: list[Any] = []
        self._count = 0

    def add(self, attributes: dict[str, Any], names: list[str], but: Collection[str]) -> None:
        if names:
            self._getters.append((itemgetter(names[0], *names), attributes))
            self._but.append(but)

    def remember(self) -> None:
        self._known, self._count = self._now(), self._number()

    def same(self) -> bool:
        try:
            return all(map(is_, self._now(), self._known)) and self._number() == self._count
        except KeyError:  # (one is gone)
            return False

    def _number(self) -> int:
        """Return how many attributes there are: one that is new may stand before a method."""
        pairs = zip(self._getters, self._but, strict=True)
        return sum(len(own.keys() - but) for (_, own), but in pairs)

    def _now(self) -> list[Any]:
        return [*chain.from_iterable([get(own) for get, own in self._getters])]


def _state(tensor: Tensor) -> tuple[Any, ...]:
    """Return where a tensor lies, and what else may be done to it without another taking its place."""
    hooks = tensor._backward_hooks, tensor._post_accumulate_grad_hooks  # type: ignore[attr-defined]
    return tensor.data_ptr(), tensor.requires_grad, tensor.shape, *hooks


def capturable(part: Any) -> bool:
    """Return whether a part says that what it does can be recorded: ``part.capturable``.

    This package's classes are believed (tests hold them to it); any other class has to say so itself, for
    what it inherits was said of something else.
    """
    kind = type(part)
    known = kind.__module__.startswith("corticalnet.") or "capturable" in vars(kind)
    return known and bool(part.capturable)
