"""Inference learning against the paper's loop, its equilibrium, its limit, its energy; incremental PC."""

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.rules import Teacher, Tied, Trial
from corticalnet.rules.plasticity import Plasticity
from corticalnet.rules.predictive_coding.inference import PredictiveCodingState
from tests.closed_form.song import Song, agree, from_grad, from_weights

F64 = torch.float64
SIZES = [4, 7, 6, 5, 3]


def task(activation="tanh", bias=True, sizes=SIZES, batch=3, seed=0):
    """A network with random weights and offsets, inputs and target vectors."""
    net = cn.mlp(sizes, activation, seed=seed, bias=bias, dtype=F64)
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape, generator=rng, dtype=F64) / p.shape[-1] ** 0.5)
    x = torch.randn(batch, sizes[0], generator=rng, dtype=F64)
    return net, x, torch.randn(batch, sizes[-1], generator=rng, dtype=F64)


def begin(net, x, target):
    """The value and error cells of a trial."""
    activity = net.wiring.forward(x)
    trial_loss = Teacher().loss_for(activity.rates[-1], target)
    return PredictiveCodingState(Trial(net.wiring, activity, trial_loss, Tied(), Plasticity(net, len(x))))


def inferred(net, activation, x, target, steps, gamma):
    """Song's loop: T inference steps, then all weights."""
    song = Song(net, activation).start(x.numpy(), target.numpy())
    for _ in range(steps):
        song.move(song.inference(song.errors(), gamma))
    return song


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
@pytest.mark.parametrize("gamma", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("steps", [0, 1, 2, 7])
def test_il_is_the_papers_loop(steps, gamma, activation, bias):
    net, x, target = task(activation, bias)
    song = inferred(net, activation, x, target, steps, gamma)
    cn.rule("il", steps=steps, rate=gamma).learn(net, x, target)
    agree(from_grad(net), [song.plasticity(k, e) for k, e in enumerate(song.errors())])
    reached = [np.abs(w).max() > 0 for w, _ in from_grad(net)]
    assert reached == [k <= steps for k in range(len(reached))]  # one area further with every step


@torch.no_grad()
def test_value_and_error_cells_are_the_papers():
    """Step by step; our error cells hold their own drive and never subtract value and prediction."""
    net, x, target = task()
    columns, song = begin(net, x, target), Song(net, "tanh").start(x.numpy(), target.numpy())
    for _ in range(9):
        for layer, eps in enumerate(song.errors()):
            error = columns.errors[song.L - layer]
            np.testing.assert_allclose(0 if error is None else error, eps, atol=1e-13)
        for layer in range(1, song.L):
            np.testing.assert_allclose(columns.values[song.L - layer], song.x[layer], atol=1e-13)
        columns.move(0.3)
        song.move(song.inference(song.errors(), 0.3))


def test_il_reaches_the_equilibrium_of_a_linear_network():
    """∂F/∂x = 0 is linear there: least squares of all errors at once, x_0 and the output clamped."""
    sizes = [4, 5, 4, 3]
    net, x, target = task("linear", False, sizes)
    weights = [link.weight.detach().numpy() for link in net.links]
    hidden = sizes[1:-1]
    starts = np.cumsum([0, *hidden])
    matrix = np.zeros((sum(sizes[1:]), sum(hidden)))  # all errors = matrix · hidden values + known
    known = np.zeros((sum(sizes[1:]), len(x)))
    known[: sizes[1]] = -weights[0] @ x.numpy().T
    known[-sizes[-1] :] = target.numpy().T
    for k in range(len(hidden)):
        here, above = slice(starts[k], starts[k + 1]), slice(starts[k + 1], starts[k + 1] + sizes[k + 2])
        matrix[here, here] = np.eye(hidden[k])
        matrix[above, here] = -weights[k + 1]
    values = np.linalg.solve(matrix.T @ matrix, -matrix.T @ known)
    errors = np.split(matrix @ values + known, np.cumsum(sizes[1:-1]))
    rates = [x.numpy().T, *np.split(values, starts[1:-1])]
    wanted = [(r @ e.T / len(x), None) for r, e in zip(rates, errors, strict=True)][::-1]
    cn.rule("il", steps=1500, rate=0.2).learn(net, x, target)
    agree(from_grad(net), wanted, 1e-10)


def test_il_tends_to_backprop_of_the_relaxed_output_error():
    """As the output error e shrinks by s, the relative distance falls by s.

    At equilibrium the output's error is no longer e but what inference leaves of it,
    (1 + Σ_l J_l J_lᵀ)⁻¹ e with J_l = ∂output/∂x_l of the hidden areas; only towards backprop of that
    error does IL converge, while its distance to backprop of e itself levels off.
    """
    net, x, _ = task("tanh")
    answer, noise = net(x).detach(), torch.randn(len(x), SIZES[-1], dtype=F64)
    gram = torch.eye(SIZES[-1], dtype=F64).repeat(len(x), 1, 1)
    drives = net.sweep(x).drives[1:-1]
    for node, drive in enumerate(drives, start=1):

        def above(a, node=node):
            for link in net.links[node:]:
                a = link.drive(torch.tanh(a))
            return a

        jacobian = torch.stack(
            [torch.autograd.functional.jacobian(above, a[None])[0, :, 0] for a in drive.detach()]
        )
        gram = gram + jacobian @ jacobian.mT
    sizes, relaxed, plain = [1e-1, 1e-2, 1e-3, 1e-4], [], []
    for s in sizes:
        left = torch.linalg.solve(gram, (s * noise)[..., None])[..., 0]
        cn.rule("il", steps=1000, rate=0.2).learn(net, x, answer + s * noise)
        found = torch.cat([p.grad.flatten() for p in net.parameters()])
        for error, distances in ((left, relaxed), (s * noise, plain)):
            net.zero_grad()
            (-(error * net(x)).sum() / len(x)).backward()
            exact = torch.cat([p.grad.flatten() for p in net.parameters()])
            distances.append(((found - exact).norm() / exact.norm()).item())
    slope = np.polyfit(np.log(sizes), np.log(relaxed), 1)[0]
    assert 0.95 < slope < 1.05
    assert relaxed[-1] < 1e-3
    assert plain[-1] == pytest.approx(plain[-2], rel=0.01)
    assert plain[-1] > 0.1


@torch.no_grad()
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu"])
def test_free_energy_falls_at_every_small_step(activation):
    """F = ½ Σ ‖x − μ‖², worked out from the values alone.

    A ReLU column that crosses its kink in a step takes the step of a slope that it has left, and F may rise.
    (Areas of 20: of few columns all may be silent, and nothing moves. Of 59 steps 21 or more cross no kink,
    with six seeds.)
    """
    net, x, target = task(activation, sizes=[4, 20, 20, 20, 3], batch=1)
    columns, song = begin(net, x, target), Song(net, activation).start(x.numpy(), target.numpy())
    energies, above = [], []
    for _ in range(60):
        song.x = [target.numpy(), *(v.numpy() for v in columns.values[-2:0:-1])]
        energies.append(song.energy())
        above.append(np.concatenate([v.ravel() > 0 for v in song.x[1:]]))
        columns.move(0.02 if activation == "relu" else 0.05)
    assert energies[0] == pytest.approx(0.5 * (target - net(x)).square().sum().item())
    crossed = np.any(np.diff(above, axis=0), axis=1) if activation == "relu" else np.zeros(59, dtype=bool)
    assert (~crossed).sum() >= 10
    assert (np.diff(energies)[~crossed] < 0).all()
    assert energies[-1] < 0.99 * energies[0]


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
@pytest.mark.parametrize("steps", [1, 2, 8])
def test_ipc_changes_weights_and_values_together(steps, activation):
    """Both from the same old state, at every step; plain SGD."""
    net, x, target = task(activation)
    song, alpha, gamma = Song(net, activation).start(x.numpy(), target.numpy()), 0.05, 0.3
    for _ in range(steps):
        eps = song.errors()
        changes = song.inference(eps, gamma)
        learned = [song.plasticity(k, e) for k, e in enumerate(eps)]
        song.move(changes)
        for k, change in enumerate(learned):
            song.change(k, change, alpha)
    optimizer = torch.optim.SGD(net.parameters(), lr=alpha)
    cn.rule("ipc", steps=steps, rate=gamma).update(net, x, target, optimizer)
    agree(from_weights(net), list(zip(song.theta[1:], song.bias[1:], strict=True)))


@pytest.mark.parametrize("steps", [1, 2, 8])
def test_ipc_alone_adds_the_changes_of_all_steps_up(steps):
    net, x, target = task()
    song = Song(net, "tanh").start(x.numpy(), target.numpy())
    total = song.zeros()
    for _ in range(steps):
        eps = song.errors()
        for k, e in enumerate(eps):
            total[k] = tuple(a + b for a, b in zip(total[k], song.plasticity(k, e), strict=True))
        song.move(song.inference(eps, 0.3))
    cn.rule("ipc", steps=steps, rate=0.3).learn(net, x, target)
    agree(from_grad(net), total)
