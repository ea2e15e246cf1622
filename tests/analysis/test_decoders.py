"""Decoders beside transpose and pseudo-inverse: hand-made ones, numpy.linalg.pinv, torch's Jacobians."""

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.analysis import align_decoders
from corticalnet.errors import RuleError
from tests.networks import F64


def net(hidden="tanh"):
    made = cn.mlp([7, 6, 5, 4], hidden, seed=1, bias=True, dtype=F64)
    rng = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in made.parameters():
            p += 0.2 * torch.randn(p.shape, generator=rng, dtype=F64)
    return made, torch.rand(3, 7, generator=rng, dtype=F64)


def by_hand(found, wanted):
    """Mean cosine and relative error of two lists of matrices."""
    cosines = [
        (a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(found, wanted, strict=True)
    ]
    errors = [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(found, wanted, strict=True)]
    return np.mean(cosines), np.mean(errors)


def numbers(found, area):
    return (found.transpose[area], found.transpose_error[area]), (
        found.inverse[area],
        found.inverse_error[area],
    )


@pytest.mark.parametrize("wanted", ["transpose", "pseudo-inverse", "neither"])
def test_hand_made_decoders_of_linear_areas(wanted):
    """V is shaped as the weights up, W: one sweep down is codes @ V."""
    made, x = net("linear")
    rule = cn.rule("difference-reconstruction")
    own = rule.named_parameters(made)
    with torch.no_grad():
        for link in made.links[1:]:
            w, v = link.weight, own[f"decoder.{link.name}"]
            if wanted != "neither":
                v.copy_(w if wanted == "transpose" else torch.as_tensor(np.linalg.pinv(w.T.numpy())))
    found = align_decoders(made, rule, x)
    assert [*found.transpose] == ["area1", "area2"]
    for link in made.links[1:]:
        w, v = link.weight.detach().numpy(), own[f"decoder.{link.name}"].detach().numpy()
        there = numbers(found, link.name.split("->")[0])
        assert there[0] == pytest.approx(by_hand([v], [w]), abs=1e-12)
        assert there[1] == pytest.approx(by_hand([v], [np.linalg.pinv(w.T)]), abs=1e-12)
        assert there[0][0] < 0.9 or wanted == "transpose"
    assert "pseudo-inverse" in str(found)


def test_a_gated_decoder_of_the_same_weights_is_the_transpose_and_a_linear_one_is_only_near():
    made, x = net()
    for kind in ("gated", "linear"):
        rule = cn.rule("local-difference-reconstruction", decoder=kind)
        with torch.no_grad():
            for name, v in rule.named_parameters(made).items():
                v.copy_(next(link.weight for link in made.links if name.endswith(link.name)))
        found = align_decoders(made, rule, x)
        assert found.transpose["area2"] == pytest.approx(1, abs=1e-12)  # (the output is linear)
        assert (found.transpose_error["area1"] < 1e-12) == (kind == "gated")
        assert found.transpose["area1"] > 0.9


def test_with_labels_and_auxiliary_columns_it_is_what_autograd_says_of_both_ways():
    made, x = net()
    rule = cn.rule("auxiliary-output-target-propagation", auxiliary=3, loss="cross-entropy")
    own, third = rule.named_parameters(made), made.links[2]
    z = rule._beside.links[2].weight.double()
    v, beside, b = (own[f"decoder.area2->output{end}"] for end in ("", ".auxiliary", ".bias"))

    def up(rates):
        return torch.cat([torch.softmax(third.drive(rates[None])[0], 0), torch.tanh(z @ rates)])

    def down(codes):
        return torch.tanh(codes[:4] @ v + codes[4:] @ beside + b)

    rates = [r.detach() for r in made.sweep(x).rates[2]]
    jacobian = torch.autograd.functional.jacobian
    j = [jacobian(up, rate).numpy() for rate in rates]
    g = [jacobian(down, up(rate).detach()).numpy() for rate in rates]
    there = numbers(align_decoders(made, rule, x), "area2")
    assert there[0] == pytest.approx(by_hand(g, [one.T for one in j]), rel=1e-9)
    assert there[1] == pytest.approx(by_hand(g, [np.linalg.pinv(one) for one in j]), rel=1e-6)


@pytest.mark.parametrize("kind", [cn.Local, cn.Convolution])
def test_sheets_are_matrices_of_all_their_columns(kind):
    areas = [
        cn.Area(kind(2, 3, padding="same"), "tanh"),
        cn.Area(kind(3, 3, stride=2), "tanh"),
        cn.Area(cn.Dense(4), "linear"),
    ]
    made = cn.Network((1, 5, 5), areas, 0, dtype=F64)
    x = torch.rand(2, 1, 5, 5, dtype=F64)
    rule = cn.rule("simplified-target-propagation")
    own, link = rule.named_parameters(made), made.links[1]
    v, b = own[f"decoder.{link.name}"], own[f"decoder.{link.name}.bias"]
    rates, above = made.sweep(x).rates[1:3]
    jacobian = torch.autograd.functional.jacobian
    up = [
        jacobian(lambda r: torch.tanh(link.drive(r[None])), r).reshape(-1, r.numel()).numpy() for r in rates
    ]
    down = [
        jacobian(lambda s: torch.tanh(link.feedback(s[None], v) + b), s.detach())
        .reshape(-1, s.numel())
        .numpy()
        for s in above
    ]
    there = numbers(align_decoders(made, rule, x), "area1")
    assert there[0] == pytest.approx(by_hand(down, [one.T for one in up]), rel=1e-9)
    assert there[1] == pytest.approx(by_hand(down, [np.linalg.pinv(one) for one in up]), rel=1e-6)


def test_a_rule_without_decoders_is_refused_in_a_sentence_and_looking_changes_nothing():
    made, x = net()
    with pytest.raises(RuleError, match="backprop has no decoders; give a rule of target propagation"):
        align_decoders(made, cn.rule("backprop"), x)
    rule = cn.rule("simplified-target-propagation")
    made = made.float()
    before = [p.detach().clone() for p in rule.parameters(made)]
    align_decoders(made, rule, x)
    assert all(
        a.dtype == torch.float32 and torch.equal(a, b)
        for a, b in zip(rule.parameters(made), before, strict=True)
    )
