"""The order of the data, number by number: what an earlier version trained on is what this one trains on.

The lists are written down; `shuffled` says where torch's come from (the Mersenne Twister and
Fisher & Yates), so that they hang on no version of torch.
"""

import hashlib

import numpy as np
import pytest

from corticalnet import data
from corticalnet.data.order import fixed_order, seeded_order
from corticalnet.training.loop import data_order

pytestmark = pytest.mark.own_seed


def shuffled(count, seed, epoch):
    """A permutation by swaps from the front; the stream is that of (seed, what it is for)."""
    digest = hashlib.sha256(f"{seed}/order of epoch {epoch}".encode()).digest()
    twister = np.random.RandomState(int.from_bytes(digest[:7], "big") % 2**32)
    order = list(range(count))
    for k in range(count - 1):
        other = k + int(twister.randint(0, 2**32, dtype=np.uint32)) % (count - k)
        order[k], order[other] = order[other], order[k]
    return order


@pytest.mark.parametrize(
    ("seed", "epoch", "wanted"),
    [
        (3, 2, [7, 1, 2, 9, 10, 3, 4, 0, 11, 8, 6, 5]),
        (3, 3, [3, 0, 6, 8, 9, 4, 1, 11, 2, 7, 10, 5]),
        (0, 1, [6, 3, 4, 1, 7, 8, 0, 11, 10, 9, 5, 2]),
    ],
)
def test_the_order_of_an_epoch(seed, epoch, wanted):
    assert data_order(12, seed, epoch).tolist() == wanted == shuffled(12, seed, epoch)


def test_the_order_of_a_large_epoch():
    assert data_order(50_000, 1, 1).tolist() == shuffled(50_000, 1, 1)


def test_which_images_are_held_out_for_validation_and_for_the_test():
    assert seeded_order(12, 0).tolist() == [9, 2, 7, 4, 5, 11, 0, 3, 6, 10, 8, 1]
    assert seeded_order(12, 1).tolist() == [8, 11, 4, 7, 5, 0, 1, 9, 2, 10, 6, 3]
    assert fixed_order(12).tolist() == [7, 5, 3, 1, 8, 9, 11, 2, 4, 10, 6, 0]


@pytest.mark.parametrize(
    ("split", "count", "labels"),
    [
        ("train", 1294, [7, 6, 3, 3, 0, 2, 1, 3, 4, 7, 2, 8]),
        ("validation", 144, [1, 1, 8, 7, 5, 3, 6, 5, 8, 2, 6, 2]),
        ("test", 359, [3, 8, 3, 0, 8, 4, 5, 5, 0, 2, 3, 2]),
    ],
)
def test_the_first_digits_of_every_split(split, count, labels):
    found = getattr(data.load("digits"), split).labels
    assert (len(found), found[:12].tolist()) == (count, labels)
