"""The one backward pass: beside autograd, and by hand where feedback has weights of its own."""

import pytest
import torch

import corticalnet as cn
from corticalnet.rules.plasticity import Plasticity
from tests.networks import F64, batch, dense, residual, sheets, skipping


@pytest.mark.parametrize("levelled", [False, True], ids=["as it is", "levelled"])
@pytest.mark.parametrize("make", [dense, skipping, sheets, residual])
def test_errors_and_signals_are_derivatives_of_the_loss(make, levelled):
    net = make()
    x, targets = batch(3)
    wiring = net.levelled() if levelled else net.wiring
    seen = wiring.forward(x)
    for tensor in (*seen.rates[1:], *seen.drives[1:]):
        tensor.retain_grad()
    wanted = torch.nn.functional.one_hot(targets, seen.rates[-1].shape[1]).double()
    (0.5 * (wanted - seen.rates[-1]).square().sum()).backward()
    with torch.no_grad():
        activity = wiring.forward(x)
        errors, signals = cn.Tied().backward(wiring, activity, wanted - activity.rates[-1])
    assert errors[0] is None
    assert signals[0] is None
    assert signals[-1] is None
    for node, area in wiring.above_input:
        if ".relay" not in area.name:  # (what a relay hands on is one tensor with what it got)
            torch.testing.assert_close(errors[node], -seen.drives[node].grad, rtol=0, atol=1e-12)
            if not levelled and node < wiring.output:
                torch.testing.assert_close(signals[node], -seen.rates[node].grad, rtol=0, atol=1e-12)


def test_straight_feedback_brings_the_outputs_error_to_every_area():
    net, (x, _) = dense("tanh", 4), batch(3)
    feedback, activity = cn.Direct(), net.wiring.forward(x)
    feedback.prepare(net)
    error = torch.randn(3, 5, dtype=F64)
    errors, signals = feedback.backward(net.wiring, activity, error)
    for node, _, link in feedback.feedback_routes(net.wiring):
        signal = error @ feedback.weights(link)
        torch.testing.assert_close(signals[node], signal, rtol=0, atol=1e-14)
        torch.testing.assert_close(errors[node], signal * (1 - activity.rates[node] ** 2), rtol=0, atol=1e-14)


def test_where_nothing_comes_down_there_is_no_error_and_nothing_is_learned():
    class Upper(cn.Tied):
        def outgoing(self, wiring, node):
            return wiring.leaving[node] if node == 2 else []

    net, (x, _) = dense("tanh", 3), batch(3)
    activity = net.wiring.forward(x)
    errors, signals = Upper().backward(net.wiring, activity, torch.ones(3, 5, dtype=F64))
    assert [error is None for error in errors] == [True, True, False, False]
    assert signals[1] is None
    plasticity = Plasticity(net, 3)
    with torch.no_grad():
        plasticity.accumulate(net.wiring, activity, errors)
    plasticity.close()
    assert not net.links[0].weight.grad.any()
    assert net.links[1].weight.grad.any()


def test_what_an_area_learns_is_scaled_once_for_every_link_above_it():
    """1-1-1-1 columns, linear, all numbers by hand: ∂/∂w of ½ (t − w₃ w₂ w₁ x)², times γ^(links above)."""
    net = cn.mlp([1, 1, 1, 1], "linear", dtype=F64)
    for link, w in zip(net.links, (2.0, 3.0, 5.0), strict=True):
        link.weight.data.fill_(w)
    with torch.no_grad():
        activity = net.wiring.forward(torch.ones(1, 1, dtype=F64))
        errors, _ = cn.Tied().backward(net.wiring, activity, 1.0 - activity.rates[-1])  # e = 1 − 30
        Plasticity(net, 1).accumulate(net.wiring, activity, errors, 0.5)
    assert [-link.weight.grad.item() for link in net.links] == [-29 * 15 / 4, -29 * 5 * 2 / 2, -29 * 6.0]
