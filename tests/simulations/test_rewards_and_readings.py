"""Parts of simulations of rewards and of φ: by hand, by all actions in turn, and by autograd."""

import numpy as np
import torch
import torch.nn.functional as F

import corticalnet as cn
from simulations.parts.told import Told, Weighted, chances
from simulations.table_3_readings import fires, inferred

F64 = torch.float64
RATES = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=F64)
CLASSES = torch.tensor([0, 1, 2, 3, 0, 1])


def taking(kind, action, **settings):
    """The errors of a reward whose action is this one in every sample."""
    reward = kind(**settings)
    reward.choose = lambda rates: torch.full((len(rates),), action)
    return reward.loss_for(RATES, CLASSES).error(RATES)


def test_weighted_errors_are_a_teachers_on_average():
    settings = {"exploration": 0.3, "temperature": 0.5}
    p = chances(cn.Reward(**settings), RATES)
    torch.testing.assert_close(p.sum(1), torch.ones(6, dtype=F64))
    mean = sum(p[:, [s]] * taking(Weighted, s, **settings) for s in range(4))
    torch.testing.assert_close(mean, cn.Teacher().loss_for(RATES, CLASSES).error(RATES))


def test_who_is_told_learns_as_from_a_teacher_but_of_the_right_action_that_was_not_taken():
    teacher = cn.Teacher().loss_for(RATES, CLASSES).error(RATES)
    for action in range(4):
        untaken = F.one_hot(CLASSES, 4).to(F64) * (action != CLASSES)[:, None]
        torch.testing.assert_close(taking(Told, action), teacher * (1 - untaken))


def test_errors_arrive_area_by_area_as_those_of_backprop():
    """ε of area l (the output is 0) is 0 before step l, and there −∂loss/∂drive of sigmoid columns."""
    draw = torch.Generator().manual_seed(1)
    weights = [torch.randn(n, m, generator=draw, dtype=F64) for n, m in ((5, 7), (4, 5), (3, 4))]
    x, y = torch.rand(8, 7, generator=draw, dtype=F64), torch.randint(3, (8,), generator=draw)
    drives, rates = [], x
    for k, w in enumerate(weights):
        drives.append((rates @ w.T).requires_grad_())
        rates = drives[-1] if k == 2 else torch.sigmoid(drives[-1])
    loss = 0.5 * (F.one_hot(y, 3).to(F64) - rates).square().sum()
    deltas = torch.autograd.grad(loss, drives)[::-1]
    for due, (errors, delta) in enumerate(zip(inferred(weights, x, y, 6, F64), deltas, strict=True)):
        assert not errors[:due].any()
        np.testing.assert_allclose(errors[due], -delta.numpy(), rtol=1e-12, atol=1e-15)


def test_phi_fires_after_silence_alone():
    """One cell, ε in steps 1, 2, 4 and 7."""
    moved = np.zeros((9, 1, 1), dtype=bool)
    moved[[1, 2, 4, 7]] = True
    steps = {
        (s, b): np.flatnonzero(fires(moved, s, b)).tolist() for s in (1, 2, 3) for b in ("zeros", "unknown")
    }
    assert [steps[s, "zeros"] for s in (1, 2, 3)] == [[1, 4, 7], [1, 7], [1]]
    assert [steps[s, "unknown"] for s in (1, 2, 3)] == [[1, 4, 7], [7], []]
