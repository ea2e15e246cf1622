"""What feedback asks for: claims of pathways are not believed, and signs, targets and phases are counted."""

import pytest
import torch

import corticalnet as cn
from corticalnet.audit.constraints import ALTERATIONS, signed, taught, transport
from corticalnet.audit.synapses import tying
from corticalnet.audit.verdicts import judge_signed, judge_transport
from corticalnet.rules import Trigger
from tests.audit.test_locality import Hebbian
from tests.networks import F64


class Thief(cn.Random):
    """Says that its weights are its own, and takes the transpose."""

    def weights(self, link):
        return link.weight


class Copyist(cn.Random):
    """Copies the forward weights once, when it meets the network."""

    def draw(self, link):
        return link.weight.detach().clone()


class Untaught(Trigger):
    """Only the output learns; nothing comes down."""

    def run(self, trial):
        rates = trial.activity.rates
        error = trial.loss.error(rates[-1])
        for source, link in trial.wiring.arriving[-1]:
            trial.plasticity.hebbian(link, rates[source], error)


class Around(Trigger):
    """A sweep that goes around its pathway, straight through the transpose."""

    def run(self, trial):
        wiring, rates, traces = trial.wiring, trial.activity.rates, trial.activity.traces
        error = wiring.area(-1).backward(trial.loss.error(rates[-1]), traces[-1])
        for node in range(wiring.output, 0, -1):
            ((source, link),) = wiring.arriving[node]
            trial.plasticity.hebbian(link, rates[source], error)
            if source:
                error = wiring.area(source).backward(error @ link.weight, traces[source])


@pytest.mark.parametrize(
    "name", ["backprop", "feedback-alignment", "sign-symmetry", "weight-mirror", "target-propagation"]
)
def test_honest_pathways_are_what_they_say(name):
    """All others: tests/audit/test_report.py."""
    found = transport(cn.rule(name))
    assert (found.largest > 0.1) == found.claims
    assert set(found.moves) == set(ALTERATIONS)
    assert "claims" not in judge_transport(found, signed(cn.rule(name))).detail


def test_a_transpose_comes_along_in_full():
    """Negating W negates Wᵀ e, scaling by 1.5 scales it: moves of 2 and 0.5; of signs alone 2 and 0."""
    tied, signs = transport(cn.rule("z-il")), transport(cn.rule("sign-symmetry"))
    assert tied.moves["negated"] == pytest.approx(2)
    assert tied.moves["scaled"] == pytest.approx(0.5)
    assert signs.moves["negated"] == pytest.approx(2)
    assert signs.moves["scaled"] == 0


@pytest.mark.parametrize("trigger", ["backprop", "il", "z-il", "streaming-fa-z-il"])
def test_a_pathway_that_steals_is_caught(trigger):
    rule = cn.rule(trigger, feedback=Thief())
    found = transport(rule)
    assert found.claims is False
    assert found.moves["negated"] == pytest.approx(2)
    finding = judge_transport(found, signed(rule))
    assert finding.mark == "no"
    assert "the pathway claims none" in finding.detail


class Modest(cn.LearningRule):
    """No product of parts; says its routes, and that they have nothing to do with the weights up."""

    transports_weights = False

    def __init__(self, feedback):
        self.inner = cn.Rule(feedback=feedback)

    def learn(self, net, x, targets, *, accumulate=False):
        return self.inner.learn(net, x, targets, accumulate=accumulate)

    def feedback_routes(self, net):
        return self.inner.feedback_routes(net)


def test_routes_are_measured_whoever_has_them():
    found = transport(Modest(cn.Tied()))
    assert found.moves["negated"] == pytest.approx(2)
    assert found.moves["scaled"] == pytest.approx(0.5)
    assert "the pathway claims none" in judge_transport(found, signed(Modest(cn.Tied()))).detail
    copied = transport(Modest(Copyist()))
    assert (max(copied.moves.values()), copied.copied["negated"]) == (0, pytest.approx(2))
    assert transport(Modest(cn.Direct())).largest == 0


def test_a_copy_at_the_start_is_caught():
    rule = cn.rule("z-il", feedback=Copyist())
    found = transport(rule)
    assert not any(found.moves.values())
    assert found.copied["negated"] == pytest.approx(2)
    assert "copied when the pathway was built" in judge_transport(found, signed(rule)).detail


def test_going_around_the_pathway_is_caught():
    rule = cn.Rule(feedback=cn.Random(), trigger=Around())
    assert transport(rule).moves["negated"] > 0.1
    assert transport(cn.Rule(feedback=cn.Random())).largest == 0


@pytest.mark.parametrize("rule", [cn.Rule(trigger=Untaught()), Hebbian()], ids=["delta", "hebbian"])
def test_where_nothing_comes_down_nothing_is_transported(rule):
    assert signed(rule).count == 0
    finding = judge_transport(transport(rule), signed(rule))
    assert (finding.mark, finding.detail) == ("yes", "no feedback comes down")


def test_what_is_sent_has_signs_and_not_what_weights_make_of_it():
    """Output rates of ½, one-hot targets of three: an error of each sample is positive, two are negative."""
    net = cn.mlp([3, 2, 3], "linear", dtype=F64)
    for weight in (1.0, -1.0):
        with torch.no_grad():
            net.links[1].weight.fill_(weight)
            net.links[1].weight[:] *= torch.tensor([1.0, -1.0])  # from rates of ½ each: drives of 0
            net.links[0].weight.fill_(0.0)
        found = signed(cn.rule("z-il"), net)
        assert (found.negative, found.positive) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
        assert found.negative_from == ("output",)
        assert "67% of" in judge_signed(found).detail
        assert signed(cn.rule("simplified-target-propagation"), net).negative == 0


class Rectified(cn.Tied):
    """Sends sizes of errors."""

    def into(self, wiring, node, errors):
        return super().into(wiring, node, [None if error is None else error.abs() for error in errors])


class Backward(cn.Tied):
    """Carries errors by itself, without the links."""

    def into(self, wiring, node, errors):
        return sum(errors[above] @ link.weight for above, link in wiring.leaving[node])


def test_errors_are_signed_and_activities_are_not():
    """At tanh columns activities are negative as often; so they fire by a sigmoid here."""
    assert signed(cn.rule("il")).negative_from == ("output", "area2")
    assert signed(cn.Rule(feedback=cn.Direct())).negative_from == ("output",)
    assert signed(cn.Rule(feedback=Rectified())).negative == 0 < signed(cn.Rule(feedback=Rectified())).count
    assert set(signed(cn.Rule(feedback=Backward())).negative_from) == {"output", "area2"}
    tanh = cn.mlp([5, 4, 4, 3], "tanh", "tanh", dtype=F64)
    assert signed(cn.rule("equilibrium-propagation"), tanh).negative == 0
    assert {stage.describe() for area in tanh.areas.values() for stage in area.sequence} == {"tanh"}
    top = signed(cn.rule("difference-target-propagation"))
    assert top.negative_from == ("output",)  # the step down the loss; from there on rates
    assert judge_signed(top).detail.endswith("by output")


def test_a_reward_does_not_say_which_class_and_a_teacher_does():
    assert taught(cn.rule("brainprop")).wrong == 0
    assert taught(cn.rule("z-il", teaching="reward", exploration=0.0)).wrong == 0
    for name in ("backprop", "z-il", "direct-feedback-alignment"):
        assert taught(cn.rule(name)).wrong > 0.1
    assert taught(cn.rule("brainprop")).any > 0.1
    assert taught(Hebbian()).any == 0


def test_shared_weights_are_counted_by_hand():
    """A 3×3 kernel on a 5×5 sheet without a border is used at 3×3 places."""
    areas = [cn.Area(cn.Convolution(2, 3, stride=1), "relu"), cn.Area(cn.Dense(3), "linear")]
    assert tying(cn.Network((1, 5, 5), areas)) == 9
    assert tying(cn.mlp([3, 4, 2])) == 1
