"""Augmentation: a user's function makes each training sample another one, the same again in a resumed run."""

from __future__ import annotations

import functools
import hashlib
import types
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from corticalnet.data import chance
from corticalnet.data.arrays import tensor
from corticalnet.errors import DataError, SettingError


class Augmentation:
    """Applies a function to training samples, one at a time.

    Args:
        function: takes a sample ``[…]`` (a tensor, as the network would see it) and returns one of the same
            shape. It may draw from torch, NumPy or Python's ``random``, or from a generator that it holds.

    Raises:
        SettingError: it is no function.
    """

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        if not callable(function):
            raise SettingError(
                f"transform must be a function of one sample, or None, not {type(function).__name__}"
            )
        self.function, self.name = function, name(function)
        self._own = chance.generators(function)

    def __call__(self, x: Tensor, seed: int, first: int = 0) -> Tensor:
        """Transform samples ``[B, …]`` with places ``first`` and on in the epoch of ``seed``.

        Raises:
            DataError: the function fails, or what it returns is no such sample.
        """
        made = []
        with chance.kept(x.is_cuda), torch.no_grad():
            for place, sample in enumerate(x, first):
                chance.begin(chance.number(seed, "augmentation", place), self._own, x.is_cuda)
                made.append(self._one(sample))
        return torch.stack(made)

    def _one(self, sample: Tensor) -> Tensor:
        # (the function may change what it is given, and is not to see its neighbours)
        try:
            made = self.function(sample.clone())
            made = (made if isinstance(made, Tensor) else tensor(made, "it returned this")).to(sample)
        except Exception as error:
            reason = f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}"
            raise DataError(f"transform {self.name} failed on a training sample ({reason})") from error
        if made.shape != sample.shape:
            raise DataError(
                f"transform {self.name} must return a sample of the shape it is given, {list(sample.shape)}, "
                f"not {list(made.shape)}"
            )
        if not bool(made.isfinite().all()):
            raise DataError(f"transform {self.name} returned NaN or an infinite number")
        return made

    def check(self, x: Tensor, seed: int) -> None:
        """Check that the same random numbers give the same samples, as a resumed run needs.

        Raises:
            DataError: they do not; or the function fails.
        """
        if not torch.equal(self(x, seed), self(x, seed)):
            raise DataError(
                f"transform {self.name} made another sample when it was called again with the same "
                "random numbers, so the run could not be resumed; draw from torch, NumPy or random alone"
            )


def name(function: Any) -> str:
    """Return a name of a function with a digest of what it does, so that another function is another run.

    >>> name(lambda x: x + 1) == name(lambda x: x + 1) != name(lambda x: x + 2)
    True
    """
    try:
        return _name(function)
    except RecursionError:  # it holds itself
        return type(function).__name__


def _name(function: Any) -> str:
    if isinstance(function, types.FunctionType):
        return f"{function.__qualname__.rpartition('.')[2]}#{_digest(_code(function))}"
    if isinstance(function, functools.partial):
        given = [*map(_value, function.args), *(f"{k}={_value(v)}" for k, v in function.keywords.items())]
        return f"{name(function.func)}({', '.join(given)})"
    if isinstance(function, types.MethodType):
        return f"{name(function.__self__)}.{name(function.__func__)}"
    if isinstance(function, type) or not hasattr(function, "__dict__"):
        return str(getattr(function, "__name__", type(function).__name__))
    if (text := " ".join(repr(function).split())).count(" at 0x"):
        text = ", ".join(f"{key}={_value(value)}" for key, value in sorted(vars(function).items()))
    call = vars(type(function)).get("__call__") or vars(type(function)).get("forward")
    text += _code(call) if isinstance(call, types.FunctionType) else ""
    return f"{type(function).__name__}#{_digest(text)}"


def _value(value: Any) -> str:
    """Describe a value in words that are the same in another process."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_value, value))})"
    if isinstance(value, frozenset):
        return f"{{{', '.join(sorted(map(_value, value)))}}}"
    if isinstance(value, types.CodeType):
        return _instructions(value)
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | torch.dtype):
        return repr(value)
    # (what can change, a list of samples seen, say, is no part of what a function does)
    return name(value) if callable(value) else type(value).__name__


def _code(function: types.FunctionType) -> str:
    """Describe what a function does: its instructions, constants, defaults and closure."""
    held = [cell.cell_contents for cell in function.__closure__ or ()]
    values = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values(), *held]
    return _instructions(function.__code__) + " ".join(
        function.__qualname__ if value is function else _value(value) for value in values
    )


def _instructions(code: types.CodeType) -> str:
    return f"{code.co_code.hex()} {code.co_names} {_value(code.co_consts)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
