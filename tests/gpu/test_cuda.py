"""On a CUDA device: the same numbers as on the CPU, for every rule and kind of link."""

import copy

import pytest
import torch

import corticalnet as cn
import corticalnet.data as data
from corticalnet.rules import Rewarded
from corticalnet.training import Settings, train
from tests.networks import autograd, batch, distance, learned, residual, sheets, skipping, squared

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
]

KINDS = {
    "convolution": lambda: sheets("relu", cn.Convolution, homeostasis="batch"),
    "local": lambda: sheets("tanh", cn.Local, homeostasis="slow"),
    "skipping": skipping,
    "residual": residual,
}


@pytest.mark.parametrize("name", cn.list_rules())
@pytest.mark.parametrize("kind", KINDS)
def test_every_rule_agrees_with_the_cpu(name, kind):
    net = KINDS[kind]()
    x, y = batch()
    rewarded = isinstance(cn.rule(name).teaching, Rewarded)
    rule = cn.rule(name, choose=lambda rates: rates.argmax(1)) if rewarded else cn.rule(name)
    here = learned(net, rule, x, y)
    there = learned(copy.deepcopy(net).cuda(), rule, x.cuda(), y.cuda())
    assert distance([g.cpu() for g in there], here) < 1e-10


@pytest.mark.parametrize("name", ["backprop", "z-il", "streaming-fa-z-il"])
@pytest.mark.parametrize("kind", KINDS)
def test_equals_autograd_with_dropout_on_the_device(name, kind):
    net = KINDS[kind]().cuda()
    x, y = (t.cuda() for t in batch())
    assert distance(learned(net, cn.rule(name), x, y), autograd(net, squared, x, y)) < 1e-10


def test_a_network_may_move_between_trials():
    net, rule = cn.mlp([6, 5, 4], "tanh"), cn.rule("feedback-alignment")
    x, y = torch.rand(3, 6), torch.tensor([0, 1, 2])
    rule.learn(net, x, y)
    here = net.links[0].weight.grad.clone()
    net.cuda()
    rule.learn(net, x.cuda(), y.cuda())
    assert torch.allclose(net.links[0].weight.grad.cpu(), here, atol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_training_on_the_device(precision, tmp_path):
    digits = data.load("digits")
    net = cn.mlp([64, 32, 10], "relu", seed=0)
    settings = Settings(epochs=6, batch=32, lr=0.1, device="cuda", precision=precision)
    result = train(cn.Model(net, cn.rule("z-il"), settings), digits, out=tmp_path / "run", progress=False)
    assert result.last_test_accuracy > 0.8


@pytest.mark.parametrize("rule", ["il", "z-il", "fa-z-il", "streaming-fa-z-il"])
@pytest.mark.parametrize("kind", [cn.Dense, cn.Convolution, cn.Local])
def test_a_circuit_on_cuda_is_the_circuit_on_the_cpu(kind, rule):
    """Also that cells at rest stay exactly at rest there, or φ would fire."""
    first = cn.Dense(9) if kind is cn.Dense else kind(3, 3, stride=2, bias=True)
    net = cn.Network((2, 9, 9), [cn.Area(first, "tanh"), cn.Area(cn.Dense(5), "linear")], dtype=torch.float64)
    circuit = cn.circuit(net, cn.rule(rule), 0.1)
    x, y = torch.rand(3, 2, 9, 9, dtype=torch.float64), torch.tensor([0, 4, 2])
    protocol = [cn.Present(x, steps=circuit.needs.present + 3), cn.Teach(y, steps=circuit.needs.teach + 5)]
    on_cpu = cn.simulate(circuit, protocol, record=["error", "weights"])
    on_gpu = cn.simulate(circuit, protocol, record=["error", "weights"], device="cuda")
    for name in on_cpu.data_vars:
        assert abs(on_cpu[name] - on_gpu[name]).max() < 1e-10, name


@pytest.mark.parametrize("kind", ["poisson", "pif", "lif"])
def test_spikes_on_cuda_are_those_on_the_cpu(kind):
    """Dice are exact in any precision, voltages in float64 to the last bits: 300 steps, spike for spike."""
    net = cn.mlp([6, 5, 3], hidden="sigmoid", seed=0, dtype=torch.float64)
    circuit = cn.circuit(net, cn.rule("brainprop"), 0.1, cells_per_column=20, cell=kind)
    shown = [cn.Present(torch.rand(4, 6, generator=torch.Generator().manual_seed(0)), steps=300)]
    here, there = (
        cn.simulate(circuit, shown, record=["spike"], check=False, device=d) for d in ("cpu", "cuda")
    )
    assert here.equals(there)
