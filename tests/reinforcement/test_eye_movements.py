"""Trials of the eye-movement tasks, worked by hand from the paper's description."""

import numpy as np
import pytest

from corticalnet.reinforcement.tasks import ProbabilisticClassification, Saccade
from corticalnet.reinforcement.tasks.probabilistic import LEVELS, odds

FIXATE, LEFT, RIGHT = 0, 1, 2


def run(task, kind, actions, seed=0):
    """What is seen before each action, the rewards, and how it ended."""
    seen, info = task.reset(seed=seed, options={"kind": kind} if kind else None)
    shown, rewards, ended = [seen.tolist()], [], False
    for action in actions:
        assert not ended
        seen, reward, ended, truncated, info = task.step(action)
        assert truncated is False
        shown.append(seen.tolist())
        rewards.append(reward)
    return shown, rewards, ended, info["correct"]


@pytest.mark.parametrize(
    ("kind", "mark", "cue", "answer"),
    [
        ("pro left", 0, 2, LEFT),
        ("pro right", 0, 3, RIGHT),
        ("anti left", 1, 2, RIGHT),
        ("anti right", 1, 3, LEFT),
    ],
)
def test_a_trial_of_each_kind(kind, mark, cue, answer):
    blank, on, cued = ([float(k in which) for k in range(4)] for which in ((), (mark,), (mark, cue)))
    shown, rewards, ended, correct = run(Saccade(), kind, [FIXATE] * 6 + [answer])
    assert shown[:7] == [blank, on, on, cued, on, on, blank]
    assert rewards == [0, 0, 0.2, 0, 0, 0, 1.5]
    assert ended is True
    assert correct is True
    wrong = LEFT + RIGHT - answer
    assert run(Saccade(), kind, [FIXATE] * 6 + [wrong])[1:] == ([0, 0, 0.2, 0, 0, 0, 0], True, False)


@pytest.mark.parametrize("hold", [2, 3, 4, 5])
def test_looking_away_before_go_ends_the_trial(hold):
    """Steps 0 and 1: blank, and waiting; from then on fixation must be held."""
    _, rewards, ended, correct = run(Saccade(), "pro left", [FIXATE] * hold + [LEFT])
    assert (ended, correct) == (True, False)
    assert sum(rewards) == (0.2 if hold > 2 else 0)


def test_patience_ends():
    assert run(Saccade(), "pro left", [LEFT] * 10)[2] is False  # one blank step, nine of waiting
    assert run(Saccade(), "pro left", [LEFT] * 11)[1:] == ([0] * 11, True, False)
    late = [LEFT] * 10 + [FIXATE] * 5 + [LEFT]
    assert run(Saccade(), "pro left", late)[1:] == ([0] * 11 + [0.2, 0, 0, 0, 1.5], True, True)
    assert run(Saccade(), "pro left", [FIXATE] * 13 + [LEFT])[2:] == (True, True)  # the eighth step of go
    assert run(Saccade(), "pro left", [FIXATE] * 14)[2:] == (True, False)


def test_settings_of_a_trial():
    task = Saccade(delay=0, fixation_reward=0.0, reward=1.0)
    assert run(task, "anti left", [FIXATE] * 4 + [RIGHT])[1:] == ([0, 0, 0, 0, 1.0], True, True)


def test_odds_by_hand():
    """Shapes by weight: 0 is + ∞, 1 is − ∞, then 0.3, −0.3, 0.9, −0.9, 0.7, −0.7, 0.5, −0.5."""
    shapes = np.array([[4, 6, 9, 2], [0, 5, 5, 5], [1, 4, 4, 4], [0, 1, 2, 2], [2, 3, 0, 0], [0, 0, 1, 5]])
    shown = np.array([[1, 1, 1, 1]] * 4 + [[1, 1, 0, 0], [1, 1, 1, 1]], dtype=bool)
    by_hand = [1 / (1 + 10**-1.4), 1, 0, 1 / (1 + 10**-0.6), 0.5, 1]
    assert odds(shapes, shown) == pytest.approx(by_hand)


def test_shapes_come_one_by_one_and_go_together():
    task = ProbabilisticClassification(level=7)
    shown, rewards, _, _ = run(task, None, [FIXATE] * 9 + [LEFT], seed=3)
    shown = np.array(shown)[:10]
    assert shown[:, 0].tolist() == [0, 1, 1, 1, 1, 1, 1, 1, 1, 0]  # blank, wait, hold, 4 shapes, 2 steps, go
    targets = shown[:, 1:5]
    assert targets[1].tolist() in ([1, 1, 0, 0], [0, 0, 1, 1])
    assert (targets[1:9] == targets[1]).all()
    assert not targets[[0, 9]].any()
    places = shown[:, 5:].reshape(10, 4, 10)
    assert places.sum(axis=(1, 2)).tolist() == [0, 0, 0, 1, 2, 3, 4, 0, 0, 0]
    assert (places[6].sum(axis=1) == 1).all()  # one in each place
    assert all((places[k] <= places[k + 1]).all() for k in (3, 4, 5))  # and they stay
    assert rewards[2] == 0.2


def answers(batch, share_right, trials, seed=0):
    """Trials of those who know which target is better, and take it (or not): paid, right, level after it."""
    rng, book, done = np.random.default_rng(seed), [], np.zeros(batch.n, dtype=int)
    batch.reset(seed=seed)
    while done.min() < trials:
        better = np.where(batch._expected == FIXATE, LEFT, batch._expected)
        wanted = np.where(rng.random(batch.n) < share_right, better, LEFT + RIGHT - better)
        _, reward, ended, _, info = batch.step(np.where(batch._phase >= batch._go, wanted, FIXATE))
        done += ended
        book += [(k, reward[k], info["correct"][k], info["level"][k]) for k in np.flatnonzero(ended)]
    return np.array(book).T


def test_levels_of_the_curriculum():
    """Who makes no errors goes up after 85 % of N trials: those that have not been yet count as wrong."""
    assert LEVELS[:, 2].sum() == 50_000
    agent, _, right, level = answers(ProbabilisticClassification(batch=3, shorter=100), 1.0, 450)
    assert right.all()
    for k in range(3):
        ups = np.flatnonzero(np.diff(level[agent == k], prepend=0)) + 1
        assert np.diff(ups, prepend=0).tolist() == [9, 13, 17, 22, 26, 85, 85, 170]
    agent, _, right, level = answers(ProbabilisticClassification(batch=3, shorter=100), 0.6, 450)
    assert right.mean() == pytest.approx(0.6, abs=0.06)
    assert level.max() < 8


@pytest.mark.parametrize(
    ("level", "known", "shown"), [(0, 2, 1), (2, 6, 1), (4, 10, 1), (5, 10, 2), (7, 10, 4)]
)
def test_levels_bring_shapes_in_order(level, known, shown):
    task, seen = ProbabilisticClassification(batch=60, level=level), np.zeros(10)
    now, _ = task.reset(seed=0)
    for _ in range(60):
        shapes = now[:, 5:].reshape(60, 4, 10)
        assert shapes.sum(axis=(1, 2)).max() <= shown
        seen += shapes.sum(axis=(0, 1))
        now, *_ = task.step(np.zeros(60, dtype=int))
    assert (seen[:known] > 0).all()
    assert not seen[known:].any()


def test_reward_follows_the_odds():
    """On level 5 (one of ten shapes) the better target pays on average mean(max(p, 1 − p))."""
    task = ProbabilisticClassification(batch=50, level=4)
    _, paid, right, level = answers(task, 1.0, 50)
    p = 1 / (1 + 10 ** -np.array([0.3, 0.5, 0.7, 0.9]))
    expected = (2 + 2 * p.sum()) / 10
    assert (level == 4).all()
    assert right.all()
    assert (paid == 1.5).mean() == pytest.approx(
        expected, abs=4 * (expected * (1 - expected) / len(paid)) ** 0.5
    )
