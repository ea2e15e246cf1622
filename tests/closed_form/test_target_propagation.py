"""Difference target propagation (Lee et al. 2015): a chain worked by hand, its noise, and its audit."""

from math import tanh

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.errors import CircuitError
from tests.networks import F64
from tests.target_propagation import TargetPropagation


def chain(*weights, hidden="tanh"):
    """One column in each area."""
    net = cn.mlp([1] * (len(weights) + 1), hidden, dtype=F64)
    with torch.no_grad():
        for link, weight in zip(net.links, weights, strict=True):
            link.weight.fill_(weight)
    return net


def test_a_chain_of_three_links_is_as_worked_by_hand():
    """Drives 0.6, b = 0.5 r and c = 2 s; the target is c + 1; inverses of b and c are 0.7 and 0.4."""
    net, rule = chain(2.0, 0.5, 2.0), TargetPropagation(rate=0.1)
    v, w = (rule.named_parameters(net)[f"inverse.{name}"] for name in ("area1->area2", "area2->output"))
    with torch.no_grad():
        v.fill_(0.7)
        w.fill_(0.4)
    r, s = tanh(0.6), tanh(0.5 * tanh(0.6))
    b, c = 0.5 * r, 2 * s
    rule.learn(net, torch.tensor([[0.3]], dtype=F64), torch.tensor([[c + 1]], dtype=F64))
    above = (1 - s**2) * 0.4 * (tanh(c + 1) - tanh(c))
    below = (1 - r**2) * 0.7 * (tanh(b + above) - tanh(b))
    wanted = [below * 0.3, above * r, 1 * s]
    assert [-p.grad.item() for p in net.parameters()] == pytest.approx(wanted, rel=1e-13)
    inverses = [0.1 * (r - 0.7 * tanh(b)) * tanh(b), 0.1 * (s - 0.4 * tanh(c)) * tanh(c)]
    assert [-p.grad.item() for p in (v, w)] == pytest.approx(inverses, rel=1e-13)


def test_noise_moves_the_inverses_and_nothing_else():
    """The mean of ΔV over noise at a linear column, by quadrature: ⟨(r̃ − v tanh(w r̃)) tanh(w r̃)⟩."""
    net = cn.mlp([1, 1, 1], "linear", dtype=F64)
    quiet, noisy = TargetPropagation(), TargetPropagation(noise=1.0)
    x, y = torch.full((40000, 1), 0.8, dtype=F64), torch.ones(40000, 1, dtype=F64)
    changes = []
    for rule in (quiet, noisy):
        torch.manual_seed(0)
        rule.learn(net, x, y)
        changes.append([p.grad.clone() for p in (*net.parameters(), *rule.parameters(net))])
    assert all(torch.equal(*pair) for pair in zip(*(change[:-1] for change in changes), strict=True))
    up, out, v = (p.item() for p in (*net.parameters(), *noisy.parameters(net)))
    rates, weights = (torch.tensor(part, dtype=F64) for part in np.polynomial.hermite_e.hermegauss(60))
    rates = 0.8 * up + rates
    wanted = ((rates - v * torch.tanh(out * rates)) * torch.tanh(out * rates) * weights / weights.sum()).sum()
    # s.d. of one sample 0.4: ten standard errors of 40000
    assert -changes[1][-1].item() == pytest.approx(0.1 * wanted.item(), abs=0.1 * 0.02)
    assert abs(changes[0][-1].item() - changes[1][-1].item()) > 0.1 * 0.1


def test_it_is_local_carries_no_weights_and_says_that_it_has_no_circuit():
    rule = TargetPropagation(noise=0.1)
    report = cn.audit_rule(rule, quick=True)
    assert report["locality"].mark == report["weight transport"].mark == "yes"
    with pytest.raises(CircuitError) as caught:
        cn.circuit(chain(1.0, 1.0), rule)
    assert str(caught.value).endswith("under @corticalnet.columns.runs(TargetPropagation) is its circuit")
