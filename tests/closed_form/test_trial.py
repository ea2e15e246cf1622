"""One trial has one dropout mask and moves slow averages once, however many steps of inference it takes."""

import pytest
import torch

import corticalnet as cn

F64 = torch.float64
RULES = {
    "il": {"steps": 6},
    "ipc": {"steps": 6},
    "z-il": {"simulate": True},
    "fa-z-il": {"steps": 9},
    "streaming-fa-z-il": {"steps": 9},
}


def network(**area):
    areas = [cn.Area(cn.Dense(12), "sigmoid", **area), cn.Area(cn.Dense(9), "sigmoid", **area)]
    return cn.Network((5,), [*areas, cn.Area(cn.Dense(3), "linear")], seed=2, dtype=F64)


@pytest.mark.parametrize("name", RULES)
def test_silent_columns_stay_silent_for_the_whole_trial(name):
    net, x, y = network(dropout=0.5), torch.rand(1, 5, dtype=F64), torch.tensor([1])
    torch.manual_seed(7)
    masks = [trace[-1][2][0] > 0 for trace in net.sweep(x).traces[1:3]]
    torch.manual_seed(7)
    cn.rule(name, **RULES[name]).learn(net, x, y)
    for mask, link in zip(masks, net.links[1:], strict=True):
        assert 0 < mask.sum() < len(mask)
        assert torch.equal(link.weight.grad[:, ~mask], torch.zeros_like(link.weight.grad[:, ~mask]))
        assert (link.weight.grad[:, mask] != 0).any(0).all()


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("kind", ["slow", "batch"])
def test_slow_averages_move_once_by_the_forward_sweep(name, kind):
    net, x, y = network(homeostasis=kind), torch.rand(4, 5, dtype=F64), torch.tensor([0, 1, 2, 0])
    stage = net.areas["area1"].stages[1]
    fired = torch.sigmoid(x @ net.links[0].weight.detach().T)
    weight = 0.01 if kind == "slow" else 1.0
    cn.rule(name, **RULES[name]).learn(net, x, y)
    assert torch.allclose(stage.running_mean, weight * fired.mean(0), atol=1e-12)
