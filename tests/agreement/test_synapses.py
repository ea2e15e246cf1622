"""Synapses with states of their own: traces, conductances, short-term dynamics, on both engines."""

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.circuits.cells import Sensory, State
from corticalnet.circuits.plasticity import Plasticity, TsodyksMarkram
from corticalnet.circuits.pointwise import relax
from corticalnet.circuits.quantities import MV, Milliseconds
from corticalnet.errors import CircuitError
from corticalnet.experiment.compiled import compile_protocol
from corticalnet.recordings.recording import plan_recording
from tests.agreement.test_engines_agree import apart, both
from tests.engines.reference import Reference
from tests.engines.small import Summing

pytest.importorskip("brian2")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
BOUND = 1e-12
ENGINES = ("torch", "brian2")


class Tracing(Plasticity):
    """Post × a low-pass of pre, in each synapse."""

    tau: Milliseconds = 10.0
    state = {"low": 0.25}

    def update(self, synapse, pre, post, port, dt):
        return {"low": relax(synapse.low, pre.rate, self.tau, dt)}

    def eligibility(self, synapse, pre, post, port):
        return synapse.low


class Conductance(Plasticity):
    """What was sent opens channels, which close again; they carry on when nothing more is sent."""

    tau: Milliseconds = 5.0
    state = {"open": 0.0, "seen": 0.0}

    def update(self, synapse, pre, post, port, dt):
        return {"open": synapse.open * (1 - dt / self.tau) + pre.rate, "seen": synapse.open}

    def transmits(self, synapse, sent):
        return synapse.weight * synapse.open

    def eligibility(self, synapse, pre, post, port):
        return 0.01 * post.rate * synapse.seen


def one(rule, **more):
    return cn.Circuit(
        [cn.Population("a", 3, Sensory()), cn.Population("b", 2, Summing())],
        [cn.Projection("a", "b", "input", 0.5, name="up", plasticity=rule, **more)],
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_an_exponential_trace_by_its_closed_form(engine):
    """low_t = r + (low_0 − r) q^t with q = 1 − dt/τ; w = w_0 + rate Σ low."""
    r, q, steps = np.array([1.0, 0.5, 0.0]), 0.9, 12
    running = cn.simulator(one(Tracing(0.1)), engine)
    running.run([cn.SetInput({"a.stimulus": r}, steps)])
    t = np.arange(1, steps + 1)[:, None]
    low = r + (0.25 - r) * q**t
    np.testing.assert_allclose(running.weights["up"][1], 0.5 + 0.1 * low.sum(0), rtol=0, atol=1e-13)


LISTED = cn.Synapses(np.array([0, 1, 2, 2]), np.array([0, 0, 1, 0]), weight_index=np.array([0, 1, 1, 0]))
RULES = {
    "states": Tracing(0.1),
    "a trigger": Tracing(0.1, trigger="rate"),
    "memory": Tracing(0.1, trigger="rate", memory=4.0),
    "consolidation": Tracing(0.1, consolidation="rate"),
    "conductance": Conductance(0.3),
}


#: Every two of (rule, delay, connection) meet: a delay is of what is sent, whatever it then reaches.
TRIPLES = [
    (rule, delay, connection)
    for k, rule in enumerate(RULES)
    for delay, connection in zip((0.0, 2.0), (cn.AllToAll(), LISTED)[:: 1 if k % 2 else -1], strict=True)
]


@pytest.mark.parametrize(("rule", "delay", "connection"), TRIPLES)
def test_engines_agree_on_synapses_with_states(rule, delay, connection):
    """With memory and consolidation, delays, and weights that are shared; also with a loop in NumPy."""
    circuit = one(RULES[rule], delay=delay, connection=connection)
    rng = np.random.default_rng(0)
    protocol = [cn.SetInput({"a.stimulus": rng.normal(size=3)}, 2) for _ in range(8)]
    states = [f"up.{state}" for state in RULES[rule].states]
    mine, its = both(circuit, protocol, record=["rate", "up", *states])
    assert {*states} < set(mine.data_vars)
    assert max(apart(mine, its).values()) < BOUND
    assert np.ptp(mine["up"].values, axis=0).max() > 1e-3
    if rule == "memory":  # (the loop knows none)
        return
    reference, compiled = Reference(circuit), compile_protocol(circuit, protocol)
    reference.run(compiled, plan_recording(circuit, compiled, ["rate"]))
    np.testing.assert_allclose(weights_after(circuit, protocol), reference.weights["up"], rtol=0, atol=1e-13)


def weights_after(circuit, protocol):
    running = cn.simulator(circuit)
    running.run(protocol)
    return running.weights["up"]


@pytest.mark.parametrize("engine", ENGINES)
def test_channels_stay_open_after_what_opened_them(engine):
    """A pulse of 1 in step 2 at weight 0.5: 0.5 · 0.8^k from step 3 on, to the last bit a decay."""
    frozen = Conductance(0.0)
    data = cn.simulate(
        one(frozen), [cn.Rest(steps=2), cn.SetInput({"a.stimulus": [1.0, 0, 0]}, 1), cn.Rest(steps=4)], engine
    )
    heard = data["b.rate"].values[:, 0, 0]
    np.testing.assert_allclose(heard, [0, 0, 0, 0.5, 0.4, 0.32, 0.256], rtol=0, atol=1e-15)


@pytest.mark.parametrize("engine", ENGINES)
def test_short_term_dynamics_settle_where_tsodyks_and_markram_say(engine):
    """u = U (1 + τ_f r) / (1 + U τ_f r), x = 1 / (1 + u τ_d r), and what arrives is w u x r."""
    rule = TsodyksMarkram(release=0.2, recovery=50.0, facilitation=80.0, max_rate=0.1)
    rates = np.array([1.0, 0.5, 0.0])
    data = cn.simulate(one(rule), [cn.SetInput({"a.stimulus": rates}, 1500)], engine, last=1)
    r = 0.1 * rates
    u = 0.2 * (1 + 80 * r) / (1 + 0.2 * 80 * r)
    x = 1 / (1 + u * 50 * r)
    np.testing.assert_allclose(data["b.rate"].values[-1, 0], 0.5 * (u * x * rates).sum(), rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_pieces_of_a_run_with_states_of_synapses_are_the_whole(engine, tmp_path):
    circuit, pulse = one(Conductance(0.3)), {"a.stimulus": [1.0, -0.5, 0.25]}
    whole = cn.simulator(circuit, engine)
    whole.run([cn.SetInput(pulse, 9)])
    first, other = cn.simulator(circuit, engine), cn.simulator(circuit, engine)
    first.run([cn.SetInput(pulse, 4)])
    other.restore(first.snapshot())
    other.run([cn.SetInput(pulse, 5)])
    np.testing.assert_array_equal(other.weights["up"], whole.weights["up"])
    np.testing.assert_array_equal(other.read("b.rate"), whole.read("b.rate"))
    circuit.save(tmp_path / "channels")
    again = cn.simulator(cn.Circuit.load(tmp_path / "channels"), engine)
    again.run([cn.SetInput(pulse, 9)])
    np.testing.assert_array_equal(again.weights["up"], whole.weights["up"])


def test_animals_of_a_batch_have_states_of_their_own():
    """Two animals in one batch: weights change by the mean of what either alone would do."""
    pulses = np.array([[1.0, 0.0, 0.5], [0.0, 2.0, -1.0]])

    def moved(stimulus):
        running = cn.simulator(one(Tracing(0.1)), batch=len(stimulus))
        running.run([cn.SetInput({"a.stimulus": stimulus}, 6)])
        return running.weights["up"]

    np.testing.assert_allclose(moved(pulses), (moved(pulses[:1]) + moved(pulses[1:])) / 2, rtol=0, atol=1e-14)


def define(**body):
    return type(Plasticity)("Made", (Plasticity,), {"eligibility": lambda s, y, a, b, p: 0.0} | body)


@pytest.mark.parametrize(
    ("message", "body"),
    [
        ("plasticity Made has states of synapses, so it needs a method update", {"state": {"x": 0.0}}),
        ("plasticity Made: state must be {'name': value at rest}, not ('x',)", {"state": ("x",)}),
        ("plasticity Made: every synapse has a 'weight'; rename the state", {"state": {"weight": 0.0}}),
        ("plasticity Made: every synapse has a 'trace'; rename the state", {"state": {"trace": 0.0}}),
        (
            "plasticity Made: state 'x' at rest must be a number or a State, not 'low'",
            {"state": {"x": "low"}},
        ),
    ],
)
def test_states_of_synapses_that_cannot_be(message, body):
    with pytest.raises(CircuitError) as caught:
        define(**body)
    assert message in str(caught.value)


def test_an_update_of_what_is_not_there_and_a_way_back_that_is_not_defined_are_refused():
    wrong = define(state={"x": 0.0}, update=lambda s, y, a, b, p, dt: {"y": 1.0})
    with pytest.raises(CircuitError, match="projection 'up': plasticity Made, update: unknown state 'y'"):
        one(wrong())
    units = define(state={"x": State(0.0, MV)}, update=lambda s, y, a, b, p, dt: {"x": y.x + dt})
    with pytest.raises(CircuitError, match="projection 'up': plasticity Made, update, x"):
        one(units())
    ends = [cn.Population("a", 3, Summing()), cn.Population("b", 2, Summing())]
    up = cn.Projection("a", "b", "input", 0.5, name="up", plasticity=Conductance())
    back = cn.Projection("b", "a", "input", name="back", shared_with="up")
    with pytest.raises(CircuitError, match="'back' cannot run back along 'up', whose synapses do more than"):
        cn.Circuit(ends, [up, back])
