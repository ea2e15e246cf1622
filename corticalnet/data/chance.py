"""Chance that can be repeated: each sample of an epoch has random numbers of its own, whoever draws them.

Before a user's function meets a sample, torch's, NumPy's and Python's generators are set by the run's seed,
the epoch and the sample's place in it; so are generators that the function holds itself. Nothing depends on
what was drawn before, so a resumed run repeats an uninterrupted one, with any number of workers.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import random
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

_KINDS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)
#: So many parts of a function are looked at, at most; the largest pipelines have some hundreds.
_MOST_PARTS = 20_000
#: Libraries whose functions draw from the global generators.
_KNOWN = ("torch", "numpy", "builtins", "random", "corticalnet")


def number(*words: object) -> int:
    """Hash ``words`` to a number of 63 bits.

    >>> number(0, "epoch", 1) == number(0, "epoch", 1) != number(0, "epoch", 2)
    True
    """
    text = " ".join(map(str, words)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> 1


@contextmanager
def kept(cuda: bool = False) -> Iterator[None]:
    """Restore the states of the global generators afterwards."""
    # (the old generators of NumPy: users' functions draw from them)
    numbers, python, cpu = np.random.get_state(), random.getstate(), torch.get_rng_state()  # noqa: NPY002
    gpu = torch.cuda.get_rng_state() if cuda else None
    try:
        yield
    finally:
        np.random.set_state(numbers)  # noqa: NPY002
        random.setstate(python)
        torch.set_rng_state(cpu)
        if gpu is not None:
            torch.cuda.set_rng_state(gpu)


def begin(seed: int, own: list[Any], cuda: bool = False) -> None:
    """Seed the global generators, and those in ``own``."""
    torch.default_generator.manual_seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    random.seed(seed)
    if cuda:
        torch.cuda.manual_seed(seed)
    for generator in own:
        if isinstance(generator, torch.Generator):
            generator.manual_seed(seed)
        elif isinstance(generator, np.random.Generator):
            generator.bit_generator.state = type(generator.bit_generator)(seed).state
        elif isinstance(generator, np.random.RandomState):
            generator.seed(seed % 2**32)
        else:
            generator.seed(seed)


def generators(part: Any) -> list[Any]:
    """Find the random generators that an object holds: in attributes, closures, defaults, globals."""
    found, todo = [], [part]
    seen: set[int] = set()
    while todo and len(seen) < _MOST_PARTS:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, _KINDS):
            found.append(one)
        else:
            todo += _parts(one)
    return found


def _parts(one: Any) -> list[Any]:
    """Return the parts of an object that may hold generators."""
    if isinstance(one, str | bytes | int | float | torch.Tensor | np.ndarray | type | types.ModuleType):
        return []
    if isinstance(one, dict):
        one = list(one.values())
    if isinstance(one, list | tuple | set):
        return list(one) if len(one) <= 1000 else []  # (so many are data)
    if isinstance(one, types.MethodType):
        return [one.__self__, one.__func__]
    if isinstance(one, functools.partial):
        return [one.func, one.args, one.keywords]
    if isinstance(one, types.FunctionType):
        return _of_function(one)
    theirs = [vars(kind).values() for kind in type(one).__mro__ if not _known(kind)]
    return [*getattr(one, "__dict__", {}).values(), *itertools.chain(*theirs)]


def _known(made: Any) -> bool:
    return (getattr(made, "__module__", None) or "builtins").partition(".")[0] in _KNOWN


def _of_function(function: types.FunctionType) -> list[Any]:
    if _known(function):
        return []
    cells = [cell.cell_contents for cell in function.__closure__ or () if _filled(cell)]
    names, codes = set(), [function.__code__]
    while codes:
        code = codes.pop()
        names |= set(code.co_names)
        codes += [const for const in code.co_consts if isinstance(const, types.CodeType)]
    used = [function.__globals__[name] for name in names if name in function.__globals__]
    return [*cells, *used, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]


def _filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 (an empty cell raises)
    except ValueError:
        return False
    return True
