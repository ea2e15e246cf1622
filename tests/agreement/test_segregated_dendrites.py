"""Segregated dendrites in time: circuit and rule are one, engines agree to a spike, many cells are a rate."""

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.recordings.reading import weight_change
from tests.agreement.test_network_is_circuit import RATE, divergence, sheets, taught, trial
from tests.networks import CLASSES, F64, SHAPE, batch, residual, skipping

RULE = {"density": 0.5, "nudge": 0.6, "reversal": 8.0}


def small():
    areas = [cn.Area(cn.Dense(n, bias=True), "sigmoid") for n in (6, 5, CLASSES)]
    return cn.Network(SHAPE, areas, 0, dtype=F64)


@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        (small, RULE),
        (lambda: skipping("tanh"), {"nudge": 0.5}),
        (lambda: sheets(cn.Local, "relu"), {}),
        (residual, {}),
    ],
    ids=["by currents", "skipping", "sheets", "residual"],
)
def test_one_trial_changes_the_weights_as_the_rule_does(make, parameters):
    net, rule, (x, y) = make(), cn.rule("segregated-dendrites", **parameters), batch(2)
    circuit = cn.circuit(net, rule, RATE)
    assert divergence(net, trial(circuit, x, y), taught(net, rule, x, y)) < 1e-10


def test_phases_of_any_length_are_the_rule_where_somata_are_slow():
    """The stimulus of the next trial comes as the teacher goes: synapses learn by the one before."""
    net, rule, (x, y) = small(), cn.rule("segregated-dendrites", **RULE), batch(1)
    time = cn.Continuous("sample_and_hold", tau=2.0, dt=1.0, average=20.0)
    circuit = cn.circuit(net, rule, RATE, dynamics=time)
    protocol = [cn.Present(x, ms=150), cn.Teach(y, ms=83), cn.Present(1 - x, ms=5)]
    data = cn.simulate(circuit, protocol, record=["error"])
    assert divergence(net, data, taught(net, rule, x, y)) < 1e-10


@pytest.mark.slow
def test_engines_agree_to_a_spike_and_on_all_that_spikes_leave_behind():
    areas = [cn.Area(cn.Dense(n, bias=True), "sigmoid") for n in (4, 3)]
    net = cn.Network((3,), areas, 0, dtype=F64)
    circuit = cn.circuit(net, cn.rule("segregated-dendrites", **RULE), RATE, cells_per_column=2)
    x = torch.rand(1, 3, generator=torch.Generator().manual_seed(0), dtype=F64)
    protocol = [cn.Present(x, ms=53), cn.Teach([1], ms=57), cn.Present(1 - x, ms=2)]
    one, other = (
        cn.simulate(circuit, protocol, engine, record=["spike", "plateau", "error"])
        for engine in ("torch", "brian2")
    )
    spikes = [name for name in one if name.endswith("spike")]
    assert min(int(one[name].sum()) for name in spikes) > 20
    for name in one:
        same = np.array_equal if name in spikes else lambda a, b: np.abs(a - b).max() < 1e-12
        assert same(one[name].values, other[name].values), name
    assert np.abs(weight_change(one, "input->area1")).max() > 1e-5


def test_with_many_cells_for_each_column_the_change_is_that_of_rates():
    net, rule = small(), cn.rule("segregated-dendrites", **RULE)
    x, y = batch(6)
    protocol = [cn.Present(x, ms=80), cn.Teach(y, ms=50), cn.Rest(ms=1)]
    wanted = taught(net, rule, x, y)
    cosines = []
    for cells in (1, 100):
        data = cn.simulate(cn.circuit(net, rule, RATE, cells_per_column=cells), protocol, record=["error"])
        found = torch.tensor(weight_change(data, "area2->output")).flatten()
        cosines.append(torch.cosine_similarity(found, wanted[net.links[-1].weight].flatten(), 0).item())
    assert cosines[0] < cosines[1]
    assert cosines[1] > 0.995


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"feedback": "random"}, "such columns have Direct feedback, not Random"),
        ({"loss": "cross-entropy"}, "moved to a target, not by Teacher.'cross-entropy'"),
    ],
)
def test_what_has_no_circuit_says_so(parameters, message):
    with pytest.raises(cn.errors.CircuitError, match=message):
        cn.circuit(small(), cn.rule("segregated-dendrites", **parameters))
