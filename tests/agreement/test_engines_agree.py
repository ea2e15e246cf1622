"""torch = Brian2, on every trace and every weight (float64, 1e-10), from one description."""

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.circuits.cells import Cell, Sensory
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.pointwise import absolute, exp, maximum, sigmoid, tanh, where
from corticalnet.circuits.quantities import ONE, Milliseconds
from corticalnet.recordings.reading import all_cells, weight_change
from tests.agreement.test_network_is_circuit import NETWORKS, RULES, sheets
from tests.networks import batch, dense

BOUND = 1e-10


def apart(mine, its):
    """Largest difference of each variable of two recordings, NaN at the same places.

    In terms of the largest number in it, where that is above 1: Z-IL's inference, with γ = 1 and feedback
    that no gate holds, blows up once a trial lasts longer than the network is deep.
    """
    assert set(mine.data_vars) == set(its.data_vars)
    worst = {}
    for name in mine.data_vars:
        a, b = mine[name].values.astype(float), its[name].values.astype(float)
        assert np.array_equal(np.isnan(a), np.isnan(b)), name
        worst[name] = float(np.nanmax(np.abs(a - b)) / max(1.0, np.nanmax(np.abs(a))))
    return worst


def both(circuit, protocol, target="numpy", **options):
    torch = cn.simulate(circuit, protocol, **options)
    return torch, cn.simulate(circuit, protocol, "brian2", target=target, **options)


def trial(circuit, x, y):
    return [
        cn.Present(x[:1], steps=circuit.needs.present + 1),
        cn.Teach(y[:1], steps=circuit.needs.teach + 3),
        cn.Present(x[1:2], steps=circuit.needs.present),
        cn.Teach(y[1:2], steps=circuit.needs.teach),
        cn.Rest(steps=2),
    ]


def small(network, hidden):
    return dense(hidden, 3) if network == "dense" else NETWORKS[network](hidden)


#: Every rule on one network, some on the others: cells and plasticity are the rule's, projections are not.
PAIRS = [
    *(("dense", rule) for rule in ("il", "ipc", "z-il", "paper", "gated", "streaming", "pooled-tolerant")),
    *((network, "random-feedback") for network in ("dense", "convolution", "local", "skipping")),
    ("convolution", "il"),
    ("local", "streaming"),
    ("skipping", "z-il"),
    ("skipping", "gated"),
]


@pytest.mark.parametrize(("network", "rule"), PAIRS)
def test_every_trace_and_weight(network, rule):
    name, parameters, consolidation = RULES[rule]
    if (
        rule == "paper"
    ):  # a short trial: inference that is not gated makes rounding errors grow with its steps
        parameters = {"silence": 3}
    net, made = small(network, "tanh"), cn.rule(name, **parameters)
    circuit = cn.circuit(net, made, 0.2, consolidation=consolidation)
    record = None if network in ("dense", "skipping") else ["value", "prediction", "error", "rate", "weights"]
    mine, its = both(circuit, trial(circuit, *batch(2)), record=record)
    worst = apart(mine, its)
    assert max(worst.values()) < BOUND, worst
    moved = [abs(weight_change(mine, p.name)).max() for p in circuit.plastic]
    assert all(m > 1e-9 for m in moved)


@pytest.mark.parametrize("hidden", ["relu", "sigmoid", "softplus", "leaky-relu", "elu"])
def test_every_activation(hidden):
    net = sheets(cn.Local, hidden)
    circuit = cn.circuit(net, cn.rule("streaming-fa-z-il", silence=2), 0.2)
    mine, its = both(circuit, trial(circuit, *batch(2)), record=["value", "prediction", "error", "phi"])
    assert max(apart(mine, its).values()) < BOUND
    assert all_cells(mine, "phi").sum() > 0


@pytest.mark.slow
@pytest.mark.usefixtures("without_optimisation")
@pytest.mark.parametrize("target", ["cython", "cpp_standalone"])
def test_compiled_targets_also_when_they_run_again(target, tmp_path):
    """The whole of streaming Fa-Z-IL, compiled once; the second trial goes on from the first."""
    net = cn.mlp([5, 4, 3], hidden="tanh", seed=2)
    circuit = cn.circuit(net, cn.rule("streaming-fa-z-il", silence=2), 0.2)
    alone = {"directory": tmp_path} if target == "cpp_standalone" else {}
    mine, its = cn.simulator(circuit), cn.simulator(circuit, "brian2", target=target, **alone)
    built = set()
    for seed in (0, 1):
        shown = trial(circuit, np.random.default_rng(seed).random((2, 5)), np.array([seed, 2]))
        assert max(apart(mine.run(shown), its.run(shown)).values()) < BOUND
        built |= {path.stat().st_mtime_ns for path in tmp_path.glob("main")}
    assert len(built) == len(alone)
    weights = its.weights
    assert all(np.allclose(weights[name], right, rtol=0, atol=BOUND) for name, right in mine.weights.items())
    device = pytest.importorskip("brian2").get_device()
    assert type(device).__name__ == "RuntimeDevice", "others in this process notice nothing"


class Wild(Cell):
    """Everything a cell may do."""

    tau: Milliseconds = 7.0
    ports = {"prediction": "predict", "feedback": "feedback", "modulator": ""}
    state = {"v": 0.2, "rate": 0.0, "load": 1.0}
    output = "rate"

    def move(self, cell, port, dt):
        pull = tanh(port.feedback) + port.modulator - cell.v * exp(-absolute(cell.load))
        return {"v": cell.v + dt / self.tau * pull, "load": cell.load + 0.1 * (cell.v - cell.load)}

    def predict(self, cell, port, dt):
        drive = sigmoid(port.prediction) + 0.1 * cell.v
        return {"rate": where((drive > 0.6) | (cell.load < 0), drive, maximum(0.3 * drive, cell.load))}


class Oja(Plasticity):
    """Not only a product: it decays by its own weight."""

    def eligibility(self, synapse, pre, post, port):
        return post.rate * (pre.rate - post.rate * synapse.weight)


class Saturating(Plasticity):
    """Cannot be separated into factors."""

    def eligibility(self, synapse, pre, post, port):
        return tanh(port.prediction * pre.rate - synapse.weight)


def test_cells_and_plasticity_of_ones_own_with_delays_noise_and_broadcasts():
    rng = np.random.default_rng(1)
    circuit = cn.Circuit(
        populations=[
            cn.Population("eye", 5, Sensory()),
            cn.Population("a.wild", 4, Wild()),
            cn.Population("b.wild", 3, Wild(tau="3 ms")),
            cn.Population("dopamine", 1, Sensory()),
        ],
        projections=[
            cn.Projection(
                "eye", "a.wild", "prediction", rng.normal(size=(4, 5)), plasticity=Oja(0.01), delay="3 ms",
            ),
            cn.Projection(
                "a.wild", "b.wild", "prediction", rng.normal(size=(3, 4)), name="up",
                plasticity=Saturating(0.02, modulator="reward", trigger="rate"),
            ),
            cn.Projection("b.wild", "a.wild", "feedback", shared_with="up", delay="1 ms"),
            cn.Projection("a.wild", "a.wild", "feedback", 0.3, cn.OneToOne(), name="self"),
            cn.Projection(
                "b.wild", "b.wild", "feedback", rng.normal(size=2), name="ring", plasticity=Oja(0.05),
                connection=cn.Synapses([0, 1, 2], [1, 2, 0], weight_index=[0, 1, 0]),
            ),
        ],
        broadcasts=[cn.Broadcast("dopamine", ["up", "a.wild"], name="reward", port="modulator")],
    )  # fmt: skip
    protocol = [
        cn.SetInput({"eye.stimulus": rng.random(5), "dopamine.stimulus": 0.4}, steps=20),
        cn.SetInput({"dopamine.stimulus": -0.2}, ms=10),
        cn.Rest(steps=5),
    ]
    noise = [cn.Noise("a.wild", "prediction", 0.1, seed=1), cn.Noise("b.wild", "feedback", 0.2, seed=2)]
    mine, its = both(circuit, protocol, noise=noise)
    worst = apart(mine, its)
    assert max(worst.values()) < BOUND, worst
    assert all(abs(weight_change(mine, p.name)).max() > 1e-4 for p in circuit.plastic)
    silent, _ = both(circuit, protocol)
    assert abs(all_cells(silent, "v") - all_cells(mine, "v")).max() > 0.01, "the noise does nothing"


class Twice(Cell):
    """Takes its input over in one phase, and adds to it in a later one."""

    ports = {"feedback": "feedback"}
    state = {"v": 0.0}
    inputs = {"stimulus": ONE}

    def deliver(self, cell, port, dt):
        return {"v": cell.stimulus}

    def move(self, cell, port, dt):
        return {"v": cell.v + port.feedback}


def test_a_state_that_two_phases_write():
    """v = stimulus + v of the last step: 2, 4, 6, then 1 + 6, 1 + 7; also where a role is called 'cell'."""
    circuit = cn.Circuit(
        [cn.Population("x.cell", 2, Twice())],
        [cn.Projection("x.cell", "x.cell", "feedback", 1.0, cn.OneToOne())],
    )
    protocol = [
        cn.SetInput({"x.cell.stimulus": 2.0}, steps=3),
        cn.SetInput({"x.cell.stimulus": 1.0}, steps=2),
    ]
    mine, its = both(circuit, protocol)
    for data in (mine, its):
        assert data["x.cell.v"].values[:, 0, 0].tolist() == [2, 4, 6, 7, 8]


@pytest.mark.slow
def test_a_wrong_order_is_wrong_on_both_engines_alike():
    net = dense("tanh", 3)
    circuit = cn.circuit(net, cn.rule("z-il"), 0.2)
    order = list(circuit.schedule())
    names = [phase.name for phase in order]
    a, b = names.index("feedback"), names.index("learn")
    order[a], order[b] = order[b], order[a]
    protocol = trial(circuit, *batch(2))
    right, _ = both(circuit, protocol, record=["value"])
    mine, its = both(circuit, protocol, record=["value"], schedule=order)
    assert max(apart(mine, its).values()) < BOUND
    assert max(apart(right, mine).values()) > 1e-4
