"""MNIST's format: what is written comes back; every damaged byte position is told in one DataError."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from corticalnet import data
from corticalnet.errors import DataError


def test_images_and_labels_come_back(tmp_path, make, find):
    arrays = make.idx(tmp_path)
    loaded = data.load("mnist", folder=tmp_path, validation=5)
    assert loaded.shape == (1, 28, 28)
    assert loaded.classes == tuple("0123456789")
    train = find(arrays.train, arrays.train_labels, loaded.train)
    validation = find(arrays.train, arrays.train_labels, loaded.validation)
    assert sorted(train + validation) == list(range(30))
    assert len(validation) == 5
    assert sorted(find(arrays.test, arrays.test_labels, loaded.test)) == list(range(12))


def test_fashion_names(tmp_path, make):
    make.idx(tmp_path)
    classes = data.load("fashion-mnist", folder=tmp_path).classes
    assert (classes[0], classes[5], classes[9]) == ("T-shirt/top", "Sandal", "Ankle boot")


def damage(path: Path, change) -> None:
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize("name", range(4))
@pytest.mark.parametrize("keep", [0, 1, 9, 15, 0.5, -9, -8, -4, -1])
def test_truncated_gzip(tmp_path, make, name, keep):
    make.idx(tmp_path)
    path = tmp_path / make.names[name]
    damage(path, lambda old: old[: int(keep * len(old)) if isinstance(keep, float) else keep])
    with pytest.raises(DataError, match=path.name):
        data.load("mnist", folder=tmp_path)


@pytest.mark.parametrize("keep", [0, 3, 4, 15, 16, 17, -784, -1])
def test_truncated_content(tmp_path, make, keep):
    arrays = make.idx(tmp_path)
    path = tmp_path / make.names[0]
    path.write_bytes(gzip.compress(make.idx_bytes(arrays.train)[:keep]))
    with pytest.raises(DataError, match=r"train-images.*found .*expected"):
        data.load("mnist", folder=tmp_path)


@pytest.mark.parametrize("more", [1, 784])
@pytest.mark.parametrize("apart", [False, True])
def test_too_much_content(tmp_path, make, more, apart):
    content = make.idx_bytes(make.idx(tmp_path).train)
    extra = bytes(more)
    packed = gzip.compress(content) + gzip.compress(extra) if apart else gzip.compress(content + extra)
    (tmp_path / make.names[0]).write_bytes(packed)
    with pytest.raises(DataError, match=rf"train-images.*found {len(content) + more} bytes, expected"):
        data.load("mnist", folder=tmp_path)


@pytest.mark.parametrize("byte", [0, 1, 2, 3])
def test_wrong_magic(tmp_path, make, byte):
    arrays = make.idx(tmp_path)
    content = bytearray(make.idx_bytes(arrays.test))
    content[byte] ^= 1
    (tmp_path / make.names[2]).write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(DataError, match=r"t10k-images.*magic number \w{8}, expected 00000803"):
        data.load("mnist", folder=tmp_path)


@pytest.mark.parametrize("byte", range(4, 16))
def test_sizes_of_the_header_are_not_trusted(tmp_path, make, byte):
    arrays = make.idx(tmp_path)
    content = bytearray(make.idx_bytes(arrays.train))
    content[byte] ^= 0xFF
    (tmp_path / make.names[0]).write_bytes(gzip.compress(bytes(content)))
    told = r"expected \d+ for the sizes|bytes announced, expected at most|expected \(28, 28\)"
    with pytest.raises(DataError, match=rf"train-images.*({told})"):
        data.load("mnist", folder=tmp_path)


def test_wrong_crc(tmp_path, make):
    make.idx(tmp_path)
    damage(tmp_path / make.names[1], lambda old: old[:-8] + bytes([old[-8] ^ 1]) + old[-7:])
    with pytest.raises(DataError, match=r"train-labels.*not a sound gzip file.*CRC"):
        data.load("mnist", folder=tmp_path)


def test_not_gzip_at_all(tmp_path, make):
    make.idx(tmp_path)
    (tmp_path / make.names[3]).write_text("<html>404</html>")
    with pytest.raises(DataError, match=r"t10k-labels.*not a sound gzip file"):
        data.load("mnist", folder=tmp_path)


def test_too_much_content_is_not_unpacked(tmp_path, make, monkeypatch):
    monkeypatch.setattr("corticalnet.data.archive.LARGEST", 1000)
    make.idx(tmp_path)
    with pytest.raises(DataError, match="found 23520 bytes announced, expected at most 1000"):
        data.load("mnist", folder=tmp_path)


def test_what_follows_the_content_is_not_unpacked(tmp_path, make):
    """30 images, then 64 MB of zeros in 64 kB."""
    content = make.idx_bytes(make.idx(tmp_path).train)
    (tmp_path / make.names[0]).write_bytes(gzip.compress(content + bytes(1 << 26), mtime=0))
    tracemalloc.start()
    with pytest.raises(
        DataError, match=r"train-images.*found \d+ bytes or more, expected 23536 for the sizes"
    ):
        data.load("mnist", folder=tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 2 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_labels": np.full(30, 10, np.uint8)}, r"train-labels.*found label 10, expected .* 0 to 9"),
        ({"train_labels": np.zeros(29, np.uint8)}, r"train-images.*30 images but train-labels.* 29 labels"),
        ({"test": np.zeros((12, 28, 27), np.uint8)}, r"t10k-images.*\(28, 27\), expected \(28, 28\)"),
        ({"test": np.zeros((0, 28, 28), np.uint8), "test_labels": np.zeros(0, np.uint8)}, r"no images"),
    ],
)
def test_sound_files_with_wrong_content(tmp_path, make, change, message):
    make.idx(tmp_path, **change)
    with pytest.raises(DataError, match=message):
        data.load("mnist", folder=tmp_path)


def test_each_missing_file_is_named(tmp_path, make):
    make.idx(tmp_path)
    (tmp_path / make.names[1]).unlink()
    with pytest.raises(DataError, match=r"found no train-labels-idx1-ubyte.gz there; .*data fetch mnist"):
        data.load("mnist", folder=tmp_path)


def test_missing_folder_says_how_to_get_the_files(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: no such folder.*t10k-labels.*dataset-fashion-mnist"):
        data.load("fashion-mnist", folder=tmp_path / "nowhere")
