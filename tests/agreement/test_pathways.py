"""What comes down, and how: the circuit learns as the rule does, trial after trial, on both engines."""

from dataclasses import replace

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.errors import CircuitError
from corticalnet.recordings.reading import weights
from tests.agreement import beside_reward
from tests.agreement.beside_backprop import changes, lag, twin
from tests.networks import F64, dense, residual, skipping

RATE, BOUND = 0.1, 1e-10


def sheets(hidden):
    areas = [
        cn.Area(cn.Convolution(3, 3, padding="same", stride=2, bias=True), hidden),
        cn.Area(cn.Local(2, 3), hidden),
        cn.Area(cn.Dense(5, bias=True), "sigmoid"),
    ]
    return cn.Network((2, 9, 9), areas, 1, dtype=F64)


def small(hidden):
    """Two ways to the output, of different length."""
    areas = [
        cn.Area(cn.Dense(5, bias=True), hidden, "low"),
        cn.Area(cn.Dense(4), hidden, "mid"),
        cn.Area([cn.Dense(3, bias=True), cn.Dense(3, source="low")], "sigmoid"),
    ]
    return cn.Network((4,), areas, 1, dtype=F64)


NETWORKS = {"dense": lambda f: dense(f, 4), "skipping": skipping, "sheets": sheets, "residual": residual}
PATHWAYS = {
    "direct": cn.Direct,
    "straight": lambda: cn.Random(seed=3, direct=True),
    "signs": cn.SignSymmetric,
    "matching": lambda: cn.Matching(seed=3),
    "kolen-pollack": lambda: cn.KolenPollack(decay=0.1, seed=3),
    "signs of random sizes": lambda: cn.SignSymmetric("random", seed=3),
}


def stream(net, circuit, x, y):
    """Stimuli, each followed by its lesson; nothing in between."""
    present, teach = circuit.needs.present, circuit.needs.teach
    pairs = [(cn.Present(a, present), cn.Teach(b, teach)) for a, b in zip(x, y, strict=True)]
    return [element for pair in pairs for element in pair]


def lessons(net, trials, seed=0):
    draw = np.random.default_rng(seed).normal
    n = int(np.prod(net.output_shape))
    return draw(size=(trials, 1, *net.input_shape)), draw(size=(trials, 1, n))


def run(net, rule, trials=3, engine="torch", **options):
    """(found, wanted) changes after some trials in one run, weights changing throughout."""
    x, y = lessons(net, trials)
    circuit = cn.circuit(net, rule, RATE, **options)
    data = cn.simulate(circuit, stream(net, circuit, x, y), engine, record=["error"], last=1)
    wanted = twin(net, rule, x, y)
    return changes(data, wanted), wanted


@pytest.mark.parametrize("hidden", ["tanh", "relu"])
@pytest.mark.parametrize("pathway", PATHWAYS)
@pytest.mark.parametrize("network", NETWORKS)
def test_trials_in_a_row_are_a_training_run(network, pathway, hidden):
    rule = cn.Rule(feedback=PATHWAYS[pathway]())
    found, wanted = run(NETWORKS[network](hidden), rule)
    assert max(lag(found, wanted).values()) < BOUND


@pytest.mark.parametrize("pathway", PATHWAYS)
def test_in_brian2_too(pathway):
    found, wanted = run(small("tanh"), cn.Rule(feedback=PATHWAYS[pathway]()), 2, "brian2")
    assert max(lag(found, wanted).values()) < BOUND


@pytest.mark.parametrize("engine", ["torch", "brian2"])
@pytest.mark.parametrize("pathway", ["matching", "kolen-pollack"])
def test_synapses_down_learn_as_their_partners_up(pathway, engine):
    net, rule = small("tanh"), cn.Rule(feedback=PATHWAYS[pathway]())
    circuit = cn.circuit(net, rule, RATE)
    before = {name: b.detach().clone() for name, b in rule.named_parameters(net).items()}
    x, y = lessons(net, 2)
    data = cn.simulate(circuit, stream(net, circuit, x, y), engine, record=["error"], last=1)
    twin(net, rule, x, y)
    for name, b in rule.named_parameters(net).items():
        link = name.removeprefix("feedback.")
        found = weights(data, f"{link} feedback", "after").T.ravel()
        np.testing.assert_allclose(found, b.detach().numpy().ravel(), rtol=0, atol=BOUND)
        assert (b - before[name]).abs().max() > 1e-3


def test_direct_feedback_comes_along_axons_that_are_the_longer_the_lower_the_area():
    rule = cn.rule("direct-feedback-alignment")
    circuit = cn.circuit(dense("tanh", 4), rule)
    delays = {p.target: p.delay for p in circuit.projections if p.port == "feedback"}
    assert delays == {"area1.value": 2, "area2.value": 1, "area3.value": 0}
    assert not any("relay" in p.name for p in cn.circuit(skipping(), rule).populations)


def test_direct_feedback_that_comes_at_once_spoils_what_the_lower_areas_learn():
    """Why axons have lengths: without them the prediction of an area has moved when its clock ticks."""
    net, rule = dense("tanh", 4), cn.rule("direct-feedback-alignment")
    x, y = lessons(net, 1)
    circuit = cn.circuit(net, rule, RATE)
    at_once = replace(circuit, projections=[replace(p, delay=0.0) for p in circuit.projections])
    data = cn.simulate(at_once, stream(net, circuit, x, y), record=["error"], last=1)
    far = lag(changes(data, wanted := twin(net, rule, x, y)), wanted)
    assert far["area3->output"] < BOUND < 1e-3 < far["area1->area2"]


@pytest.mark.parametrize("rule", ["z-il", "streaming-fa-z-il", "il", "feedback-alignment"])
def test_shortcuts_of_residual_networks(rule):
    net = residual("tanh")
    found, wanted = run(net, cn.rule(rule))
    assert max(lag(found, wanted).values()) < BOUND


def test_weights_of_residual_networks_come_home():
    net, rule = residual("tanh"), cn.rule("z-il")
    circuit = cn.circuit(net, rule, RATE)
    x, y = lessons(net, 1)
    data = cn.simulate(circuit, stream(net, circuit, x, y), record=["error"], last=1)
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    cn.write_back(circuit, net, data)
    written = {name: p.detach().clone() for name, p in net.named_parameters()}
    net.load_state_dict(before, strict=False)
    twin(net, rule, x, y)
    assert all((p - written[name]).abs().max() < 1e-12 for name, p in net.named_parameters())


@pytest.mark.parametrize("network", ["skipping", "convolution"])
def test_direct_feedback_of_columns_that_learn_from_reward(network):
    net, pathway = beside_reward.NETWORKS[network]("tanh"), cn.Direct(seed=5)
    circuit, trials = beside_reward.made(net, pathway), beside_reward.Stream(net, 2)
    data = cn.simulate(circuit, trials.protocol(circuit), record=["action"], last=1)
    wanted, _ = trials.teach(net, pathway)
    assert max(lag(changes(data, wanted), wanted).values()) < BOUND


def test_direct_feedback_in_continuous_time_is_refused():
    with pytest.raises(CircuitError, match="direct feedback moves all areas at once"):
        cn.circuit(small("tanh"), cn.rule("direct-feedback-alignment"), dynamics="latch")


@pytest.mark.parametrize("engine", ["torch", "brian2"])
def test_signs_are_those_that_weights_have_now(engine):
    net, rule = small("tanh"), cn.Rule(feedback=cn.SignSymmetric("random"))
    net.links[1].weight.data *= 1e-2  # so that many turn round
    x, y = lessons(net, 3)
    circuit = cn.circuit(net, rule, RATE)
    data = cn.simulate(circuit, stream(net, circuit, x, y), engine, record=["error"], last=1)
    before, after = (weights(data, "low->mid", when) for when in ("before", "after"))
    assert 0.1 < (np.sign(before) != np.sign(after)).mean() < 0.9
    wanted = twin(net, rule, x, y)
    assert max(lag(changes(data, wanted), wanted).values()) < BOUND


def test_signs_and_magnitudes_are_saved_with_the_circuit(tmp_path):
    circuit = cn.circuit(small("tanh"), cn.Rule(feedback=cn.SignSymmetric("random")))
    circuit.save(tmp_path / "columns")
    again = cn.Circuit.load(tmp_path / "columns")
    assert str(again) == str(circuit)
    assert "back along low->mid by signs" in str(circuit)
    found, there = (one.projection("low->mid feedback").weight for one in (again, circuit))
    assert found.shape == (4, 5)
    assert np.array_equal(found, there)


def test_columns_that_learn_from_reward_by_signs():
    net, pathway = beside_reward.NETWORKS["skipping"]("tanh"), cn.SignSymmetric("random")
    circuit, trials = beside_reward.made(net, pathway), beside_reward.Stream(net, 2)
    data = cn.simulate(circuit, trials.protocol(circuit), record=["action"], last=1)
    wanted, _ = trials.teach(net, pathway)
    assert max(lag(changes(data, wanted), wanted).values()) < BOUND
