"""One interface for one agent and for many: Gymnasium's, which checks it itself."""

import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from corticalnet.errors import TaskError
from corticalnet.reinforcement.tasks import (
    Box,
    Classification,
    Discrete,
    ProbabilisticClassification,
    RandomStreams,
    Saccade,
    TwelveAX,
    as_gymnasium,
)

IMAGES = np.random.default_rng(0).random((7, 2, 3))
MAKERS = {
    "saccade": Saccade,
    "probabilistic": lambda batch=None: ProbabilisticClassification(batch, level=6),
    "12-AX": TwelveAX,
    "classification": lambda batch=None: Classification(IMAGES, [0, 1, 2, 0, 1, 2, 2], batch),
}


@pytest.mark.parametrize("name", MAKERS)
def test_an_animal_in_a_herd_meets_what_it_would_meet_alone(name):
    batch, alone = MAKERS[name](batch=3), [MAKERS[name]() for _ in range(3)]
    actions = np.random.default_rng(1).integers(0, batch.action_space.n, (400, 3))
    actions[np.random.default_rng(2).random((400, 3)) < 0.7] = 0  # so that trials get somewhere
    seen, _ = batch.reset(seed=5)
    assert (seen == [task.reset(seed=5 + k)[0] for k, task in enumerate(alone)]).all()
    ends = 0
    for now in actions:
        seen, rewards, ended, truncated, info = batch.step(now)
        assert not truncated.any()
        for k, task in enumerate(alone):
            one, reward, over, _, own = task.step(now[k])
            assert (reward, over) == (rewards[k], ended[k])
            assert all(own[key] == info[key][k] for key in info)
            assert (seen[k] == (task.reset()[0] if over else one)).all()
            ends += over
    assert ends > 20


@pytest.mark.parametrize("name", MAKERS)
def test_gymnasium_accepts_them(name):
    env = as_gymnasium(MAKERS[name]())
    check_env(env, skip_render_check=True)
    wrapped = gymnasium.wrappers.TimeLimit(gymnasium.wrappers.FlattenObservation(env), 1)
    wrapped.reset(seed=0)
    _, _, ended, cut, _ = wrapped.step(0)
    assert cut
    assert ended == (name == "classification")


def test_without_gymnasium_its_view_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(TaskError, match=r"corticalnet\[gym\]"):
        as_gymnasium(Saccade())


@pytest.mark.parametrize("name", MAKERS)
def test_spaces_hold_what_is_seen(name):
    task = MAKERS[name]()
    task.action_space.seed(3)
    seen, _ = task.reset(seed=0)
    for _ in range(100):
        assert task.observation_space.contains(seen)
        seen, _, ended, _, _ = task.step(task.action_space.sample())
        seen = task.reset()[0] if ended else seen


def test_spaces_are_like_gymnasiums():
    mine, its = Discrete(4), gymnasium.spaces.Discrete(4)
    for x in (0, 3, 4, -1, np.int64(2), np.array(1), np.array([1]), 1.5):
        assert mine.contains(x) == its.contains(x), x
    mine.seed(0)
    assert {mine.sample() for _ in range(100)} == {0, 1, 2, 3}
    box, its = Box((2,), -1, 1), gymnasium.spaces.Box(-1, 1, (2,), np.float64)
    for x in ([0.0, 1.0], [0.0, 1.1], [0.0], [-1.0, -1.0]):
        assert box.contains(np.array(x)) == its.contains(np.array(x)), x
    box.seed(0)
    samples = np.array([box.sample() for _ in range(1000)])
    assert samples.min() == pytest.approx(-1, abs=0.02)
    assert samples.max() == pytest.approx(1, abs=0.02)


def test_chance_is_each_ones_own():
    alone, batch = RandomStreams(1, 7, block=8), RandomStreams(3, 5, block=8)
    mine = [alone.roll(np.array([0]), k)[0] for k in (3, 3, 3, 1)]
    other = []
    for k in (3, 3, 3, 1):
        batch.roll(np.array([0]), 2)  # another agent, more often
        other.append(batch.roll(np.array([0, 2]), k)[1])
    assert all((a == b).all() for a, b in zip(mine, other, strict=True))
    whole = np.random.default_rng([7, 0]).random(16)
    assert np.concatenate(mine[:2]).tolist() == whole[:6].tolist()
    assert np.concatenate(mine[2:]).tolist() == whole[8:12].tolist()  # what was left of a block is not used
    assert (RandomStreams(1, 7, stream=1).roll(np.array([0]), 3) != whole[:3]).all()
    assert (
        RandomStreams(1, None).roll(np.array([0]), 3) != RandomStreams(1, None).roll(np.array([0]), 3)
    ).all()


def test_misuse_is_said_in_a_sentence():
    task = Saccade()
    task.reset(seed=0)
    for action in (3, -1, 1.0, [0, 0]):
        with pytest.raises(TaskError, match="expected 1 of 0 … 2"):
            task.step(action)
    for _ in range(11):
        task.step(1)
    with pytest.raises(TaskError, match="the trial is over"):
        task.step(0)
    with pytest.raises(TaskError, match="for one agent"):
        as_gymnasium(Saccade(batch=2))
    with pytest.raises(TaskError, match="level must be one of 0 … 7, not 8"):
        ProbabilisticClassification(level=8)
    with pytest.raises(TaskError, match="delay must be a whole number from 0, not -1"):
        Saccade(delay=-1)
