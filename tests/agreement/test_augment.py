"""AuGMEnT in time = the agent, step by step of the world, on both engines (float64, 1e-10).

Agent and circuit start with the same weights, and the same noise is added to what actions are worth; nothing
else is shared. The agent itself is checked against autograd and by hand (tests/reinforcement).
"""

import gymnasium
import numpy as np
import pytest

import corticalnet as cn
from corticalnet.columns.augment import NEEDS
from corticalnet.errors import CircuitError, ShapeError, TaskError
from corticalnet.reinforcement import AuGMEnT, learn, watch
from corticalnet.reinforcement.tasks import Classification, Recent, Saccade, TwelveAX

BOUND = 1e-10
HYBRID = {
    "memory": 4,
    "leak": (0.7, 1.0),
    "threshold": 0.0,
    "bias": False,
    "feedback": "learned",
    "anneal": 3.0,
}
SETTINGS = [{}, HYBRID, {"regular": 0, "leak": 0.5, "trace": 0.9}, {"memory": 0, "feedback": "learned"}]


def life(batch, steps, inputs=3, seed=0):
    """What agents see, are given, and when their trials end; sights stay on and go off again."""
    rng = np.random.default_rng(seed)
    sights = rng.integers(0, 2, (steps, batch, inputs)) * rng.normal(size=(steps, batch, inputs))
    rewards, ends = rng.normal(size=(steps, batch)), rng.random((steps, batch)) < 0.2
    rewards[0], ends[0] = 0, False  # nothing has been done yet
    return zip(sights, rewards, ends, strict=True)


def differences(agent, in_time):
    """Largest differences of what both are, by name."""
    pairs = {"rpe": (agent.rpe, in_time.rpe)}
    for what in ("weights", "tags", "rates"):
        mine, its = getattr(agent, what), getattr(in_time, what)
        pairs |= {f"{what} {name}": (mine[name], its[name]) for name in its}
    return {name: abs(a - b).max(initial=0.0) for name, (a, b) in pairs.items()}


def step_both(settings, batch, steps, *engine, **options):
    agent = AuGMEnT(3, 3, batch=batch, exploration=0.4, rate=0.4, spread=1.0, seed=1, **settings)
    in_time, first = cn.CircuitAgent(agent, *engine, **options), agent.weights["W_R"].copy()
    for seen, reward, ended in life(batch, steps):
        np.testing.assert_array_equal(in_time.step(seen, reward, ended), agent.step(seen, reward, ended))
        found = differences(agent, in_time)
        assert max(found.values()) < BOUND, found
    assert set(found) > {"weights W_R", "tags W_M", "rates memory"}
    assert settings.get("regular", 3) == 0 or abs(agent.weights["W_R"] - first).max() > 0.01
    return in_time


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_steps_of_the_world_are_the_agents(settings, batch):
    step_both(settings, batch, 16)


@pytest.mark.parametrize("settings", [{}, pytest.param(HYBRID, marks=pytest.mark.slow)], ids=str)
def test_brian2_is_a_witness(settings):
    step_both(settings, 2, 5, "brian2", target="numpy")


def test_agents_learn_a_task_in_their_circuit_and_stop_when_they_have():
    """The same trials to the criterion, and from then on no synapse of that agent changes."""
    agent = AuGMEnT(2, 2, regular=2, memory=0, batch=3, rate=0.6, exploration=0.3, seed=1)
    in_time, task = cn.CircuitAgent(agent), Classification(np.eye(2), [1, 0])
    right, found = (
        learn(one, task, 30, criterion=Recent(0.8, last=5), progress=False) for one in (agent, in_time)
    )
    assert found.equals(right)
    assert found.trials_to_criterion.notnull().values.tolist() == [True, True, False]
    found = differences(agent, in_time)
    del found["rpe"]  # (dopamine of those who have stopped is silent)
    assert max(found.values()) < BOUND


@pytest.mark.parametrize("task", [Saccade(delay=0, patience=3), TwelveAX(loops=2)], ids=["saccade", "12-AX"])
def test_tasks_that_take_memory(task):
    inputs, actions = task.observation_space.shape[0], task.action_space.n
    agent = AuGMEnT(inputs, actions, batch=2, exploration=0.2, rate=0.5, seed=3)
    in_time = cn.CircuitAgent(agent)
    right, found = (learn(one, task, 4, progress=False) for one in (agent, in_time))
    assert found.equals(right)
    assert max(differences(agent, in_time).values()) < BOUND


def test_asleep_it_acts_as_the_agent_does_and_learns_nothing():
    agent = AuGMEnT(8, 2, batch=2, exploration=0.5, spread=1.0, seed=0)
    in_time = cn.CircuitAgent(agent)
    right, found = (watch(one, TwelveAX(loops=1)) for one in (agent, in_time))
    for name in ("chosen", "memory", "regular", "sensory", "action"):
        np.testing.assert_allclose(found[name], right[name], rtol=0, atol=BOUND)
    assert all((in_time.weights[name] == w).all() for name, w in agent.weights.items())


class Endless(gymnasium.Env):
    """Something to see, something to do, and a reward that depends on it."""

    observation_space, action_space = gymnasium.spaces.Box(-9, 9, (2,)), gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        self.rng = np.random.default_rng(seed) if seed is not None else self.rng
        return self.rng.normal(size=2), {}

    def step(self, action):
        return self.rng.normal(size=2), 0.3 * action, False, False, {}


def test_a_time_limit_is_no_end():
    """What would have been expected next is asked of the circuit, and asking changes nothing."""
    agent = AuGMEnT(2, 2, exploration=0.3, rate=0.5, seed=0)
    in_time = cn.CircuitAgent(agent)
    for one in (agent, in_time):
        learn(one, gymnasium.wrappers.TimeLimit(Endless(), 2), 3, progress=False)
    assert max(differences(agent, in_time).values()) < BOUND


@pytest.mark.parametrize(("present", "teach"), [(None, None), (6, 5)])
def test_it_lives_in_an_interaction_whatever_time_the_world_takes(present, teach):
    agent = AuGMEnT(4, 3, exploration=0.0, rate=0.5, spread=1.0, seed=2)
    alone = AuGMEnT(4, 3, exploration=0.0, rate=0.5, spread=1.0, seed=2)
    world = cn.Interaction(Saccade(delay=0, patience=2), 3, present=present, teach=teach, exploration=0.0)
    running = cn.simulator(cn.agent_circuit(agent))
    running.run(world, record=[])
    history = learn(alone, Saccade(delay=0, patience=2), 3, progress=False)
    rewards = np.cumsum(np.ravel(world.rewards))[np.ravel(world.ended)]
    np.testing.assert_allclose(np.diff(rewards, prepend=0.0), history.reward.values[0], atol=1e-6)
    # (the agent hears of the last end when it looks again)
    alone.step(np.zeros((1, 4)), np.array(world.rewards[-1]), np.array([True]))
    for name, found in running.weights.items():
        if name == "memory->output":
            np.testing.assert_allclose(found, alone.weights["W_M"][0], rtol=0, atol=BOUND)
    assert abs(alone.weights["W_M"] - agent.weights["W_M"]).max() > 0.01


def test_dopamine_says_what_an_action_and_the_end_of_a_trial_bring():
    """After an action reward + γ q − q' (in the first of a trial γ q), at the end reward − q."""
    agent = AuGMEnT(4, 3, exploration=0.0, rate=0.5, spread=1.0, seed=2)
    world = cn.Interaction(Saccade(delay=0, patience=2), 3, exploration=0.0)
    data = cn.simulate(cn.agent_circuit(agent), world, record=["rpe", "output.action.expected"])
    values = data["output.action.expected"].values[NEEDS.present - 1 :: 7, 0].sum(-1)
    said = data["dopamine.rpe"].values[:, 0, 0].reshape(-1, 7)
    right, reward, before = np.zeros_like(said), 0.0, 0.0
    for k, (value, now, ended) in enumerate(zip(values, world.rewards, world.ended, strict=True)):
        right[k, NEEDS.present] = reward + agent.discount * value - before
        reward, before = (0.0, 0.0) if ended[0] else (now[0], value)
        right[k, -1] = ended[0] * (now[0] - value)
    np.testing.assert_allclose(said, right, rtol=0, atol=1e-12)
    assert np.sum(world.ended) == 3


def test_agents_of_a_batch_share_no_synapse():
    circuit = cn.agent_circuit(AuGMEnT(3, 2, batch=4, feedback="learned"))
    for projection in circuit.projections:
        pre, post = (circuit.population(name).n for name in (projection.source, projection.target))
        if projection.shared_with:
            continue
        pres, posts, _ = projection.connection.synapses(pre, post)
        assert (pres // (pre // 4) == posts // (post // 4)).all(), projection.name


def test_reset_agents_forget_and_the_others_do_not():
    agent = AuGMEnT(3, 3, batch=3, exploration=0.4, rate=0.4, seed=1)
    in_time = cn.CircuitAgent(agent)
    for number, (seen, reward, ended) in enumerate(life(3, 8)):
        if number == 5:
            agent.reset(np.array([0, 2]))
            in_time.reset(np.array([0, 2]))
            reward = np.where([True, False, True], 0.0, reward)
            ended = np.zeros(3, dtype=bool)
        np.testing.assert_array_equal(in_time.step(seen, reward, ended), agent.step(seen, reward, ended))
    assert max(differences(agent, in_time).values()) < BOUND


def test_a_circuit_of_agents_is_kept_in_files(tmp_path):
    circuit = cn.agent_circuit(AuGMEnT(3, 2, batch=2, leak=(0.5, 1.0)))
    circuit.save(tmp_path / "agents")
    assert cn.Circuit.load(tmp_path / "agents").to_dict() == circuit.to_dict()
    assert circuit.needs == NEEDS


def unequal():
    agent = AuGMEnT(2, 2, batch=2)
    agent.rate = np.array([0.1, 0.2])
    return agent


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: cn.agent_circuit(cn.mlp([2, 2])), CircuitError, "takes an AuGMEnT, not Network"),
        (lambda: cn.CircuitAgent(None), TaskError, "takes an AuGMEnT, not NoneType"),
        (
            lambda: cn.agent_circuit(unequal()),
            CircuitError,
            r"at one rate, or not at all; these: \[0.1, 0.2\]",
        ),
        (
            lambda: cn.CircuitAgent(AuGMEnT(2, 2)).step(np.zeros((1, 3)), np.zeros(1), np.zeros(1, bool)),
            ShapeError,
            r"CircuitAgent: seen has shape \(1, 3\)",
        ),
    ],
)
def test_what_cannot_be(make, error, says):
    with pytest.raises(error, match=says):
        make()


def test_a_rate_that_the_circuit_was_not_made_for_is_refused():
    in_time = cn.CircuitAgent(AuGMEnT(2, 2))
    in_time.rate = np.array([0.3])
    with pytest.raises(TaskError, match=r"made for the rate 0\.15 each agent's is that, or 0"):
        in_time.step(np.zeros((1, 2)), np.zeros(1), np.zeros(1, bool))
