"""Compiled programs: found in the user's cache, or made by the C compiler that is there; loaded once.

They call the very functions that torch calls for its tensors (matrix products of MKL, tanh and exp of MKL,
others of SLEEF), which it exports; so they compute the same bits. Where torch does not export them the matrix
product is SciPy's and the functions are the C library's: the same numbers but for rounding.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pooch
import torch

#: Where compiled programs are kept, if not in the user's cache.
VARIABLE = "CORTICALNET_CACHE"
#: Exactly what is written: no product is contracted into a sum, no sum reordered.
_FLAGS = (
    "-O3", "-std=gnu11", "-fPIC", "-shared", "-ffp-contract=off", "-fno-fast-math", "-fno-math-errno",
    "-fno-trapping-math", "-fopenmp-simd", "-w",
)  # fmt: skip
#: By torch's name of the processor's vectors: how a compiler makes them, and their bytes.
_VECTORS = {
    "AVX512": (("-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx512bw", "-mfma"), 64),
    "AVX2": (("-mavx2", "-mfma"), 32),
}
#: How many numbers SLEEF takes at once, in the names of its functions.
_LANES = {
    (64, "d"): "d8",
    (64, "s"): "f16",
    (32, "d"): "d4",
    (32, "s"): "f8",
    (16, "d"): "d2",
    (16, "s"): "f4",
}


def compiler() -> str:
    """Return the C compiler's path: $CC, cc, gcc or clang; empty if there is none."""
    if os.name != "posix":
        return ""
    names = [os.environ.get("CC", ""), "cc", "gcc", "clang"]
    return next((found for name in names if name and (found := shutil.which(name))), "")


def _vectors() -> tuple[tuple[str, ...], int]:
    known: tuple[tuple[str, ...], int] = ((), 16)
    return _VECTORS.get(torch.backends.cpu.get_cpu_capability(), known)


def _file(source: str) -> Path:
    """Return where a program's library is kept."""
    flags, lane = _vectors()
    what = "\n".join([source, *_FLAGS, *flags, str(lane), platform.machine(), platform.libc_ver()[1]])
    folder = Path(os.environ.get(VARIABLE) or pooch.os_cache("corticalnet")) / "programs"
    return folder / f"{hashlib.sha256(what.encode()).hexdigest()[:32]}.so"


def is_there(source: str) -> bool:
    """Return whether a program has been compiled before."""
    return _file(source).is_file()


@functools.cache
def compiled(source: str) -> Path | str:
    """Build a program, unless that has been done; return its library, or why it cannot be made."""
    target = _file(source)
    if target.is_file():
        return target
    cc = compiler()
    if not cc:
        return "there is no C compiler (cc, gcc or clang, or what $CC names)"
    flags, lane = _vectors()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            text, made = Path(folder, "steps.c"), Path(folder, "steps.so")
            text.write_text(source, encoding="utf-8")
            command = [cc, *_FLAGS, *flags, f"-DLANE={lane}", str(text), "-o", str(made), "-lm"]
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=600)
            if done.returncode:
                said = [line for line in done.stderr.splitlines() if "error" in line] or ["no reason given"]
                return f"{cc} refuses the program: {said[0].removeprefix(str(text))}"
            os.replace(made, target)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error).splitlines()[0]
    return target


@functools.cache
def loaded(path: Path, single: bool) -> Any:
    """Load a compiled program, and tell it where the functions are that it calls."""
    program = ctypes.CDLL(str(path))
    found = functions(single)
    program.begin(ctypes.byref((ctypes.c_void_p * len(found))(*found)))
    program.run.argtypes = [ctypes.c_void_p, ctypes.c_long, ctypes.c_long]
    program.run.restype = None
    return program.run


def functions(single: bool) -> list[int | None]:
    """Return addresses: the matrix product; functions of MKL (tanh, exp, ln, sqrt) and of SLEEF."""
    letter = "s" if single else "d"
    exported = _torch()

    def address(name: str) -> int | None:
        try:
            return ctypes.cast(getattr(exported, name), ctypes.c_void_p).value
        except AttributeError:
            return None

    lanes = _LANES[_vectors()[1], letter]
    return [
        address(f"{letter}gemm_") or _product(letter),
        *(address(f"vm{letter}{name}") for name in ("Tanh", "Exp", "Ln", "Sqrt")),
        *(address(f"Sleef_{name}{lanes}_u10") for name in ("tanh", "exp", "log", "expm1", "log1p")),
    ]


@functools.cache
def functions_of_torch() -> bool:
    """Return whether all functions that programs call are torch's own."""
    return all(functions(single=False)) and hasattr(_torch(), "dgemm_")


@functools.cache
def _torch() -> ctypes.CDLL:
    """Open the library of torch's own operations."""
    folder = Path(torch.__file__).parent / "lib"
    names = ("libtorch_cpu.so", "libtorch_cpu.dylib")
    return ctypes.CDLL(str(next((folder / name for name in names if (folder / name).is_file()), None) or ""))


def _product(letter: str) -> int | None:
    """Return the address of SciPy's matrix product."""
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__[f"{letter}gemm"]
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address: int | None = pointer(capsule, name(capsule))
    return address
