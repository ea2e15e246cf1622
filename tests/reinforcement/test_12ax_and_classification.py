"""12-AX against a reader of its symbols, classification against its labels, criteria by hand."""

import numpy as np
import pytest

import corticalnet.data as data
from corticalnet.errors import ShapeError, TaskError
from corticalnet.reinforcement.tasks import Classification, Recent, Streak, TwelveAX
from corticalnet.reinforcement.tasks.twelve_ax import SYMBOLS


class Reader:
    """Keeps the last digit and the last letter, and knows the rule: 1 … AX, 2 … BY."""

    def __init__(self):
        self.digit = self.before = None

    def read(self, symbol):
        if symbol in "12":
            self.digit = symbol
        answer = (self.digit, self.before, symbol) in (("1", "A", "X"), ("2", "B", "Y"))
        self.before = symbol
        return int(answer)


def test_a_reader_of_the_rule_makes_no_errors():
    task, targets, pairs, lengths = TwelveAX(), 0, 0, []
    seen, _ = task.reset(seed=1)
    for _ in range(1500):
        reader, ended, text = Reader(), False, ""
        while not ended:
            symbol = SYMBOLS[int(seen.argmax())]
            text += symbol
            answer = reader.read(symbol)
            targets += text[-2:] in ("AX", "BY")
            pairs += symbol in "XYZ"
            seen, reward, ended, _, info = task.step(answer)
            assert (reward, info["right"]) == (0.1, True)
        assert info["correct"] is True
        assert text[0] == "12"[info["kind"]]
        assert set(text[1::2]) <= set("ABC")
        assert set(text[2::2]) <= set("XYZ")
        lengths.append((len(text) - 1) // 2)
        seen, _ = task.reset()
    assert targets / pairs == pytest.approx(0.5, abs=0.03)
    assert np.bincount(lengths)[1:] == pytest.approx([375] * 4, abs=70)


def test_wrong_answers_cost():
    task = TwelveAX()
    seen, _ = task.reset(seed=0, options={"kind": "2"})
    assert SYMBOLS[int(seen.argmax())] == "2"
    _, reward, _, _, info = task.step(1)  # a digit is never a target
    assert (reward, info["right"]) == (-1.0, False)
    ended = info["correct"]
    while not ended:
        _, _, ended, _, info = task.step(0)
    assert info["correct"] is False


def test_classification_shows_images_and_pays_for_their_class():
    digits = data.load("digits").test
    images, labels = digits.images.numpy()[:50], digits.labels.numpy()[:50]
    task = Classification(images, labels, batch=4)
    seen, info = task.reset(seed=0)
    for _ in range(100):
        kind = [labels[np.flatnonzero((images.reshape(50, -1) == s).all(axis=1))[0]] for s in seen]
        said = np.random.default_rng(int(seen.sum() * 1e3)).integers(0, 10, 4)
        seen, reward, ended, _, info = task.step(said)
        assert reward.tolist() == (said == kind).tolist()
        assert info["kind"].tolist() == kind
        assert ended.all()
    nines, _ = task.reset(options={"kind": "9"})
    assert all(any((s == i.ravel()).all() for i in images[labels == 9]) for s in nines)


def test_recent_by_hand():
    """Two kinds, the last two trials of each: the third agent never does the second kind."""
    criterion = Recent(1.0, last=2, kinds=2)
    correct = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]], dtype=bool)
    kinds = np.array([[0, 0, 0], [0, 0, 0], [1, 1, 0], [1, 1, 0], [0, 0, 0], [0, 0, 0]])
    reached = [
        criterion(np.zeros(3), np.ones(3, dtype=bool), {"correct": c, "kind": k}).tolist()
        for c, k in zip(correct, kinds, strict=True)
    ]
    assert [r[0] for r in reached] == [False, False, False, True, True, True]
    assert [r[1] for r in reached] == [False, False, False, False, False, True]
    assert not any(r[2] for r in reached)


def test_recent_of_reward_adds_up_a_trial():
    criterion = Recent(1.0, last=2, of="reward")
    rewards, ends = [0.5, 0.5, 0.25, 0.75, 0.0, 1.0], [0, 1, 0, 1, 1, 1]
    reached = [
        bool(criterion(np.array([r]), np.array([e == 1]), {})[0]) for r, e in zip(rewards, ends, strict=True)
    ]
    assert reached == [False, False, False, True, False, False]


def test_streak_by_hand():
    criterion = Streak(3)
    right = [[1, 1], [1, 1], [0, 1], [1, 0], [1, 1], [1, 1]]
    reached = [criterion(None, None, {"right": np.array(r, dtype=bool)}).tolist() for r in right]
    assert reached == [
        [False, False],
        [False, False],
        [False, True],
        [False, False],
        [False, False],
        [True, False],
    ]


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: TwelveAX(batch=0), TaskError, "batch must be a whole number from 1, not 0"),
        (lambda: TwelveAX(targets=1.5), TaskError, "targets must be a probability.*1.5"),
        (lambda: Classification(np.eye(3), [0, 1]), ShapeError, "images and labels"),
        (lambda: Classification(np.eye(2), [0.5, 1]), ShapeError, "labels are 0, 1"),
        (lambda: Recent(1.5, last=3), TaskError, "share must be a number in .*1.5"),
        (lambda: Streak(0), TaskError, "length must be a whole number from 1, not 0"),
        (lambda: TwelveAX().reset(options={"kind": "3"}), TaskError, "kind of trial '3'"),
        (lambda: TwelveAX(batch=True), TaskError, "batch must be a whole number"),
        (lambda: TwelveAX(loops=2.5), TaskError, "loops must be a whole number"),
        (lambda: TwelveAX(rewards=(1, np.nan)), TaskError, "rewards must be two numbers"),
        (lambda: TwelveAX(rewards=1), TaskError, "rewards must be two numbers"),
        (lambda: TwelveAX().reset(options="1"), TaskError, "options must be"),
        (lambda: TwelveAX().reset(seed=True), TaskError, "seed must be a whole number"),
        (lambda: TwelveAX().step(None), TaskError, "action is None"),
        (lambda: TwelveAX(2).step([0, [1]]), TaskError, "no full array"),
        (lambda: Recent(0.5, last=np.nan), TaskError, "last must be a whole number"),
        (lambda: Recent(np.nan, 5, of="reward"), TaskError, "share must be a finite number"),
        (lambda: Classification(None, [0]), ShapeError, "images is None"),
        (lambda: Classification(np.eye(2) * 1j, [0, 1]), ShapeError, "complex"),
        (lambda: Classification([[np.nan, 1]], [0]), ShapeError, "not finite"),
        (lambda: Classification(np.eye(2), ["a", "b"]), ShapeError, "labels holds no numbers"),
        (lambda: Classification(np.eye(2), [-1, 0]), ShapeError, "labels are 0, 1"),
        (lambda: Classification(np.eye(2), np.eye(2, dtype=int)), ShapeError, "labels are 0, 1"),
        (lambda: TwelveAX().step(0), TaskError, r"reset\(\)"),
    ],
)
def test_impossible_tasks_say_why(make, error, says):
    with pytest.raises(error, match=says):
        make()
