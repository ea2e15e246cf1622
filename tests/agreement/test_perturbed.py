"""Trial and error in time: circuits change their weights as the rules do, given the same noise."""

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.audit.trials import Trials
from corticalnet.errors import CircuitError, ProtocolError
from corticalnet.recordings.reading import weights
from tests.networks import F64

RATE, SIGMA, BOUND = 0.1, 0.1, 1e-10


def small():
    """Two ways to the output, of different length, which fires nonlinearly."""
    areas = [
        cn.Area(cn.Dense(5, bias=True), "tanh", "low"),
        cn.Area(cn.Dense(4), "relu", "mid"),
        cn.Area([cn.Dense(3, bias=True), cn.Dense(3, source="low")], "sigmoid"),
    ]
    return cn.Network((4,), areas, 1, dtype=F64)


def drawing(name):
    """The rule, and the list in which it leaves the noise of its last trial."""
    drawn, rng = [], torch.Generator().manual_seed(0)

    def draw(like):
        drawn.append(torch.randn(like.shape, generator=rng, dtype=F64))
        return drawn[-1]

    return cn.rule(name, deviation=SIGMA, draw=draw), drawn


@pytest.mark.parametrize("engine", ["torch", "brian2"])
@pytest.mark.parametrize("name", ["node-perturbation", "reinforce"])
def test_trials_in_a_row_are_a_training_run(name, engine):
    net, (rule, drawn) = small(), drawing(name)
    circuit = cn.circuit(net, rule, RATE)
    optimizer = torch.optim.SGD(net.parameters(), RATE)
    rng, protocol = np.random.default_rng(0), []
    for x, y in zip(rng.normal(size=(3, 1, 4)), rng.normal(size=(3, 1, 3)), strict=True):
        drawn.clear()
        rule.update(net, torch.tensor(x), torch.tensor(y), optimizer)
        areas = ("low", "mid", "output")
        noise = {f"{area}.value": SIGMA * xi.numpy() for area, xi in zip(areas, drawn, strict=True)}
        protocol.append(cn.Present(x, circuit.needs.present, exploration_noise=noise))
        protocol.append(cn.Teach(y, circuit.needs.teach + 2))  # (a teacher that stays teaches no more)
    data = cn.simulate(circuit, protocol, engine, record=["rate"])
    for link in net.links:
        names = {link.name: link.weight, f"{link.name} bias": link.bias}
        for projection, parameter in names.items():
            if parameter is not None:
                found, before = (weights(data, projection, when) for when in ("after", "before"))
                wanted = parameter.detach().numpy()
                np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=0, atol=BOUND)
                assert abs(found - before).max() > 1e-3


def test_a_batch_learns_the_mean_of_what_its_samples_do():
    net, (rule, drawn) = small(), drawing("node-perturbation")
    circuit = cn.circuit(net, rule, RATE)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(4, 4)), rng.normal(size=(4, 3))
    rule.update(net, torch.tensor(x), torch.tensor(y), torch.optim.SGD(net.parameters(), RATE))
    areas = ("low", "mid", "output")
    noise = {f"{area}.value": SIGMA * xi.numpy() for area, xi in zip(areas, drawn, strict=True)}
    shown = [cn.Present(x, circuit.needs.present, exploration_noise=noise), cn.Teach(y, circuit.needs.teach)]
    data = cn.simulate(circuit, shown, record=["rate"])
    wanted = net.links[0].weight.detach().numpy()
    np.testing.assert_allclose(weights(data, "input->low", "after"), wanted, rtol=0, atol=BOUND)


def test_without_noise_nothing_is_learned():
    net, rule = small(), cn.rule("node-perturbation")
    circuit = cn.circuit(net, rule, RATE)
    shown = [cn.Present([[1.0, 2, 3, 4]], circuit.needs.present), cn.Teach([1], circuit.needs.teach)]
    data = cn.simulate(circuit, shown, record=["rate"])
    assert (weights(data, "input->low", "after") == weights(data, "input->low", "before")).all()


@pytest.mark.parametrize("name", ["node-perturbation", "reinforce"])
def test_validation_draws_the_noise_that_the_rule_draws(name):
    rng = torch.Generator().manual_seed(0)
    trials = Trials(small(), cn.rule(name), torch.rand(2, 4, generator=rng), torch.tensor([0, 2]))
    circuit = trials.circuit()
    for k in range(2):
        found, wanted = trials.simulated(circuit, k), trials.learned(k)
        for area, change in wanted.items():
            np.testing.assert_allclose(found[area], change, rtol=1e-8, atol=1e-8 * abs(change).max())


def test_the_noise_of_a_stream_goes_to_each_population():
    circuit = cn.circuit(small(), cn.rule("reinforce"))
    noise = cn.perturbation_noise(circuit, 2, 0.1, seed=3)
    assert {name: each.shape for name, each in noise.items()} == {
        "low.value": (2, 5),
        "mid.value": (2, 4),
        "output.value": (2, 3),
    }
    x, y = np.ones((2, 4)), np.array([0, 1])
    stream = cn.Stream(x, y, present=(4, 4), teach=(2, 2), exploration_noise=noise)
    data = cn.simulate(circuit, [stream], record=["xi"])
    np.testing.assert_array_equal(data["low.value.xi"].values[[3, -1], 0], noise["low.value"])
    with pytest.raises(ProtocolError, match="exploration_noise is for 2 of 1 trials"):
        cn.Stream(x[:1], y[:1], present=(4, 4), teach=(2, 2), exploration_noise=noise)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "node-perturbation",
            {"baseline": "opposite"},
            "compares with baseline 'undisturbed', not 'opposite'",
        ),
        ("reinforce", {"baseline": "none"}, "compares with baseline 'average', not 'none'"),
        ("reinforce", {"loss": "cross-entropy"}, "the critic knows squared loss, not cross-entropy"),
        ("weight-perturbation", {}, "WeightPerturbation has no circuit"),
    ],
)
def test_what_has_no_circuit_is_refused_in_a_sentence(name, options, message):
    with pytest.raises(CircuitError, match=message):
        cn.circuit(small(), cn.rule(name, **options))


def test_noise_is_refused_where_no_cell_takes_it():
    circuit = cn.circuit(small(), cn.rule("z-il"))
    with pytest.raises(ProtocolError, match="no population of this circuit takes exploration noise"):
        cn.perturbation_noise(circuit, 2, 0.1)
