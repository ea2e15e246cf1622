"""Pools are areas of their own: a maximum by contests, a mean by a fixed projection; as the rule learns."""

import pytest

import corticalnet as cn
from corticalnet.errors import CircuitError
from corticalnet.network.stages import AvgPool, Dropout, Fire, Flatten, MaxPool
from tests.agreement import beside_reward
from tests.agreement.beside_backprop import changes, lag, twin
from tests.agreement.test_pathways import lessons, run, stream
from tests.networks import F64

BOUND = 1e-10


def sheets(pool, hidden="tanh", skip=False):
    """A sheet of 6 × 6 columns and its pools, and two dense areas; the highest may hear the pools too."""
    links = [cn.Dense(3, bias=True), *([cn.Dense(3, "V1")] if skip else [])]
    areas = [
        cn.Area(cn.Convolution(2, 3, padding="same", bias=True), name="V1", stages=[Fire(hidden), pool]),
        cn.Area(cn.Dense(5), hidden, "mid"),
        cn.Area(links, "sigmoid"),
    ]
    return cn.Network((1, 6, 6), areas, 1, dtype=F64)


POOLS = {
    "maximum": MaxPool,
    "maximum, some columns left over": lambda: MaxPool(2, stride=4),
    "mean": lambda: AvgPool(2),
    "overlapping mean beyond the edges": lambda: AvgPool(3, stride=2, padding=1),
    "mean of the sheet": AvgPool,
}
RULES = {
    "backprop": {},
    "z-il": {},
    "streaming-fa-z-il": {"silence": 1},
    "fa-z-il": {"gate": "prediction"},
    "direct-feedback-alignment": {},
    "feedback-alignment": {"loss": "cross-entropy"},
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("pool", POOLS)
def test_trials_in_a_row_are_a_training_run(pool, rule):
    found, wanted = run(sheets(POOLS[pool]()), cn.rule(rule, **RULES[rule]), 2)
    assert max(lag(found, wanted).values()) < BOUND


@pytest.mark.parametrize("pool", ["maximum", "mean"])
def test_links_that_skip_areas_and_equal_columns(pool):
    """Silent ReLU columns are all equal: the first of them wins, as in the network."""
    found, wanted = run(sheets(POOLS[pool](), "relu", skip=True), cn.rule("z-il"), 3)
    assert max(lag(found, wanted).values()) < BOUND


@pytest.mark.parametrize("pool", ["maximum", "mean"])
def test_in_brian2_too(pool):
    found, wanted = run(sheets(POOLS[pool]()), cn.rule("z-il"), 1, "brian2")
    assert max(lag(found, wanted).values()) < BOUND


def test_pools_above_the_output_and_one_above_the_other():
    areas = [
        cn.Area(
            cn.Convolution(2, 3, padding="same"), name="V1", stages=[Fire("tanh"), MaxPool(2), AvgPool(3, 1)]
        ),
        cn.Area(cn.Convolution(4, 1), name="V2", stages=[Fire("tanh"), AvgPool(), Flatten()]),
    ]
    net = cn.Network((1, 8, 8), areas, 1, dtype=F64)
    found, wanted = run(net, cn.rule("z-il", loss="cross-entropy"), 2)
    assert max(lag(found, wanted).values()) < BOUND
    circuit = cn.circuit(net, cn.rule("z-il"))
    assert circuit.population("V2-pool.value").n == 4
    assert circuit.population("V1-pool2.value").n == circuit.population("V2.value").n // 2


def test_losers_hear_nothing_from_above():
    """Where each neighbourhood has one winner, errors below a maximum are zero but for one in four."""
    net = sheets(MaxPool(2))
    x, y = lessons(net, 1)
    circuit = cn.circuit(net, cn.rule("z-il"))
    data = cn.simulate(circuit, stream(net, circuit, x, y), record=["winner", "error"])
    at = circuit.needs.present + net.wiring.depth[1] + 1  # one link more than in the network
    error, winner = data["V1.error.error"].values, data["V1.winner.winner"].values
    assert winner[at, 0].sum() == 18
    assert ((error[at, 0] != 0) == (winner[at, 0] == 1)).all()


def test_a_mean_in_columns_that_learn_from_reward():
    net, pathway = sheets(AvgPool(2)), cn.Tied()
    circuit, trials = beside_reward.made(net, pathway), beside_reward.Stream(net, 2, 4)
    data = cn.simulate(circuit, trials.protocol(circuit), record=["action"], last=1)
    wanted, _ = trials.teach(net, pathway)
    assert max(lag(changes(data, wanted), wanted).values()) < BOUND


def test_a_mean_in_continuous_time():
    net, rule = sheets(AvgPool(2)), cn.rule("backprop")
    x, y = lessons(net, 1)
    circuit = cn.circuit(net, rule, 0.1, dynamics=cn.Continuous("sample_and_hold", dt=5.0))
    protocol = [*stream(net, circuit, x, y), cn.Rest(circuit.needs.present)]
    found = changes(cn.simulate(circuit, protocol, record=["grip"], last=1), wanted := twin(net, rule, x, y))
    assert max(lag(found, wanted).values()) < 1e-6


def test_weights_come_home():
    net, rule = sheets(MaxPool(2)), cn.rule("z-il")
    circuit = cn.circuit(net, rule, 0.1)
    x, y = lessons(net, 1)
    data = cn.simulate(circuit, stream(net, circuit, x, y), record=["error"], last=1)
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    cn.write_back(circuit, net, data)
    assert all((p - before[name]).abs().max() > 1e-5 for name, p in net.named_parameters())


@pytest.mark.parametrize(
    ("pool", "rule", "options", "message"),
    [
        (MaxPool(2), cn.rule("il"), {}, "area 'V1': a pool takes columns a step of their own"),
        (AvgPool(2), cn.rule("z-il", rate=0.5), {}, "area 'V1': a pool takes columns a step"),
        (MaxPool(2), cn.rule("fa-z-il"), {}, "area 'V1': a pool takes columns a step"),
        (MaxPool(2), cn.rule("backprop"), {"dynamics": "latch"}, "winners may change while feedback"),
        (MaxPool(2), cn.rule("brainprop"), {}, "winners may change while feedback"),
        (MaxPool(3, 2), cn.rule("backprop"), {}, "neighbourhoods of pool 3×3/2 overlap"),
        (Dropout(0.5), cn.rule("backprop"), {}, "fires through tanh, dropout 0.5; in a circuit an area has"),
    ],
)
def test_what_has_no_circuit_says_so(pool, rule, options, message):
    with pytest.raises(CircuitError) as caught:
        cn.circuit(sheets(pool), rule, **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_network_that_is_not_training_silences_nobody():
    areas = [cn.Area(cn.Dense(5), "tanh", dropout=0.5), cn.Area(cn.Dense(3), "linear")]
    net = cn.Network((4,), areas, 1, dtype=F64).eval()
    found, wanted = run(net, cn.rule("z-il"), 2)
    assert max(lag(found, wanted).values()) < BOUND
