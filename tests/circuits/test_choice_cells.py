"""Choosing and dopamine: actions by argmax and softmax, trials worked by hand, and what each mistake says."""

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.circuits.cells import Action, ActionValue, Dopamine, PairwiseCompetition, RewardSource
from corticalnet.columns import circuit as expand
from corticalnet.errors import CorticalnetError, ProtocolError
from corticalnet.recordings.reading import all_cells, weight_change

#: Of 20,000 draws.
DRAWS, SIGMA = 20_000, 4


def direct(n, rate=0.0):
    """An output area of n columns whose rates are the stimulus: y = x."""
    net = cn.mlp([n, n], seed=0, dtype=torch.float64)
    with torch.no_grad():
        net.links[0].weight.copy_(torch.eye(n))
    return expand(net, cn.rule("brainprop"), rate)


def chosen(y, noise=None):
    """Actions ``[batch, n]`` when the outcome may come."""
    circuit = direct(y.shape[1])
    data = cn.simulate(
        circuit, cn.Present(y, circuit.needs.present, exploration_noise=noise), record="action"
    )
    return data["output.action.action"][-1]


# The choice -------------------------------------------------------------------------------------
@pytest.mark.parametrize("pushed", [False, True])
@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_one_action_and_the_best(n, pushed):
    rng = np.random.default_rng(n)
    y, noise = rng.normal(size=(500, n)), rng.normal(size=(500, n)) * pushed
    wanted = np.eye(n)[(y + noise).argmax(1)]
    assert np.array_equal(chosen(y, noise).values, wanted)
    assert n == 1 or 0 < wanted[:, 0].sum() < 500


def test_of_actions_that_are_worth_the_same_the_first_is_taken():
    """Still one action: otherwise dopamine would hear two expectations."""
    y = np.array([[0, 0, 0], [1, 2, 2], [2, 1, 2], [2, 2, 1], [-1, -1, -2]], dtype=float)
    assert chosen(y).values.argmax(1).tolist() == [0, 1, 0, 0, 0]
    assert chosen(y).values.sum(1).tolist() == [1] * 5


def test_a_choice_changes_with_its_stimulus_and_an_urge_lasts_one_presentation():
    circuit = direct(2)
    least = circuit.needs.present
    protocol = [
        cn.Present([1.0, 0.5], least), cn.Present([0.5, 1.0], least),
        cn.Present([0.5, 1.0], least, exploration_noise=[2.0, 0.0]),
        cn.Reinforce(0, 2), cn.Present([0.5, 1.0], least),
    ]  # fmt: skip
    action = cn.simulate(circuit, protocol, record="action")["output.action.action"].values[:, 0]
    ends = [least - 1, 2 * least - 1, 3 * least - 1, 3 * least + 1, 4 * least + 1]
    assert action[ends].tolist() == [[1, 0], [0, 1], [1, 0], [1, 0], [0, 1]]


# Urges ------------------------------------------------------------------------------------------
def likely(counts, probabilities):
    """Whether counts lie in the 4-sigma intervals of their binomials."""
    counts, p = np.asarray(counts), np.asarray(probabilities)
    return bool((abs(counts - DRAWS * p) <= SIGMA * np.sqrt(DRAWS * p * (1 - p))).all())


def softmax(y):
    return np.exp(y) / np.exp(y).sum()


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("y", [[0.2, 0.9], [0.1, 0.7, 0.4, -0.5]])
def test_exploring_draws_from_softmax(y, temperature):
    """Through the contests, 20,000 animals side by side."""
    noise = cn.exploration_noise(DRAWS, len(y), exploration=1, temperature=temperature, seed=1)
    counts = chosen(np.tile(y, (DRAWS, 1)), noise).values.sum(0)
    assert likely(counts, softmax(np.array(y) / temperature))
    assert not likely(counts, softmax(np.array(y) / temperature / 2))  # the test can tell


@pytest.mark.parametrize("exploration", [0.02, 0.3])
def test_how_often_somebody_explores(exploration):
    """max-Boltzmann: greedy, but for a fraction of trials; the best may be drawn in these too."""
    noise = cn.exploration_noise(DRAWS, 3, exploration, seed=2)
    explores = (noise != 0).any(1)
    assert likely(explores.sum(), exploration)
    assert np.array_equal((noise != 0).all(1), explores)
    y = np.array([0.3, 0.8, 0.1])
    wanted = exploration * softmax(y) + (1 - exploration) * np.eye(3)[1]
    assert likely(np.bincount((y + noise).argmax(1), minlength=3), wanted)


def test_nobody_explores_and_seeds():
    assert not cn.exploration_noise(DRAWS, 4, exploration=0).any()
    one, again, other = (cn.exploration_noise(50, 4, 0.5, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert np.array_equal(
        cn.exploration_noise(50, 4, 1.0, 3.0, seed=3), 3 * cn.exploration_noise(50, 4, 1.0, 1.0, seed=3)
    )


# Dopamine ---------------------------------------------------------------------------------------
def test_dopamine_speaks_once_when_an_outcome_comes():
    """y = (0.7, 0.2), the first is chosen: −0.7 where it is wrong, 1 − 0.7 where it is right, else 0."""
    circuit = direct(2)
    least = circuit.needs.present
    shown = cn.Present([0.7, 0.2], least)
    protocol = [shown, cn.Reinforce(1, 5), shown, cn.Reinforce(0, 1), cn.Rest(3), shown, cn.Reinforce(0, 9)]
    rpe = cn.simulate(circuit, protocol, record="rpe")["dopamine.rpe"].values.ravel()
    wanted = np.zeros(len(rpe))
    wanted[least], wanted[2 * least + 5], wanted[3 * least + 9] = -0.7, 0.3, 0.3
    assert rpe == pytest.approx(wanted, abs=1e-15)


@pytest.mark.parametrize(
    ("answer", "rpe"),
    [(0, 1.0), (1, 0.0), ([0.25, 9.0], 0.25), ([-2.0, 9.0], -2.0), (np.array([[0.5, 1.0]]), 0.5)],
)
def test_reward_is_what_the_answer_says_of_the_action(answer, rpe):
    """The first action is chosen; it is worth 0.5."""
    circuit = direct(2)
    protocol = [cn.Present([0.5, 0.2], circuit.needs.present), cn.Reinforce(answer, 2)]
    rpes = cn.simulate(circuit, protocol, record="rpe")["dopamine.rpe"].values.ravel()
    assert rpes[circuit.needs.present] == pytest.approx(rpe - 0.5, abs=1e-15)


def test_reward_from_elsewhere_adds_up_and_one_outcome_follows_another_in_silence():
    """A second outcome right after the first is the same one, for nothing ended between them."""
    circuit = direct(2)
    least = circuit.needs.present
    extra = cn.SetInput({"dopamine.reward": 0.25}, 1)
    protocol = [cn.Present([0.5, 0.2], least), extra, cn.Reinforce(0, 2), cn.Reinforce(1, 2)]
    rpe = cn.simulate(circuit, protocol, record="rpe")["dopamine.rpe"].values.ravel()
    assert rpe == pytest.approx([0] * (least + 1) + [0.75, 0, 0, 0], abs=1e-15)


def heard(data):
    """Dopamine, step by step ``[T, B]``."""
    return data["dopamine.rpe"].values[..., 0]


def test_no_outcome_no_dopamine_and_no_weight_moves():
    net = cn.mlp([3, 4, 2], "tanh", seed=1, dtype=torch.float64)
    circuit = expand(net, cn.rule("brainprop", feedback="matching"), 0.5)
    rng = np.random.default_rng(0)
    protocol = [cn.Present(rng.normal(size=(2, 3)), 9), cn.Rest(4), cn.Present(rng.normal(size=(2, 3)), 3)]
    data = cn.simulate(circuit, protocol, record=["rpe", "credit"])
    assert not heard(data).any()
    assert abs(all_cells(data, "credit")).max() > 0.1  # what is missing is dopamine alone
    assert len(circuit.plastic) == 3
    for p in circuit.plastic:
        assert not weight_change(data, p.name).any()


# A trial by hand --------------------------------------------------------------------------------
def by_hand(down=None):
    """2-2-2 ReLU columns with biases. x = (1, 0.5):

    drives       1·1 − 2·0.5 − 0.5 = −0.5 (silent),    0.5·1 + 1·0.5 + 0.25 = 1.25
    y            (0.4·1.25 + 0.1, −0.2·1.25 + 0.2) = (0.6, −0.05): the first is chosen
    """
    areas = [cn.Area(cn.Dense(2, bias=True), "relu"), cn.Area(cn.Dense(2, bias=True), "linear")]
    net = cn.Network((2,), areas, 0, dtype=torch.float64)
    numbers = [([[1, -2], [0.5, 1]], [-0.5, 0.25]), ([[3, 0.4], [-1, -0.2]], [0.1, 0.2])]
    with torch.no_grad():
        for link, (weight, bias) in zip(net.links, numbers, strict=True):
            link.weight.copy_(torch.tensor(weight, dtype=torch.float64))
            link.bias.copy_(torch.tensor(bias, dtype=torch.float64))
    learns = down is not None
    rule = cn.rule("brainprop", feedback="matching") if learns else cn.rule("brainprop")
    circuit = expand(net, rule, 0.5)
    if learns:
        circuit = circuit.with_weights({"area1->output feedback": np.array(down)})
    protocol = [cn.Present([1.0, 0.5], circuit.needs.present), cn.Reinforce(0, 4)]
    return cn.simulate(circuit, protocol, record=["rate", "credit", "signal", "rpe", "action"])


def moved(data, name):
    return weight_change(data, name)


def near(numbers):
    return pytest.approx(np.array(numbers), abs=1e-15)


def test_a_trial_by_hand():
    """Right: rpe = 1 − 0.6 = 0.4, learning rate 0.5, so every change is 0.2 · credit · rate.

    credits      output (1, 0); below: signals (3, 0.4), gains (0, 1), credits (0, 0.4)
    """
    data = by_hand()
    now = data.isel(time=-4, batch=0)  # the outcome has come; weights change last
    assert now["area1.value.rate"].values == near([0, 1.25])
    assert now["output.value.rate"].values == near([0.6, -0.05])
    assert now["output.feedback.credit"].values == near([1, 0])
    assert now["area1.feedback.signal"].values == near([3, 0.4])
    assert now["area1.feedback.credit"].values == near([0, 0.4])
    assert heard(data)[-5:, 0] == near([0, 0.4, 0, 0, 0])
    assert moved(data, "area1->output") == near([[0, 0.25], [0, 0]])
    assert moved(data, "area1->output bias").ravel() == near([0.2, 0])
    assert moved(data, "input->area1") == near([[0, 0], [0.08, 0.04]])
    assert moved(data, "input->area1 bias").ravel() == near([0, 0.08])


def test_a_silent_column_keeps_its_synapses_and_passes_nothing_down():
    """One area more below: what comes down is the other column's alone, 0.4 · (0.5, 1)."""
    areas = [cn.Area(cn.Dense(2), "linear"), cn.Area(cn.Dense(2), "relu"), cn.Area(cn.Dense(2), "linear")]
    net = cn.Network((2,), areas, 0, dtype=torch.float64)
    numbers = [[[1, 0], [0, 1]], [[1, -3], [0.5, 1]], [[3, 0.4], [-1, -0.2]]]
    with torch.no_grad():
        for link, weight in zip(net.links, numbers, strict=True):
            link.weight.copy_(torch.tensor(weight, dtype=torch.float64))
    circuit = expand(net, cn.rule("brainprop"), 0.5)
    # drives (1 − 1.5, 0.5 + 0.5) = (−0.5, 1); y = (0.4, −0.2);
    # rpe = 0 − 0.4, so every change is −0.2 · credit · rate
    protocol = [cn.Present([1.0, 0.5], circuit.needs.present), cn.Reinforce(1, 3)]
    data = cn.simulate(circuit, protocol, record=["credit"])
    assert moved(data, "area2->output") == near([[0, -0.2], [0, 0]])
    assert moved(data, "area1->area2") == near([[0, 0], [-0.08, -0.04]])
    assert moved(data, "input->area1") == near([[-0.04, -0.02], [-0.08, -0.04]])


def test_a_trial_by_hand_with_feedback_that_learns():
    """B = ((2, 7), (−0.5, 9)) from the output's columns to those below; credits below (0, −0.5).

    ΔB is rate of the column below · credit above · 0.2: only the second column's synapse from the chosen
    one; and it is what its partner up changes by. Synapses of the input learn through the old B.
    """
    data = by_hand([[2.0, 7.0], [-0.5, 9.0]])
    assert moved(data, "area1->output feedback") == near([[0, 0], [0.25, 0]])
    assert moved(data, "area1->output") == near([[0, 0.25], [0, 0]])
    assert moved(data, "input->area1") == near([[0, 0], [-0.1, -0.05]])
    assert moved(data, "input->area1 bias").ravel() == near([0, -0.1])


def test_kinds_of_cells_that_stand_outside_the_columns():
    """n actions have n (n − 1) / 2 contests; one action has none, and is taken."""
    for n in (1, 2, 5):
        counts = {type(p.cell): p.n for p in direct(n).populations}
        assert [counts[kind] for kind in (ActionValue, Action, RewardSource, Dopamine)] == [n, n, n, 1]
        assert counts.get(PairwiseCompetition, 0) == n * (n - 1) // 2


# What each mistake says -------------------------------------------------------------------------
SHOWN = cn.Present([1.0, 2.0], 9)


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        (
            [SHOWN, cn.Reinforce(2, 1)],
            "reward of 'world' is class 2, but its 2 cells stand for classes 0 to 1",
        ),
        ([SHOWN, cn.Reinforce(-1, 1)], "reward of 'world' is class -1"),
        ([SHOWN, cn.Reinforce([0.1, 0.2, 0.3], 1)], "(3,), but must have (2,) or (batch, 2)"),
        ([SHOWN, cn.Reinforce([0.1, np.nan], 1)], "not finite"),
        ([cn.Present([1.0, 2.0], 2), cn.Reinforce(0, 1)], "lasts 2 steps, but must last at least 3"),
        (
            [cn.Present([1.0, 2.0], 9, exploration_noise=[1.0] * 3)],
            "exploration_noise of 'output.bid' has shape (3,)",
        ),
        (
            [cn.Present([1.0, 2.0], 9, exploration_noise=[np.inf, 0])],
            "exploration_noise of 'output.bid' has a value that is not finite",
        ),
        ([SHOWN, cn.Teach(0, 1)], "no population of circuit 'brainprop columns' takes a target"),
    ],
)
def test_protocols_that_do_not_fit(protocol, message):
    with pytest.raises(ProtocolError) as caught:
        cn.simulate(direct(2), protocol)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_circuits_that_know_no_choice():
    taught = expand(cn.mlp([2, 2], seed=0), cn.rule("z-il"), 0.1)
    for protocol, message in (
        ([cn.Present([1.0, 2.0], 9, exploration_noise=[0.0, 0.1])], "takes an exploration noise"),
        ([SHOWN, cn.Reinforce(0, 3)], "takes an answer"),
    ):
        with pytest.raises(ProtocolError, match="no population of circuit 'z-il columns' " + message):
            cn.simulate(taught, protocol)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"exploration": -0.1}, "exploration must be a probability in [0, 1], not -0.1"),
        ({"exploration": 1.5}, "exploration must be a probability in [0, 1], not 1.5"),
        ({"exploration": float("nan")}, "exploration must be a probability in [0, 1], not nan"),
        ({"temperature": 0.0}, "temperature must be a number above 0, not 0.0"),
        ({"temperature": float("inf")}, "temperature must be a number above 0, not inf"),
        ({"seed": -1}, "exploration_noise: seed must be a whole number from 0, not -1"),
        ({"trials": 0}, "exploration_noise: trials must be a whole number from 1, not 0"),
        ({"actions": 2.5}, "exploration_noise: actions must be a whole number from 1, not 2.5"),
    ],
)
def test_impossible_urges(given, message):
    with pytest.raises(CorticalnetError) as caught:
        cn.exploration_noise(**{"trials": 4, "actions": 3} | given)
    assert message in str(caught.value)
