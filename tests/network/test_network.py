"""The network view: initial weights by name, errors people can read, what it prints, how it predicts."""

import copy

import pytest
import torch

import corticalnet as cn
from corticalnet.network.homeostasis import BatchHomeostasis, SlowHomeostasis
from corticalnet.network.links import Relay
from corticalnet.network.stages import AvgPool, MaxPool

Area, Dense, Convolution, Local, Network = cn.Area, cn.Dense, cn.Convolution, cn.Local, cn.Network
F64 = torch.float64


def weights(net):
    return {link.name: link.weight for link in net.links}


def named(*columns, seed=0, **options):
    """Dense areas called by their size."""
    return Network((6,), [Area(Dense(n), "tanh", f"of-{n}") for n in columns], seed, **options)


# Initial weights ----------------------------------------------------------------------------------
def test_an_area_more_reshuffles_nothing():
    one, two = weights(named(5, 4, 3)), weights(named(5, 9, 4, 3))
    shared = one.keys() & two.keys()
    assert shared == {"input->of-5", "of-4->of-3"}
    assert all(torch.equal(one[name], two[name]) for name in shared)


def test_one_seed_one_network_in_every_precision():
    double, again = weights(named(5, 3, dtype=F64)), weights(named(5, 3, dtype=F64))
    single, half = weights(named(5, 3)), weights(named(5, 3, dtype=torch.bfloat16))
    other = weights(named(5, 3, seed=1, dtype=F64))
    torch.rand(7)  # torch's own random state plays no part
    for name, w in double.items():
        assert torch.equal(w, again[name])
        assert torch.equal(w.float(), single[name])
        assert torch.equal(w.bfloat16(), half[name])
        assert not torch.isclose(w, other[name]).any()


def test_parallel_links_and_equal_shapes_get_different_weights():
    net = Network((6,), [Area([Dense(6), Dense(6)], "tanh", "a"), Area(Dense(6), name="b")])
    assert not any(
        torch.isclose(v, w).any()
        for k, (n, v) in enumerate(weights(net).items())
        for m, w in list(weights(net).items())[:k]
    )


@pytest.mark.parametrize(
    ("link", "activation", "deviation", "bound"),
    [
        (Dense(400), "relu", (2 / 600) ** 0.5, None),  # He: fan-in 600
        (Dense(400), "tanh", (2 / 1000) ** 0.5, (6 / 1000) ** 0.5),  # Glorot: fan-in + fan-out
        (Dense(400, init="he"), "tanh", (2 / 600) ** 0.5, None),
        (Dense(400, init="lecun"), "relu", (1 / 600) ** 0.5, None),
        (Dense(400, init="glorot"), "relu", (2 / 1000) ** 0.5, (6 / 1000) ** 0.5),
        (Dense(400, init=0.005), "relu", 0.005, None),
        (Convolution(64, (3, 5)), "relu", (2 / (6 * 15)) ** 0.5, None),
        (Convolution(64, (3, 5)), "sigmoid", (2 / (70 * 15)) ** 0.5, (6 / (70 * 15)) ** 0.5),
        (Local(64, (3, 5)), "elu", (2 / (6 * 15)) ** 0.5, None),
    ],
)
def test_schemes(link, activation, deviation, bound):
    net = Network((6, 10, 10), [Area(link, activation)], dtype=F64)
    w = net.links[0].weight
    n = w.numel()
    assert abs(w.mean()) < 4.5 * deviation / n**0.5
    assert abs(w.std() / deviation - 1) < 4.5 / (2 * n) ** 0.5
    if bound is not None:
        assert 0.99 * bound < w.abs().max() <= bound
    else:
        assert w.abs().max() > 2.9 * deviation


def test_offsets_start_at_zero_and_a_scheme_may_be_a_function():
    def ramp(shape, fan_in, fan_out, rng):
        return torch.arange(fan_in * fan_out, dtype=F64).view(shape)

    link = Network((6,), [Area(Dense(2, bias=True, init=ramp), "tanh")]).links[0]
    assert link.weight.tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    assert link.bias.tolist() == [0, 0]


# Building and running -----------------------------------------------------------------------------
def test_one_description_three_areas():
    cortex = Area([Dense(6), Dense(6, source="input")], "tanh")
    net = Network((6,), [cortex, cortex, cortex], dtype=F64)
    assert list(net.areas) == ["area1", "area2", "output"]
    assert len({id(p) for p in net.parameters()}) == 6
    assert cortex.name is None
    x = torch.randn(2, 6, dtype=F64)
    w = [link.weight for link in net.links]
    low = torch.tanh(x @ w[0].T + x @ w[1].T)
    mid = torch.tanh(low @ w[2].T + x @ w[3].T)
    torch.testing.assert_close(net(x), torch.tanh(mid @ w[4].T + x @ w[5].T))


def test_predict_takes_inputs_alone_and_chunks():
    net = Network((6,), [Area(Dense(9), homeostasis="batch", dropout=0.5), Area(Dense(4), "linear")])
    x = torch.randn(23, 6)
    for training in (True, False):
        net.train(training)
        before = {k: v.clone() for k, v in net.state_dict().items()}
        found = net.predict(x, batch=5)
        assert net.training is training
        assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
        assert not found.requires_grad
        net.eval()
        assert torch.equal(found, net(x).argmax(1))
        assert torch.equal(found, net.predict(x))


def test_images_and_precision_are_admitted():
    net = named(5, 3, dtype=F64)
    x = torch.randn(4, 6)
    assert torch.equal(net(x.view(4, 1, 2, 3)), net(x.double()))


def test_copies_and_state_dicts():
    net = Network((2, 5, 5), [Area(Local(3, 3), homeostasis="slow"), Area(Dense(4, bias=True), "linear")])
    x, y = torch.randn(6, 2, 5, 5), torch.randint(0, 4, (6,))
    net(x)  # moves the slow averages
    twin, other = copy.deepcopy(net), copy.deepcopy(net).to(F64)
    fresh = Network((2, 5, 5), list(net.areas.values()), seed=5)
    fresh.load_state_dict(net.state_dict())
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)
    before = net.eval()(x)
    assert torch.equal(fresh.eval()(x), before)
    assert other.eval()(x).dtype == F64
    torch.testing.assert_close(other(x).float(), before)
    cn.rule("backprop").update(twin, x, y, optimizer)  # a copy learns and leaves its original alone
    assert torch.equal(net(x), before)
    assert not torch.allclose(twin.eval()(x), before)


def test_printing_shows_areas_and_synapses():
    areas = [
        Area(Convolution(4, 3, padding="same", bias=True), "relu", "sheet", homeostasis="batch", pool=2),
        Area(Local(5, (3, 2), stride=(1, 2)), "tanh", "patch", dropout=0.25),
        Area([Dense(10), Dense(10, "sheet")], "linear"),
    ]
    lines = str(Network((2, 8, 8), areas, seed=42)).splitlines()
    # convolution: 4·2·9 weights at 64 positions; local: 5·4·6 at 2 × 2; dense: 10·(5·2·2 + 4·4·4)
    rows = {line.split()[0]: line for line in lines}
    assert rows["input"].split()[1] == "2×8×8"
    assert rows["sheet"].split()[1] == "4×4×4"
    assert "convolution 3×3/1×1 + bias from input  relu, batch homeostasis, pool 2×2" in rows["sheet"]
    assert rows["sheet"].split()[-1] == "4,608"
    assert "local 3×2/1×2 from sheet" in rows["patch"]
    assert "tanh, dropout 0.25" in rows["patch"]
    assert rows["patch"].split()[-1] == "480"
    assert "dense from patch + dense from sheet" in rows["output"]
    assert rows["output"].split()[-1] == "840"
    # learned: 72 + 4 offsets, 2·4 of homeostasis, 480, 840
    assert lines[-1] == "5,928 synapses, 1,404 learned numbers, seed 42"


def test_settings_of_stages_that_are_not_the_usual_ones_are_printed():
    """So a run goes on only with the network that it began with."""
    stages = [
        (MaxPool(3, stride=1, padding=1), "pool 3×3/1 padded 1"),
        (AvgPool(2), "mean 2×2"),
        (AvgPool(2, stride=1), "mean 2×2/1"),
        (AvgPool(), "mean of the sheet"),
        (BatchHomeostasis(0.1, 1e-5), "batch homeostasis (momentum 0.1, eps 1e-05)"),
        (SlowHomeostasis(eps=0.0), "slow homeostasis (eps 0)"),
    ]
    assert [stage.describe() for stage, _ in stages] == [words for _, words in stages]


def test_relays_make_all_ways_equally_long():
    """a → b → c → out, and a → c, a → out: one relay serves both, a second one carries on to out."""
    both = [Dense(3), Dense(3, "a")]
    areas = [Area(Dense(4), name="a"), Area(Dense(3), name="b"), Area(both, name="c"), Area(both)]
    net = Network((6,), areas)
    level = net.levelled()
    relays = [
        level.name(k) for k in range(1, len(level.areas)) if isinstance(level.area(k).arriving[0], Relay)
    ]
    assert sorted(relays) == ["a.relay1", "a.relay2"]
    for node, leaving in enumerate(level.leaving[1:], start=1):
        assert all(level.depth[node] == level.depth[target] + 1 for target, _ in leaving)
    assert len(named(5, 4, 3).levelled().areas) == 4  # nothing skips, nothing is relayed
    x = torch.randn(2, 6)
    assert torch.equal(level.forward(x).rates[-1], net(x))
    assert sum(link.synapses for link in net.links) == 24 + 12 + 9 + 12 + 9 + 12
