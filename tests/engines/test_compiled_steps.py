"""Steps by a compiled program are those of the operations on tensors: to the last bit, or to 1e-12.

Bits, where every sum is made as torch makes it (``StepProgram.exact``); lists of synapses, and sums over the
cells that fire, add up in another order.
"""

import contextlib
import copy

import numpy as np
import pytest
from hypothesis import given, settings

import corticalnet as cn
from corticalnet.circuits import OneToOne, Population, Projection
from corticalnet.circuits.cells import LIF, PIF, Cell, DrivenLIF, Poisson, Sensory
from corticalnet.circuits.plasticity import Plasticity, TsodyksMarkram
from corticalnet.circuits.pointwise import exp, expm1, log1p, maximum, minimum, sigmoid, sqrt, tanh, where
from corticalnet.circuits.quantities import ONE
from corticalnet.engines.torch_engine import TorchEngine
from corticalnet.engines.torch_engine.native import choice, library
from corticalnet.errors import CircuitError, EngineError, SimulationError
from corticalnet.recordings.variables import variables_of_cells, variables_of_synapses
from tests.engines.random_experiments import cut, experiments, one_experiment
from tests.engines.small import Leaky, listed
from tests.networks import F64

BOUND = 1e-12
RNG = np.random.default_rng(0)

needs_compiler = pytest.mark.skipif(not library.compiler(), reason="no C compiler on this machine")
pytestmark = needs_compiler


@pytest.fixture(autouse=True)
def _translated_as_it_stands(request, monkeypatch):
    """In a fraction of the time; one test below is for what is optimised."""
    if "optimised" not in request.node.name:
        monkeypatch.setattr(library, "_FLAGS", tuple(f.replace("-O3", "-O0") for f in library._FLAGS))


def everything(circuit):
    """All that can be recorded: states of cells and of synapses, weights."""
    cells = [variable.name for variable in variables_of_cells(circuit)]
    synapses = [v.name for v in variables_of_synapses(circuit) if not v.is_weight]
    return cells + synapses + ["weights"] * bool(circuit.plastic)


def both(circuit, protocol, precision="float64", seed=0, **options):
    """Recordings and last states, by operations on tensors and by a compiled program; whether bits count."""
    found = []
    for compiled in (False, True):
        running = cn.simulator(circuit, seed=seed, precision=precision, compiled=compiled)
        options.setdefault("record", everything(circuit))
        data = running.run(protocol, check=False, diverged="ignore", **options)
        assert running.engine.compiled is compiled
        states = {f"state {name}": array for name, array in running.engine.snapshot().items()}
        found.append({**{name: data[name].values for name in data.data_vars}, **states})
    (program,) = running.engine._choice._programs.values()
    return *found, program.exact


def agree(circuit, protocol, bound=BOUND, **options):
    """Whether all numbers of both are the same; return them."""
    mine, its, exact = both(circuit, protocol, **options)
    assert mine.keys() == its.keys()
    for name, one in mine.items():
        other = its[name]
        assert one.dtype == other.dtype, name
        if exact:
            assert np.array_equal(one, other, equal_nan=True), name
            continue
        one, other = one.astype(float), other.astype(float)
        assert np.array_equal(np.isnan(one), np.isnan(other)), name
        apart = np.nanmax(np.abs(one - other), initial=0)
        assert apart <= bound * max(1.0, np.nanmax(np.abs(one), initial=0)), (name, apart)
    return its, exact


def steps_of(circuit):
    """Two trials, the second of which begins where the first has left everything."""
    present, teach = min(circuit.needs.present + 1, 12), min(circuit.needs.teach + 3, 24)
    x, y = np.random.default_rng(1).random((2, 2, 6)), [0, 2]
    lesson = cn.Reinforce if any("action" in p.name for p in circuit.populations) else cn.Teach
    lessons = lesson(y, teach), lesson(y[::-1], teach)
    return [cn.Present(x[0], present), lessons[0], cn.Present(x[1], present), lessons[1], cn.Rest(2)]


@pytest.mark.parametrize("name", cn.list_rules())
def test_every_rule_of_the_catalogue(name):
    net = cn.mlp([6, 5, 4, 3], hidden="tanh", seed=0, dtype=F64)
    try:
        circuit = cn.circuit(net, cn.rule(name), 0.2)
    except CircuitError as none:
        pytest.skip(str(none))
    agree(circuit, steps_of(circuit))


IN_TIME = [
    cn.Continuous("latch", tau=10, dt=2.5),
    cn.Continuous("sample_and_hold", tau=10, dt=2.5, read_delay=20),
    cn.Continuous("nudge", tau=10, dt=2.5, read_delay=20),
]


@pytest.mark.parametrize("name", cn.list_rules())
def test_every_rule_in_continuous_time(name):
    net = cn.mlp([6, 5, 4, 3], hidden="tanh", seed=0, dtype=F64)
    circuits = []
    for how in IN_TIME:
        with contextlib.suppress(CircuitError):
            circuits.append(cn.circuit(net, cn.rule(name), 0.2, dynamics=how))
    if not circuits:
        pytest.skip("no columns in continuous time")
    for circuit in circuits:
        agree(circuit, steps_of(circuit))


@pytest.mark.parametrize("form", ["random sign", "symmetric", "three-phase", "continual"])
def test_every_form_of_equilibrium_propagation(form):
    net = cn.mlp([6, 5, 4, 3], hidden="tanh", seed=0, dtype=F64)
    circuit = cn.circuit(net, cn.rule("equilibrium-propagation", form=form, steps=8), 0.2)
    agree(
        circuit,
        [cn.Present(RNG.random((2, 6)), circuit.needs.present), cn.Teach([0, 2], circuit.needs.teach)],
    )


@pytest.mark.parametrize("hidden", ["sigmoid", "relu", "softplus", "leaky-relu", "elu"])
def test_every_activation_to_the_last_bit(hidden):
    net = cn.mlp([6, 9, 4, 3], hidden=hidden, output="sigmoid", seed=0, dtype=F64)
    circuit = cn.circuit(net, cn.rule("streaming-fa-z-il", silence=2), 0.2)
    its, exact = agree(circuit, steps_of(circuit))
    assert exact == library.functions_of_torch()
    assert its["area1.phi.phi"].sum() > 0


def test_convolutions_phi_of_a_population_and_consolidation():
    """Lists of synapses that share weights; groups; traces that wait."""
    areas = [cn.Area(cn.Convolution(3, 3, padding="same", bias=True), "tanh"), cn.Area(cn.Dense(3), "linear")]
    net = cn.Network((1, 2, 3), areas, 0, dtype=F64)
    x = np.random.default_rng(1).random((2, 1, 2, 3))
    for rule, parameters, when in (
        ("streaming-fa-z-il", {"silence": 2, "pooled": True}, "now"),
        ("ipc", {"steps": 5, "rate": 0.5}, "phase"),
    ):
        circuit = cn.circuit(net, cn.rule(rule, **parameters), 0.2, consolidation=when)
        its, _ = agree(circuit, [cn.Present(x, 9), cn.Teach([0, 2], 12), cn.Present(x[::-1], 9)])
        assert abs(its["weights input->area1"][0] - its["weights input->area1"][-1]).max() > 1e-4


# Cells and synapses of other kinds ------------------------------------------------------------
@settings(max_examples=6, deadline=None, derandomize=True)
@given(experiments())
def test_random_circuits_with_delays_noise_spikes_and_traces(experiment):
    agree(experiment.circuit, experiment.elements, noise=experiment.noise, every=experiment.every, seed=3)


@pytest.mark.parametrize("cell", [PIF(max_rate=0.5), LIF(max_rate=0.3), Poisson(max_rate=0.5), DrivenLIF()])
@pytest.mark.parametrize("connection", ["all to all", "list"])
def test_the_same_spikes(cell, connection):
    """Few of many cells fire, so that only those are looked at; back along the synapses, too."""
    n, port = 80, next(iter(cell.ports))
    joined = cn.circuits.AllToAll() if connection == "all to all" else cn.circuits.Synapses(
        RNG.integers(0, n, 900), RNG.integers(0, n, 900)
    )  # fmt: skip
    weights = RNG.normal(0.02, 0.2, joined.weight_shape(n, n))
    populations = [
        Population("in", n, Sensory()),
        Population("a", n, cell),
        Population("b", n, Leaky()),
        Population("c", n, Leaky()),
    ]
    projections = [
        Projection("in", "a", port, 1.0, OneToOne()),
        Projection("a", "b", "prediction", weights, joined, name="up"),
        Projection("a", "c", "prediction", connection=joined, shared_with="up"),
        Projection("a", "a", port, 0.1 * weights, joined, name="among them"),
    ]
    circuit = cn.Circuit(populations, projections, dt=0.5)
    batch = 5 if isinstance(cell, PIF | DrivenLIF) else 2  # (few samples are carried in another order)
    shown = [cn.Present(RNG.random((batch, n)) * 0.9 + 0.1, 40)]
    mine, its, _ = both(circuit, shown)
    spikes = its["a.spike"]
    assert 0 < spikes.mean() < 0.2
    assert np.array_equal(mine["a.spike"], spikes)
    for name in ("b.rate", "c.rate"):
        np.testing.assert_allclose(its[name], mine[name], rtol=0, atol=BOUND)


class Decaying(Plasticity):
    """Not only products: each synapse by itself, with a state of its own, within bounds."""

    state = {"lately": 0.0}

    def update(self, synapse, pre, post, port, dt):
        return {"lately": 0.9 * synapse.lately + pre.rate * post.rate}

    def eligibility(self, synapse, pre, post, port):
        return tanh(synapse.lately * synapse.weight) - 0.3 * synapse.weight**2


@pytest.mark.parametrize("connection", ["all to all", "one to one", "list"])
@pytest.mark.parametrize("plasticity", [Decaying(0.2), TsodyksMarkram(), Decaying(0.2, modulator="rate")])
def test_synapses_with_states_bounds_and_short_term_dynamics(connection, plasticity):
    pre, post = (3, 3) if connection == "one to one" else (3, 2)
    made = {"all to all": cn.circuits.AllToAll(), "one to one": OneToOne(), "list": listed()}[connection]
    weights = RNG.uniform(-0.2, 0.9, made.weight_shape(pre, post))
    circuit = cn.Circuit(
        [Population("in", pre, Sensory()), Population("a", pre, Leaky()), Population("b", post, Leaky())],
        [
            Projection("in", "a", "prediction", 1.0, OneToOne()),
            Projection(
                "a", "b", "prediction", weights, made, plasticity=plasticity, low=-0.2, high=0.9, delay="1 ms"
            ),
        ],
        dt=0.5,
    )
    agree(circuit, [cn.Present(RNG.random((3, pre)), 9), cn.Present(RNG.random((3, pre)), 9)])


class Passing(Cell):
    """Two numbers change places; what was there before goes to a third."""

    ports = {}
    state = {"a": 1.0, "b": 2.0, "before": 0.0, "rate": 0.0}
    inputs = {"stimulus": ONE}

    def move(self, cell, port, dt):
        return {"a": cell.b, "b": cell.a, "before": cell.a, "rate": cell.stimulus}


class Swapping(Plasticity):
    """So do two numbers of a synapse."""

    state = {"c": 3.0, "d": 5.0}

    def update(self, synapse, pre, post, port, dt):
        return {"c": synapse.d, "d": synapse.c}

    def eligibility(self, synapse, pre, post, port):
        return 0.0 * synapse.c


def test_states_move_from_the_numbers_of_the_step_before():
    """By hand: after n steps a, b and c, d have changed places n times, and ``before`` is the last a."""
    circuit = cn.Circuit(
        [Population("in", 2, Passing()), Population("a", 2, Leaky())],
        [Projection("in", "a", "prediction", np.ones((2, 2)), plasticity=Swapping(0.1))],
    )
    its, _ = agree(circuit, [cn.Present(np.ones((1, 2)), 5)])
    assert its["in.a"][:, 0, 0].tolist() == [2, 1, 2, 1, 2]
    assert its["in.b"][:, 0, 0].tolist() == [1, 2, 1, 2, 1]
    assert its["in.before"][:, 0, 0].tolist() == [1, 2, 1, 2, 1]
    assert its["in->a.c"].reshape(-1, 4)[:, 0].tolist() == [5, 3, 5, 3, 5]


class EveryFunction(Cell):
    """All that a cell may call."""

    ports = {}
    state = dict.fromkeys(("a", "b", "c", "d", "e", "rate"), 0.0)
    inputs = {"x": ONE}

    def move(self, cell, port, dt):
        x = cell.x
        inner = tanh(sigmoid(x) * exp(-x * x)) + expm1(0.1 * x) + log1p(abs(x))
        return {
            "a": inner + 0.5 * cell.a,
            "b": minimum(x, 0.3) * maximum(x, cell.b) - sqrt(abs(x)) / (1 + abs(inner)),
            "c": where((x > 0) & (cell.c <= 3) | (x < -1), cell.c + 1.0, 0.0),
            "d": (x != 0) * 2.0 - where(x == 1.0, 1.0, 0.0),
            "e": x**2 + x**3 - cn.circuits.pointwise.floor(3 * x) + cn.circuits.pointwise.sign(x),
            "rate": 1 / (2 + x * x),
        }


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_every_pointwise_function(precision):
    """In float32, too, where torch itself computes some conditions in float64."""
    circuit = cn.Circuit([Population("a", 37, EveryFunction())], [])
    x = RNG.normal(0, 1.5, (3, 37))
    x[:, 0], x[0, 1] = 0.0, 1.0
    shown = [cn.SetInput({"a.x": x}, 4), cn.SetInput({"a.x": -x}, 4)]
    agree(circuit, shown, 1e-6 if precision == "float32" else BOUND, precision=precision)


def test_float32_and_records_of_every_kind():
    net = cn.mlp([6, 5, 4, 3], hidden="tanh", seed=0, dtype=F64)
    circuit = cn.circuit(net, cn.rule("streaming-fa-z-il", silence=2), 0.2)
    its, exact = agree(circuit, steps_of(circuit), 1e-5, precision="float32")
    assert its["area1.value.rate"].dtype == np.float32
    assert not exact
    records = [
        cn.Record("area1.error.error", where=[0, 3]),
        cn.Record("area2.value.rate", reduce="norm"),
        cn.Record("output.error.error", reduce="max"),
        "phi",
        "weights",
    ]
    for every, last in ((1, None), (4, None), (3, 9), (1, 1)):
        agree(circuit, steps_of(circuit), record=records, every=every, last=last)


# Nothing stale -----------------------------------------------------------------------------------
def test_what_is_changed_between_runs_counts():
    """Weights, batch, noise, manipulations, a reset; runs of single steps; a snapshot; a branch."""
    net = cn.mlp([6, 5, 4, 3], hidden="tanh", seed=0, dtype=F64)
    circuit = cn.circuit(net, cn.rule("streaming-fa-z-il", silence=2), 0.2)
    x = RNG.random((2, 6))
    electrodes = [cn.Inject("area1.value", "feedback", 0.3), cn.BlockPlasticity("input->area1")]
    circuit = cn.experiment.manipulation.prepare(circuit, *electrodes)
    found = []
    for compiled in (False, True):
        running, seen = cn.simulator(circuit, compiled=compiled), []

        def look(running=running, seen=seen):
            seen.append([running.engine.snapshot(), running.weights])

        running.run([cn.Present(x, 9), cn.Teach([0, 1], 5)])
        look()
        running.engine.set_weights({"input->area1": running.weights["input->area1"] * 1.5})
        for _ in range(4):
            running.run([cn.Present(x, 1)], check=False)
        look()
        running.run([cn.During(electrodes, [cn.Present(x, 9), cn.Teach([1, 2], 5)])], check=False)
        look()
        running.run([cn.Present(x, 9)], noise=[cn.Noise("area1.prediction", sd=0.1)], check=False)
        look()
        saved = running.snapshot()
        running.run([cn.Present(x[::-1], 9), cn.Teach([0, 1], 5)])
        look()
        running.restore(saved)
        branch = copy.deepcopy(running)
        branch.run([cn.Present(x[::-1], 9), cn.Teach([0, 1], 5)])
        seen.append([branch.engine.snapshot(), branch.weights])
        running.reset()
        running.run([cn.Present(RNG_TWICE.random((5, 6)), 9), cn.Teach([0, 1, 2, 0, 1], 5)])
        look()
        assert running.engine.compiled is compiled
        found.append(seen)
    for mine, its in zip(*found, strict=True):
        for one, other in zip(mine, its, strict=True):
            assert one.keys() == other.keys()
            for name in one:
                np.testing.assert_array_equal(other[name], one[name], err_msg=name)
    for before, after in zip(found[1][3], found[1][5], strict=True):
        assert any(not np.array_equal(before[name], after[name]) for name in before if name in after)


class SameStimulus:
    """The same numbers for both."""

    def random(self, shape):
        return np.random.default_rng(5).random(shape)


RNG_TWICE = SameStimulus()


def test_pieces_are_the_whole():
    experiment = one_experiment()
    options = {"noise": experiment.noise, "every": experiment.every}
    whole = cn.simulator(experiment.circuit, compiled=True).run(experiment.elements, **options)
    running = cn.simulator(experiment.circuit, compiled=True)
    parts = [running.run(part, **options) for part in cut(experiment.elements, 7)]
    joined = cn.join(parts)
    for name in whole.data_vars:
        if "time" in whole[name].dims:
            np.testing.assert_array_equal(joined[name].values, whole[name].values, err_msg=name)


def test_trouble_is_found_at_the_very_step():
    net = cn.mlp([6, 5, 3], hidden="linear", seed=0, dtype=F64)
    circuit = cn.circuit(net, cn.rule("z-il"), 1e12)
    protocol = [cn.Present(RNG.random((1, 6)), 6), cn.Teach([1], 400)]
    said = []
    for compiled in (False, True):
        with pytest.raises(SimulationError) as stopped:
            cn.simulate(circuit, protocol, compiled=compiled)
        said.append((str(stopped.value), stopped.value.recording.sizes["time"]))
    assert said[0] == said[1]


# Exactness ---------------------------------------------------------------------------------------
class Difference(Cell):
    """0 if a product is rounded before something is taken off it; what rounding cut off otherwise."""

    state = {"left": 0.0, "moved": 0.0}
    inputs = {"a": ONE, "product": ONE}

    def move(self, cell, port, dt):
        return {"left": cell.a * cell.a - cell.product, "moved": tanh(cell.a) * cell.a + 0.1}


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_no_product_is_contracted_into_a_sum_when_optimised(precision):
    """Else cells at rest would not be exactly at rest; a processor of today has such an instruction."""
    kind = np.dtype(precision).type
    a = np.random.default_rng(0).random((4, 64)).astype(kind)
    given = {"d.a": a.astype(float), "d.product": (a * a).astype(float)}
    circuit = cn.Circuit([Population("d", 64, Difference())], [])
    running = cn.simulator(circuit, precision=precision, compiled=True)
    running.run([cn.SetInput(given, 3)])
    assert np.any(a.astype(np.longdouble) ** 2 != a * a)  # (or there would be nothing to see)
    assert not running.read("d.left").any()
    assert running.read("d.moved").all()


def test_cells_at_rest_stay_exactly_at_rest():
    net = cn.mlp([6, 5, 4, 3], hidden="sigmoid", seed=0, dtype=F64)
    circuit = cn.circuit(net, cn.rule("streaming-fa-z-il", silence=2), 0.2)
    x = RNG.random((1, 6))
    data = cn.simulate(
        circuit, [cn.Present(x, 300), cn.Teach([1], 100)], record=["error", "phi"], compiled=True
    )
    for area in ("area1", "area2", "output"):
        assert not data[f"{area}.error.error"].values[50:300].any()
        assert data[f"{area}.phi.phi"].values[300:].sum() == data[f"{area}.phi.phi"].sizes[area]


# Which steps are compiled ---------------------------------------------------------------------
def test_long_simulations_are_compiled_and_short_ones_are_not(tmp_path, monkeypatch):
    monkeypatch.setenv(library.VARIABLE, str(tmp_path))
    circuit = cn.circuit(cn.mlp([2, 3, 2], dtype=F64), cn.rule("z-il"))
    step = [cn.Present([1.0, 0.0], 1)]
    running, other = cn.simulator(circuit), cn.simulator(circuit)
    running.run([cn.Present([1.0, 0.0], choice.PAYS - 1)], record=["error"], check=False, every=100)
    assert not running.engine.compiled
    running.run(step, check=False)  # many short runs are a long one
    assert running.engine.compiled
    other.run([cn.Present([1.0, 0.0], choice.PAYS_AT_ONCE)], record=["value"], check=False)
    assert other.engine.compiled is library.functions_of_torch()  # it is there already, and computes the same
    other.reset()
    other.run(step, check=False)
    assert not other.engine.compiled
    never = cn.simulator(circuit, compiled=False)
    never.run([cn.Present([1.0, 0.0], choice.PAYS)], record=["error"], check=False, every=100)
    assert not never.engine.compiled


def test_without_a_compiler_all_goes_on_and_who_insists_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv(library.VARIABLE, str(tmp_path))
    monkeypatch.setattr(library, "compiler", lambda: "")
    library.compiled.cache_clear()
    circuit = cn.circuit(cn.mlp([2, 3, 2], dtype=F64), cn.rule("z-il"))
    running = cn.simulator(circuit)
    running.run([cn.Present([1.0, 0.0], choice.PAYS)], record=["error"], check=False, every=100)
    assert not running.engine.compiled
    with pytest.raises(EngineError, match=r"compiled=True: there is no C compiler .*; compiled=None goes on"):
        cn.simulate(circuit, [cn.Present([1.0, 0.0], 5)], compiled=True)
    monkeypatch.setattr(library, "compiler", lambda: "false")
    library.compiled.cache_clear()
    with pytest.raises(EngineError, match="false refuses the program"):
        cn.simulate(circuit, [cn.Present([1.0, 0.0], 5)], compiled=True)
    library.compiled.cache_clear()


def test_mistakes():
    circuit = cn.circuit(cn.mlp([2, 3, 2], dtype=F64), cn.rule("z-il"))
    with pytest.raises(EngineError, match="compiled must be True, False or None, not 'yes'"):
        TorchEngine(circuit, compiled="yes")
    with pytest.raises(EngineError, match="compiled=True needs device='cpu', not 'meta'"):
        TorchEngine(circuit, device="meta", compiled=True)


def test_the_product_of_scipy_stands_in_where_torch_exports_none():
    made = library._product("d")
    assert isinstance(made, int)
    assert made > 0
