"""Programs in C++ that need not be fast."""

from collections.abc import Iterator

import pytest


@pytest.fixture
def without_optimisation() -> Iterator[None]:
    """g++ translates as it stands, in two thirds of the time: what the program does is the same."""
    prefs = pytest.importorskip("brian2").prefs
    name = "codegen.cpp.extra_compile_args_gcc"
    before = prefs[name]
    prefs[name] = ["-O0" if flag == "-O3" else flag for flag in before]
    assert "-O0" in prefs[name]
    yield
    prefs[name] = before
