"""BurstCCN as a circuit: one trial is one update of the network, whoever simulates it, with no clock."""

import pytest

import corticalnet as cn
from corticalnet.columns.beside import joined, learned_changes, recorded_changes
from corticalnet.errors import CircuitError
from tests.networks import batch, dense, skipping

RATE = 0.2


def one_trial(net, rule, x, y, engine="torch", longer=0):
    circuit = cn.circuit(net, rule, RATE)
    needs = circuit.needs
    protocol = [cn.Present(x, needs.present + longer), cn.Teach(y, needs.teach + longer), cn.Rest(3)]
    return circuit, cn.simulate(circuit, protocol, engine)


@pytest.mark.parametrize(
    ("feedback", "activation", "baseline"),
    [("random", "sigmoid", 0.5), ("tied", "sigmoid", 0.2), ("sign-symmetric", "tanh", 0.5)],
)
def test_one_trial_changes_the_weights_as_the_rule_does(feedback, activation, baseline):
    net, (x, y) = dense(activation, 4), batch(2)
    rule = cn.rule("burstccn", feedback=feedback, baseline=baseline)
    wanted = joined(learned_changes(net, rule, [(x, y)], RATE))
    for longer in (0, 4):
        circuit, data = one_trial(net, rule, x, y, longer=longer)
        found = joined(recorded_changes(data, net))
        assert abs(found - wanted).max() < 1e-10 * abs(wanted).max()
    told = [p.name for p in circuit.populations if "teaching" in p.cell.inputs]
    assert told == ([] if feedback == "random" else ["clock"])


def test_both_engines_burst_alike():
    pytest.importorskip("brian2")
    net, (x, y) = dense("sigmoid", 3), batch(1)
    rule = cn.rule("burstccn")
    (_, one), (_, other) = (one_trial(net, rule, x, y, engine) for engine in ("torch", "brian2"))
    assert (
        max(float(abs(one[name].astype(float) - other[name].astype(float)).max()) for name in one.data_vars)
        < 1e-12
    )
    assert abs(one["area1.value.surplus"]).max() > 1e-6


def test_no_burst_is_more_than_events_let_expect_where_nobody_teaches():
    net, (x, _) = dense("sigmoid", 3), batch(2)
    circuit = cn.circuit(net, cn.rule("burstccn"), RATE)
    data = cn.simulate(circuit, [cn.Present(x, 8)])
    for area in ("area1", "area2", "output"):
        assert abs(data[f"{area}.value.surplus"]).max() == 0
        assert abs(data[f"{area}.value.burst"].isel(time=-1)).max() > 0.1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: cn.circuit(skipping(), cn.rule("burstccn")), "links from area to area"),
        (lambda: cn.circuit(dense(), cn.rule("burstccn", feedback="kolen-pollack")), "not KolenPollack"),
        (lambda: cn.circuit(dense(), cn.rule("burstccn", loss="cross-entropy")), "burst by t − y"),
        (lambda: cn.circuit(dense(), cn.rule("burstprop")), "has no circuit"),
    ],
)
def test_what_has_no_columns_says_so(make, words):
    with pytest.raises(CircuitError, match=words):
        make()
