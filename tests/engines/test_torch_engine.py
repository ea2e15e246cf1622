"""The torch engine's dynamics against NumPy loops written here from the step contract."""

import os
import sys

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.circuits import AllToAll, Broadcast, Circuit, OneToOne, Population, Projection, Wire
from corticalnet.circuits.cells import Cell
from corticalnet.circuits.plasticity import ErrorTimesRate
from corticalnet.circuits.quantities import ONE
from corticalnet.engines import simulate, simulator
from corticalnet.engines.torch_engine.weights import Weights
from corticalnet.errors import EngineError, ProtocolError
from corticalnet.experiment.noise import Noise
from corticalnet.experiment.protocol import Rest, SetInput
from tests.engines.small import Leaky, area, listed, synapses

RNG = np.random.default_rng(11)
UP, BACK, SELF, KERNEL = (
    RNG.normal(size=(2, 3)),
    RNG.normal(size=(3, 2)),
    RNG.normal(size=3),
    RNG.normal(size=4),
)
DRIVE, OTHER = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 2))  # of samples and cells
DT, STEPS = 0.5, 12
GAMMA = DT / 4.0


def pair(**changes):
    """a (3 cells) and b (2): up at once, back three steps late, a to itself, b's echo along the way up."""
    parts = {
        "up": Projection("a", "b", "prediction", UP, name="up"),
        "late": Projection("b", "a", "prediction", BACK, name="late", delay="1.5 ms"),
        "self": Projection("a", "a", "prediction", SELF, OneToOne(), name="self"),
        "echo": Projection("b", "a", "feedback", name="echo", shared_with="up"),
    } | changes
    projections = [p for p in parts.values() if p is not None]
    return Circuit([Population("a", 3, Leaky()), Population("b", 2, Leaky())], projections, dt=DT)


def driven(steps=STEPS):
    return [Rest(2), SetInput({"a.drive": DRIVE, "b.drive": OTHER}, steps - 2)]


def loop(steps=STEPS, noise=0.0, late=3):
    """The same in NumPy; all cells of a step hear the rates of the last one, echoes those of this one."""
    a, b = np.full((4, 3), 0.25), np.full((4, 2), 0.25)
    sent, found = [b] * late, []
    for t in range(steps):
        sent.append(b)
        on = t >= 2
        to_a = sent[-1 - late] @ BACK.T + SELF * a + on * DRIVE + (noise if np.isscalar(noise) else noise[t])
        to_b = a @ UP.T + on * OTHER
        a, b = a + GAMMA * (to_a - a), b + GAMMA * (to_b - b)
        found.append((a, b, b @ UP))
    return [np.array(x) for x in zip(*found, strict=True)]


def close(found, wanted, atol=1e-13):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=atol)


@pytest.mark.parametrize("kind", ["all to all", "one to one", "listed"])
def test_shared_synapses_carry_back_through_the_same_weights(kind):
    """Each synapse adds w · rate of the cell above to the cell below."""
    post = 3 if kind == "one to one" else 2
    triples, count = synapses(kind, 3, post)
    weights, rates = np.linspace(0.5, 2, count), np.linspace(-1, 1, 2 * post).reshape(2, post)
    connection = {"all to all": AllToAll(), "one to one": OneToOne(), "listed": listed()}[kind]
    shaped = weights.reshape(post, 3) if kind == "all to all" else weights
    up = Projection("a", "b", "prediction", shaped, connection, name="up")
    down = Projection("b", "a", "feedback", name="down", shared_with="up")
    circuit = Circuit([Population("a", 3, Leaky()), Population("b", post, Leaky())], [up, down])
    wanted = np.zeros((2, 3))
    for i, j, k in triples:
        wanted[:, i] += weights[k] * rates[:, j]
    made = Weights(circuit, torch.zeros(0, dtype=torch.float64))
    close(made.carry(circuit.projection("down"), torch.from_numpy(rates)), wanted)


def test_leaky_cells_with_delay_one_to_one_and_shared_weights():
    """Messages from before all time are the rest state; the two areas share a block of the plan."""
    data = simulate(pair(), driven())
    a, b, echo = loop()
    close(area(data, "rate", "a"), a)
    close(area(data, "rate", "b"), b)
    close(area(data, "echo", "a"), echo)
    assert not area(data, "echo", "b").any()
    without = loop(late=0)[0]
    assert abs(a - without).max() > 0.01  # the delay is not nothing


@pytest.mark.parametrize("sd", [0.0, 0.3])
def test_noise_is_added_to_its_port(sd):
    noise = Noise("a", "prediction", sd=sd, seed=9)
    data = simulate(pair(), driven(), noise=[noise])
    close(area(data, "rate", "a"), loop(noise=noise.draw(STEPS, 4, 3, dt=DT))[0])


def test_a_list_of_synapses_that_share_weights():
    """Five synapses worked out one by one; and back along them."""
    made = pair(
        up=Projection("a", "b", "prediction", KERNEL, listed(), name="up"), late=None, self=None
    )  # fmt: skip
    data = simulate(made, driven(2 + 3))
    w0, w1, w2, _ = KERNEL
    a, b = np.full((4, 3), 0.25), np.full((4, 2), 0.25)
    for t in range(5):
        on = t >= 2
        to_b = np.stack([w0 * a[:, 0] + w1 * a[:, 1] + w2 * a[:, 2], w1 * a[:, 2] + w1 * a[:, 0]], 1)
        a, b = a + GAMMA * (on * DRIVE - a), b + GAMMA * (to_b + on * OTHER - b)
        echo = np.stack([w0 * b[:, 0] + w1 * b[:, 1], w1 * b[:, 0], w1 * b[:, 1] + w2 * b[:, 0]], 1)
        close(area(data, "rate", "b")[t], b)
        close(area(data, "echo", "a")[t], echo)


class Listener(Cell):
    """Writes down what it hears: in ``detect`` (modulator), in ``compare`` (own)."""

    ports = {"own": "", "modulator": ""}
    state = {"heard": 0.0, "sum": 0.0}

    def compare(self, cell, port, dt):
        return {"sum": port.own}

    def detect(self, cell, port, dt):
        return {"heard": port.modulator}


class Early(Cell):
    """Speaks in ``move``, before a listener's ``detect``."""

    state = {"says": -1.0}
    inputs = {"signal": ONE}

    def move(self, cell, port, dt):
        return {"says": cell.signal}


class Late(Cell):
    """Speaks in ``send``, after a listener's ``detect``."""

    state = {"says": -1.0}
    inputs = {"signal": ONE}

    def send(self, cell, port, dt):
        return {"says": cell.signal}


def test_broadcasts_and_wires():
    """What is said before a listener acts is heard at once, what is said after it a step later.

    Ears are alike but for whom they hear; who hears two speakers hears them when both have spoken.
    """
    made = Circuit(
        [
            Population("early", 1, Early()),
            Population("late", 1, Late()),
            Population("one.ear", 2, Listener()),
            Population("two.ear", 3, Listener()),
            Population("three.ear", 1, Listener()),
            Population("four.ear", 3, Listener()),
            Population("four.mouth", 3, Early()),
        ],
        wires=[Wire("four.mouth", "four.ear", "own", weight=-2.0)],
        broadcasts=[
            Broadcast("early", ["one.ear", "three.ear"], port="modulator"),
            Broadcast("late", ["two.ear", "three.ear"], port="modulator"),
        ],
    )

    def saying(k):  # one number for each sample
        words = {"early.signal": [[k], [2 * k]], "late.signal": [[10 * k], [20 * k]]}
        return SetInput(words | {"four.mouth.signal": [k, 0, 1]}, 1)

    data = simulate(made, [saying(1), saying(2), saying(3)])
    assert area(data, "heard", "one").tolist() == [[[1] * 2, [2] * 2], [[2] * 2, [4] * 2], [[3] * 2, [6] * 2]]
    assert area(data, "heard", "two")[:, :, 2].tolist() == [[0, 0], [10, 20], [20, 40]]
    assert area(data, "heard", "three")[:, :, 0].tolist() == [[0, 0], [11, 22], [22, 44]]
    assert area(data, "sum", "four")[:, 1].tolist() == [[-2, 0, -2], [-4, 0, -2], [-6, 0, -2]]
    assert not area(data, "sum", "one").any()
    assert not area(data, "heard", "four").any()


def test_single_precision():
    double, single = (simulate(pair(), driven(), precision=p) for p in ("float64", "float32"))
    a = area(single, "rate", "a")
    assert np.array_equal(a, a.astype(np.float32))
    close(a, area(double, "rate", "a"), 1e-5)
    assert not np.array_equal(a, area(double, "rate", "a"))


# Runs, one after another -----------------------------------------------------------------------
def learning():
    """With a delay, a trace, and weights that change."""
    plastic = Projection("a", "b", "prediction", UP, name="up",
                         plasticity=ErrorTimesRate(0.1, consolidation="rate"))  # fmt: skip
    return pair(up=plastic)


def test_two_runs_are_one_longer_run():
    first, second = driven(7)[1:], [SetInput({"a.drive": 2 * DRIVE, "b.drive": -OTHER}, 6)]
    whole = simulate(learning(), first + second)
    engine = simulator(learning())
    parts = [engine.run(first), engine.run(second)]
    for name in ("a", "b"):
        joined = np.concatenate([area(part, "rate", name) for part in parts])
        assert np.array_equal(joined, area(whole, "rate", name))
    assert np.array_equal(parts[1]["weights up"].sel(when="after"), whole["weights up"].sel(when="after"))
    assert np.array_equal(parts[0]["weights up"].sel(when="after"), parts[1]["weights up"].sel(when="before"))


def test_reset_brings_states_to_rest_and_keeps_weights():
    hebb = Projection("a", "b", "prediction", UP, name="up", plasticity=Hebb(0.1))
    engine = simulator(pair(up=hebb))
    first = engine.run(driven())
    learned = engine.weights["up"]
    assert abs(learned - UP).max() > 0.01
    engine.reset()
    assert (engine.step, engine.time) == (0, 0.0)
    assert np.array_equal(engine.weights["up"], learned)
    again = engine.run(driven())
    fresh = simulate(engine.circuit.with_weights({"up": learned}), driven())
    assert np.array_equal(area(again, "rate", "b"), area(fresh, "rate", "b"))
    assert not np.array_equal(area(again, "rate", "b"), area(first, "rate", "b"))
    with pytest.raises(ProtocolError, match=r"batch of 2, but this simulation runs 4 samples; .* reset\(\)"):
        engine.run([SetInput({"a.drive": DRIVE[:2]}, 1)])
    engine.reset()
    other = engine.run([SetInput({"a.drive": DRIVE[:2]}, 1)])  # another batch begins at rest
    close(area(other, "rate", "a")[0], 0.25 + GAMMA * (0.25 * BACK.sum(1) + SELF * 0.25 + DRIVE[:2] - 0.25))


class Hebb(ErrorTimesRate):
    """Rate by rate."""

    def eligibility(self, synapse, pre, post, port):
        return pre.rate * post.rate


@pytest.mark.parametrize(
    ("message", "engine", "options"),
    [
        (r"^unknown precision 'float16'; did you mean 'float64'\? Choices: float64, float32$", "torch",
         {"precision": "float16"}),
        ("^device 'abacus': .*abacus", "torch", {"device": "abacus"}),
        (r"^engine 'torch': got an unexpected keyword argument 'precison'", "torch", {"precison": "float32"}),
        (r"^unknown engine 'torhc'; did you mean 'torch'\? Choices: torch, brian2$", "torhc", {}),
    ],
)  # fmt: skip
def test_options_that_cannot_be(message, engine, options):
    with pytest.raises(EngineError, match=message) as caught:
        simulate(pair(), driven(), engine, **options)
    assert "\n" not in str(caught.value)


def functions_of_a_step(engine, t):
    """All functions of the package that a step calls."""
    called, here = set(), os.path.dirname(cn.__file__)

    def see(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(here):
            called.add(frame.f_code)

    sys.setprofile(see)
    try:
        engine.step(t)
    finally:
        sys.setprofile(None)
    return called


def test_a_step_can_be_read_through():
    """Of Z-IL, while nothing new comes from outside: cells' own functions, sums, and little else."""
    made = cn.circuit(cn.mlp([6, 5, 4, 3], hidden="tanh", seed=1), cn.rule("z-il"), 0.1)
    running = simulator(made)
    running.run([cn.Present(RNG.random((2, 6)), steps=made.needs.present)])
    called = functions_of_a_step(running.engine, running.step)
    assert 15 < len(called) <= 31, sorted(code.co_qualname for code in called)
