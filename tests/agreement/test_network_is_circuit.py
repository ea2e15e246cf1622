"""One trial in the circuit changes the weights exactly as the rule does on the network (float64, 1e-10).

The network view computes a trial with fixed weights; in the circuit every synapse changes when its own
trigger says so. Where the rule's exactness does not depend on it the circuit changes weights at once;
incremental IL and the paper's φ (which fires late for ReLU) consolidate when the teacher has gone.
"""

import pytest
import torch

import corticalnet as cn
from corticalnet.recordings.reading import weight_change
from tests import own
from tests.covering import every_two
from tests.networks import CLASSES, F64, SHAPE, batch, dense, skipping


def sheets(kind, hidden, seed=0):
    areas = [
        cn.Area(kind(3, 3, padding="same", stride=2, bias=True), hidden),
        cn.Area(kind(2, 3), hidden),
        cn.Area(cn.Dense(CLASSES, bias=True), "sigmoid"),  # an output that fires nonlinearly
    ]
    return cn.Network(SHAPE, areas, seed, dtype=F64)


def sparse(hidden):
    """Masks, one of which leaves a column without a synapse on either side; a link that skips an area."""
    mask = torch.rand(7, 9, generator=torch.Generator().manual_seed(2)) < 0.5
    mask[3], mask[:, 2] = False, False
    areas = [
        cn.Area(cn.Dense(9, density=0.1, bias=True), hidden, "low"),
        cn.Area(cn.Dense(7, mask=mask), hidden),
        cn.Area([cn.Dense(CLASSES, density=0.6), cn.Dense(CLASSES, "low", density=0.3)], "linear"),
    ]
    return cn.Network(SHAPE, areas, 1, dtype=F64)


NETWORKS = {
    "dense": lambda f: dense(f, 3),
    "deep": lambda f: dense(f, 5),
    "convolution": lambda f: sheets(cn.Convolution, f),
    "local": lambda f: sheets(cn.Local, f),
    "skipping": skipping,
    "sparse": sparse,
}
#: rule, its parameters, when the circuit consolidates
RULES = {
    "backprop": ("backprop", {}, "now"),
    "feedback-alignment": ("feedback-alignment", {}, "now"),
    "z-il": ("z-il", {}, "now"),
    "z-il-slow": ("z-il", {"rate": 0.5}, "now"),
    "il": ("il", {"steps": 8}, "now"),
    "ipc": ("ipc", {"steps": 5, "rate": 0.5}, "phase"),
    "paper": ("fa-z-il", {"steps": 9, "silence": 3}, "phase"),
    "gated": ("fa-z-il", {"gate": "prediction", "silence": 2}, "now"),
    "streaming": ("streaming-fa-z-il", {"silence": 1}, "now"),
    "pooled": ("streaming-fa-z-il", {"silence": 2, "pooled": True}, "now"),
    "pooled-gated": ("fa-z-il", {"gate": "prediction", "pooled": True}, "now"),
    "tolerant": ("streaming-fa-z-il", {"threshold": 0.02}, "now"),
    "pooled-tolerant": ("streaming-fa-z-il", {"threshold": 0.1, "pooled": True}, "now"),
    "random-feedback": ("streaming-fa-z-il", {"feedback": cn.Random(seed=4)}, "now"),
    "random-il": ("il", {"feedback": cn.Random(seed=4), "steps": 6}, "now"),
}
RULES |= {name: (name, {}, "now") for name in own.rules()}
RATE = 0.2


def trial(circuit, x, y, engine="torch", rest=0, longer=0, **options):
    protocol = [
        cn.Present(x, steps=circuit.needs.present),
        cn.Teach(y, steps=circuit.needs.teach + longer),
    ]
    if rest:
        protocol.append(cn.Rest(steps=rest))
    return cn.simulate(circuit, protocol, engine, record=["error"], **options)


def divergence(net, data, wanted):
    """Largest difference of any weight's change, relative to the largest change of its projection."""
    worst = 0.0
    for link in filter(lambda link: link.plastic, net.links):
        for name, parameter in ((link.name, link.weight), (f"{link.name} bias", link.bias)):
            if parameter is not None:
                if not wanted[parameter].any() and f"weights {name}" not in data:
                    continue  # a link that never learns
                change = torch.tensor(weight_change(data, name))
                expected = wanted[parameter].reshape(change.shape)
                worst = max(worst, ((change - expected).abs().max() / expected.abs().max()).item())
    return worst


def taught(net, rule, x, y):
    for parameter in net.parameters():
        parameter.grad = None
    rule.learn(net, x, y)
    return {p: -RATE * p.grad for p in net.parameters()}


@pytest.mark.parametrize(
    ("network", "hidden", "rule"), every_two(NETWORKS, ["tanh", "relu", "sigmoid"], RULES)
)
def test_one_trial_changes_the_weights_as_the_rule_does(network, hidden, rule):
    name, parameters, consolidation = RULES[rule]
    net, made = NETWORKS[network](hidden), cn.rule(name, **parameters)
    x, y = batch(2)
    circuit = cn.circuit(net, made, RATE, consolidation=consolidation)
    data = trial(circuit, x, y, rest=2 * (consolidation == "phase"))
    assert divergence(net, data, taught(net, made, x, y)) < 1e-10


@pytest.mark.parametrize(
    ("network", "rule", "samples"),
    every_two(["dense", "convolution", "local", "skipping"], ["il", "z-il", "paper", "streaming"], [1, 2, 5]),
)
def test_batches(network, rule, samples):
    name, parameters, consolidation = RULES[rule]
    net, made = NETWORKS[network]("tanh"), cn.rule(name, **parameters)
    x, y = batch(samples, seed=samples)
    circuit = cn.circuit(net, made, RATE, consolidation=consolidation)
    data = trial(circuit, x, y, rest=2 * (consolidation == "phase"))
    assert divergence(net, data, taught(net, made, x, y)) < 1e-10


@pytest.mark.parametrize("activation", ["linear", "softplus", "leaky-relu", "elu"])
def test_other_activations(activation):
    net, made = sheets(cn.Local, activation), cn.rule("streaming-fa-z-il")
    x, y = batch(3)
    assert divergence(net, trial(cn.circuit(net, made, RATE), x, y), taught(net, made, x, y)) < 1e-10


def test_incremental_learning_is_an_optimizer_stepping_at_every_step():
    net, made = dense("tanh", 3), cn.rule("ipc", steps=6)
    x, y = batch(3)
    data = trial(cn.circuit(net, made, RATE), x, y)
    before = {p: p.detach().clone() for p in net.parameters()}
    made.update(net, x, y, torch.optim.SGD(net.parameters(), lr=RATE))
    assert divergence(net, data, {p: p.detach() - before[p] for p in net.parameters()}) < 1e-10


@pytest.mark.parametrize("longer", [1, 4, 11])
@pytest.mark.parametrize("rule", ["gated", "streaming"])
def test_autonomous_rules_do_not_mind_how_long_the_teacher_stays(rule, longer):
    name, parameters, _ = RULES[rule]
    net, made = dense("relu", 4), cn.rule(name, **parameters)
    x, y = batch(2)
    data = trial(cn.circuit(net, made, RATE), x, y, longer=longer)
    assert divergence(net, data, taught(net, made, x, y)) < 1e-10


def test_a_stream_of_trials_is_a_training_run():
    """Ten trials of random timing, weights changing throughout: the network's, trial by trial."""
    net, made = dense("tanh", 3), cn.rule("streaming-fa-z-il", silence=2)
    x, y = batch(10)
    circuit = cn.circuit(net, made, RATE)
    depth = circuit.needs.teach
    stream = cn.Stream(x, y, present=(depth + 2, depth + 9), teach=(depth, depth + 7), seed=3)
    data = cn.simulate(circuit, [stream], record=["phi"])
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    before = {p: p.detach().clone() for p in net.parameters()}
    for k in range(10):
        made.update(net, x[k : k + 1], y[k : k + 1], optimizer)
    assert divergence(net, data, {p: p.detach() - before[p] for p in net.parameters()}) < 1e-10
    cn.write_back(circuit, net, data)
    assert all((p - before[p]).abs().max() > 0 for p in net.parameters())


@pytest.mark.parametrize("kind", [cn.Convolution, cn.Local])
def test_sparse_kernels(kind):
    sheet = kind(3, 3, padding="same", stride=2, bias=True, density=0.5)
    areas = [cn.Area(sheet, "tanh"), cn.Area(kind(2, 3, density=0.3), "relu"), cn.Area(cn.Dense(CLASSES))]
    net, made, (x, y) = cn.Network(SHAPE, areas, dtype=F64), cn.rule("streaming-fa-z-il"), batch(2)
    circuit = cn.circuit(net, made, RATE)
    data = trial(circuit, x, y)
    assert divergence(net, data, taught(net, made, x, y)) < 1e-10
    synapses = circuit.projection("input->area1").connection
    assert len(synapses.pre) < 0.5 * sheet.channels * 2 * 9 * 25
    cn.write_back(circuit, net, data)
    assert all((link.weight[~link.mask] == 0).all() for link in net.links if link.sparse)


def test_a_wrong_order_of_phases_is_wrong():
    """The same columns, with two phases swapped, do not compute the rule: the order is part of the model."""
    net, made = dense("tanh", 3), cn.rule("z-il")
    x, y = batch(2)
    circuit, wanted = cn.circuit(net, made, RATE), taught(net, made, x, y)
    for first, second in (("predict", "compare"), ("learn", "feedback"), ("compare", "feedback")):
        order = list(circuit.schedule())
        names = [phase.name for phase in order]
        a, b = names.index(first), names.index(second)
        order[a], order[b] = order[b], order[a]
        assert divergence(net, trial(circuit, x, y, schedule=order), wanted) > 1e-3, (first, second)


def test_weights_written_back_are_those_of_the_circuit():
    net, made = sheets(cn.Convolution, "tanh"), cn.rule("z-il")
    x, y = batch(2)
    circuit = cn.circuit(net, made, RATE)
    wanted = {p: p.detach() + change for p, change in taught(net, made, x, y).items()}
    cn.write_back(circuit, net, trial(circuit, x, y))
    assert all(torch.allclose(p, wanted[p], rtol=0, atol=1e-12) for p in net.parameters())


@pytest.mark.parametrize(
    ("network", "rule", "message"),
    [
        (
            lambda: dense("tanh", 2),
            cn.rule("z-il", teaching="reward"),
            "ZIL are taught by Teacher, not by Reward; by Reward those of FaZIL, Sweep",
        ),
        (lambda: dense("tanh", 2), cn.rule("z-il", feedback="weight-mirror"), "not WeightMirror"),
        (lambda: dense("tanh", 2, dropout=0.5), cn.rule("z-il"), "fires through tanh, dropout 0.5"),
        (lambda: dense("tanh", 2), cn.rule("z-il", noise=0.1), "noise of initial values"),
    ],
)
def test_what_has_no_circuit_says_so(network, rule, message):
    with pytest.raises(cn.errors.CircuitError, match=message):
        cn.circuit(network(), rule)


def test_predictions_follow_weights_that_change_under_a_standing_stimulus():
    """The engine leaves a sum alone whose senders have not changed; but its weights may have."""
    net = cn.mlp([5, 4, 3], hidden="tanh", seed=1, dtype=F64)
    circuit = cn.circuit(net, cn.rule("streaming-fa-z-il"), RATE)
    x = torch.rand(1, 5, dtype=F64)
    protocol = [cn.Present(x, steps=circuit.needs.present), cn.Teach(torch.tensor([1]), steps=8)]
    data = cn.simulate(circuit, protocol, record=["prediction"])
    seen = data["area1.prediction.prediction"].isel(batch=0)
    before, after = torch.tensor(data["weights input->area1"].values)
    assert abs(seen.isel(time=circuit.needs.present).values - (before @ x[0]).numpy()).max() < 1e-15
    assert abs(seen.isel(time=-1).values - (after @ x[0]).numpy()).max() < 1e-15
    assert (after - before).abs().max() > 1e-4
