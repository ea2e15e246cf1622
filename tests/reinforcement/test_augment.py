"""AuGMEnT against autograd, tabular SARSA(λ), and a case worked by hand."""

import math

import numpy as np
import pytest
import torch

from corticalnet.errors import ShapeError, TaskError
from corticalnet.reinforcement import AuGMEnT

no_reward, going_on = np.zeros, lambda n: np.zeros(n, dtype=bool)


def value_by_torch(agent, weights, sights, steps, action, row):
    """Q of the action after so many steps, written in torch from the paper's equations 1–11."""
    leak, seen_before, memory = torch.as_tensor(agent.leak), torch.zeros(agent.inputs), 0
    one = torch.ones(agent.bias, dtype=torch.float64)
    for t in range(steps + 1):
        x = torch.as_tensor(sights[t, row])
        on_off = torch.cat([torch.relu(x - seen_before), torch.relu(seen_before - x)])
        memory = leak * memory + weights["V_M"] @ on_off
        seen_before = x
    regular = torch.sigmoid(weights["V_R"] @ torch.cat([one, x]) - agent.threshold)
    remembered = torch.sigmoid(memory - agent.threshold)
    return (weights["W_R"] @ torch.cat([one, regular]) + weights["W_M"] @ remembered)[action]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"trace": 0.0},
        {"trace": 0.7, "leak": (0.7, 1.0), "bias": False, "threshold": 0.0, "spread": 0.5},
        {"regular": 0},
        {"memory": 0},
    ],
    ids=str,
)
def test_tags_are_gradients_of_the_chosen_values(settings):
    """T = Σ_k (λγ)^(t−k) ∂Q_k/∂w; through the memory units that is the whole way back through time."""
    agent = AuGMEnT(3, 4, batch=2, rate=0.0, exploration=0.5, seed=1, **settings)
    for weights in agent.weights.values():
        weights *= 3
    sights = np.random.default_rng(0).normal(size=(6, 2, 3))
    expected = {name: np.zeros_like(w) for name, w in agent.weights.items()}
    for t, seen in enumerate(sights):
        actions = agent.step(seen, no_reward(2), going_on(2))
        for row in range(2):
            mine = {name: torch.tensor(w[row], requires_grad=True) for name, w in agent.weights.items()}
            q = value_by_torch(agent, mine, sights, t, actions[row], row)
            assert q.item() == pytest.approx(agent.rates["action"][row, actions[row]], rel=1e-12)
            q.backward()
            for name, w in mine.items():
                gradient = np.zeros(w.shape) if w.grad is None else w.grad.numpy()
                old = expected[name][row]
                expected[name][row] = agent.trace * agent.discount * old + gradient
        for name, tags in agent.tags.items():
            np.testing.assert_allclose(tags, expected[name], atol=1e-13, rtol=1e-11, err_msg=name)


def test_two_units_by_hand():
    """One sight, one regular and one memory unit, one action: two steps and the end, with a pencil."""
    agent = AuGMEnT(1, 1, 1, 1, rate=0.5, discount=0.9, trace=0.5, threshold=1.0, exploration=0.0)
    agent.weights = {
        "V_R": np.array([[[0.2, 0.6]]]),  # bias, x
        "V_M": np.array([[[0.8, 0.4]]]),  # on, off
        "W_R": np.array([[[0.1, 0.5]]]),  # bias, y_R
        "W_M": np.array([[[0.7]]]),
    }

    def σ(x):
        return 1 / (1 + math.exp(1.0 - x))

    agent.step(np.array([[1.0]]), no_reward(1), going_on(1))
    y_r, y_m = σ(0.8), σ(0.8)
    q = 0.1 + 0.5 * y_r + 0.7 * y_m
    d_r, d_m = y_r * (1 - y_r), y_m * (1 - y_m)
    tags = {"V_R": [0.5 * d_r, 0.5 * d_r], "V_M": [0.7 * d_m, 0.0], "W_R": [1.0, y_r], "W_M": [y_m]}
    for name, tag in tags.items():
        assert agent.tags[name][0, 0].tolist() == pytest.approx(tag)

    agent.step(np.array([[0.0]]), np.array([0.3]), going_on(1))
    y_r2, y_m2 = σ(0.2), σ(0.8 + 0.4)  # the light went off: memory adds what its off synapse brings
    δ = 0.3 + 0.9 * (0.1 + 0.5 * y_r2 + 0.7 * y_m2) - q
    assert agent.rpe[0] == pytest.approx(δ)
    w = {"V_R": [0.2, 0.6], "V_M": [0.8, 0.4], "W_R": [0.1, 0.5], "W_M": [0.7]}
    w = {name: [a + 0.5 * δ * b for a, b in zip(w[name], tags[name], strict=True)] for name in w}
    for name in w:
        assert agent.weights[name][0, 0].tolist() == pytest.approx(w[name])
    q2 = 0.1 + 0.5 * y_r2 + 0.7 * y_m2  # by the weights before the change
    fr, fm = w["W_R"][1] * y_r2 * (1 - y_r2), w["W_M"][0] * y_m2 * (1 - y_m2)  # feedback by those after it
    new = {"V_R": [fr, 0.0], "V_M": [fm, fm], "W_R": [1.0, y_r2], "W_M": [y_m2]}
    tags = {name: [0.45 * a + b for a, b in zip(tags[name], new[name], strict=True)] for name in tags}
    for name, tag in tags.items():
        assert agent.tags[name][0, 0].tolist() == pytest.approx(tag)

    agent.step(np.array([[0.0]]), np.array([1.0]), np.array([True]))
    w = {name: [a + 0.5 * (1.0 - q2) * b for a, b in zip(w[name], tags[name], strict=True)] for name in w}
    assert agent.rpe[0] == pytest.approx(1.0 - q2)
    for name in w:
        assert agent.weights[name][0, 0].tolist() == pytest.approx(w[name])
    assert agent.rates["memory"][0, 0] == pytest.approx(σ(0.0))  # a new trial: nothing remembered
    assert agent.tags["W_R"][0, 0].tolist() == pytest.approx([1.0, σ(w["V_R"][0])])


def chain(batch=1, **settings):
    """An agent that sees three places, each with a regular unit of its own that is either on or off."""
    agent = AuGMEnT(3, 1, 3, 0, batch=batch, threshold=2000, bias=False, **settings)
    agent.weights["V_R"][:] = 4000 * np.eye(3)
    agent.weights["W_R"][:] = 0
    return agent


def walk(agent, episodes, reward):
    """Place 0, 1, 2, end; the reward comes at the end."""
    last, ended = 0.0, False
    for _ in range(episodes):
        for place in range(3):
            agent.step(np.eye(3)[[place]], np.array([last]), np.array([ended]))
            last, ended = 0.0, False
        last, ended = reward, True
    agent.step(np.eye(3)[[0]], np.array([last]), np.array([ended]))
    return agent.weights["W_R"][0, 0]


def test_one_walk_along_a_chain_is_sarsa_lambda_in_closed_form():
    """From nothing: Q(place) = β r (λγ)^(distance to the end − 1)."""
    β, λ, γ, r = 0.3, 0.6, 0.8, 2.0
    values = walk(chain(rate=β, trace=λ, discount=γ), 1, r)
    assert values == pytest.approx([β * r * (λ * γ) ** 2, β * r * λ * γ, β * r])


def test_many_walks_are_sarsa_lambda_from_a_table():
    β, λ, γ, r = 0.3, 0.6, 0.8, 2.0
    table = np.zeros(3)
    for _ in range(4):
        trace = np.zeros(3)
        for place in range(3):
            trace = λ * γ * trace
            trace[place] += 1
            following = γ * table[place + 1] if place < 2 else r
            table = table + β * (following - table[place]) * trace
    assert walk(chain(rate=β, trace=λ, discount=γ), 4, r) == pytest.approx(table)
    assert walk(chain(rate=β, trace=λ, discount=γ), 300, r) == pytest.approx([r * γ**2, r * γ, r])


def test_an_animal_in_a_herd_is_the_animal_of_its_seed():
    rng = np.random.default_rng(0)
    sights, rewards, ends = rng.random((60, 3, 4)), rng.normal(size=(60, 3)), rng.random((60, 3)) < 0.2
    settings = {"exploration": 0.5, "feedback": "learned", "anneal": 3.0, "leak": (0.5, 1.0), "rate": 0.3}
    batch = AuGMEnT(4, 3, batch=3, seed=5, **settings)
    alone = [AuGMEnT(4, 3, seed=5 + k, **settings) for k in range(3)]
    for seen, reward, ended in zip(sights, rewards, ends, strict=True):
        actions = batch.step(seen, reward, ended)
        for k, one in enumerate(alone):
            assert one.step(seen[[k]], reward[[k]], ended[[k]])[0] == actions[k]
    for k, one in enumerate(alone):
        for name, w in one.weights.items():
            np.testing.assert_allclose(batch.weights[name][k], w[0], rtol=1e-12)
    assert not np.allclose(batch.weights["W_M"][0], batch.weights["W_M"][1])
    assert batch.trials.tolist() == ends.sum(axis=0).tolist()


def test_learned_feedback_changes_as_the_weights_do():
    """So their difference stays as it was, and feedback becomes reciprocal as weights grow."""
    agent = AuGMEnT(4, 3, batch=2, feedback="learned", seed=0)
    before = {
        k: agent.weights[f"W_{k}"][:, :, -n:] - agent.weights[f"B_{k}"] for k, n in (("R", 3), ("M", 4))
    }
    first = agent.weights["B_M"].copy()
    rng = np.random.default_rng(0)
    for _ in range(50):
        agent.step(rng.random((2, 4)), rng.normal(size=2), rng.random(2) < 0.2)
    assert abs(agent.weights["B_M"] - first).max() > 0.01
    for k, n in (("R", 3), ("M", 4)):
        after = agent.weights[f"W_{k}"][:, :, -n:] - agent.weights[f"B_{k}"]
        np.testing.assert_allclose(after, before[k], atol=1e-12)


@pytest.mark.parametrize(("anneal", "trials", "gain"), [(None, 0, 1.0), (100.0, 0, 1.0), (100.0, 100, 3.5)])
def test_choices_are_max_boltzmann(anneal, trials, gain):
    n, q = 3000, np.array([0.0, 1.0, 0.4])
    agent = AuGMEnT(1, 3, batch=n, exploration=0.4, anneal=anneal, seed=0)
    for w in agent.weights.values():
        w[:] = 0
    agent.weights["W_R"][:, :, 0] = q
    agent.trials[:] = trials
    chosen = np.bincount(agent.step(np.zeros((n, 1)), no_reward(n), going_on(n)), minlength=3) / n
    likely = np.exp(gain * q) / np.exp(gain * q).sum()
    expected = 0.6 * np.array([0, 1, 0]) + 0.4 * likely
    assert chosen == pytest.approx(expected, abs=4 * (0.25 / n) ** 0.5)
    agent.exploration[:] = 0
    assert (agent.step(np.zeros((n, 1)), no_reward(n), going_on(n)) == 1).all()


def test_asleep_it_neither_learns_nor_explores_and_peeking_changes_nothing():
    agent = AuGMEnT(4, 3, batch=3, exploration=1.0, seed=0)
    rng = np.random.default_rng(0)
    for _ in range(5):
        agent.step(rng.random((3, 4)), rng.normal(size=3), going_on(3))
    before = {name: w.copy() for name, w in agent.weights.items()}
    memory, value = agent.rates["memory"].copy(), agent.value.copy()
    next_sight = rng.random((3, 4))
    predicted = agent.next_values(next_sight)
    copy = agent.eval_copy(np.array([2, 0]))
    for _ in range(20):
        seen = rng.random((2, 4))
        actions = copy.step(seen, rng.normal(size=2), rng.random(2) < 0.3)
        assert (actions == copy.rates["action"].argmax(axis=1)).all()
    for name, w in before.items():
        assert (agent.weights[name] == w).all()
        assert (copy.weights[name] == w[[2, 0]]).all()
    assert (agent.rates["memory"] == memory).all()
    assert (agent.value == value).all()
    agent.step(next_sight, no_reward(3), going_on(3))
    assert (agent.rates["action"] == predicted).all()


def test_what_is_forgotten_is_not_the_worlds():
    agent, seen = AuGMEnT(4, 3), np.ones((1, 4))
    agent.step(seen, no_reward(1), going_on(1))
    agent.reset(np.array([0]))
    assert (seen == 1).all()


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: AuGMEnT(0, 2), TaskError, "inputs must be a whole number from 1, not 0"),
        (lambda: AuGMEnT(2, 2, discount=1.2), TaskError, "discount must be a probability.*not 1.2"),
        (lambda: AuGMEnT(2, 2, leak=(0.5, 1.5)), TaskError, "leak must be a probability.*1.5"),
        (lambda: AuGMEnT(2, 2, rate=-1.0), TaskError, "rate must be a number from 0, not -1.0"),
        (lambda: AuGMEnT(2, 2, seed=-1), TaskError, "seed must be a whole number from 0, not -1"),
        (lambda: AuGMEnT(2, 2, memory=3, leak=(0.7, 1.0)), TaskError, "memory = 3 units in 2 parts"),
        (lambda: AuGMEnT(2, 2, feedback="fixed"), TaskError, "unknown feedback 'fixed'"),
        (lambda: AuGMEnT(2, 2).step(np.zeros((1, 3)), no_reward(1), going_on(1)), ShapeError, r"\(1, 3\)"),
        (lambda: AuGMEnT(2, 2, batch=True), TaskError, "batch must be a whole number"),
        (lambda: AuGMEnT(2, 2, memory=2.5), TaskError, "memory must be a whole number.*2.5"),
        (lambda: AuGMEnT(2, 2, rate=np.nan), TaskError, "rate must be a number from 0, not nan"),
        (lambda: AuGMEnT(2, 2, leak=[]), TaskError, "memory = 4 units in 0 parts"),
        (lambda: AuGMEnT(2, 2, leak="1"), TaskError, "leak holds no numbers"),
        (lambda: AuGMEnT(2, 2, anneal=0), TaskError, "anneal must be a number above 0, not 0"),
        (lambda: AuGMEnT(2, 2, threshold=None), TaskError, "threshold must be a finite number, not None"),
        (lambda: AuGMEnT(2, 2, bias="no"), TaskError, "bias must be True or False"),
        (lambda: AuGMEnT(2, 2).step([[0, 1j]], [0], [False]), ShapeError, "seen holds complex numbers"),
        (lambda: AuGMEnT(2, 2).step([[0, np.nan]], [0], [False]), ShapeError, "seen has .* not finite"),
        (lambda: AuGMEnT(2, 2).step([[0, 1]], [np.nan], [False]), ShapeError, "reward has .* not finite"),
        (lambda: AuGMEnT(2, 2).step([[0, 1]], [0, 1], [False]), ShapeError, r"reward has shape \(2,\)"),
        (lambda: AuGMEnT(2, 2).step([[0, 1]], [0], None), ShapeError, "ended is None"),
        (lambda: AuGMEnT(2, 2).next_values([0, 1]), ShapeError, r"seen has shape \(2,\)"),
        (lambda: AuGMEnT(2, 2).reset([3]), TaskError, "no agents of 0 … 0"),
        (lambda: AuGMEnT(2, 2).eval_copy("all"), TaskError, "no agents of 0 … 0"),
    ],
)
def test_impossible_agents_say_why(make, error, says):
    with pytest.raises(error, match=says):
        make()


def test_lists_and_tensors_are_what_an_animal_can_see():
    batches = [AuGMEnT(3, 2, batch=2, seed=1) for _ in range(3)]
    seen, reward, ended = np.array([[0, 1, 1], [1, 0, 0]]), np.array([0.5, 1]), np.array([False, True])
    givens = [(seen.astype(float), reward, ended), (seen.tolist(), reward.tolist(), ended.tolist())]
    givens.append(tuple(torch.tensor(one) for one in (seen, reward, ended)))
    for batch, given in zip(batches, givens, strict=True):
        for _ in range(3):
            batch.step(*given)
    for other in batches[1:]:
        assert all((other.weights[name] == w).all() for name, w in batches[0].weights.items())


def test_animals_are_chosen_by_number_or_by_a_mask():
    batch = AuGMEnT(3, 2, batch=3, seed=1)
    by_number, by_mask = batch.eval_copy(np.array([0, 2])), batch.eval_copy(np.array([True, False, True]))
    assert by_number.batch == by_mask.batch == 2
    assert (by_number.weights["V_R"] == by_mask.weights["V_R"]).all()
