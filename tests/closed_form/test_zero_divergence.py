"""Z-IL and Fa-Z-IL against the paper's loops in NumPy, where every area runs at every step.

The paper's φ is reproduced spike for spike, its late spikes with ReLU included.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import corticalnet as cn
from corticalnet.rules.predictive_coding.detector import ChangeDetector
from tests.closed_form.song import Song, agree, from_grad, from_weights

F64 = torch.float64
SIZES = [4, 7, 6, 5, 3]


def task(activation, bias=True, batch=3, seed=0):
    net = cn.mlp(SIZES, activation, seed=seed, bias=bias, dtype=F64)
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, SIZES[0], generator=rng, dtype=F64)
    return net, x, torch.randn(batch, SIZES[-1], generator=rng, dtype=F64)


def whole_task(seed):
    """Weights, inputs and targets in quarters: additions and products of a ReLU network are exact."""
    net, x, target = task("relu", False, 4, seed)
    rng = torch.Generator().manual_seed(seed)

    def quarters(shape, largest):
        return torch.randint(-largest, largest + 1, shape, generator=rng).to(F64) / 4

    with torch.no_grad():
        for p in net.parameters():
            p.copy_(quarters(p.shape, 3))
    return net, quarters(x.shape, 4), quarters(target.shape, 8)


def z_il(song, alpha, order="at once"):
    """Song's Z-IL: at step t = l the weights θ_{l+1} change, and all hidden x move at every step.

    order "at once": both from the same old state. The two others are mistakes.
    """
    for t in range(song.L):
        eps = song.errors()
        if order == "values first":
            song.move(song.inference(eps))
            eps = song.errors()
            song.change(t, song.plasticity(t, eps[t]), alpha)
        elif order == "weights first":
            song.change(t, song.plasticity(t, eps[t]), alpha)
            song.move(song.inference(eps))
        else:
            moves, learned = song.inference(eps), song.plasticity(t, eps[t])
            song.change(t, learned, alpha)
            song.move(moves)
    return list(zip(song.theta[1:], song.bias[1:], strict=True))


def backprop_weights(net, x, target, alpha):
    """One step of autograd's gradient descent by torch's own functions, in Song's numbering."""
    parameters = [p.detach().clone().requires_grad_() for p in net.parameters()]
    weights, biases = parameters[0::2], parameters[1::2]
    y = x
    for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
        y = F.linear(y if k == 0 else torch.tanh(y), w, b)
    (0.5 * (target - y).square().sum() / len(x)).backward()
    new = [(p - alpha * p.grad).detach().numpy() for p in parameters]
    return [(w.T, b) for w, b in zip(new[0::2], new[1::2], strict=True)][::-1]


@pytest.mark.parametrize("simulate", [False, True])
def test_z_il_is_the_papers_loop(simulate):
    """Weights that change during the trial, at their own step, come out as the rule's."""
    net, x, target = task("tanh")
    alpha = 0.5
    wanted = z_il(Song(net, "tanh").start(x.numpy(), target.numpy()), alpha)
    agree(wanted, backprop_weights(net, x, target, alpha))
    optimizer = torch.optim.SGD(net.parameters(), lr=alpha)
    cn.rule("z-il", simulate=simulate).update(net, x, target, optimizer)
    agree(from_weights(net), wanted)


@pytest.mark.parametrize("order", ["values first", "weights first"])
def test_z_il_in_another_order_is_not_backprop(order):
    """Values must move by the weights as they were, and weights learn from the values as they were."""
    net, x, target = task("tanh")
    wrong = z_il(Song(net, "tanh").start(x.numpy(), target.numpy()), 0.5, order)
    exact = backprop_weights(net, x, target, 0.5)
    before = from_weights(net)
    for layer in range(1, len(SIZES) - 1):
        change = np.linalg.norm(exact[layer][0] - before[layer][0])
        assert np.linalg.norm(wrong[layer][0] - exact[layer][0]) > 0.05 * change


def fa_z_il(song, silence, steps):
    """Song's Fa-Z-IL, one φ per error cell; weights' changes of all steps, and φ by step and layer.

    φ = 1 iff ε_t ≠ 0 and ε_{t−1} = … = ε_{t−t_d} = 0; before the trial every error was zero.
    """
    total, spikes = song.zeros(), []
    history = [[np.zeros_like(e)] * silence for e in song.errors()]
    for _ in range(steps):
        eps = song.errors()
        spikes.append([])
        for layer, e in enumerate(eps):
            quiet = np.all([past == 0 for past in history[layer][-silence:]], axis=0)
            phi = (e != 0) & quiet
            part = song.plasticity(layer, phi * e)
            total[layer] = tuple(a + b for a, b in zip(total[layer], part, strict=True))
            history[layer].append(e)
            spikes[-1].append(phi)
        song.move(song.inference(eps))
    return total, spikes


def compare_spikes(details, spikes, net):
    for masks, phis in zip(details.phi, spikes, strict=True):
        for layer, phi in enumerate(phis):
            mask = masks[len(SIZES) - 1 - layer]
            found = np.zeros_like(phi) if mask is None else mask.numpy()
            np.testing.assert_array_equal(found, phi)


@pytest.mark.parametrize("silence", [1, 2, 3, 4])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_the_papers_phi_with_smooth_activations(activation, silence):
    net, x, target = task(activation)
    song = Song(net, activation).start(x.numpy(), target.numpy())
    total, spikes = fa_z_il(song, silence, 10)
    step = cn.rule("fa-z-il", silence=silence, steps=10).learn(net, x, target)
    compare_spikes(step.details, spikes, net)
    agree(from_grad(net), total)
    for t, phis in enumerate(spikes):
        assert all(phi.all() if layer == t else not phi.any() for layer, phi in enumerate(phis))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("silence", [1, 2, 3, 4])
def test_the_papers_phi_with_relu_fires_late_in_the_same_places(silence, seed):
    net, x, target = whole_task(seed)
    song = Song(net, "relu").start(x.numpy(), target.numpy())
    total, spikes = fa_z_il(song, silence, 8)
    late = sum(int(phi.sum()) for t, phis in enumerate(spikes) for k, phi in enumerate(phis) if t > k)
    assert late > 5
    step = cn.rule("fa-z-il", silence=silence, steps=8).learn(net, x, target)
    compare_spikes(step.details, spikes, net)
    agree(from_grad(net), total, 0.0)
    cn.rule("backprop").learn(net, x, target)
    exact = from_grad(net)
    assert max(np.abs(a - b).max() for (a, _), (b, _) in zip(total, exact, strict=True)) > 0.01


def test_a_threshold_is_for_errors_of_both_signs():
    """Up to 0.1 is rest, above and below 0."""
    detector = ChangeDetector(threshold=0.1)
    phi, pulse, _ = detector.watch(torch.tensor([[-0.2, 0.2, 0.05, -0.05]]), None)
    assert phi.tolist() == [[True, True, False, False]]
    torch.testing.assert_close(pulse, torch.tensor([[-0.2, 0.2, 0.0, 0.0]]))
