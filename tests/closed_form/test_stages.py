"""Activations, pools, dropout and homeostasis: forms worked by hand, and torch's own layers."""

import numpy as np
import pytest
import torch
from torch import nn

from corticalnet.activations import ACTIVATIONS
from corticalnet.errors import NetworkError
from corticalnet.network.area import Area
from corticalnet.network.homeostasis import BatchHomeostasis, SlowHomeostasis
from corticalnet.network.links import Relay
from corticalnet.network.stages import AvgPool, Dropout, Fire, Flatten, MaxPool

F64 = torch.float64

#: rate and gain of each activation, as textbooks write them
FORMS = {
    "linear": (lambda x: x, lambda x: np.ones_like(x)),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "relu": (lambda x: np.where(x > 0, x, 0), lambda x: np.where(x > 0, 1.0, 0)),
    "softplus": (lambda x: np.log1p(np.exp(x)), lambda x: 1 / (1 + np.exp(-x))),
    "leaky-relu": (lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1.0, 0.01)),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(x)), lambda x: np.where(x > 0, 1.0, np.exp(x))),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_rates_and_gains(name):
    """Closed forms, and central differences of the closed rate; at the kink the silent side's gain."""
    rate, gain = FORMS[name]
    x = np.array([-24.0, -3.0, -0.71, 0.0, 0.3, 1.9, 24.0])
    drive, signal = torch.from_numpy(x), torch.linspace(-2, 3, 7, dtype=F64)
    stage = Fire(name)
    y, memory = stage.forward(drive)
    np.testing.assert_allclose(y.numpy(), rate(x), rtol=1e-9, atol=1e-15)
    found = stage.backward(signal, drive, y, memory).numpy()
    np.testing.assert_allclose(found, gain(x) * signal.numpy(), rtol=1e-8, atol=1e-10)
    smooth, h = x != 0, 1e-6
    slope = (rate(x + h) - rate(x - h)) / (2 * h)
    np.testing.assert_allclose(found[smooth], (slope * signal.numpy())[smooth], rtol=1e-7, atol=1e-8)


def test_pool_gain_goes_to_the_winners_alone():
    sheet = torch.tensor([[1.0, 2, 0, 5], [4, 3, -1, 0], [-3, -1, 7, 6], [-2, -4, 7.5, 0]])[None, None]
    pool = MaxPool(2)
    assert pool.build((1, 4, 4)) == (1, 2, 2)
    y, memory = pool.forward(sheet)
    assert y.tolist() == [[[[4, 5], [-1, 7.5]]]]
    back = pool.backward(torch.tensor([[[[10.0, 20], [30, 40]]]]), sheet, y, memory)
    assert back.tolist() == [[[[0, 0, 0, 20], [10, 0, 0, 0], [0, 30, 0, 0], [0, 0, 40, 0]]]]


def test_overlapping_padded_pools_add_up_at_a_winner():
    sheet = torch.tensor([[-1.0, -2, -3], [-4, 9, -6], [-7, -8, -5]])[None, None]
    pool = MaxPool(2, stride=1, padding=1)
    assert pool.build((1, 3, 3)) == (1, 4, 4)
    y, memory = pool.forward(sheet)
    assert y[0, 0].tolist() == [[-1, -1, -2, -3], [-1, 9, 9, -3], [-4, 9, 9, -5], [-7, -7, -5, -5]]
    back = pool.backward(torch.ones_like(y), sheet, y, memory)
    assert back[0, 0].tolist() == [[3, 1, 2], [1, 4, 0], [2, 0, 3]]


def test_an_average_pool_by_hand():
    sheet = torch.tensor([[1.0, 2, 0, 5], [4, 3, -1, 0], [-3, -1, 7, 6], [-2, -4, 7, 0]])[None, None]
    pool = AvgPool(2)
    assert pool.build((1, 4, 4)) == (1, 2, 2)
    y, memory = pool.forward(sheet)
    assert y.tolist() == [[[[2.5, 1], [-2.5, 5]]]]
    back = pool.backward(torch.tensor([[[[4.0, 8], [12, 16]]]]), sheet, y, memory)
    assert back.tolist() == [[[[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]]]


@pytest.mark.parametrize(
    ("stage", "layer"),
    [
        (lambda: AvgPool(3, stride=2, padding=1), nn.AvgPool2d(3, 2, 1)),
        (lambda: AvgPool(2), nn.AvgPool2d(2)),
        (AvgPool, nn.AdaptiveAvgPool2d(1)),
        (Flatten, nn.Flatten()),
    ],
)
def test_average_pools_are_torchs(stage, layer):
    """Rates and gains, where pools overlap and reach over the edge too."""
    stage, x = stage(), torch.rand(3, 2, 5, 6, dtype=F64, requires_grad=True)
    wanted = layer(x)
    assert stage.build((2, 5, 6)) == wanted.shape[1:]
    signal = torch.rand_like(wanted)
    wanted.backward(signal)
    y, memory = stage.forward(x.detach())
    assert torch.allclose(y, wanted, rtol=1e-15)
    assert torch.allclose(stage.backward(signal, x.detach(), y, memory), x.grad, rtol=1e-15)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_dropout_silences_a_fraction_and_keeps_the_mean(p):
    n = 200_000
    stage, x = Dropout(p), torch.full((n,), 3.0)
    y, memory = stage.forward(x)
    silent = (y == 0).sum().item()
    assert abs(silent - n * p) < 4.5 * (n * p * (1 - p)) ** 0.5
    assert torch.allclose(y[y != 0], torch.tensor(3 / (1 - p)))
    signal = torch.randn(n)
    heard = stage.backward(signal, x, y, memory)
    assert torch.equal(heard == 0, y == 0)
    assert torch.allclose(heard[y != 0], signal[y != 0] / (1 - p))


def test_dropout_draws_once_per_trial_and_rests_in_evaluation():
    stage, x = Dropout(0.5), torch.rand(50, 40) + 1
    one, memory = stage.forward(x)
    again, kept = stage.forward(2 * x, memory)
    assert torch.equal(again, 2 * one)
    assert kept is memory
    assert not torch.equal(stage.forward(x)[0], one)  # another trial, another mask
    stage.eval()
    y, memory = stage.forward(x)
    assert torch.equal(y, x)
    assert torch.equal(stage.backward(x, x, y, memory), x)


def test_an_areas_stages_fire_in_order_and_remember_their_trial():
    area = Area(Relay(), stages=[Fire("relu"), Dropout(0.5)])
    drive = torch.randn(20, 30)
    rate, trace = area.forward(drive)
    mask = trace[1][2]
    assert torch.equal(rate, torch.relu(drive) * mask)
    moved, second = area.forward(drive + 1, trace)
    assert torch.equal(moved, torch.relu(drive + 1) * mask)
    assert torch.equal(area.backward(torch.ones_like(drive), second), mask * (drive > -1))


@pytest.mark.parametrize("shape", [(4,), (3, 5, 4)])
@pytest.mark.parametrize("momentum", [0.1, None])
def test_batch_homeostasis_is_batch_normalisation(shape, momentum):
    """Forward, gradients and slow averages, in training and then in evaluation.

    torch's momentum=None is the plain mean over batches, which is how the slow averages begin.
    """
    torch_layer = (nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d)(
        shape[0], eps=0.02, momentum=momentum, dtype=F64
    )
    stage = BatchHomeostasis(momentum or 0.2, eps=0.02)
    assert stage.build(shape) == shape
    stage.double().count.fill_(0 if momentum is None else 10)
    with torch.no_grad():
        for p, q in ((stage.scale, torch_layer.weight), (stage.shift, torch_layer.bias)):
            p.copy_(torch.randn_like(p))
            q.copy_(p)
    for k in range(5):
        stage.train(k < 4)
        torch_layer.train(k < 4)
        x = (2 * torch.randn(6, *shape, dtype=F64) + 1).requires_grad_()
        signal = torch.randn_like(x)
        wanted = torch_layer(x)
        wanted.backward(signal)
        with torch.no_grad():
            y, memory = stage.forward(x)
            back = stage.backward(signal, x, y, memory)
        credit = dict(stage.parameter_gradients(memory))
        pairs = [
            (y, wanted), (back, x.grad), (credit[stage.scale], torch_layer.weight.grad),
            (credit[stage.shift], torch_layer.bias.grad), (stage.running_mean, torch_layer.running_mean),
            (stage.running_variance, torch_layer.running_var),
        ]  # fmt: skip
        for found, exact in pairs:
            assert torch.allclose(found, exact, rtol=1e-12, atol=1e-12)
        torch_layer.zero_grad()


def test_batch_homeostasis_keeps_its_averages_within_a_trial_and_needs_two_samples():
    stage = BatchHomeostasis()
    stage.build((3,))
    x = torch.randn(8, 3)
    _, memory = stage.forward(x)
    before = stage.running_mean.clone()
    stage.forward(x + 1, memory)
    assert torch.equal(stage.running_mean, before)
    with pytest.raises(NetworkError, match="homeostasis='batch' needs more than one sample"):
        stage.forward(x[:1])


def test_slow_homeostasis_by_hand():
    """Averages of earlier batches only; they move a quarter of the way to this one's."""
    stage = SlowHomeostasis(momentum=0.25, eps=0.25)
    stage.build((1,))
    with torch.no_grad():
        stage.scale.fill_(3.0)
        stage.shift.fill_(0.5)
    x = torch.tensor([[1.0], [5.0]])  # mean 3, variance 4
    y, memory = stage.forward(x)  # by mean 0, variance 1
    torch.testing.assert_close(y, 3 * x / 1.25**0.5 + 0.5)
    assert stage.running_mean.item() == 0.75 * 0 + 0.25 * 3
    assert stage.running_variance.item() == 0.75 * 1 + 0.25 * 4
    second, _ = stage.forward(torch.tensor([[2.75]]))  # variance 1.75 + eps 0.25
    assert second.item() == pytest.approx(3 * (2.75 - 0.75) / 2**0.5 + 0.5)
    assert stage.running_mean.item() == 0.75 * 0.75 + 0.25 * 2.75
    signal = torch.tensor([[1.0], [-2.0]])
    torch.testing.assert_close(stage.backward(signal, x, y, memory), signal * 3 / 1.25**0.5)
    (_, scale), (_, shift) = stage.parameter_gradients(memory)
    assert scale.item() == pytest.approx((1 - 2 * 5) / 1.25**0.5)
    assert shift.item() == -1.0
    before = stage.running_mean.clone(), stage.running_variance.clone()
    stage.forward(x, memory)  # later in the same trial
    stage.eval()
    stage.forward(x)
    assert (stage.running_mean, stage.running_variance) == before


@pytest.mark.parametrize("changed", ["sample", "column"])
def test_slow_homeostasis_is_local(changed):
    """What another sample or column does changes neither a column's rate nor its gain in the trial."""
    here = (slice(1, None), slice(None)) if changed == "sample" else (slice(None), (slice(1, None)))
    other = (0, slice(None)) if changed == "sample" else (slice(None), 0)
    x, signal = torch.randn(5, 4, 3, 3), torch.randn(5, 4, 3, 3)
    results = []
    for disturb in (0.0, 7.0):
        stage = SlowHomeostasis(0.5)
        stage.build((4, 3, 3))
        torch.manual_seed(1)
        stage.forward(torch.randn(6, 4, 3, 3))
        at, top = x.clone(), signal.clone()
        at[other] += disturb
        top[other] -= disturb
        y, memory = stage.forward(at)
        back = stage.backward(top, at, y, memory)
        results.append((y[here], back[here]))
        assert stage.running_mean.shape == (4, 3, 3)
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
