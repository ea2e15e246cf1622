"""Recurrent backprop as a circuit: weights change as the rule's do (1e-10)."""

import pytest

import corticalnet as cn
from corticalnet.audit.samples import random_batch, random_mlp
from corticalnet.columns.beside import learned_changes, recorded_changes
from tests.networks import batch, dense, skipping

RATE = 0.2


@pytest.mark.parametrize(
    ("net", "engine", "samples"),
    [
        (lambda: skipping("sigmoid"), "torch", 2),
        (lambda: dense("tanh", 4), "torch", 2),
        (lambda: dense("relu", 2), "brian2", 1),
    ],
    ids=["skipping", "deep", "brian2"],
)
def test_a_stream_of_trials_changes_the_weights_as_the_rule_does(net, engine, samples):
    if engine == "brian2":
        pytest.importorskip("brian2")
    net, rule = net(), cn.rule("recurrent-backprop", steps=90, feedback=0.1)
    lessons = [batch(samples, seed=k) for k in range(2)]
    circuit = cn.circuit(net, rule, RATE)
    protocol = []
    for x, y in lessons:
        protocol += [cn.Present(x, circuit.needs.present), cn.Teach(y, circuit.needs.teach + 3)]
    data = cn.simulate(circuit, protocol, engine, record=["error"], last=1)
    found = recorded_changes(data, net)
    for name, wanted in learned_changes(net, rule, lessons, RATE).items():
        assert abs(wanted).max() > 1e-5
        assert abs(found[name] - wanted).max() < 1e-10 * abs(wanted).max(), name


def test_errors_settle_in_the_steps_that_the_rules_do():
    """They take turns; all at once they would need twice as many."""
    net, (x, y) = random_mlp("tanh", 3, 2), random_batch(random_mlp("tanh", 3, 2), 2, 1)
    rule = cn.rule("recurrent-backprop", feedback=0.5)
    steps = rule.learn(net, x, y).details.now.steps
    assert 100 < steps < 120
    rule = cn.rule("recurrent-backprop", steps=steps + 4, feedback=0.5)
    circuit = cn.circuit(net, rule, RATE)
    protocol = [cn.Present(x, circuit.needs.present), cn.Teach(y, circuit.needs.teach)]
    found = recorded_changes(cn.simulate(circuit, protocol, record=["error"], last=1), net)
    for name, wanted in learned_changes(net, rule, [(x, y)], RATE).items():
        assert abs(found[name] - wanted).max() < 1e-10 * abs(wanted).max(), name


def test_changes_that_wait_are_refused():
    with pytest.raises(cn.errors.CircuitError, match="changes wait until errors are at rest anyway"):
        cn.circuit(dense(), cn.rule("recurrent-backprop"), consolidation="phase")
