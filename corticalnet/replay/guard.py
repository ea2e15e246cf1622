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


class GuardedModule(Guarded, nn.Module):
    """A module of torch's whose attributes, parts and buffers are watched at no cost."""

    def add_module(self, name: str, module: nn.Module | None) -> None:
        """Add a part."""
        _assigned[0] += 1
        super().add_module(name, module)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a buffer."""
        _assigned[0] += 1
        super().register_buffer(name, tensor, persistent)

    def register_parameter(self, name: str, param: nn.Parameter | None) -> None:
        """Add a parameter."""
        _assigned[0] += 1
        super().register_parameter(name, param)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        _assigned[0] += 1
        return super()._apply(fn, recurse)


class GuardedList(GuardedModule, nn.ModuleList):
    """A list of modules that is watched at no cost."""


class GuardedDict(GuardedModule, nn.ModuleDict):
    """Modules by name that are watched at no cost."""

    def __delitem__(self, key: str) -> None:
        _assigned[0] += 1
        super().__delitem__(key)


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
        self._noticed, self._other = _Things(), _Things()  # of objects that are guarded, and of others
        self._tensors: list[Tensor] = []
        seen: set[int] = set()
        for root in roots:
            self._look(root, seen)
        self._assigned = _assigned[0]
        self._noticed.remember()
        self._other.remember()
        self._places = [*map(_state, self._tensors)]

    def holds(self) -> bool:
        """Return whether nothing has changed."""
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
        elif isinstance(value, dict | list | tuple):
            inside = list(value.values()) if isinstance(value, dict) else value
            if not isinstance(value, tuple):
                self._other.add_entries(value)
        elif isinstance(value, nn.Module):
            things = self._noticed if isinstance(value, GuardedModule) else self._other
            things.add_entries(value._modules)
            things.add_entries(value._buffers)
            self._other.add_entries(value._parameters)
            parts = [*value._modules.values(), *value._parameters.values(), *value._buffers.values()]
            inside = [*parts, *self._attributes(value, self._ignored | _TORCHS)]
        elif type(value).__module__.startswith("corticalnet.") and not _frozen(value):
            inside = self._attributes(value, self._ignored)
        for one in inside:
            self._look(one, seen)

    def _attributes(self, owner: Any, but: Collection[str]) -> list[Any]:
        """Watch the attributes of an object; return their values."""
        names = [name for name in vars(owner) if name not in but]
        (self._noticed if isinstance(owner, Guarded) else self._other).add(vars(owner), names, but)
        return [vars(owner)[name] for name in names]


class _Things:
    """Attributes of objects, entries of dictionaries and lists, and what they were."""

    def __init__(self) -> None:
        self._getters: list[tuple[Callable[[Any], tuple[Any, ...]], dict[str, Any]]] = []
        self._but: list[Collection[str]] = []
        self._full: list[Iterable[Any]] = []
        self._empty: list[Any] = []
        self._known: list[Any] = []
        self._count = 0

    def add(self, attributes: dict[str, Any], names: list[str], but: Collection[str]) -> None:
        if names:
            self._getters.append((itemgetter(names[0], *names), attributes))
            self._but.append(but)

    def add_entries(self, entries: Any) -> None:
        if entries:
            self._full.append(entries.values() if isinstance(entries, dict) else entries)
        else:
            self._empty.append(entries)

    def remember(self) -> None:
        self._known, self._count = self._now(), self._number()

    def same(self) -> bool:
        try:
            now = self._now()
        except KeyError:  # (one is gone)
            return False
        return (
            len(now) == len(self._known)
            and all(map(is_, now, self._known))
            and not any(self._empty)
            and self._number() == self._count
        )

    def _now(self) -> list[Any]:
        found = [*chain.from_iterable(self._full)]
        if self._getters:
            found += chain.from_iterable([get(own) for get, own in self._getters])
        return found

    def _number(self) -> int:
        """Return how many attributes there are: one that is new may stand before a method."""
        if not self._getters:
            return 0
        pairs = zip(self._getters, self._but, strict=True)
        return sum(len(own.keys() - but) for (_, own), but in pairs)


def _frozen(value: Any) -> bool:
    """Return whether a value has no attributes that could be assigned."""
    plan = getattr(value, "__dataclass_params__", None)
    return isinstance(value, type) or not hasattr(value, "__dict__") or (plan is not None and plan.frozen)


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
