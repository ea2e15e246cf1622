"""MATLAB v5 files: what SciPy writes comes back; lengths that lie cost neither memory nor the process."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from scipy.io import savemat

from corticalnet.data.matlab import arrays
from corticalnet.errors import DataError

HEADER = b"MATLAB 5.0 MAT-file".ljust(124)
FORMS = ["u1", "i1", "u2", "i2", "u4", "i4", "i8", "u8", "f4", "f8"]


def element(kind, content, order="<"):
    """A data element; MATLAB puts four bytes and fewer into the tag itself."""
    if len(content) <= 4:
        return struct.pack(order + "I", len(content) << 16 | kind) + content.ljust(4, b"\0")
    return struct.pack(order + "II", kind, len(content)) + content + bytes(-len(content) % 8)


def matrix(name, shape, kind, content, order="<", flags=6):
    parts = [
        element(6, struct.pack(order + "II", flags, 0), order),
        element(5, struct.pack(f"{order}{len(shape)}i", *shape), order),
        element(1, name.encode(), order),
        element(kind, content, order),
    ]
    return element(14, b"".join(parts), order)


def write(path, *elements, order="<"):
    path.write_bytes(
        HEADER + struct.pack(order + "H", 0x0100) + {"<": b"IM", ">": b"MI"}[order] + b"".join(elements)
    )
    return path


def packed(content):
    compressed = zlib.compress(content)
    return struct.pack("<II", 15, len(compressed)) + compressed


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_what_scipy_writes_comes_back(tmp_path, form, compressed):
    x = np.random.default_rng(0).integers(0, 100, (3, 1, 4, 5)).astype(form)
    others = {"cells": np.array([{"a": 1}, "b"], dtype=object), "text": "abc", "z": np.ones(3) * 1j}
    savemat(tmp_path / "a.mat", {**others, "X": x, "y": x[0, 0]}, do_compression=compressed)
    found = arrays(tmp_path / "a.mat", {"X": 10_000, "y": 10_000, "absent": 0})
    assert list(found) == ["X", "y"]
    assert found["X"].dtype == x.dtype
    assert np.array_equal(found["X"], x)
    assert np.array_equal(found["y"], x[0, 0])


@pytest.mark.parametrize("order", ["<", ">"])
def test_doubles_that_are_kept_as_bytes(tmp_path, order):
    """By hand, from the format's description: columns first, three bytes in the tag, both orders."""
    small = matrix("s", (1, 3), 2, bytes([7, 8, 9]), order)
    large = matrix("large", (2, 3), 2, bytes([1, 2, 3, 4, 5, 6]), order)
    found = arrays(write(tmp_path / "a.mat", small, large, order=order), {"s": 24, "large": 48})
    assert found["s"].dtype == np.float64
    assert found["s"].tolist() == [[7, 8, 9]]
    assert found["large"].tolist() == [[1, 3, 5], [2, 4, 6]]


@pytest.mark.parametrize("wanted", [{"X": 1000}, {"y": 1000}])
def test_no_more_is_unpacked_than_may_be_there(tmp_path, wanted):
    """64 MB of zeros in 64 kB: refused, or skipped, before any of it takes memory."""
    size = 1 << 26
    path = write(tmp_path / "a.mat", packed(matrix("X", (size,), 2, bytes(size), flags=9)))
    assert path.stat().st_size < size / 900
    tracemalloc.start()
    if "X" in wanted:
        with pytest.raises(
            DataError, match=r"a\.mat: found X of the sizes \(67108864,\), expected at most 1000"
        ):
            arrays(path, wanted)
    else:
        assert arrays(path, wanted) == {}
    assert tracemalloc.get_traced_memory()[1] < 3 << 20
    tracemalloc.stop()


GOOD = matrix("X", (2, 4), 2, bytes(range(8)), flags=9)
LIES = {
    "more is announced than the file has": GOOD[:4] + struct.pack("<I", 1 << 31) + GOOD[8:],
    "more numbers than bytes": matrix("X", (2, 5), 2, bytes(8)),
    "sizes whose product is the same": matrix("X", (-2, -4), 2, bytes(8)),
    "sizes beyond any memory": matrix("X", (2**31 - 1,) * 8, 2, bytes(8)),
    "a name of a megabyte": matrix("X" * 2**20, (2, 4), 2, bytes(8)),
    "a hundred dimensions": matrix("X", (1,) * 100, 2, bytes(1)),
    "twice": GOOD * 2,
    "an element inside that is longer than its outside": struct.pack("<II", 14, 24) + GOOD[8:],
    "compressed, and cut short": packed(GOOD[:-8]),
    "compressed, and goes on": packed(GOOD + bytes(8)),
    "not compressed at all": struct.pack("<II", 15, len(GOOD)) + GOOD,
    "compressed in itself": packed(packed(GOOD)) + GOOD[:7],
    "complex": matrix("X", (2, 4), 2, bytes(8), flags=0x0800 | 6),
    "a structure": matrix("X", (2, 4), 2, bytes(8), flags=2),
    "text as numbers": matrix("X", (2, 4), 16, bytes(8)),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_are_told(tmp_path, lie):
    path = write(tmp_path / "a.mat", LIES[lie])
    with pytest.raises(DataError, match=r"a\.mat: "):
        arrays(path, {"X": 1000})


def test_a_wrong_checksum_is_damage(tmp_path):
    content = packed(GOOD)
    path = write(tmp_path / "a.mat", content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DataError, match="not a sound MATLAB v5 file"):
        arrays(path, {"X": 1000})


def test_the_truth_is_read(tmp_path):
    """What the lies are made of, without them."""
    for content in (GOOD, packed(GOOD)):
        found = arrays(write(tmp_path / "a.mat", content), {"X": 1000})
        assert found["X"].tolist() == [[0, 2, 4, 6], [1, 3, 5, 7]]


def test_many_variables_are_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr("corticalnet.data.matlab._MOST_VARIABLES", 3)
    path = write(tmp_path / "a.mat", *[matrix("z", (1,), 2, b"1")] * 4)
    with pytest.raises(DataError, match="more than 3 variables"):
        arrays(path, {"X": 1000})
