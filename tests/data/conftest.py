"""Tiny archives in the true formats, written here byte by byte, and a cache that is never the user's."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

IDX = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("CORTICALNET_DATA", str(folder))
    return folder


def random_pictures(count: int, shape: tuple[int, ...], classes: int, seed: int):
    """Return uint8 images [count, *shape] and uint8 labels [count]."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (count, *shape), dtype=np.uint8)
    return images, generator.integers(0, classes, count, dtype=np.uint8)


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder: Path, **changes: np.ndarray) -> SimpleNamespace:
    """Write the four files of 30 + 12 images and return the arrays that are in them."""
    train, train_labels = random_pictures(30, (28, 28), 10, seed=1)
    test, test_labels = random_pictures(12, (28, 28), 10, seed=2)
    arrays = {"train": train, "train_labels": train_labels, "test": test, "test_labels": test_labels}
    arrays |= changes
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(IDX, arrays.values(), strict=True):
        (folder / name).write_bytes(gzip.compress(idx_bytes(array), mtime=0))
    return SimpleNamespace(**arrays)


def tar_bytes(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zip_bytes(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def image_bytes(array: np.ndarray, kind: str = "PNG") -> bytes:
    """Encode uint8 [H, W] or [H, W, 3]."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def make() -> SimpleNamespace:
    """The writers, for test modules (which cannot import each other)."""
    return SimpleNamespace(
        pictures=random_pictures,
        idx_bytes=idx_bytes,
        idx=write_idx,
        names=IDX,
        tar=tar_bytes,
        zip=zip_bytes,
        image=image_bytes,
    )


def found_in(images: np.ndarray, labels: np.ndarray, split: object) -> list[int]:
    """Return, for each image of ``split``, which of ``images`` it is; its label must be that one's."""
    where = {image.tobytes(): i for i, image in enumerate(images)}
    index = [where[image.numpy().tobytes()] for image in split.images]
    assert [int(labels[i]) for i in index] == split.labels.tolist()
    return index


@pytest.fixture
def find():
    return found_in
