"""Protocols that are made while they run, inputs that change in time, and batches that must be said."""

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.circuits import Circuit, Population
from corticalnet.errors import EngineError, ProtocolError
from corticalnet.experiment.compiled import compile_protocol
from corticalnet.recordings.reading import all_cells, weight_change
from tests.engines.small import Leaky
from tests.engines.test_torch_engine import GAMMA, driven, pair

X, SCENE = np.array([0.3, -1.0, 0.5, 0.8]), np.random.default_rng(4).normal(size=(7, 4))


def columns(rule="brainprop"):
    net = cn.mlp([4, 6, 3], hidden="tanh", seed=0, dtype=torch.float64)
    return cn.circuit(net, cn.rule(rule), learning_rate=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["torch", "brian2"])
def test_an_action_is_looked_at_and_then_rewarded(engine):
    """The loop of an experimenter who rewards whatever is chosen equals the protocol that knew it."""
    circuit, seen = columns(), []
    needs = circuit.needs

    def experiment(running):
        yield cn.Present(X, needs.present)
        action = running.read("output.action.action")[0]
        seen.append((running.step, running.time, int(action.argmax())))
        yield cn.Reinforce(int(action.argmax()), needs.teach)

    looped = cn.simulate(circuit, experiment, engine)
    assert seen[0][:2] == (needs.present, float(needs.present))
    listed = [cn.Present(X, needs.present), cn.Reinforce(seen[0][2], needs.teach)]
    assert looped.identical(cn.simulate(circuit, listed, engine))
    assert float(abs(weight_change(looped, "input->area1")).max()) > 0


def test_a_generator_goes_on_in_the_same_simulation():
    running, whole = cn.simulator(columns()), cn.simulate(columns(), [cn.Present(x, 2) for x in SCENE])
    parts = running.run(cn.Present(x, 2) for x in SCENE)
    assert parts.identical(whole)
    with pytest.raises(ProtocolError, match="the protocol is empty"):
        running.run(iter([]))
    with pytest.raises(ProtocolError, match=r"last=… needs a protocol whose length is known"):
        running.run(iter([cn.Rest(1)]), last=1)
    with pytest.raises(ProtocolError, match="a list of elements or a function that yields them, not 3"):
        running.run(3)


def test_what_is_shown_in_one_run_counts_in_the_next():
    """A teacher that comes before the network has settled is refused, whichever run the stimulus was in."""
    circuit = columns("z-il")
    running = cn.simulator(circuit)
    running.run([cn.Present(X, circuit.needs.present - 1)])
    with pytest.raises(
        ProtocolError, match=r"the stimulus before element 1 of the protocol \(Teach\) lasts 2"
    ):
        running.run([cn.Teach(2, circuit.needs.teach)])
    running.run([cn.Present(X, 1)])  # the same one, still there
    running.run([cn.Teach(2, circuit.needs.teach)])


def test_states_are_read_by_name():
    running = cn.simulator(columns())
    running.run([cn.Present(np.stack([X, 2 * X]), 3)])
    assert np.array_equal(running.read("input.value"), [X, 2 * X])
    assert running.batch == 2
    with pytest.raises(
        ProtocolError, match=r"unknown state 'output.value.raet'; did you mean 'output.value.rate'"
    ):
        running.read("output.value.raet")
    for wrong in ({"seed": -1}, {"seed": 0.5}, {"batch": 0}, {"batch": True}):
        with pytest.raises(ProtocolError, match=next(iter(wrong))):
            cn.simulator(columns(), **wrong)
    pytest.importorskip("brian2")
    with pytest.raises(EngineError, match="one sample at a time, not a batch of 2"):
        cn.simulator(columns(), "brian2", batch=2)


# Inputs that change in time --------------------------------------------------------------------
def leaky():
    return Circuit([Population("a", 2, Leaky())], dt=0.5)


def integrated(drives):
    """r ← r + dt/τ (drive − r), by hand."""
    rate, found = np.full(np.shape(drives)[1:], 0.25), []
    for drive in drives:
        rate = rate + 0.5 / 4.0 * (drive - rate)
        found.append(rate)
    return np.array(found)


@pytest.mark.parametrize("engine", ["torch", "brian2"])
def test_play_an_array(engine):
    drives = np.random.default_rng(0).normal(size=(6, 2))
    data = cn.simulate(leaky(), [cn.Play({"a.drive": drives}), cn.Rest(2)], engine)
    assert data.sizes["batch"] == 1
    held = np.concatenate([drives, drives[-1:], drives[-1:]])  # (what is no stimulus stays through a rest)
    np.testing.assert_allclose(data["a.rate"].values[:, 0], integrated(held), rtol=0, atol=1e-15)


def test_play_a_batch_and_a_function_of_time():
    drives = np.random.default_rng(1).normal(size=(5, 3, 2))
    data = cn.simulate(leaky(), [cn.Play({"a.drive": drives})])
    np.testing.assert_allclose(data["a.rate"].values, integrated(drives), rtol=0, atol=1e-15)
    wave = [cn.Rest(3), cn.Play({"a.drive": lambda ms: [np.sin(ms), np.cos(ms)]}, ms=4)]
    times = np.arange(8) * 0.5
    right = integrated(np.concatenate([np.zeros((3, 2)), np.stack([np.sin(times), np.cos(times)], 1)]))
    np.testing.assert_allclose(cn.simulate(leaky(), wave)["a.rate"].values[:, 0], right, rtol=0, atol=1e-15)


def test_play_a_stimulus_is_present_step_by_step():
    movie = cn.simulate(columns(), [cn.Play(SCENE)])
    frames = cn.simulate(columns(), [cn.Present(x, 1) for x in SCENE])
    for name in ("value", "prediction_rate"):
        if name in movie:
            np.testing.assert_array_equal(movie[name], frames[name])
    assert movie.sizes["time"] == 7


@pytest.mark.parametrize(
    ("message", "make"),
    [
        ("has 7 numbers in time, but lasts 6 steps", lambda: cn.Play(SCENE, 6)),
        (r"must have \(time, 4\) or \(time, batch, 4\)", lambda: cn.Play(np.ones((5, 3)))),
        ("Play of functions lasts for steps=… or ms=…", lambda: cn.Play(lambda t: X)),
        ("returns arrays of different shapes", lambda: cn.Play(lambda t: X if t else X[:2], 3)),
        ("did you mean 'input.value.stimulus'", lambda: cn.Play({"input.value.stimuli": SCENE})),
        ("Play: steps must be a whole number from 1, not 0", lambda: cn.Play(SCENE[:0])),
        ("has a value that is not finite", lambda: cn.Play(SCENE * np.nan)),
    ],
)
def test_what_cannot_be_played(message, make):
    with pytest.raises(ProtocolError, match=message) as caught:
        cn.simulate(columns(), [make()])
    assert "\n" not in str(caught.value)


# Batches ---------------------------------------------------------------------------------------
def test_rows_for_as_many_steps_are_no_animals():
    """[T, N] for T steps could be meant as time: it must be said which."""
    rows = np.random.default_rng(2).normal(size=(4, 2))
    with pytest.raises(
        ProtocolError, match=r"4 rows and lasts 4 steps: .* use Play, for 4 samples say batch=4"
    ):
        cn.simulate(leaky(), [cn.SetInput({"a.drive": rows}, 4)])
    assert cn.simulate(leaky(), [cn.SetInput({"a.drive": rows}, 4)], batch=4).sizes["batch"] == 4
    assert cn.simulate(leaky(), [cn.SetInput({"a.drive": rows}, 3)]).sizes["batch"] == 4


def test_a_batch_that_was_asked_for_holds():
    data = cn.simulate(pair(), [cn.Rest(2)], batch=3)
    assert data.sizes["batch"] == 3
    assert np.array_equal(all_cells(data, "rate")[:, 0], all_cells(data, "rate")[:, 2])
    with pytest.raises(ProtocolError, match="batch of 4, but this simulation runs 3 samples"):
        cn.simulate(pair(), driven(), batch=3)
    assert GAMMA == 0.125


CLASS_2 = [
    *([0, 0, 1], (0, 0, 1), [False, False, True], [0.0, 0.0, 1.0], [[0, 0, 1]], 2, [2], [[2]]),
    *(np.int64(2), np.array([0, 0, 1], np.uint8), torch.tensor([0, 0, 1]), torch.tensor([[2]])),
]


@pytest.mark.parametrize("given", CLASS_2)
def test_a_target_is_one_target(given):
    """However class 2 of 3 is written, for one sample."""
    compiled = compile_protocol(columns("z-il"), [cn.Present(X, 9), cn.Teach(given, 9)])
    assert compiled.batch == 1
    assert compiled.after.patterns["output.value", "target"].tolist() == [[0, 0, 1]]


@pytest.mark.parametrize("given", [[2, 0], [[2], [0]], np.array([[0, 0, 1], [1, 0, 0]]), np.eye(3)[[2, 0]],
                                   np.eye(3, dtype=bool)[[2, 0]]])  # fmt: skip
def test_targets_of_two_samples(given):
    compiled = compile_protocol(columns("z-il"), [cn.Present(np.stack([X, X]), 9), cn.Teach(given, 9)])
    assert compiled.after.patterns["output.value", "target"].tolist() == [[0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize(
    ("message", "given"),
    [
        ("3 whole numbers are neither a class for each of 2 samples nor a vector for its 4 cells", [0, 1, 2]),
        ("is no full array of numbers", [[1], [1, 2]]),
        ("holds no numbers", "cat"),
        ("is None; give an array of numbers", None),
        ("is no full array of numbers", torch.eye(4).to_sparse()),
        ("is no full array of numbers", torch.ones(4, device="meta")),
        ("holds complex numbers", torch.ones(4, dtype=torch.complex64)),
        ("is a masked array", np.ma.masked_less(np.eye(4)[:2], 1)),
        (r"has shape \(2, 0\)", np.ones((2, 0))),
    ],
)
def test_targets_that_cannot_be(message, given):
    net = cn.mlp([4, 6, 4], hidden="tanh", seed=0, dtype=torch.float64)
    circuit = cn.circuit(net, cn.rule("z-il"))
    with pytest.raises(ProtocolError, match=message) as caught:
        compile_protocol(circuit, [cn.Present(np.stack([X, X]), 9), cn.Teach(given, 9)])
    assert "\n" not in str(caught.value)


def test_half_precision_tensors_are_numbers():
    right = compile_protocol(columns(), [cn.Present(X, 2)]).after.patterns["input.value", "stimulus"]
    for kind in (torch.bfloat16, torch.float16):
        given = torch.tensor(X).to(kind)
        found = compile_protocol(columns(), [cn.Present(given, 2)]).after.patterns["input.value", "stimulus"]
        np.testing.assert_allclose(found, right, atol=0.01)
