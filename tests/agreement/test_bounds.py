"""Bounds of weights in circuits: clipped as in the network, on both engines, on every way weights move."""

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.circuits.cells import Sensory, Value
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.errors import CircuitError
from corticalnet.recordings.reading import weights
from tests.networks import CLASSES, F64, SHAPE, batch

RATE = 2.0


def network(kind):
    first = cn.Dense(6, bounds=cn.Dale(0.5)) if kind is cn.Dense else kind(2, 5, bounds=cn.Bounds(-0.1, 0.1))
    areas = [cn.Area(first, "tanh"), cn.Area(cn.Dense(CLASSES, bounds=cn.KeepSigns(), bias=True))]
    return cn.Network(SHAPE, areas, 0, dtype=F64)


@pytest.mark.parametrize("engine", ["torch", "brian2"])
@pytest.mark.parametrize(
    ("kind", "consolidation"), [(cn.Dense, "now"), (cn.Dense, "phase"), (cn.Convolution, "now")]
)
def test_a_trial_of_a_circuit_clips_as_the_rule_does(kind, consolidation, engine):
    net, rule, (x, y) = network(kind), cn.rule("z-il"), batch(1)
    columns = cn.circuit(net, rule, RATE, consolidation=consolidation)
    protocol = [cn.Present(x, steps=columns.needs.present), cn.Teach(y, steps=columns.needs.teach)]
    found = cn.simulate(columns, [*protocol, cn.Rest(steps=2)], engine, record=["error"])
    rule.update(net, x, y, torch.optim.SGD(net.parameters(), RATE))
    at_a_bound = 0
    for link in net.links:
        wanted = link.weight.detach().numpy()
        clipped = weights(found, link.name, "after").reshape(wanted.shape)
        np.testing.assert_allclose(clipped, wanted, rtol=0, atol=1e-10)
        at_a_bound += int((wanted == link.low.numpy()).sum() + (wanted == link.high.numpy()).sum())
    assert at_a_bound


class PreTimesPost(Plasticity):
    """Plain Hebbian plasticity, whose eligibility may be remembered."""

    def eligibility(self, synapse, pre, post, port):
        return post.rate * pre.rate


def pair(memory=0.0, **bounds):
    """One cell that drives another, which follows it; by hand, the weight grows by 0.4 · 1 · 0.5 at first."""
    cells = [cn.Population("retina", 2, Sensory()), cn.Population("cortex", 1, Value())]
    learning = PreTimesPost(rate=0.4, memory=memory)
    weight = np.array([[0.5, -0.5]])
    way = cn.Projection("retina", "cortex", "feedback", weight, plasticity=learning, **bounds)
    return cn.Circuit(cells, [way])


@pytest.mark.parametrize("engine", ["torch", "brian2"])
@pytest.mark.parametrize("memory", [0.0, 20.0])
def test_weights_stop_at_their_bounds_each_at_its_own(engine, memory):
    protocol, way = [cn.Present([[1.0, 0.2]], steps=60)], "retina->cortex"
    free = weights(cn.simulate(pair(memory), protocol, engine), way, "after")
    assert (free > [[0.7, -0.3]]).all()
    high = np.array([[0.7, -0.3]])
    kept = weights(cn.simulate(pair(memory, high=high), protocol, engine), way, "after")
    np.testing.assert_array_equal(kept, high)


def test_bounds_go_into_a_file_and_come_back(tmp_path):
    high = np.array([[0.7, -0.3]])
    pair(high=high).save(tmp_path / "pair")
    way = cn.Circuit.load(tmp_path / "pair").projection("retina->cortex")
    assert (way.high == high).all()
    assert (way.low == -np.inf).all()
    pair().save(tmp_path / "free")
    assert not cn.Circuit.load(tmp_path / "free").projection("retina->cortex").bounded


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"low": 0}, r"projection 'retina->cortex': a weight is -0.5, outside its bounds"),
        ({"high": [1.0, 2.0]}, r"high has shape \(2,\), but must have \(1, 2\)"),
        ({"low": "0"}, "low: weights must be numbers"),
    ],
)
def test_impossible_bounds_are_refused_in_a_sentence(bounds, message):
    with pytest.raises(CircuitError, match=message):
        pair(**bounds)


def test_weights_that_are_set_must_lie_within_bounds():
    with pytest.raises(CircuitError, match="a weight is 3, outside its bounds"):
        pair(high=1.0).with_weights({"retina->cortex": np.array([[3.0, 0.0]])})
