"""Files that would take more memory than a set needs are refused before they do; limits are lowered here."""

from __future__ import annotations

import os
import tracemalloc
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from corticalnet import data
from corticalnet.data import tiny_imagenet
from corticalnet.data.archive import opened, room, untar
from corticalnet.errors import DataError

MIB = 1 << 20


@contextmanager
def at_most(size):
    """What Python takes in the block."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


def packed(path: Path, make, members) -> Path:
    path.write_bytes(make.tar(members))
    return path


def test_members_that_nobody_wants_are_counted_too(tmp_path, make, monkeypatch):
    """64 MB of zeros in 64 kB, before what is wanted."""
    path = packed(tmp_path / "a.tar.gz", make, {"zeros": bytes(64 * MIB), "wanted": b"yes"})
    assert untar(path, {"wanted": 3}) == {"wanted": b"yes"}
    monkeypatch.setattr("corticalnet.data.archive.LARGEST", 32 * MIB)
    with (
        at_most(2 * MIB),
        pytest.raises(DataError, match=r"a\.tar\.gz: not a sound tar\.gz .*more in it than"),
    ):
        untar(path, {"wanted": 3})


def test_a_long_header_is_counted_too(tmp_path, monkeypatch):
    import tarfile

    with tarfile.open(tmp_path / "a.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("x" * 8 * MIB))
    monkeypatch.setattr("corticalnet.data.archive.LARGEST", MIB)
    with at_most(4 * MIB), pytest.raises(DataError, match="more in it than"):
        untar(tmp_path / "a.tar.gz", {"wanted": 3})


def test_what_follows_the_end_of_a_tar_is_counted_too(tmp_path, make, monkeypatch):
    import gzip

    path = packed(tmp_path / "a.tar.gz", make, {"wanted": b"yes"})
    path.write_bytes(path.read_bytes() + gzip.compress(bytes(4 * MIB)))
    monkeypatch.setattr("corticalnet.data.archive.LARGEST", 2 * MIB)
    with pytest.raises(DataError, match="more in it than"):
        untar(path, {"wanted": 3})


def test_a_member_longer_than_it_may_be_is_not_read(tmp_path, make):
    path = packed(tmp_path / "a.tar.gz", make, {"wanted": bytes(16 * MIB)})
    with at_most(2 * MIB), pytest.raises(DataError, match="wanted is no regular file of at most 3 bytes"):
        untar(path, {"wanted": 3})


def test_many_members_are_too_many(tmp_path, make, monkeypatch):
    path = packed(tmp_path / "a.tar.gz", make, {str(i): b"" for i in range(4)} | {"wanted": b"yes"})
    monkeypatch.setattr("corticalnet.data.archive._MOST_MEMBERS", 4)
    with pytest.raises(DataError, match="found more than 4 members"):
        untar(path, {"wanted": 3})


def zipped(folder, method=zipfile.ZIP_DEFLATED, annotations=b""):
    root = "tiny-imagenet-200/"
    wnids = [f"n{i}" for i in range(200)]
    with zipfile.ZipFile(folder / tiny_imagenet.ARCHIVE, "w", method) as file:
        file.writestr(root + "wnids.txt", "\n".join(wnids))
        file.writestr(root + "words.txt", "\n".join(f"{wnid}\tthing" for wnid in wnids))
        file.writestr(root + "val/val_annotations.txt", annotations)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_methods_that_take_what_memory_they_like_are_refused(tmp_path, method):
    zipped(tmp_path, method)
    with pytest.raises(DataError, match=r"wnids\.txt is compressed by method \d+, expected deflate"):
        data.load("tiny-imagenet", folder=tmp_path)


def test_one_image_named_many_times_is_too_many_images(tmp_path, monkeypatch):
    zipped(tmp_path, annotations=b"val_0.JPEG\tn0\n" * 1000)
    monkeypatch.setattr(tiny_imagenet, "_MOST_IMAGES", 999)
    monkeypatch.setattr(tiny_imagenet, "_train_members", lambda file: [])
    monkeypatch.setattr(tiny_imagenet, "pictures", lambda *parts: None)  # (no training images here)
    with pytest.raises(DataError, match="found 1000 images, expected at most 999"):
        data.load("tiny-imagenet", folder=tmp_path)


def test_an_archive_larger_than_any_is_not_opened(tmp_path, monkeypatch):
    zipped(tmp_path)
    monkeypatch.setattr(tiny_imagenet, "LARGEST", 100)
    with pytest.raises(DataError, match=r"tiny-imagenet-200\.zip: found \d+ bytes, expected at most 100"):
        data.load("tiny-imagenet", folder=tmp_path)


@pytest.fixture
def images(tmp_path, make):
    """A folder of two classes with a 40×30 image each."""
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").write_bytes(make.image(np.zeros((30, 40), np.uint8)))
    return tmp_path


def test_an_image_that_says_that_it_is_huge_is_not_decoded(images, monkeypatch, recwarn):
    monkeypatch.setattr("corticalnet.data.archive.MOST_PIXELS", 1199)
    with pytest.raises(DataError, match=r"cat/0\.png: not a sound image file \(it has 40×30 pixels; 1199"):
        data.load(f"folder:{images}")
    monkeypatch.setattr("corticalnet.data.archive.MOST_PIXELS", 1200)
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 1000)  # where Pillow begins to warn
    with opened(images / "cat" / "0.png") as image:
        assert image.size == (40, 30)
    assert not recwarn.list


def test_an_image_file_larger_than_any_is_not_read(images, monkeypatch):
    monkeypatch.setattr("corticalnet.data.image_folder._LARGEST", 10)
    with pytest.raises(
        DataError, match=r"0\.png: not a sound image file \(it has \d+ bytes; 10 are enough\)"
    ):
        data.load(f"folder:{images}")


def test_pipes_are_no_images(images):
    os.mkfifo(images / "cat" / "1.png")
    with pytest.raises(DataError, match=r"1\.png: found no regular file, expected an image"):
        data.load(f"folder:{images}", validation=0)


def test_images_for_which_there_is_no_memory(tmp_path):
    with pytest.raises(
        DataError, match=r"images of \(3, 1024, 1024\) take 3\.22e\+09 GiB, more than there is"
    ):
        room(tmp_path, 2**40, (3, 1024, 1024))
