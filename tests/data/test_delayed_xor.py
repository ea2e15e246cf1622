"""The delayed-XOR stream: by its own definition, and the authors' loop beside it."""

import re

import numpy as np
import pytest
import torch

from corticalnet.data import delayed_xor
from corticalnet.errors import TaskError


def unpacked(**given):
    x, target = delayed_xor(**given)
    return x[..., 0].numpy(), x[..., 1].numpy(), target[..., 0].numpy()


def test_by_hand():
    """Every second step is cued: bits fill the rest, and an answer is due where the next X2 is shown."""
    cue, bits, target = (row[0] for row in unpacked(steps=8, cue=1.0, seed=3))
    assert cue.tolist() == [0, 0, 1, 0, 1, 0, 1, 0]
    assert set(abs(bits[:6])) == {1}
    # A cue's channel-1 neighbours are its own X1 (one before) and X2 (two before, on an earlier cue's step).
    assert [target[3], target[5], target[7]] == [1 if bits[g - 1] != bits[g - 2] else -1 for g in (2, 4, 6)]
    assert not target[[0, 1, 2, 4, 6]].any()
    assert not bits[[6, 7]].any()


def test_every_cue_is_answered_as_it_should_be():
    """From the inputs alone one knows the answers, and channel 1 is silent where nothing asks for it."""
    cue, bits, target = unpacked(steps=400, batch=30, seed=1, cue=0.2)
    wanted, heard = np.zeros_like(target), np.zeros_like(bits)
    for n, g in np.argwhere(cue):
        assert {bits[n, g - 1], bits[n, g - 2]} <= {-1, 1}
        heard[n, g - 2 : g] = 1
        if g < 399:
            wanted[n, g + 1] = 1 if bits[n, g - 1] != bits[n, g - 2] else -1
    assert np.array_equal(target, wanted)
    assert np.array_equal(bits != 0, heard != 0)
    assert not cue[:, :2].any()
    assert not (cue[:, 1:] * cue[:, :-1]).any()
    assert abs(target[target != 0].mean()) < 4 / (target != 0).sum() ** 0.5
    assert abs(bits[bits != 0].mean()) < 4 / (bits != 0).sum() ** 0.5


def authors_loop(cues, bits):
    """``gen_data`` of cosyneruns_rnn_np.py, its dice on the table: X1 and X2 by their cue's step."""
    size = len(cues)
    x, y = np.zeros((2, size)), []
    x[0, cues] = 1
    for i in range(size):
        if x[0, i - 1] == 1:
            x1, x2 = bits[i - 1]
            d1, d2 = 2, 3
            x[1, i - d1] = x1
            x[1, i - d2] = x2
            x1p, x2p = (x1 + 1) / 2, (x2 + 1) / 2
            y.append(2 * (int(x1p) ^ int(x2p)) - 1)
        else:
            y.append(0)
    return x, np.array(y, float)


@pytest.mark.parametrize("cue", [0.05, 0.5, 1.0])
@pytest.mark.parametrize("batch", [1, 5])
def test_as_coded_it_is_the_authors_loop(batch, cue):
    found, target = delayed_xor(24, batch, seed=7, cue=cue, as_coded=True)
    rng = np.random.default_rng(7)
    cues = (rng.random((batch, 24)) < cue).ravel()
    x, y = authors_loop(cues, rng.choice([-1.0, 1.0], (batch, 24, 2)).reshape(-1, 2))
    assert np.array_equal(found.numpy().reshape(-1, 2).T, x)
    assert np.array_equal(target.numpy().ravel(), y)


def test_as_coded_by_hand_it_wraps_and_overwrites():
    """Every step is cued: each X1 is overwritten by the next X2, and the last cue is answered first."""
    cue, bits, target = (row[0] for row in unpacked(steps=4, cue=1.0, seed=0, as_coded=True))
    rng = np.random.default_rng(0)
    rng.random((1, 4))
    (x1, x2) = rng.choice([-1.0, 1.0], (1, 4, 2))[0].T
    assert cue.tolist() == [1, 1, 1, 1]
    # Answers at 0, 1, 2, 3 are to cues 3, 0, 1, 2; X2 of cue g lands on g − 2, and wins but for the wrap.
    assert target.tolist() == [-x1[3] * x2[3], -x1[0] * x2[0], -x1[1] * x2[1], -x1[2] * x2[2]]
    assert bits.tolist() == [x2[2], x1[2], x2[0], x2[1]]


def test_labels_of_the_authors_stream_are_sometimes_wrong():
    """A cue right after another takes the first one's X1: half of these answers do not follow from inputs."""
    cue, bits, target = unpacked(steps=20000, seed=2, as_coded=True)
    g = np.flatnonzero(cue[0, 2:-1]) + 2
    wrong = target[0, g + 1] != np.where(bits[0, g - 1] != bits[0, g - 2], 1, -1)
    crowded = cue[0, g + 1] == 1
    assert not wrong[~crowded].any()
    assert 0.25 < wrong[crowded].mean() < 0.75


def test_who_answers_zero_loses_half_of_the_cued_share():
    """Cues of probability p that are not right after one another: a share of p / (1 + p)."""
    _, target = delayed_xor(1000, 200, seed=4)
    share = 0.05 / 1.05
    assert 0.5 * target.square().mean().item() == pytest.approx(share / 2, rel=0.02)


def test_seeds_types_and_streams():
    a, b, c = (delayed_xor(50, 2, seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(p, q) for p, q in zip(a, b, strict=True))
    assert not torch.equal(a[0], c[0])
    assert not torch.equal(a[0][0], a[0][1])
    assert {t.dtype for t in delayed_xor(5, dtype=torch.float64)} == {torch.float64}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"steps": 0}, "steps must be a whole number from 1, not 0"),
        ({"steps": 5, "batch": 2.0}, "batch must be a whole number from 1, not 2.0"),
        ({"steps": 5, "cue": 1.5}, "cue must be a probability in [0, 1], not 1.5"),
        ({"steps": 5, "cue": float("nan")}, "cue must be a probability in [0, 1], not nan"),
        ({"steps": True}, "steps must be a whole number from 1, not True"),
        ({"steps": 5, "seed": -1}, "seed must be a whole number from 0, not -1"),
    ],
)
def test_mistakes_are_named(given, words):
    with pytest.raises(TaskError, match=re.escape(words)):
        delayed_xor(**given)
