"""Directions, sizes and distances by hand; copies, seeds and rules that leave no trace."""

import math

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.compare import cosine, float64_copy, ratio, relative_error, restored, seeded, size
from tests.networks import F64

KINDS = {"torch": lambda *v: torch.tensor(v, dtype=F64), "numpy": lambda *v: np.array(v, dtype=float)}


@pytest.mark.parametrize("kind", KINDS)
def test_three_four_five(kind):
    """a = (3, 4), b = (5, 0): ⟨a, b⟩ = 15, ‖a‖ = ‖b‖ = 5, ‖a − b‖² = 4 + 16."""
    a, b, nothing = (KINDS[kind](*v) for v in ((3, 4), (5, 0), (0, 0)))
    assert cosine(a, b) == 0.6
    assert ratio(a, b) == 1
    assert ratio(a, 2 * b) == 0.5
    assert relative_error(a, b) == pytest.approx(math.sqrt(20) / 5, rel=1e-15)
    assert (relative_error(nothing, nothing), relative_error(a, nothing)) == (0, math.inf)
    assert relative_error(nothing, a) == 1
    assert math.isnan(ratio(a, nothing))


@pytest.mark.parametrize("kind", KINDS)
def test_a_cosine_is_never_beyond_one_and_is_none_of_what_has_no_direction(kind):
    third = KINDS[kind](15 / 7, 15 / 11, 15 / 13)
    assert float(third @ third) / size(third) ** 2 > 1  # by rounding
    assert (cosine(third, third), cosine(third, -third)) == (1, -1)
    for other in ((0, 0, 0), (math.inf, 0, 0), (math.nan, 0, 0)):
        assert math.isnan(cosine(third, KINDS[kind](*other)))


def test_what_is_drawn_inside_comes_from_the_seed_and_leaves_no_trace():
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(7)
    inside = torch.rand(2)
    torch.manual_seed(3)
    with seeded(7):
        assert torch.equal(torch.rand(2), inside)
    assert torch.equal(torch.rand(2), wanted)
    torch.manual_seed(3)
    with pytest.raises(ValueError, match="broken off"), seeded(7):
        raise ValueError("broken off")
    assert torch.equal(torch.rand(2), wanted)


def test_a_copy_in_float64_and_a_rule_as_it_was():
    net = cn.mlp([3, 4, 2], "tanh", dtype=torch.float32)
    twin = float64_copy(net)
    assert {p.dtype for p in twin.parameters()} == {F64}
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    rule = cn.rule("reinforce")
    x, y = torch.rand(4, 3), torch.tensor([0, 1, 0, 1])
    rule.learn(net, x, y)
    before = rule.state_dict()["trigger.average"].clone()
    with restored(rule):
        rule.learn(net, x, y)
        assert rule.state_dict()["trigger.average"] != before
    assert rule.state_dict()["trigger.average"] == before
