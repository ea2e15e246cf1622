"""What a rule would lose without a word is told: weights that it holds and does not say, or without names."""

import warnings

import pytest
import torch
from torch import nn

import corticalnet as cn
from corticalnet.errors import RuleError
from tests.networks import batch, dense


class Silent(cn.LearningRule):
    """Holds weights and does not say so."""

    name = "silent"

    def __init__(self, held):
        self.held = held

    def learn(self, net, x, targets, *, accumulate=False):
        return cn.Rule().learn(net, x, targets, accumulate=accumulate)


@pytest.mark.parametrize(
    "held",
    [
        lambda: nn.Parameter(torch.zeros(2)),
        lambda: {"a": [nn.Parameter(torch.zeros(2))]},
        lambda: nn.Linear(2, 2),
    ],
)
def test_a_rule_that_holds_weights_of_which_it_says_nothing_is_told(held):
    with pytest.warns(UserWarning, match=r"silent: the rule holds parameters \(held\).*no checkpoint"):
        Silent(held()).parameters(dense())


def test_what_is_constant_or_the_networks_own_need_not_be_said():
    net = dense()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for held in (net, net.links[0].weight, torch.zeros(2), nn.Parameter(torch.zeros(2), False)):
            assert Silent(held).parameters(net) == []


def test_a_rule_in_a_rule_is_told_of_too():
    net, (x, y) = dense("tanh"), batch()
    inner = cn.rule("kolen-pollack")
    inner.learn(net, x, y)
    with pytest.warns(UserWarning, match=r"holds parameters \(held\)"):
        Silent(inner).parameters(net)


def test_a_rule_that_says_its_weights_without_names_is_refused():
    with pytest.raises(RuleError, match=r"Old overrides parameters\(net\); say its own weights with their"):

        class Old(Silent):
            def parameters(self, net):
                return []


class Mixed:
    """A ``learn`` that comes from elsewhere, and asks nothing."""

    def learn(self, net, x, targets, *, accumulate=False):
        return None


def test_a_learn_that_is_inherited_from_elsewhere_meets_the_network_as_well():
    class Rule(Mixed, cn.LearningRule):
        pass

    with pytest.raises(RuleError, match="teaches a Network, not Linear"):
        Rule().learn(nn.Linear(2, 2), [[0, 1]], [0])
