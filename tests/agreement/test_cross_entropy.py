"""A cross-entropy teacher in time: an output whose rates compete learns as the rule does, on both engines."""

import numpy as np
import pytest
import torch

import corticalnet as cn
from tests.agreement.beside_backprop import changes, lag, lessons, trials, twin
from tests.agreement.test_network_is_circuit import RULES, divergence, sheets, taught, trial
from tests.networks import CLASSES, F64, batch, dense, residual, skipping

RATE, BOUND = 0.1, 1e-10
NETWORKS = {
    "dense": lambda f: dense(f, 3),
    "sheets": lambda f: sheets(cn.Convolution, f),  # a sigmoid output: the softmax of its rates
    "skipping": skipping,
    "residual": residual,
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("network", NETWORKS)
def test_one_trial_changes_the_weights_as_the_rule_does(network, rule):
    name, parameters, consolidation = RULES[rule]
    net, made = NETWORKS[network]("tanh"), cn.rule(name, loss="cross-entropy", **parameters)
    x, y = batch(2)
    circuit = cn.circuit(net, made, 0.2, consolidation=consolidation)
    data = trial(circuit, x, y, rest=2 * (consolidation == "phase"))
    assert divergence(net, data, taught(net, made, x, y)) < BOUND


@pytest.mark.parametrize("engine", ["torch", "brian2"])
@pytest.mark.parametrize("rule", ["backprop", "streaming-fa-z-il"])
def test_trials_in_a_row_whatever_their_targets_sum_to(rule, engine):
    """Also to 0 and to less: the rule's error is t − (Σ t) softmax(y)."""
    net = cn.mlp([4, 5, 3], "tanh", seed=1, dtype=F64)
    made = cn.rule(rule, loss="cross-entropy")
    x, y = lessons(net, 4)
    y[1], y[2] = [[1.0, 0.0, 0.0]], [[1.0, -2.0, 1.0]]
    circuit = cn.circuit(net, made, RATE)
    protocol = trials(circuit, x, y)
    data = cn.simulate(circuit, protocol, engine, record=["error"], last=1)
    wanted = twin(net, made, x, y)
    assert max(lag(changes(data, wanted), wanted).values()) < BOUND


def test_without_a_teacher_values_go_to_the_softmax_and_errors_are_exactly_at_rest():
    net, (x, _) = dense("tanh", 3), batch(2)
    circuit = cn.circuit(net, cn.rule("streaming-fa-z-il", loss="cross-entropy"))
    data = cn.simulate(
        circuit, [cn.Present(x, steps=circuit.needs.present)], record=["value", "error"], last=1
    )
    value = torch.tensor(data["output.value.value"].values[-1])
    assert torch.allclose(value[:, :CLASSES], torch.softmax(net(x), 1), rtol=0, atol=1e-14)
    assert not any(data[f"{area}.error.error"].values[-1].any() for area in ("area1", "area2", "output"))


@pytest.mark.parametrize("construction", ["latch", "delay", "sample_and_hold", "nudge"])
def test_in_continuous_time(construction):
    net = cn.mlp([4, 6, 3], "tanh", seed=1, dtype=F64)
    made = cn.rule("backprop", loss="cross-entropy")
    x, y = lessons(net, 2)
    y = np.eye(3)[[[0], [2]]]
    bound = 5e-3 if construction == "nudge" else 1e-6  # (β = 1e-3)
    circuit = cn.circuit(net, made, RATE, dynamics=cn.Continuous(construction, dt=2.5))
    data = cn.simulate(circuit, trials(circuit, x, y), record=["grip"], last=1)
    wanted = twin(net, made, x, y)
    assert max(lag(changes(data, wanted), wanted).values()) < bound


def test_a_squared_error_is_another_lesson():
    """What is compared above is not what the other loss would bring."""
    net, (x, y) = dense("tanh", 3), batch(2)
    data = trial(cn.circuit(net, cn.rule("z-il", loss="cross-entropy"), 0.2), x, y)
    assert divergence(net, data, taught(net, cn.rule("z-il"), x, y)) > 1e-2
