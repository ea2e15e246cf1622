"""SVHN's MATLAB files: [H, W, C, N] pixels and labels 1 to 10, where 10 is the digit 0."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat

from corticalnet import data
from corticalnet.errors import DataError


@pytest.fixture
def folder(tmp_path, make):
    for name, seed in (("train_32x32.mat", 4), ("test_32x32.mat", 5)):
        write(tmp_path / name, *arrays(make, seed))
    return tmp_path


def arrays(make, seed):
    images, labels = make.pictures(20, (32, 32, 3), 10, seed)
    labels[:2] = 0, 9
    return images, labels


def write(path, images, digits, **changes):
    labels = np.where(digits == 0, 10, digits).astype(np.uint8)[:, None]
    content = {"X": images.transpose(1, 2, 3, 0), "y": labels} | changes
    savemat(path, {name: value for name, value in content.items() if value is not None}, do_compression=True)


def test_comes_back_with_ten_as_zero(folder, make, find):
    loaded = data.load("svhn", folder=folder, validation=0)
    for seed, split in ((4, loaded.train), (5, loaded.test)):
        images, digits = arrays(make, seed)
        assert sorted(find(images.transpose(0, 3, 1, 2), digits, split)) == list(range(20))
    assert loaded.shape == (3, 32, 32)
    assert loaded.classes == tuple("0123456789")


@pytest.mark.parametrize("keep", [0, 4, 100, 127, 128, 135, 0.5, 0.95, -1])
def test_truncated(folder, keep):
    path = folder / "test_32x32.mat"
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    with pytest.raises(DataError, match=r"test_32x32\.mat"):
        data.load("svhn", folder=folder)


def test_damaged_pixels(folder):
    path = folder / "train_32x32.mat"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"train_32x32\.mat: not a sound MATLAB v5 file"):
        data.load("svhn", folder=folder)


def test_version_7_3_is_refused(folder):
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM"
    (folder / "train_32x32.mat").write_bytes(header + b"\x89HDF\r\n\x1a\n" + bytes(500))
    with pytest.raises(DataError, match=r"train_32x32\.mat: not a sound MATLAB v5 file"):
        data.load("svhn", folder=folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.full((20, 1), 11, np.uint8)}, r"found label 11, expected labels from 1 to 10"),
        ({"y": np.full((20, 1), 0, np.uint8)}, r"found label 0, expected labels from 1 to 10"),
        ({"y": np.full((20, 1), 1.5)}, r"found label 1.5"),
        ({"y": np.full((20, 1), np.nan)}, r"found label nan"),
        ({"y": np.ones((19, 1), np.uint8)}, r"\(19, 1\), expected 20 numbers"),
        ({"y": np.array([["a"]])}, r"found y of"),
        ({"y": None}, r"expected the variables X and y, found no y"),
        ({"X": np.ones((32, 32, 3, 20))}, r"found X of float64"),
        ({"X": np.ones((32, 32, 60), np.uint8)}, r"\(32, 32, 60\), expected uint8"),
        ({"X": np.ones((32, 31, 3, 20), np.uint8)}, r"\(3, 32, 31\), expected \(3, 32, 32\)"),
    ],
)
def test_wrong_content(folder, make, change, message):
    write(folder / "test_32x32.mat", *arrays(make, 5), **change)
    with pytest.raises(DataError, match=message):
        data.load("svhn", folder=folder)
