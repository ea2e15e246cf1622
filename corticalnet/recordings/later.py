"""Datasets that are put together when somebody looks at them.

A simulation in many short runs (a closed loop, step by step) would otherwise spend most of its time on
coordinates and indices of recordings that nobody reads.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

#: What to call, by the id of the dataset that it fills.
_BUILDS: dict[int, Callable[[], xr.Dataset]] = {}


def later(build: Callable[[], xr.Dataset]) -> xr.Dataset:
    """Return a lazy dataset, which becomes the ordinary one that ``build`` returns at the first use."""
    made: xr.Dataset = object.__new__(_kind())
    _BUILDS[id(made)] = build
    weakref.finalize(made, _BUILDS.pop, id(made), None)
    return made


def _fill(made: Any) -> None:
    """Turn a lazy dataset into the ordinary one that it stands for."""
    import xarray as xr

    whole = _BUILDS.pop(id(made))()
    for name in xr.Dataset.__slots__:
        if name != "__weakref__" and hasattr(whole, name):
            object.__setattr__(made, name, getattr(whole, name))
    object.__setattr__(made, "__class__", xr.Dataset)


@cache
def _kind() -> Any:
    """Return the class of lazy datasets; it is defined when xarray is needed."""
    import xarray as xr

    class Unread(xr.Dataset):
        """Has no part yet: whoever asks for one makes it an ordinary dataset."""

        __slots__ = ()

        def __getattr__(self, name: str) -> Any:
            if id(self) not in _BUILDS:  # (xarray looks at its new subclass)
                raise AttributeError(name)
            _fill(self)
            return getattr(self, name)

        def __setattr__(self, name: str, value: Any) -> None:
            _fill(self)
            setattr(self, name, value)

        def __reduce_ex__(self, protocol: Any) -> Any:
            _fill(self)
            return self.__reduce_ex__(protocol)

    return Unread
