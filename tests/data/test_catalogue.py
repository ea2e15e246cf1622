"""The descriptions, the search order, and the one real set that Debian packages."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from corticalnet import data
from corticalnet.data.catalogue import CATALOGUE
from corticalnet.errors import DataError

DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def test_names():
    expected = {"digits", "fashion-mnist", "mnist", "svhn", "cifar10", "cifar100", "tiny-imagenet"}
    assert set(data.names()) == expected
    assert data.names()[0] == "digits"


@pytest.mark.parametrize("name", data.names())
def test_descriptions_are_whole(name):
    about = data.describe(name)
    assert about.name == name
    assert len(about.shape) == 3
    assert about.classes in (10, 100, 200)
    assert all((about.title, about.images, about.licence, about.citation, about.source))
    for archive in about.archives:
        assert archive.url.endswith("/" + archive.name)
        assert all(re.fullmatch(r"[0-9a-f]{32}", md5) for md5 in archive.checksums)


@pytest.mark.parametrize("act", [data.load, data.describe, data.fetch])
def test_unknown_name(act):
    with pytest.raises(DataError, match=r"unknown data set 'fashon-mnist'; did you mean 'fashion-mnist'\?"):
        act("fashon-mnist")


def test_digits_are_always_there():
    about = data.describe("digits")
    assert about.available
    assert Path(about.where).is_dir()
    assert data.fetch("digits") == Path(about.where)


@pytest.mark.parametrize("rows", [None, "1,2,3\n", ",".join(["0"] * 64) + ",11\n", "a,b\n"])
def test_a_file_of_digits_that_is_missing_or_another_is_refused(tmp_path, monkeypatch, rows):
    monkeypatch.setattr("corticalnet.data.digits.folder", lambda: str(tmp_path))
    if rows is not None:
        (tmp_path / "digits.csv.gz").write_bytes(gzip.compress(rows.encode()))
    with pytest.raises(DataError, match=re.escape(str(tmp_path / "digits.csv.gz"))):
        data.load("digits")


def test_available_once_every_file_is_there(cache, make):
    assert not data.describe("mnist").available
    make.idx(cache / "mnist")
    assert data.describe("mnist").where == str(cache / "mnist")
    (cache / "mnist" / make.names[2]).unlink()
    assert data.describe("mnist").where is None


def test_system_folder_comes_before_the_cache(cache, tmp_path, make, monkeypatch):
    make.idx(cache / "mnist")
    make.idx(tmp_path / "system")
    monkeypatch.setitem(CATALOGUE, "mnist", replace(CATALOGUE["mnist"], places=(str(tmp_path / "system"),)))
    assert data.describe("mnist").where == str(tmp_path / "system")
    assert data.fetch("mnist") == tmp_path / "system"
    (tmp_path / "system" / make.names[0]).unlink()
    assert data.describe("mnist").where == str(cache / "mnist")


def test_a_given_folder_is_the_only_place(cache, tmp_path, make):
    make.idx(cache / "mnist")
    with pytest.raises(DataError, match="other"):
        data.load("mnist", folder=tmp_path / "other")


def test_a_changed_file_in_the_cache_is_told(cache, make):
    make.idx(cache / "mnist")
    with pytest.raises(
        DataError, match=r"train-images.*found md5 \w{32}, expected f68b3c2d.*fetches it again"
    ):
        data.load("mnist")


@pytest.fixture
def debian() -> Path:
    if not DEBIAN.is_dir():
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    return DEBIAN


def test_fashion_mnist_has_6000_and_1000_of_each_class(debian):
    loaded = data.load("fashion-mnist", validation=0)
    assert (len(loaded.train), len(loaded.validation), len(loaded.test)) == (60000, 0, 10000)
    assert loaded.train.labels.bincount().tolist() == [6000] * 10
    assert loaded.test.labels.bincount().tolist() == [1000] * 10
    # The published mean and deviation of its pixels.
    x = loaded.train.images.numpy() / np.float32(255)
    assert x.mean(dtype=np.float64) == pytest.approx(0.2860, abs=5e-5)
    assert x.std(dtype=np.float64) == pytest.approx(0.3530, abs=5e-5)


def test_fashion_mnist_is_not_taken_for_mnist(debian):
    with pytest.raises(DataError, match=r"train-images.* found a file of fashion-mnist, expected mnist's"):
        data.load("mnist", folder=debian)
