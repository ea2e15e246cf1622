"""The Brian2 engine against plain NumPy loops over the same plan."""

import sys

import numpy as np
import pytest

from corticalnet.circuits import (
    AllToAll,
    Broadcast,
    Circuit,
    OneToOne,
    Population,
    Projection,
    Synapses,
    Wire,
)  # fmt: skip
from corticalnet.circuits.cells import (
    Cell,
    Clamped,
    Clock,
    Error,
    GatingDetector,
    PhaseSignal,
    Prediction,
    Sensory,
    State,
    Value,
)  # fmt: skip
from corticalnet.circuits.plasticity import ErrorTimesRate, Plasticity
from corticalnet.circuits.pointwise import floor, log, maximum, minimum, where
from corticalnet.circuits.quantities import Milliseconds
from corticalnet.circuits.schedule import SCHEDULE, Schedule
from corticalnet.engines import simulate
from corticalnet.engines.brian2_engine import Brian2Engine
from corticalnet.errors import EngineError
from corticalnet.experiment.compiled import compile_protocol
from corticalnet.experiment.noise import Noise
from corticalnet.experiment.protocol import Present, SetInput, Teach
from corticalnet.recordings.recording import Record, plan_recording
from tests.engines.reference import Reference

try:
    import brian2
except ImportError:  # (others take from here what they compare with)
    brian2 = None
pytestmark = [
    pytest.mark.skipif(brian2 is None, reason="could not import 'brian2'"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def _quiet():
    brian2.BrianLogger.log_level_error()


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape) / np.sqrt(shape[-1])


class Bounded(Cell):
    """A state called as something that Brian2 has, a time constant, every kind of function."""

    tau: Milliseconds = 7.0
    ports = {"prediction": "predict", "feedback": "feedback"}
    state = {"exp": 0.5, "seen": State(0.25)}
    inputs = {"stimulus": next(iter(Sensory.inputs.values()))}
    output = "exp"

    def move(self, cell, port, dt):
        drive = port.prediction + port.feedback + cell.stimulus
        pulled = cell.exp + dt / self.tau * (drive - cell.exp)
        return {"exp": maximum(-1.0, minimum(pulled, 2.0)), "seen": cell.exp - 0.1 * cell.seen}

    def fire(self, cell, port, dt):
        return {"seen": where((cell.exp > 0) & ((cell.seen > 5) == 0), log(cell.exp), cell.seen)}


class Oja(Plasticity):
    """Depends on the weight."""

    def eligibility(self, synapse, pre, post, port):
        return post.prediction * (pre.rate - post.prediction * synapse.weight)


def column(area, n, cell, phi=True):
    populations = [
        Population(f"{area}.value", n, cell),
        Population(f"{area}.prediction", n, Prediction()),
        Population(f"{area}.error", n, Error(gated=True)),
    ]
    wires = [
        Wire(f"{area}.error", f"{area}.value", "error"),
        Wire(f"{area}.value", f"{area}.error", "change", sends="change"),
        Wire(f"{area}.prediction", f"{area}.error", "change", sends="shift", weight=-1.0),
        Wire(f"{area}.error", f"{area}.prediction", "error"),
    ]
    if phi:
        populations.append(Population(f"{area}.phi", n, GatingDetector()))
        wires += [
            Wire(f"{area}.phi", f"{area}.error", port="gate", sends="gate"),
            Wire(f"{area}.error", f"{area}.phi", "error"),
            Wire(f"{area}.prediction", f"{area}.phi", port="motion", sends="shift"),
            Wire(f"{area}.phi", f"{area}.prediction", port="phi"),
        ]
    return populations, wires


def network(
    sizes=(4, 5, 4, 3),
    plasticity=None,
    phi=True,
    sends="sent",
    extra=(),
    broadcasts=(),
    connection=None,
):
    """Value, prediction, error and φ columns, plastic links with feedback along them."""
    areas = ["input", *(f"area{k}" for k in range(1, len(sizes) - 1)), "output"]
    populations, wires, projections = [Population("input.value", sizes[0], Sensory())], [], []
    for k, area in enumerate(areas[1:], start=1):
        cell = Clamped() if area == "output" else Value(activation="tanh")
        found = column(area, sizes[k], cell, phi)
        populations += found[0]
        wires += found[1]
        way = f"{areas[k - 1]}.value", f"{area}.prediction", "prediction"
        rule = plasticity or ErrorTimesRate(rate=0.1, trigger="phi")
        name = f"{areas[k - 1]}->{area}"
        first = connection if k == 1 and connection else AllToAll()
        shape = first.weight_shape(sizes[k - 1], sizes[k])
        weight = random(*shape, seed=k)
        projections.append(Projection(*way, weight, connection=first, name=name, plasticity=rule))
        if k > 1:
            back = f"{area}.error", f"{areas[k - 1]}.value", "feedback"
            projections.append(Projection(*back, sends=sends, shared_with=name))
    return Circuit([*populations, *extra], projections, wires, broadcasts)


def trials(circuit, seed=0, count=3, steps=(8, 9)):
    rng = np.random.default_rng(seed)
    n, classes = circuit.population("input.value").n, circuit.population("output.value").n
    shown = [(rng.normal(size=n), int(rng.integers(classes))) for _ in range(count)]
    parts = [part for x, y in shown for part in (Present(x, steps=steps[0]), Teach(y, steps=steps[1]))]
    return compile_protocol(circuit, parts, check=False)


def same(circuit, compiled, recording=None, schedule=SCHEDULE, **options):
    """Run both twice (states and weights go on); all traces and weights must be equal."""
    recording = recording or plan_recording(circuit, compiled)
    reference, engine = Reference(circuit, schedule), Brian2Engine(circuit, schedule=schedule, **options)
    for _ in range(2):
        for variable, right, found in zip(
            recording.variables,
            reference.run(compiled, recording),
            engine.run(compiled, recording),
            strict=True,
        ):
            np.testing.assert_allclose(
                found, right, rtol=1e-12, atol=1e-12, err_msg=f"{variable.part} {variable.state}"
            )
        for name, right in reference.weights.items():
            np.testing.assert_allclose(engine.weights[name], right, rtol=1e-12, atol=1e-12, err_msg=name)
    return engine


def equal(found, right, names):
    for one, other, name in zip(found, right, names, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12, err_msg=name)


def moved(engine):
    """How far the weights have come."""
    return min(np.abs(engine.weights[p.name] - p.weight).max() for p in engine.circuit.plastic)


def test_autonomous_columns():
    circuit = network()
    engine = same(circuit, trials(circuit))
    assert moved(engine) > 1e-3
    assert len(engine.synapses) == 2  # with and without feedback


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:(invalid value|divide by zero) encountered in log")
def test_delay_noise_and_a_cell_of_the_users_own():
    circuit = Circuit(
        [
            Population("one.tau-x", 4, Bounded()),
            Population("two", 4, Bounded(tau=3.0)),
            Population("e", 3, Bounded()),
        ],
        [
            Projection("one.tau-x", "two", "prediction", 0.7, connection=OneToOne(), delay="2 ms"),
            Projection("two", "one.tau-x", "feedback", random(4, 4), delay=1.0),
            Projection(
                "two", "one.tau-x", "prediction", random(4, 4, seed=1), sends="seen", delay=1.5, name="late"
            ),
            Projection("one.tau-x", "e", "prediction", random(3, 4)),
            Projection("one.tau-x", "e", "feedback", random(3, 4, seed=2), name="more", sends="seen"),
        ],
        dt=0.5,
    )
    parts = [
        Present({"one.tau-x": np.arange(4.0) / 3, "e": np.ones(3)}, steps=12),
        SetInput({"two.stimulus": 0.5}, steps=9),
    ]
    noise = [Noise("one.tau-x", "prediction", 0.1, seed=3), Noise("e", "feedback", 0.2, seed=4)]
    same(circuit, compile_protocol(circuit, parts, noise))
    quiet = compile_protocol(circuit, parts)
    engine = Brian2Engine(circuit)
    recording = plan_recording(circuit, quiet)
    engine.run(compile_protocol(circuit, parts, noise), recording)
    engine.reset()  # and without noise again
    for right, found in zip(
        Reference(circuit).run(quiet, recording), engine.run(quiet, recording), strict=True
    ):
        np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-12)


def clocked():
    """A clock for plasticity, a phase signal for every population of errors."""
    extra = [Population("clock", 1, Clock(first=2.0, last=3.0)), Population("phase", 1, PhaseSignal())]
    return network(
        plasticity=ErrorTimesRate(rate=0.1, trigger="clock"), phi=False, sends="error", extra=extra,
        broadcasts=[
            Broadcast("clock", ["input->area1", "area1->area2", "area2->output"]),
            Broadcast("phase", ["area1.value", "area2.value", "output.value"], port="prediction_phase"),
        ],
    )  # fmt: skip


def test_broadcasts():
    circuit = clocked()
    assert moved(same(circuit, trials(circuit))) > 1e-3


@pytest.mark.parametrize("consolidation", ["", "phi"])
def test_tied_weights(consolidation):
    window = [(i + k, i, k) for i in range(4) for k in range(3)]
    pre, post, weight = np.array(window).T
    kernel = Synapses(pre, post, weight_index=weight)
    rule = ErrorTimesRate(rate=0.1, trigger="" if consolidation else "phi", consolidation=consolidation)
    circuit = network((6, 4, 3), rule, connection=kernel)
    assert moved(same(circuit, trials(circuit))) > 1e-3


@pytest.mark.parametrize("slots", [{"consolidation": "phi"}, {"trigger": "phi", "consolidation": "shift"}])
def test_consolidation(slots):
    circuit = network(plasticity=ErrorTimesRate(rate=0.05, **slots))
    assert moved(same(circuit, trials(circuit))) > 1e-3


def test_weight_dependent_plasticity_without_trigger():
    circuit = network((3, 4, 2), Oja(rate=0.01, modulator="phi"))
    same(circuit, trials(circuit))


def test_synapses_on_top_of_one_another_and_unused_weights():
    listed = Synapses(np.array([0, 0, 2, 3]), np.array([1, 1, 0, 2]), weight_index=np.array([0, 1, 4, 5]))
    circuit = network((4, 3, 2), connection=listed)
    same(circuit, trials(circuit))


@pytest.mark.slow
def test_recording_parts():
    circuit = network((3, 4, 2))
    compiled = trials(circuit)
    requests = [Record("error", where={"area1": [1, 3], "output": [0]}), Record("area1.phi"), "input->area1"]
    requests += [Record("value", reduce=how) for how in ("mean",)]
    for every, last in ((1, None), (3, None), (1, 7), (4, 10)):
        same(circuit, compiled, plan_recording(circuit, compiled, requests, every, last))
    for how in ("norm", "max"):
        same(circuit, compiled, plan_recording(circuit, compiled, Record("error", reduce=how)))


@pytest.mark.slow
@pytest.mark.parametrize("order", [("feedback", "predict"), ("learn", "feedback")])
def test_another_order_is_another_answer(order):
    names = SCHEDULE.names()
    names.insert(names.index(order[1]), names.pop(names.index(order[0])))
    swapped = Schedule(next(p for p in SCHEDULE if p.name == name) for name in names)
    circuit = clocked()
    compiled = trials(circuit)
    other, right = same(circuit, compiled, schedule=swapped), same(circuit, compiled)
    worst = max(np.abs(other.weights[name] - right.weights[name]).max() for name in right.weights)
    assert worst > 1e-6


def test_users_may_add_to_the_network():
    circuit = network((3, 4, 2))
    compiled = trials(circuit)
    engine = Brian2Engine(circuit)
    ours = [one for one in engine.network.sorted_objects if one.when in SCHEDULE.names()]
    monitor = brian2.StateMonitor(engine.cells, "error_error", record=True, when="record")
    engine.network.add(monitor)
    recording = plan_recording(circuit, compiled, "area1.error.error")
    (found,) = engine.run(compiled, recording)
    np.testing.assert_array_equal(monitor.error_error[3:7].T, found[:, 0])
    engine.run(compiled, recording)
    assert len(monitor.t) == 2 * compiled.steps
    slots = [(one.when, one.order) for one in ours]
    assert len(slots) == len(set(slots))
    assert len(slots) > 10


def test_preferences_stay_as_they_were():
    prefs = brian2.prefs
    names = ("codegen.target", "codegen.loop_invariant_optimisations", "codegen.cpp.extra_compile_args_gcc")
    before = [prefs[name] for name in names]
    circuit = network((3, 4, 2))
    compiled = trials(circuit)
    Brian2Engine(circuit).run(compiled, plan_recording(circuit, compiled))
    assert [prefs[name] for name in names] == before


def test_progress_ends_at_the_last_step():
    circuit, seen = network((3, 4, 2)), []
    compiled = trials(circuit)
    Brian2Engine(circuit).run(compiled, plan_recording(circuit, compiled, last=5), seen.append)
    assert seen[-1] == compiled.steps
    assert seen == sorted(seen)


def test_faults(monkeypatch):
    circuit = network((3, 4, 2))
    with pytest.raises(EngineError, match=r"unknown target 'cppstandalone'; did you mean 'cpp_standalone'\?"):
        Brian2Engine(circuit, target="cppstandalone")
    batch = compile_protocol(circuit, [Present(np.ones((2, 3)), steps=8)])
    with pytest.raises(EngineError, match="one sample at a time, not a batch of 2; engine='torch'"):
        Brian2Engine(circuit).run(batch, plan_recording(circuit, batch))
    with pytest.raises(EngineError, match="no network before its first run"):
        _ = Brian2Engine(circuit, target="cpp_standalone").network
    monkeypatch.setitem(sys.modules, "brian2", None)
    with pytest.raises(EngineError, match=r"pip install 'corticalnet\[brian2\]'"):
        Brian2Engine(circuit)


def test_feedback_between_other_columns_is_refused():
    circuit = Circuit(
        [Population(name, 3, Bounded()) for name in ("a", "b", "c")],
        [Projection("a", "b", "prediction", 0.1), Projection("c", "a", "feedback", shared_with="a->b")],
    )
    with pytest.raises(EngineError, match="projection 'c->a' back along 'a->b' only between"):
        Brian2Engine(circuit)


class Counter(Cell):
    """Whole numbers beyond 2³¹, which Brian2's own int() and floor() lose on the NumPy target."""

    state = {"count": 5.9999e9, "half": 0.0}

    def predict(self, cell, port, dt):
        return {"count": cell.count + 1.0, "half": floor(cell.count / 2.0)}


def test_whole_numbers_of_more_than_32_bits():
    protocol = [SetInput({}, 3)]
    data = simulate(Circuit([Population("a", 2, Counter())]), protocol, "brian2")
    assert data["a.half"].values[:, 0, 0].tolist() == [2999950000.0, 2999950000.0, 2999950001.0]
    assert data["a.count"].values[-1, 0, 0] == 5.9999e9 + 3
