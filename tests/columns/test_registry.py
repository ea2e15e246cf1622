"""A rule of one's own gets its columns by registering a model of them, from wherever that stands."""

import re

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.circuits import cells
from corticalnet.circuits.parts import MinimumDurations
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.columns import AreaPopulations, ColumnModel, Options, Target, runs, unregister
from corticalnet.columns.area import broadcasters, links_to_input
from corticalnet.columns.registry import column_model
from corticalnet.columns.z_il import ZILColumns
from corticalnet.errors import CircuitError
from corticalnet.recordings.reading import weight_change
from corticalnet.rules import LearnResult, Trigger
from corticalnet.rules.plasticity import Plasticity as Changes
from tests.networks import F64

RATE = 0.2


# A trigger, and columns that are nearly some that there are --------------------------------------
class OutputOnly(Trigger):
    """The delta rule: nothing but the links into the output learns."""

    writes_once = True

    def run(self, trial):
        wiring, rates = trial.wiring, trial.activity.rates
        error = wiring.area(-1).backward(trial.loss.error(rates[-1]), trial.activity.traces[-1])
        for source, link in wiring.arriving[-1]:
            trial.plasticity.hebbian(link, rates[source], error)


class OutputOnlyColumns(ZILColumns):
    def plasticity(self, area):
        return super().plasticity(area) if area.output else None


# A rule that is no product, and columns that are like no others ----------------------------------
class Hebbian(cn.LearningRule):
    """Fire together, wire together; with no error, and nothing that comes down."""

    name = "hebbian"

    @torch.no_grad()
    def learn(self, net, x, targets, *, accumulate=False):
        rates = net.sweep(x).rates
        changes = Changes(net, len(x), accumulate)
        for node, arriving in enumerate(net.wiring.arriving):
            for source, link in arriving:
                changes.hebbian(link, rates[source], rates[node])
        return LearnResult(self.teaching.loss_for(rates[-1], targets))


class RateTimesRate(Plasticity):
    def eligibility(self, weight, pre, post, port):
        return post.rate * pre.rate


class HebbianColumns(ColumnModel):
    forward_target = Target("value", "drive")

    def __init__(self, rate):
        self.rate = rate

    @classmethod
    def refuses(cls, rule, options):
        return "Hebbian columns are told no phases" if options.consolidation != "now" else None

    @classmethod
    def of(cls, rule, options):
        return cls(options.learning_rate)

    def populations(self, area):
        return AreaPopulations({"value": cells.Feedforward(area.activation)}, [])

    def plasticity(self, area):
        return RateTimesRate(self.rate, trigger="clock")

    def needs(self, areas):
        return MinimumDurations(links_to_input(areas), 1)

    def global_populations(self, areas, learning):
        return broadcasters({"clock": (cells.Clock(first=0, last=0), list(learning))})


@pytest.fixture(scope="module", autouse=True)
def registered():
    """As ``@runs(OutputOnly)`` does, but for these tests alone."""
    runs(OutputOnly)(OutputOnlyColumns)
    runs(Hebbian)(HebbianColumns)
    yield
    unregister(OutputOnlyColumns)
    unregister(HebbianColumns)


@pytest.mark.parametrize("engine", ["torch", "brian2"])
@pytest.mark.parametrize("rule", [cn.Rule(trigger=OutputOnly()), Hebbian()], ids=["delta", "hebbian"])
def test_a_rule_and_its_columns_from_this_very_file_learn_alike(rule, engine):
    net = cn.mlp([4, 5, 4, 3], "tanh", seed=1, dtype=F64)
    x, y = torch.rand(3 if engine == "torch" else 1, 4, dtype=F64), torch.tensor([2, 0, 1])
    y = y[: len(x)]
    circuit = cn.circuit(net, rule, RATE)
    needs = circuit.needs
    teach = cn.Teach(y, needs.teach) if isinstance(rule, cn.Rule) else cn.SetInput({"clock.teaching": 1.0}, 1)
    protocol = [cn.Present(x, steps=needs.present), teach]
    data = cn.simulate(circuit, protocol, engine, record=["rate"], last=1)
    rule.learn(net, x, y)
    moved = [p.name for p in circuit.plastic]
    assert moved == (["area2->output"] if isinstance(rule, cn.Rule) else [link.name for link in net.links])
    for link in net.links:
        if link.name in moved:
            change = weight_change(data, link.name)
            assert np.allclose(change, -RATE * link.weight.grad.numpy(), rtol=1e-10, atol=0)
            assert abs(change).max() > 1e-3


def test_what_comes_down_is_what_the_rule_says():
    net = cn.mlp([4, 5, 3], "tanh")
    names = {p.name for p in cn.circuit(net, Hebbian()).projections}
    assert names == {"input->area1", "area1->output"}


# Which one ---------------------------------------------------------------------------------------
class Twice(OutputOnly):
    """A child: it has the columns of its parent, until it has some of its own."""


def test_the_nearest_class_counts_and_of_several_models_the_newest_that_does_not_refuse():
    rule = cn.Rule(trigger=Twice(), name="twice")
    assert type(column_model(rule)) is OutputOnlyColumns

    @runs(Twice)
    class Older(OutputOnlyColumns):
        @classmethod
        def refuses(cls, rule, options):
            return "older columns learn slowly" if options.learning_rate > 1 else None

    @runs(Twice)
    class Newer(OutputOnlyColumns):
        @classmethod
        def refuses(cls, rule, options):
            return "newer columns learn more slowly" if options.learning_rate > 0.1 else None

    assert type(column_model(rule, Options(0.1))) is Newer
    assert type(column_model(rule, Options(0.5))) is Older
    with pytest.raises(CircuitError) as caught:
        cn.circuit(cn.mlp([3, 2]), rule, 2.0)
    assert str(caught.value) == "twice: newer columns learn more slowly; older columns learn slowly"
    unregister(Newer)
    unregister(Older)
    assert type(column_model(rule, Options(2.0))) is OutputOnlyColumns


@pytest.mark.parametrize(
    ("rule", "options", "message"),
    [
        (Hebbian(), {"consolidation": "phase"}, "hebbian: Hebbian columns are told no phases"),
        (
            Hebbian(),
            {"dynamics": "latch"},
            "hebbian: columns of Hebbian taught by Teacher do not run in continuous time; those of … do",
        ),
        (
            cn.Rule(cn.Reward(), trigger=OutputOnly(), name="delta"),
            {},
            "delta: columns of OutputOnly are taught by Teacher, not by Reward; by Reward those of …",
        ),
        (
            cn.rule("weight-perturbation"),
            {},
            "weight-perturbation: WeightPerturbation has no circuit; triggers that have one: …; a "
            "ColumnModel of your own under @corticalnet.columns.runs(WeightPerturbation) is its circuit",
        ),
    ],
)
def test_what_no_model_runs_is_said_in_a_sentence(rule, options, message):
    with pytest.raises(CircuitError) as caught:
        cn.circuit(cn.mlp([3, 2]), rule, **options)
    triggers = r"[A-Z]\w+(, [A-Z]\w+)+"  # (those that there are today are nobody's business here)
    assert re.sub(triggers, "…", str(caught.value)) == message


@pytest.mark.parametrize("rule", ["brainprop", "streaming-fa-z-il"])
def test_dopamine_tells_of_one_action_alone(rule):
    """A reward that tells of the others, too, has no circuit, and says what has."""
    with pytest.raises(CircuitError, match="taken alone; choose Reward"):
        cn.circuit(cn.mlp([4, 3, 2]), cn.rule(rule, teaching=cn.Reward(exclusive=True)))
