"""What the how-to pages say that a part of one's own must be: whoever forgets it is told, in a sentence."""

import pytest
import torch

import corticalnet as cn
from corticalnet.errors import RuleError
from corticalnet.rules import Feedback, LearnResult, catalogue


@pytest.fixture(autouse=True)
def _rules_as_before(monkeypatch):
    monkeypatch.setattr(catalogue, "_RULES", dict(catalogue._RULES))


def learn(rule, dtype=torch.float32):
    x, y = torch.rand(3, 6, dtype=dtype), torch.tensor([0, 1, 2])
    return rule.learn(cn.mlp([6, 5, 4], "tanh", seed=0, dtype=dtype), x, y)


def pathway(weights):
    """A pathway that carries signals by a function of a link, and forgets to call the base's constructor."""

    class Own(Feedback):
        def __init__(self):
            self.scale = 1.0

        def weights(self, link):
            return weights(link)

    return Own()


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (lambda link: link.weight[:1], r"along 'area1->output' must be \(\(4, 5\), .*not \(\(1, 5\)"),
        (lambda link: link.weight.T, r"must be \(\(4, 5\), .*not \(\(5, 4\)"),
        (lambda link: link.weight.double(), "must be .*float32.*not .*float64"),
        (lambda link: link.weight.tolist(), r"must be a tensor, not \[\["),
        (lambda link: None, "must be a tensor, not None"),
    ],
)
def test_feedback_weights_are_shaped_as_the_links(weights, words):
    with pytest.raises(RuleError, match=f"^Own: weights {words}" if "along" in words else words):
        learn(cn.rule("z-il", feedback=pathway(weights)))


def test_a_pathway_needs_no_constructor_and_follows_the_networks_precision():
    rule = cn.rule("backprop", feedback=pathway(lambda link: link.weight))
    assert learn(rule).loss.dtype == torch.float32
    assert learn(rule, torch.float64).loss.dtype == torch.float64


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        (3, cn.LearningRule, "name of a rule must be a text, not 3"),
        (" ", cn.LearningRule, "name of a rule must be a text"),
        ("own", "backprop", "rule 'own': 'backprop' is no Entry, and no class or function"),
        ("own", cn.rule("backprop"), "rule 'own': .* is no Entry"),
        ("backprop", cn.LearningRule, "exists already; choose another name"),
    ],
)
def test_what_cannot_be_a_rule_is_not_registered(name, make, words):
    before = cn.list_rules()
    with pytest.raises(RuleError, match=words):
        cn.register(name, make)
    assert cn.list_rules() == before


def test_what_makes_a_rule_returns_one():
    cn.register("own", lambda: 3)
    with pytest.raises(RuleError, match="rule 'own': what makes it returned 3, which is no LearningRule"):
        cn.rule("own")


@pytest.mark.parametrize("drawn", [[torch.zeros(3)], {"own": [0.0]}, None])
def test_a_rules_own_weights_are_drawn_as_tensors_by_name(drawn):
    class Own(cn.LearningRule):
        name = "own"

        def draw(self, net):
            return drawn

        def learn(self, net, x, targets, *, accumulate=False):
            return LearnResult(self.teaching.loss_for(net(x), targets))

    with pytest.raises(RuleError, match=r"own: draw\(net\) must return \{name: tensor\}, not "):
        learn(Own())
