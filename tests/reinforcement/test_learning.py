"""Learning in a task, in anybody's Gymnasium environment, and what is written down of it."""

import gymnasium
import numpy as np
import pytest

from corticalnet.errors import TaskError, TrainingError
from corticalnet.reinforcement import AuGMEnT, EnvironmentBatch, learn, passes, watch
from corticalnet.reinforcement.tasks import Classification, Recent, Saccade, TwelveAX, as_gymnasium


class Corridor(gymnasium.Env):
    """A user's own task: walk right four times; what is seen is where one is. Actions are 5 (left) and 6."""

    observation_space = gymnasium.spaces.Discrete(5)
    action_space = gymnasium.spaces.Discrete(2, start=5)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = 0
        return 0, {}

    def step(self, action):
        self.place = max(0, self.place + (1 if action == 6 else -1))
        return self.place, float(self.place == 4), self.place == 4, False, {}


def test_an_animal_learns_a_gymnasium_environment_of_its_user():
    agent = AuGMEnT(5, 2, memory=0, exploration=0.1, seed=0)
    env = gymnasium.wrappers.TimeLimit(Corridor(), 50)
    history = learn(agent, env, 500, criterion=Recent(1.0, last=20, of="reward"), progress=False)
    assert history.trials_to_criterion < 300
    steps = history.steps[0].values
    assert np.nanmedian(steps[-20:]) == 4
    assert np.nanmax(steps) <= 50


def test_several_environments_are_a_herd():
    history = learn(AuGMEnT(5, 2, batch=2, seed=0), [Corridor(), Corridor()], 5, progress=False)
    assert history.reward.values.tolist() == [[1.0] * 5] * 2
    assert history.trials_to_criterion.isnull().all()


def test_our_tasks_through_gymnasium_are_the_same():
    """The same agent in the same world, once by way of Gymnasium."""
    agents = [AuGMEnT(4, 3, seed=3) for _ in range(2)]
    direct = learn(agents[0], Saccade(), 60, progress=False, seed=3)
    around = learn(agents[1], as_gymnasium(Saccade()), 60, progress=False, seed=3)
    assert (direct.reward == around.reward).all()
    assert (direct.steps == around.steps).all()
    for name, w in agents[0].weights.items():
        assert (agents[1].weights[name] == w).all()


class Endless(gymnasium.Env):
    """One place, one action, reward 1 for ever: worth 1 / (1 − γ)."""

    observation_space = gymnasium.spaces.Box(0, 1, (1,))
    action_space = gymnasium.spaces.Discrete(1)

    def reset(self, *, seed=None, options=None):
        return np.ones(1, dtype=np.float32), {}

    def step(self, action):
        return np.ones(1, dtype=np.float32), 1.0, False, False, {}


@pytest.mark.parametrize(("limit", "value"), [(1, 5.0), (3, 5.0)])
def test_a_time_limit_is_not_an_end(limit, value):
    agent = AuGMEnT(1, 1, 1, 0, discount=0.8, rate=0.2, trace=0.0)
    learn(agent, gymnasium.wrappers.TimeLimit(Endless(), limit), 600, progress=False)
    assert agent.rates["action"][0, 0] == pytest.approx(value, rel=1e-3)


def test_the_book_says_what_happened():
    """The criterion worked out again from the history; every row ends when it was reached."""
    labels = np.arange(4)
    agent = AuGMEnT(4, 4, batch=5, seed=0)
    history = learn(
        agent, Classification(np.eye(4), labels), 8000, criterion=Recent(0.9, last=30), progress=False
    )  # (60 agents needed at most 3483 trials)
    assert history.trials_to_criterion.notnull().all()
    for k in range(5):
        right = history.correct[k].values
        right = right[np.isfinite(right)]
        last = np.convolve(right, np.ones(30))[: len(right)]
        assert np.flatnonzero(last >= 27)[0] + 1 == history.trials_to_criterion[k] == len(right)
        assert (history.reward[k].values[: len(right)] == right).all()
        assert (history.steps[k].values[: len(right)] == 1).all()
    assert history.kind.max() == 3


def test_those_who_have_learned_learn_no_more():
    agent = AuGMEnT(4, 4, batch=6, seed=0)
    task = Classification(np.eye(4), np.arange(4))
    history = learn(agent, task, 2000, criterion=Recent(0.8, last=20), progress=False)
    first = int(history.trials_to_criterion.values.argmin())
    alone = AuGMEnT(4, 4, seed=first)
    learn(alone, task, 2000, criterion=Recent(0.8, last=20), progress=False, seed=first)
    np.testing.assert_allclose(agent.weights["W_R"][first], alone.weights["W_R"][0], rtol=1e-12)
    assert agent.rate.tolist() == [0.15] * 6  # but they can again, once all are done


@pytest.fixture(scope="module")
def trained():
    """Six agents in the antisaccade task with little delay, quickly; who of them has learned it.

    Of 40 agents 37 did: fewer than three of six do so once in 2000 times.
    """
    agent, task = AuGMEnT(4, 3, batch=6, rate=0.5, seed=0), Saccade(delay=1)
    history = learn(agent, task, 5000, progress=False)
    return agent, task, np.flatnonzero(history.trials_to_criterion.notnull())


@pytest.mark.slow
def test_the_antisaccade_task_is_learned(trained):
    agent, task, able = trained
    assert len(able) >= 3
    assert passes(agent, task, able).all()
    assert not passes(AuGMEnT(4, 3, batch=3, seed=9), task, np.arange(3)).any()


def test_a_criterion_without_the_exam_is_not_enough():
    """Everybody fulfils this criterion at once; one who knows nothing fails in the exam."""
    batch, task = AuGMEnT(4, 3, batch=2, seed=0), Saccade()
    history = learn(batch, task, 3, criterion=lambda reward, ended, info: ended | True, progress=False)
    assert history.trials_to_criterion.isnull().all()
    task.exam = False
    history = learn(batch, task, 3, criterion=lambda reward, ended, info: ended, progress=False)
    assert history.trials_to_criterion.values.tolist() == [1, 1]


@pytest.mark.slow
def test_memory_keeps_the_cue_through_the_delay(trained):
    agent, task, able = trained
    seen = watch(agent, task)
    assert seen.sensory.dims == ("kind", "agent", "step", "sensory_unit")
    for kind, answer in zip(task.kinds, (1, 2, 2, 1), strict=True):
        chosen = seen.chosen.sel(kind=kind).values[able]
        last = np.isfinite(chosen).sum(axis=1) - 1
        assert chosen[np.arange(len(able)), last].tolist() == [answer] * len(able)
    delay = seen.isel(step=4, agent=able)  # blank, mark, held, cue, delay
    assert (delay.sensory.sel(kind="pro left") == delay.sensory.sel(kind="pro right")).all()
    differs = abs(delay.memory.sel(kind="pro left") - delay.memory.sel(kind="pro right")).max("memory_unit")
    assert (differs > 0.1).all()
    regular = abs(delay.regular.sel(kind="pro left") - delay.regular.sel(kind="pro right"))
    assert regular.max() == 0


def test_watching_ends_with_each_ones_trial():
    agent, task = AuGMEnT(4, 3, batch=6, seed=0), Saccade()
    together, lengths = watch(agent, task), set()
    for k in range(6):
        alone = watch(agent.eval_copy(np.array([k])), task)
        for kind in task.kinds:
            own, among = (w.memory.sel(kind=kind) for w in (alone.isel(agent=0), together.isel(agent=k)))
            steps = int(own.notnull().all("memory_unit").sum())
            assert among[steps:].isnull().all()
            np.testing.assert_allclose(among[:steps], own[:steps])
            lengths.add(steps)
    assert len(lengths) > 1


def test_without_memory_units_it_is_not_learned():
    agent = AuGMEnT(4, 3, 7, 0, batch=3, rate=0.5, seed=0)
    history = learn(agent, Saccade(delay=1), 1500, progress=False)
    assert history.trials_to_criterion.isnull().all()
    assert history.correct.mean() < 0.6


@pytest.mark.filterwarnings("ignore:(overflow|invalid value):RuntimeWarning")
def test_values_that_run_away_are_said():
    agent = AuGMEnT(1, 1, 2, 0, rate=50.0)
    with pytest.raises(TrainingError, match="agent 0; a smaller rate"):
        learn(agent, gymnasium.wrappers.TimeLimit(Endless(), 50), 100, progress=False)


def test_what_does_not_fit_is_said():
    with pytest.raises(TaskError, match="trials must be a whole number from 1, not 0"):
        learn(AuGMEnT(4, 3), Saccade(), 0)
    with pytest.raises(TaskError, match="1 agents, 8 inputs, 2 actions"):
        learn(AuGMEnT(4, 2), TwelveAX(), progress=False)
    with pytest.raises(TaskError, match="the agent must be an Agent, such as AuGMEnT, not None"):
        learn(None, Saccade())
    with pytest.raises(TaskError, match="at least one environment"):
        EnvironmentBatch([])
    with pytest.raises(TaskError, match="3 has not Gymnasium's interface"):
        learn(AuGMEnT(4, 3), 3)
    with pytest.raises(TaskError, match="3 does not"):
        watch(AuGMEnT(4, 3), 3)
    env = Corridor()
    env.action_space = gymnasium.spaces.Box(0, 1, (1,))
    with pytest.raises(TaskError, match="no discrete actions"):
        EnvironmentBatch([env])
    env = Corridor()
    env.observation_space = gymnasium.spaces.Dict({"a": gymnasium.spaces.Discrete(2)})
    with pytest.raises(TaskError, match="flatten it first"):
        EnvironmentBatch([env])
