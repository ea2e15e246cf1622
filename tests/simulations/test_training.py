"""The training that simulations share, beside a loop written out."""

import torch

import corticalnet as cn
from simulations.parts import training


def test_epochs_are_those_of_a_loop_written_out():
    x, y = torch.rand(7, 4), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    nets = [cn.mlp([4, 5, 3], "tanh", seed=0) for _ in range(2)]
    rule = cn.rule("backprop")
    ways = [torch.optim.SGD(net.parameters(), lr=0.1) for net in nets]
    seen = []
    for done in training.epochs(nets[0], rule, ways[0], x, y, 3, 2, torch.Generator().manual_seed(5)):
        seen.append((done, nets[0].links[0].weight.clone()))
    order = torch.Generator().manual_seed(5)
    for epoch in range(3):
        assert seen[epoch][0] == epoch
        assert torch.equal(seen[epoch][1], nets[1].links[0].weight)
        for index in torch.randperm(7, generator=order).split(2):
            rule.update(nets[1], x[index], y[index], ways[1])
    assert [done for done, _ in seen] == [0, 1, 2, 3]
    assert torch.equal(seen[3][1], nets[1].links[0].weight)


def test_nothing_is_trained_before_the_first_look_nor_after_the_last():
    x, y = torch.rand(4, 4), torch.tensor([0, 1, 2, 0])
    net, rule = cn.mlp([4, 3], "tanh", seed=0), cn.rule("backprop")
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    first = net.links[0].weight.clone()
    for done in training.epochs(net, rule, optimizer, x, y, 1, 2):
        assert torch.equal(first, net.links[0].weight) == (done == 0)
        last = net.links[0].weight.clone()
    assert torch.equal(last, net.links[0].weight)
    for _ in training.epochs(net, rule, optimizer, x, y, 0, 2):
        pass
    assert torch.equal(last, net.links[0].weight)
