"""Many cells of which few fire: the torch engine looks only at those, and sums as a loop over synapses does.

256 cells and more are looked at; cell by cell if less than one in eight fires (in any animal of the batch).
"""

import numpy as np
import pytest
import torch

from corticalnet.circuits import Circuit, Population, Projection
from corticalnet.circuits.cells import Cell, Sensory, State
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.engines import simulate
from corticalnet.engines.torch_engine.weights import Weights
from corticalnet.experiment.protocol import SetInput
from tests.engines.small import area

PRE, POST, BATCH = 264, 257, 2
SENDS = {"up": PRE, "down": POST}


class Firing(Cell):
    """Fires in the step in which it is told to; hears what comes down."""

    ports = {"prediction": "predict", "feedback": "feedback", "own": "", "modulator": ""}
    state = {"spike": State(event=True), "echo": 0.0}
    inputs = {"told": Sensory.inputs["stimulus"]}
    output = "spike"

    def predict(self, cell, port, dt):
        return {"spike": cell.told}

    def feedback(self, cell, port, dt):
        return {"echo": port.feedback}


def columns(plasticity=None):
    """Spikes up, and back down through the same synapses."""
    weights = np.random.default_rng(1).normal(size=(POST, PRE))
    populations = [Population("below", PRE, Firing()), Population("above", POST, Firing())]
    up = Projection("below", "above", "prediction", weights, name="up", plasticity=plasticity)
    down = Projection("above", "below", "feedback", name="down", shared_with="up")
    return Circuit(populations, [up, down])


def firing(cells, n, seed=2):
    """``[B, cells]``: n cells fire in the first animal, one of them and another in the second."""
    spikes = np.zeros((BATCH, cells))
    chosen = np.random.default_rng(seed).permutation(cells)[: n + 1]
    spikes[0, chosen[:n]] = 1.0
    spikes[1, chosen[max(n - 1, 0) :]] = float(n > 0)
    return spikes


def by_hand(weights, spikes, name):
    """Σ w over those that fire, for each animal and each cell that hears."""
    total = np.zeros((BATCH, weights.shape[0 if name == "up" else 1]))
    for b in range(BATCH):
        for cell in np.flatnonzero(spikes[b]):
            total[b] += weights[:, cell] if name == "up" else weights[cell]
    return total


@pytest.mark.parametrize("name", SENDS)
@pytest.mark.parametrize("n", [0, 1, 5, 31, 32, 40, 250])
def test_few_or_many_that_fire_are_summed_alike(name, n):
    """The border lies at 33 of 264 cells and 32 of 257 (with the other animal's own one)."""
    circuit = columns()
    projection, weights = circuit.projection(name), circuit.weights["up"]
    made, spikes = Weights(circuit, torch.zeros(0, dtype=torch.float64)), firing(SENDS[name], n)
    found = made.carry(projection, torch.from_numpy(spikes), events=True)
    np.testing.assert_allclose(found, by_hand(weights, spikes, name), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", SENDS)
@pytest.mark.parametrize("how", ["change", "set"])
def test_weights_that_have_changed_are_those_that_carry(name, how):
    """Rows of the presynaptic cells are kept from one step to the next, but not beyond a change."""
    circuit = columns()
    projection, weights = circuit.projection(name), circuit.weights["up"]
    made, spikes = Weights(circuit, torch.zeros(0, dtype=torch.float64)), firing(SENDS[name], 5)
    made.carry(projection, torch.from_numpy(spikes), events=True)
    other = np.random.default_rng(3).normal(size=weights.shape)
    if how == "change":
        made.change("up", torch.from_numpy(other - weights))
    else:
        made.set({"up": other})
    found = made.carry(projection, torch.from_numpy(spikes), events=True)
    np.testing.assert_allclose(found, by_hand(other, spikes, name), rtol=0, atol=1e-12)


class Pairs(Plasticity):
    """Spike by spike."""

    def eligibility(self, synapse, pre, post, port):
        return pre.spike * (post.spike + 0.1)


@pytest.mark.parametrize("counts", [(3, 4), (200, 230)])
def test_a_circuit_of_many_spiking_cells_beside_a_loop(counts):
    """Both ways, six steps, weights that change under the spikes."""
    circuit = columns(Pairs(0.3))
    shown = [[firing(c, n, seed=10 * t) for c, n in zip((PRE, POST), counts, strict=True)] for t in range(6)]
    protocol = [SetInput({"below.told": below, "above.told": above}, 1) for below, above in shown]
    data = simulate(circuit, protocol, record=["echo"])
    w, echoes = circuit.weights["up"].copy(), []
    for below, above in shown:
        echoes.append(by_hand(w, above, "down"))
        w = w + 0.3 * np.mean([np.outer(above[b] + 0.1, below[b]) for b in range(BATCH)], axis=0)
    np.testing.assert_allclose(area(data, "echo", "below"), echoes, rtol=0, atol=1e-12)
    np.testing.assert_allclose(data["weights up"].sel(when="after"), w, rtol=0, atol=1e-12)
