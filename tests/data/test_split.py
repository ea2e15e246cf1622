"""Splits are disjoint, seeded and independent of torch's generator; batches are 0 to 1."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from corticalnet import data
from corticalnet.errors import DataError, ShapeError

SPLITS = ("train", "validation", "test")


def keys(split):
    """Images as bytes with their labels: digits has no two that are alike in both."""
    return [
        (image.numpy().tobytes(), int(label)) for image, label in zip(split.images, split.labels, strict=True)
    ]


def test_digits_are_scikit_learns():
    loaded = data.load("digits")
    bunch = load_digits()
    ours = sorted(key for name in SPLITS for key in keys(getattr(loaded, name)))
    theirs = sorted(
        (image.astype(np.uint8).tobytes(), int(label))
        for image, label in zip(bunch.images, bunch.target, strict=True)
    )
    assert ours == theirs
    assert [len(getattr(loaded, name)) for name in SPLITS] == [1294, 144, 359]
    assert loaded.classes == tuple("0123456789")
    assert loaded.train.scale == 16
    assert loaded.train.batch(slice(None))[0].max() == 1


def test_test_split_does_not_depend_on_the_seed_but_validation_does():
    first, second = data.load("digits", seed=0), data.load("digits", seed=1)
    assert first.test.images.equal(second.test.images)
    assert keys(first.validation) != keys(second.validation)
    assert set(keys(first.train) + keys(first.validation)) == set(
        keys(second.train) + keys(second.validation)
    )


def test_same_seed_same_splits_whatever_torchs_generator():
    torch.manual_seed(0)
    first = data.load("digits", seed=3)
    state = torch.get_rng_state()
    torch.manual_seed(99)
    second = data.load("digits", seed=3)
    assert all(keys(getattr(first, name)) == keys(getattr(second, name)) for name in SPLITS)
    torch.manual_seed(0)
    data.load("digits", seed=3)
    assert torch.get_rng_state().equal(state)


@pytest.mark.parametrize(
    ("validation", "count"), [(0, 0), (0.0, 0), (0.25, 360), (1, 1), (100, 100), (0.9999, 1437)]
)
def test_validation_as_fraction_or_count(validation, count):
    loaded = data.load("digits", validation=validation)
    assert len(loaded.validation) == count
    assert len(loaded.train) == 1438 - count


@pytest.mark.parametrize(
    "validation", [-1, -0.1, 1.0, 1.5, 1438, True, "0.1", None, float("nan"), float("inf")]
)
def test_impossible_validation(validation):
    with pytest.raises(DataError, match=r"validation must be .* not"):
        data.load("digits", validation=validation)


@pytest.mark.parametrize("seed", [-1, 0.5, True, "1", None])
def test_impossible_seed(seed):
    with pytest.raises(DataError, match="seed must be"):
        data.load("digits", seed=seed)


def test_limit_keeps_the_first_of_each_split():
    whole, some = data.load("digits", seed=2), data.load("digits", seed=2, limit=50)
    for name in SPLITS:
        assert len(getattr(some, name)) == 50
        assert keys(getattr(some, name)) == keys(getattr(whole, name))[:50]
    assert len(data.load("digits", limit=10_000).train) == 1294
    assert len(set(some.test.labels.tolist())) == 10


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "3"])
def test_impossible_limit(limit):
    with pytest.raises(DataError, match="limit must be"):
        data.load("digits", limit=limit)


def test_batch():
    images = torch.arange(24, dtype=torch.uint8).reshape(4, 1, 2, 3)
    split = data.Split(images, torch.tensor([3, 1, 4, 1]), scale=48)
    x, y = split.batch(torch.tensor([2, 0, 2]))
    assert x.dtype == torch.float32
    assert x.shape == (3, 1, 2, 3)
    assert y.tolist() == [4, 3, 4]
    assert x[1].flatten().tolist() == pytest.approx([i / 48 for i in range(6)])
    assert x[0].equal(x[2])
    x, y = split.batch(slice(1, 3), dtype=torch.float64)
    assert x.dtype == torch.float64
    assert y.tolist() == [1, 4]
    assert x[0, 0, 0, 0].item() == 6 / 48
    assert len(split) == 4


@pytest.mark.parametrize(
    "index", [0, [0], None, torch.tensor(0), torch.tensor([0.0]), torch.zeros(1, 1).long()]
)
def test_batch_refuses_another_index(index):
    with pytest.raises(ShapeError, match="index must be"):
        data.load("digits", limit=3).train.batch(index)
    with pytest.raises(ShapeError, match="floating-point"):
        data.load("digits", limit=3).train.batch(slice(1), dtype=torch.uint8)


def test_take():
    split = data.load("digits").train
    assert keys(split.take(7)) == keys(split)[:7]
    assert len(split.take(10_000)) == len(split)
    assert split.take(3).scale == 16
    with pytest.raises(ShapeError, match="cannot take -1"):
        split.take(-1)


def test_split_checks_its_tensors():
    images, labels = torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64)
    for wrong in (
        (images + 0j, labels),
        (images[:, 0, 0, 0], labels),
        (images, labels.int()),
        (images, labels[:1]),
    ):
        with pytest.raises(ShapeError, match="must be"):
            data.Split(*wrong)
    with pytest.raises(ShapeError, match="scale"):
        data.Split(images, labels, scale=0)


def test_frozen_and_short_to_print():
    loaded = data.load("digits")
    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.name = "other"
    assert str(loaded) == "Data(digits: 1×8×8, 10 classes; 1294 train, 144 validation, 359 test)"
    assert repr(loaded.test) == "Split(359 images of 1×8×8 on cpu)"


def test_devices():
    loaded = data.load("digits", limit=5).to("meta")
    assert all(getattr(loaded, name).images.device.type == "meta" for name in SPLITS)
    assert loaded.train.labels.device.type == "meta"
    assert data.load("digits", device="meta", limit=5).test.images.is_meta
    with pytest.raises(DataError, match="'nonsense'") as error:
        data.load("digits", device="nonsense")
    assert "\n" not in str(error.value)
