"""BrainProp in time = the network's rule, trial by trial, on both engines (float64, 1e-10).

Trials of random timing, weights changing throughout. Columns and rule take the same actions, for both add
the same exploration noise to what actions are worth; nothing else is shared.
"""

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.recordings.reading import weight_change
from tests.agreement.beside_backprop import changes, lag
from tests.agreement.beside_reward import FEEDBACK, NETWORKS, RATE, Stream, dense, made, taken
from tests.covering import every_two

BOUND = 1e-10


@pytest.mark.parametrize(
    ("network", "hidden", "feedback", "batch"),
    every_two(NETWORKS, ["sigmoid", "tanh", "relu"], FEEDBACK, [1, 4]),
)
def test_a_stream_of_trials_is_a_training_run(network, hidden, feedback, batch):
    net, pathway = NETWORKS[network](hidden), FEEDBACK[feedback]()
    circuit, stream = made(net, pathway), Stream(net, batch)
    data = cn.simulate(circuit, stream.protocol(circuit), record=["action"])
    wanted, actions = stream.teach(net, pathway)
    assert taken(data, circuit, stream) == actions
    assert {p.name for p in circuit.plastic} == set(wanted)
    found = lag(changes(data, wanted), wanted)
    assert max(found.values()) < BOUND, found


@pytest.mark.parametrize("hidden", ["linear", "softplus", "leaky-relu", "elu"])
def test_other_activations(hidden):
    """Some have a gain that must be found from the drive."""
    net = NETWORKS["three links"](hidden)
    circuit, stream = made(net, cn.Tied()), Stream(net, 3)
    data = cn.simulate(circuit, stream.protocol(circuit), record=["action"])
    wanted, _ = stream.teach(net, cn.Tied())
    assert max(lag(changes(data, wanted), wanted).values()) < BOUND


def test_a_stream_tries_several_actions_right_and_wrong_ones():
    """What is compared above is no constant run."""
    net = NETWORKS["two links"]("tanh")
    stream = Stream(net, 4)
    actions = np.array(stream.teach(net, cn.Tied())[1])
    assert set(actions.ravel().tolist()) == {0, 1, 2}
    assert 4 < (actions == stream.y).sum() < 28


def test_other_weights_down_are_another_rule():
    """Tied and random feedback differ, and so do the runs of two random ones."""
    net = NETWORKS["three links"]("tanh")
    stream = Stream(net, 1)
    runs = []
    for pathway in (cn.Tied(), cn.Random(seed=3), cn.Random(seed=4)):
        circuit = made(net, pathway)
        data = cn.simulate(circuit, stream.protocol(circuit), record=["rpe"])
        runs.append(changes(data, ["input->area1"])["input->area1"])
    assert min(abs(a - b).max() for a, b in zip(runs, runs[1:] + runs[:1], strict=True)) > 1e-2


def test_reward_may_be_of_any_size_for_every_action():
    """answer [B, n]: the network's rule has no such thing; the output's changes worked out here."""
    net = dense([4, 3], "linear", bias=False)
    circuit, rng = made(net, cn.Tied()), np.random.default_rng(5)
    x, reward = rng.normal(size=(2, 4)), rng.normal(size=(2, 3))
    protocol = [cn.Present(x, circuit.needs.present), cn.Reinforce(reward, 2)]
    data = cn.simulate(circuit, protocol, record=["rpe"])
    w = net.links[0].weight.detach().numpy()
    y = x @ w.T
    chosen = y.argmax(1)
    wanted = np.zeros_like(w)
    for k in range(2):
        wanted[chosen[k]] += RATE * (reward[k, chosen[k]] - y[k, chosen[k]]) * x[k] / 2
    assert abs(changes(data, ["input->output"])["input->output"] - wanted.ravel()).max() < 1e-12


@pytest.mark.parametrize("network", NETWORKS)
def test_presentations_of_the_least_length_are_enough_and_one_step_less_is_not(network):
    """Actions follow stimuli, and change from trial to trial; nobody explores."""
    net = NETWORKS[network]("tanh")
    circuit, stream = made(net, cn.Random(seed=3)), Stream(net, 8, trials=20, seed=5)
    stream.x *= 2
    stream.exploration_noise *= 0
    stream.waits = stream.stays = np.zeros(20, int)
    enough = cn.simulate(circuit, stream.protocol(circuit), record=["rpe"])
    stream.waits = stream.waits - 1
    short = cn.simulate(circuit, stream.protocol(circuit), record=["rpe"], check=False)
    wanted, actions = stream.teach(net, cn.Random(seed=3))
    assert np.bincount(np.ravel(actions)).min() > 10
    assert max(lag(changes(enough, wanted), wanted).values()) < BOUND
    assert max(lag(changes(short, wanted), wanted).values()) > 0.1


@pytest.mark.parametrize(
    ("network", "hidden", "feedback"), [("two links", "relu", cn.Random), ("skipping", "tanh", cn.Matching)]
)
def test_both_engines_write_the_same_traces(network, hidden, feedback):
    pytest.importorskip("brian2")
    net = NETWORKS[network](hidden)
    circuit, stream = made(net, feedback(seed=3)), Stream(net, 1, trials=3)
    protocol = stream.protocol(circuit)
    mine = cn.simulate(circuit, protocol)
    its = cn.simulate(circuit, protocol, "brian2", target="numpy")
    assert set(mine.data_vars) == set(its.data_vars)
    assert {"credit", "signal", "action", "expected", "reward", "rpe", "bid"} <= {
        array.attrs.get("state") for array in mine.values()
    }
    for name in mine.data_vars:
        assert np.abs(np.subtract(mine[name], its[name], dtype=float)).max() < BOUND, name
    if feedback is cn.Random:
        wanted, _ = stream.teach(net, cn.Random(seed=3))
        assert max(lag(changes(its, wanted), wanted).values()) < BOUND
    assert all(abs(weight_change(its, p.name)).max() > 1e-6 for p in circuit.plastic)


# Feedback that learns ---------------------------------------------------------------------------
def back_again(weights):
    """Weights of the way down as those of the way up are laid out."""
    return weights.T if weights.ndim == 2 else weights


@pytest.mark.parametrize(
    ("network", "hidden", "batch"),
    every_two(["three links", "convolution", "local", "skipping"], ["tanh", "relu"], [1, 3]),
)
def test_feedback_learns_what_its_link_learns(network, hidden, batch):
    """ΔB = ΔWᵀ, and both are what they are in the network, where B is the pathway's (Matching)."""
    net, pathway = NETWORKS[network](hidden), cn.Matching(seed=3)
    circuit, stream = made(net, pathway), Stream(net, batch)
    start, running = circuit.weights, cn.simulator(circuit)
    running.run(stream.protocol(circuit), record=["rpe"])
    wanted, _ = stream.teach(net, pathway)
    moved = {name: w - start[name] for name, w in running.weights.items()}
    down = {p.name.removesuffix(" feedback") for p in circuit.plastic if p.name.endswith(" feedback")}
    assert down == {link.name for link in net.links if f"{link.name} feedback" in start}
    assert len(down) >= 2
    for name in down:
        own = back_again(moved[f"{name} feedback"])
        assert abs(own).max() > 1e-3
        assert abs(own - moved[name]).max() < 1e-12
        assert abs(back_again(start[f"{name} feedback"]) - start[name]).max() > 0.1
        assert (
            abs(back_again(running.weights[f"{name} feedback"]).ravel() - flat(pathway, name)).max() < BOUND
        )
    for name, change in wanted.items():
        assert abs(moved[name].ravel() - change).max() < BOUND, name


def flat(pathway, name):
    return pathway.named_parameters()[name].detach().numpy().ravel()


def test_feedback_that_learns_changes_what_is_learned_below():
    """The first trial is the same with fixed B; the second is not, in areas that are told by B."""
    net = NETWORKS["three links"]("tanh")
    stream, seen = Stream(net, 2), []
    for feedback in (cn.Random(seed=3), cn.Matching(seed=3)):
        circuit = made(net, feedback)
        running = cn.simulator(circuit)
        for k in range(3):
            running.run(stream.protocol(circuit, slice(k, k + 1)), record=["rpe"])
            seen.append(running.weights["input->area1"].copy())
    assert np.array_equal(seen[0], seen[3])
    assert abs(seen[2] - seen[5]).max() > 1e-5


# Nobody is told ---------------------------------------------------------------------------------
def test_nobody_is_told_and_everything_that_learns_hears_dopamine():
    for feedback in (cn.Random, cn.Matching):
        circuit = made(NETWORKS["skipping"]("tanh"), feedback(seed=3))
        given = {(p.name, name) for p in circuit.populations for name in p.cell.inputs}
        assert given == {
            ("input.value", "stimulus"), ("output.bid", "exploration_noise"), ("world", "answer"),
            ("dopamine", "reward"), ("dopamine", "outcome"),
        }  # fmt: skip
        (broadcast,) = circuit.broadcasts
        assert broadcast.source == "dopamine"
        assert set(broadcast.targets) == {p.name for p in circuit.plastic}
        # every column has one way up and one way down
        names = [p.name for p in circuit.populations]
        ways = {n.rpartition(".")[0] for n in names if n.endswith((".value", ".feedback"))} - {"input"}
        assert all(names.count(f"{n}.{role}") == 1 for n in ways for role in ("value", "feedback"))


def test_it_prints_what_it_is():
    net = NETWORKS["two links"]("relu")
    shown = str(made(net, cn.Matching(seed=3)))
    for words in (
        "Feedforward(activation=relu)", "Feedback()", "ActionValue()", "PairwiseCompetition()",
        "Action(rivals=2)", "RewardSource()",
        "Dopamine()", "CreditTimesRate(rate=0.2, modulator=dopamine)",
        "ErrorTimesRate(rate=0.2, modulator=dopamine)",
    ):  # fmt: skip
        assert words in shown
    assert "back along area1->output" not in shown
    assert "back along area1->output" in str(made(net, cn.Tied()))


@pytest.mark.parametrize("network", ["skipping", "convolution"])
def test_a_saved_circuit_runs_on_as_it_would_have(network, tmp_path):
    net = NETWORKS[network]("tanh")
    circuit, stream = made(net, cn.Matching(seed=3)), Stream(net, 2, trials=3)
    circuit.save(tmp_path / "columns")
    again = cn.Circuit.load(tmp_path / "columns")
    assert str(again) == str(circuit)
    assert again.needs == circuit.needs
    one, other = (cn.simulate(c, stream.protocol(c)) for c in (circuit, again))
    assert set(one.data_vars) == set(other.data_vars)
    assert all(np.array_equal(one[n].values, other[n].values, equal_nan=True) for n in one.data_vars)


def test_weights_written_back_are_those_of_the_circuit():
    net = NETWORKS["convolution"]("relu")
    circuit, stream = made(net, cn.Tied()), Stream(net, 2)
    data = cn.simulate(circuit, stream.protocol(circuit), record=["rpe"])
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    cn.write_back(circuit, net, data)
    written = {name: p.detach().clone() for name, p in net.named_parameters()}
    net.load_state_dict(before, strict=False)
    stream.teach(net, cn.Tied())
    assert all((p - written[name]).abs().max() < 1e-12 for name, p in net.named_parameters())


# What has no circuit ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("rule", "options", "message"),
    [
        (
            "rewarded streaming",
            {"dynamics": "latch"},
            "FaZIL taught by Reward do not run in continuous time; those of Sweep do",
        ),
        (
            "brainprop",
            {"consolidation": "phase"},
            "consolidation 'phase' is not possible for columns that learn from reward; choices: now",
        ),
        ("reward in z-il", {}, "ZIL are taught by Teacher, not by Reward"),
        (
            "reward, mirrored",
            {},
            "SignSymmetric or Direct or Matching feedback, not WeightMirror",
        ),
        ("matching and φ", {}, "Tied or Random or SignSymmetric feedback, not Matching"),
    ],
)
def test_what_has_no_circuit_says_so(rule, options, message):
    own = {
        "reward in z-il": lambda: cn.Rule(cn.Reward(), trigger=cn.ZIL()),
        "rewarded streaming": lambda: cn.rule("streaming-fa-z-il", teaching=cn.Reward()),
        "reward, mirrored": lambda: cn.rule("brainprop", feedback="weight-mirror"),
        "matching and φ": lambda: cn.rule("streaming-fa-z-il", teaching=cn.Reward(), feedback="matching"),
    }
    found = own[rule]() if rule in own else cn.rule(rule)
    with pytest.raises(cn.errors.CircuitError) as caught:
        cn.circuit(NETWORKS["two links"]("tanh"), found, **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
