"""The brian2 package: found, set as the engine needs it, and given the functions that it lacks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from corticalnet.engines.brian2_engine.code import ADDED
from corticalnet.errors import EngineError


def brian2() -> Any:
    """Import the brian2 package.

    Raises:
        EngineError: it is not installed.
    """
    try:
        import brian2
    except ImportError:
        raise EngineError(
            "engine 'brian2' needs the package brian2, which is not installed; "
            "run: pip install 'corticalnet[brian2]'"
        ) from None
    return brian2


@contextmanager
def preferences(target: str) -> Iterator[None]:
    """Set Brian2's preferences as the engine needs them, for as long as it builds or runs.

    Code is generated for ``target``. Formulas are evaluated as they are written: Brian2 must not reorder
    them, nor the C++ compiler, or cells at rest would not be exactly at rest.
    """
    prefs = brian2().prefs
    flags = [f for f in prefs["codegen.cpp.extra_compile_args_gcc"] if f != "-ffast-math"]
    wanted: dict[str, Any] = {
        "codegen.loop_invariant_optimisations": False,
        "codegen.cpp.extra_compile_args_gcc": flags,
        # Brian2 would start a compiler for every file at once.
        "devices.cpp_standalone.extra_make_args_unix": [f"-j{os.cpu_count() or 1}"],
    }
    if target != "cpp_standalone":
        wanted["codegen.target"] = target
    before = {name: prefs[name] for name in wanted}
    try:
        for name, value in wanted.items():
            prefs[name] = value
        yield
    finally:
        for name, value in before.items():
            prefs[name] = value


def allowed(name: str) -> bool:
    """Return whether Brian2 accepts a name for a variable."""
    b2 = brian2()
    try:
        b2.Equations.check_identifier(name)
    except (SyntaxError, ValueError):
        return False
    return name not in {*ADDED, *dir(b2.NeuronGroup), *dir(b2.Synapses)}


#: The functions of ``pointwise`` that Brian2 does not have, in NumPy, in C++ and in Cython.
IN_NUMPY = {"where": "where", "minimum": "minimum", "maximum": "maximum", "floored": "floor"}
IN_CPP = {
    "where": "c ? a : b",
    "minimum": "b < a ? b : a",
    "maximum": "b > a ? b : a",
    "floored": "floor(a)",
}
IN_CYTHON = {
    "where": "a if c else b",
    "minimum": "b if b < a else a",
    "maximum": "b if b > a else a",
    "floored": "a // 1.0",
}


def arguments(name: str) -> tuple[str, ...]:
    """Return the names of the arguments of one of these functions; "c" is a condition."""
    return {1: ("a",), 2: ("a", "b"), 3: ("c", "a", "b")}[ADDED[name]]


def in_cpp(name: str) -> str:
    """Write one of these functions in C++."""
    head = ", ".join(f"{'const bool' if n == 'c' else 'double'} {n}" for n in arguments(name))
    return f"static inline double {name}({head}) {{ return {IN_CPP[name]}; }}"


def in_cython(name: str) -> str:
    """Write one of these functions in Cython."""
    head = ", ".join(f"{'bint' if n == 'c' else 'double'} {n}" for n in arguments(name))
    return f"cdef inline double {name}({head}):\n    return {IN_CYTHON[name]}"


def functions() -> dict[str, Any]:
    """Return the functions of :mod:`corticalnet.circuits.pointwise` that Brian2 does not have."""
    b2 = brian2()
    found = {}
    for name, count in ADDED.items():
        kinds = ["boolean" if n == "c" else "float" for n in arguments(name)]
        function = getattr(np, IN_NUMPY[name])
        made = b2.Function(
            function, arg_units=[1] * count, return_unit=1, arg_types=kinds, return_type="float"
        )
        made.implementations.add_implementation("numpy", function)
        made.implementations.add_implementation("cpp", in_cpp(name))
        made.implementations.add_implementation("cython", in_cython(name))
        found[name] = made
    return found
