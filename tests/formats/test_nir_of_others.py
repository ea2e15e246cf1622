"""NIR graphs that SpikingJelly exports: our circuits fire what its own models fire, step by step."""

import numpy as np
import pytest
import torch

import corticalnet as cn

nir = pytest.importorskip("nir")
STEPS = 150
X = (np.random.default_rng(2).random((STEPS, 4)) < 0.3).astype("f4")


def ours(graph, dt="0.1 ms"):
    """Spikes of the last population."""
    read = cn.from_nir(graph, dt)
    signal = next(p.name for p in read.populations if p.cell.inputs)
    data = cn.simulate(read, [cn.Play({f"{signal}.stimulus": X})], record=["spike"], check=False)
    return [values.values[:, 0] for name, values in data.data_vars.items() if str(name).endswith("spike")]


def weights(layer, seed, scale):
    with torch.no_grad():
        for parameter in layer.parameters():
            rng = np.random.default_rng(seed)
            parameter.copy_(torch.tensor(scale * rng.normal(0.3, 1.0, parameter.shape)))
    return layer


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("decay_input", [True, False])
def test_spikingjelly_exports_what_it_runs(decay_input):
    pytest.importorskip("spikingjelly")
    from spikingjelly.activation_based import layer, neuron
    from spikingjelly.activation_based.nir_exchange import export_to_nir

    scale = 3.0 if decay_input else 0.4
    net = torch.nn.Sequential(
        weights(layer.Linear(4, 5), 0, scale), neuron.LIFNode(tau=8.0, decay_input=decay_input)
    )
    with torch.no_grad():
        found = np.array([net(x[None])[0].numpy() for x in torch.tensor(X)])
    for module in net:
        if hasattr(module, "reset"):
            module.reset()
    graph = export_to_nir(net, torch.ones(1, 4), dt=1e-4)
    (spikes,) = ours(graph)
    assert found.sum() > 20
    np.testing.assert_array_equal(spikes, found)
