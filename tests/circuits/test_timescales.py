"""Steps that are too long for a time constant: refused from 2 τ on, warned of from τ on."""

import warnings

import pytest

import corticalnet as cn
from corticalnet.circuits import Circuit, Population, Projection
from corticalnet.circuits import cells as shipped
from corticalnet.circuits.cells import (
    LIF,
    AveragedError,
    Cell,
    DrivenLIF,
    LeakyActionValue,
    LeakyFeedback,
    LeakyFeedforward,
    LeakyValue,
    PhasicDopamine,
    Poisson,
    Prediction,
    PredictionWithMotion,
    Sensory,
    StagedClock,
    StagedError,
    State,
    SynapticCurrent,
    TaughtValue,
    Value,
)
from corticalnet.circuits.plasticity import ErrorTimesRate, Plasticity, TsodyksMarkram
from corticalnet.circuits.pointwise import exp, relax, where
from corticalnet.circuits.quantities import (
    MV,
    Milliseconds,
    Millivolts,
    Nanosiemens,
    PerMillisecond,
    Picofarads,
)
from corticalnet.engines import simulate
from corticalnet.errors import CircuitError, CircuitWarning
from corticalnet.experiment.protocol import Rest
from tests.circuits.test_validation import refused


def alone(cell, dt):
    return Circuit([Population("area.some", 1, cell)], dt=dt)


def said(cell, dt):
    """The one warning of a circuit of such a cell; "" for none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        alone(cell, dt)
    assert len(caught) <= 1
    assert all(w.category is CircuitWarning and w.filename == __file__ for w in caught)
    return str(caught[0].message) if caught else ""


EULER = [
    (Value, "tau"),
    (LeakyValue, "tau"),
    (TaughtValue, "tau"),
    (StagedError, "tau"),
    (AveragedError, "average"),
    (LeakyActionValue, "average"),
    (LeakyFeedforward, "tau"),
    (LeakyFeedback, "tau"),
    (PredictionWithMotion, "memory"),
    (SynapticCurrent, "tau"),
    (DrivenLIF, "tau"),
    (DrivenLIF, "synapse"),
]


@pytest.mark.parametrize(("kind", "name"), EULER)
def test_euler_steps_of_shipped_cells(kind, name):
    others = {n: 4.0 for n, unit in kind.units().items() if unit.symbol == "ms" and n != name}
    what = f"population 'area.some': {kind.__name__}.{name} = "
    for tau in (4.0, 8.0, 100.0):
        assert said(kind(**{name: tau}, **others), 4.0) == ""
    assert said(kind(**{name: 3.0}, **others), 4.0) == (
        f"{what}3 ms is too short for a step of dt = 4 ms, in which every step overshoots; choose a dt of "
        f"3 ms or less, or a longer {name}"
    )
    for tau in (2.0, 0.5):
        refused(
            f"{what}{tau:g} ms is too short for a step of dt = 4 ms, in which what is away from rest never "
            "comes back; choose a dt of",
            lambda tau=tau: alone(kind(**{name: tau}, **others), 4.0),
        )


class Membrane(Cell):
    """C dv/dt = g (E − v): its time constant, C/g, is no parameter of it."""

    capacitance: Picofarads = 200.0
    leak: Nanosiemens = 10.0
    reversal: Millivolts = -70.0
    ports = {"prediction": "predict"}
    state = {"v": State(-50.0, MV)}

    def move(self, cell, port, dt):
        return {"v": cell.v + dt * self.leak / self.capacitance * (self.reversal - cell.v)}


def test_the_time_constant_of_capacitance_and_leak():
    """C/g = 20 ms; after a step 1 − dt/20 of a deviation is left."""
    assert said(Membrane(), 20.0) == ""
    assert said(Membrane(), 30.0) == (
        "population 'area.some': Membrane, move: if 'v' is away from rest, a step of dt = 30 ms makes -0.5 "
        "times as much of it, so it overshoots; choose a dt of 20 ms or less"
    )
    refused("makes -1 times as much of it, so it never comes back", lambda: alone(Membrane(), 40.0))
    refused("makes -2 times as much of it, so it never comes back", lambda: alone(Membrane(), 60.0))


def test_what_is_refused_would_run_away_and_what_is_warned_of_would_not():
    """The bounds are those at which simulations of the very cell turn."""
    sizes = {}
    for dt in (20.0, 30.0, 39.0):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = alone(Membrane(), dt)
        v = simulate(made, [Rest(200)], record=["v"])["area.some.v"].values.ravel() + 70.0
        sizes[dt] = abs(v[-1] / 20.0), (v < -1e-9).any()
    assert sizes[20.0] == (0.0, False)
    assert sizes[30.0][1]
    assert sizes[39.0][1]
    assert max(size for size, _ in sizes.values()) < 1e-4


class Exact(Cell):
    """An exponential, a refractory period, and a rate of its own."""

    tau: Milliseconds = 4.0
    refractory: Milliseconds = 0.0
    rate: PerMillisecond = 0.25
    state = {"spike": State(event=True), "v": 1.0, "age": 0.0}

    def move(self, cell, port, dt):
        fires = where(cell.age * dt > self.refractory, 1.0, 0.0) * where(cell.v > self.rate * dt, 1.0, 0.0)
        return {"v": cell.v * exp(-dt / self.tau), "spike": fires, "age": cell.age + 1.0}


@pytest.mark.parametrize(
    ("cell", "dt", "message"),
    [
        (Exact(refractory=4.0), 4.0, ""),
        (Exact(refractory=2.0), 4.0, "Exact.refractory = 2 ms is shorter than a step of dt = 4 ms, so it "
         "cannot be told from a whole one; choose a dt of 2 ms or less, or a longer refractory"),
        (Exact(tau=0.5), 4.0, "Exact.tau = 0.5 ms is shorter than a step of dt = 4 ms"),
        (Exact(rate=0.5), 4.0, "Exact.rate = 0.5 1/ms is more than one spike in a step of dt = 4 ms, and a "
         "cell fires once at most; choose a dt of 2 ms or less"),
        (Poisson(max_rate="1 kHz"), 1.0, ""),
        (Poisson(max_rate="1.5 kHz"), 1.0, "Poisson.max_rate = 1.5 1/ms is more than one spike in a step"),
        (LIF(tau=0.5, max_rate=0.1), 1.0, "LIF.tau = 0.5 ms is shorter than a step of dt = 1 ms"),
        (PhasicDopamine(burst=0), 1.0, ""),
        (PhasicDopamine(burst=0.5), 1.0, "PhasicDopamine.burst = 0.5 ms is shorter than a step"),
        (TaughtValue(tau=2, ramp=0.5), 1.0, "TaughtValue.ramp = 0.5 ms is shorter than a step"),
        (StagedClock(opens=0, read_delay=0.5), 1.0, "StagedClock.read_delay = 0.5 ms is shorter than a step"),
    ],
)  # fmt: skip
def test_times_and_rates_that_a_step_cannot_tell(cell, dt, message):
    found = said(cell, dt)
    assert found.startswith(f"population 'area.some': {message}" if message else "")
    assert bool(found) == bool(message)


def test_the_memory_of_a_plasticity():
    def learning(memory):
        ends = [Population("a", 1, Sensory()), Population("b", 1, Prediction())]
        plasticity = ErrorTimesRate(memory=memory)
        return Circuit(ends, [Projection("a", "b", "prediction", 1.0, plasticity=plasticity)], dt=2.0)

    assert learning(2.0).plastic
    assert learning(0.0).plastic
    with pytest.warns(CircuitWarning, match=r"^projection 'a->b': ErrorTimesRate.memory = 1.5 ms is too"):
        learning(1.5)
    refused("ErrorTimesRate.memory = 1 ms is too short for a step of dt = 2 ms", lambda: learning(1.0))


def test_rounding_is_no_difference():
    dt = 0.1 + 0.2  # 0.30000000000000004
    assert said(Value(tau=0.3), dt) == ""
    refused("too short", lambda: alone(Value(tau=0.15), dt))


class Opening(Plasticity):
    """Channels with a time constant, one by conductance and capacitance, and a time that is only compared."""

    tau: Milliseconds = 4.0
    other: Milliseconds = 4.0
    leak: Nanosiemens = 10.0
    capacitance: Picofarads = 40.0
    state = {"open": 0.0, "low": 0.0, "v": 0.0}

    def update(self, synapse, pre, post, port, dt):
        return {
            "open": relax(synapse.open, pre.rate, self.tau, dt),
            "low": synapse.low * exp(-dt / self.other),
            "v": synapse.v - dt * self.leak / self.capacitance * synapse.v,
        }

    def eligibility(self, synapse, pre, post, port):
        return synapse.open


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Opening(), ""),
        (Opening(tau=1.5), "Opening.tau = 1.5 ms is too short for a step of dt = 2 ms, in which every step "
         "overshoots; choose a dt of 1.5 ms or less, or a longer tau"),
        (Opening(tau=1.0), "Opening.tau = 1 ms is too short for a step of dt = 2 ms, in which what is away "
         "from rest never comes back; choose a dt of 1 ms or less, or a longer tau"),
        (Opening(other=1.0), "Opening.other = 1 ms is shorter than a step of dt = 2 ms, so it cannot be told "
         "from a whole one; choose a dt of 1 ms or less, or a longer other"),
        (Opening(capacitance=15.0), "Opening, update: if 'v' is away from rest, a step of dt = 2 ms makes "
         "-0.333333 times as much of it, so it overshoots; choose a dt of 1.5 ms or less"),
        (Opening(capacitance=10.0), "Opening, update: if 'v' is away from rest, a step of dt = 2 ms makes "
         "-1 times as much of it, so it never comes back; choose a dt of 1 ms or less"),
        (Opening(memory=1.0), "Opening.memory = 1 ms is too short for a step of dt = 2 ms, in which what is"),
        (TsodyksMarkram(facilitation=0.9), "TsodyksMarkram.facilitation = 0.9 ms is too short for a step"),
    ],
)  # fmt: skip
def test_synapses_are_compared_with_a_step_as_cells_are(rule, message):
    ends = [Population("a", 1, Sensory()), Population("b", 1, Prediction())]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            Circuit(ends, [Projection("a", "b", "prediction", 1.0, plasticity=rule, name="up")], dt=2.0)
            found, fatal = [str(one.message) for one in caught], False
        except CircuitError as error:
            found, fatal = [str(error)], True
    assert len(found) == bool(message)
    assert not message or found[0].startswith(f"projection 'up': {message}")
    assert fatal == ("never comes back" in "".join(found))


class Unhashable(Cell):
    """A parameter that cannot be remembered by."""

    words: object = None
    tau: Milliseconds = 1.0
    state = {"rate": 0.0}

    def move(self, cell, port, dt):
        return {"rate": cell.rate - dt / self.tau * cell.rate}


class Flip(Cell):
    """Changes its sign in every step, on purpose: no integrator."""

    state = {"x": 1.0, "odd": 0.0}

    def move(self, cell, port, dt):
        return {"x": -2.0 * cell.x, "odd": where(cell.odd > 0, 0.0, 1.0)}


def test_cells_of_any_kind():
    refused("Unhashable.tau = 1 ms is too short", lambda: alone(Unhashable(words={1}), 2.0))
    assert said(Flip(), 1.0) == ""


def test_constructions_pass_what_they_choose_themselves(recwarn):
    """Every construction with its usual settings, and every shipped cell in steps of 1 ms or its own tau."""
    network = cn.mlp([3, 4, 2], "tanh")
    for rule in ("backprop", "z-il", "il", "fa-z-il", "streaming-fa-z-il", "brainprop"):
        cn.circuit(network, cn.rule(rule))
    for name in ("latch", "delay", "sample_and_hold", "nudge"):
        cn.circuit(network, cn.rule("backprop"), dynamics=name)
    cn.circuit(network, cn.rule("brainprop"), cells_per_column=10, cell="lif")
    for name in shipped.__all__:
        if name not in ("Cell", "State", "Spiking"):
            alone(getattr(shipped, name)(), 1.0)
    assert [str(w.message) for w in recwarn] == []
