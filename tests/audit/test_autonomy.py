"""What is told from outside: clocks and phases, found by silencing them; a hidden counter, by its timing."""

from dataclasses import replace

import pytest
import torch

import corticalnet as cn
from corticalnet.audit.autonomy import SWEEP, autonomy
from corticalnet.audit.samples import random_batch, random_mlp
from corticalnet.audit.settling import settle, without_phase
from corticalnet.audit.verdicts import judge_autonomy, judge_clock, judge_partial, judge_phases
from corticalnet.circuits.cells import Cell, PhaseSignal, State
from corticalnet.circuits.pointwise import where
from corticalnet.circuits.quantities import ONE, Pure
from corticalnet.columns import runs
from corticalnet.columns.detected import DetectedColumns
from corticalnet.columns.target_propagation import TargetColumns
from corticalnet.columns.z_il import ZILColumns


class StepCounter(Cell):
    """Fires at one step of every period, whatever its column does: no control cell, and yet a clock."""

    period: Pure = 1.0
    when: Pure = 0.0
    ports = {"error": "", "motion": "", "errors": ""}
    state = {"phi": 0.0, "count": 0.0}

    def detect(self, cell, port, dt):
        after = where(cell.count + 1 >= self.period, 0.0, cell.count + 1)
        return {"phi": where(cell.count == self.when, 1.0, 0.0), "count": after}


class Counting(cn.Rule):
    """Streaming Fa-Z-IL whose φ cells count steps instead of watching errors."""


@runs(Counting)
class CountingColumns(DetectedColumns):
    """The columns of streaming Fa-Z-IL, with other cells for φ; for networks of three links."""

    def populations(self, area):
        made, needs = super().populations(area), self.needs([area, replace(area, depth=2)])
        when = needs.present + area.depth
        made.cells["phi"] = StepCounter(period=needs.present + needs.teach, when=when)
        return made


class OwnClock(Cell):
    """A clock of somebody's own, and no kind of ours."""

    first: Pure = 0.0
    state = {"tick": State(pulse=True), "count": 0.0}
    inputs = {"teaching": ONE}

    def detect(self, cell, port, dt):
        on = cell.teaching != 0
        tick = where(on & (cell.count == self.first), 1.0, 0.0)
        return {"tick": tick, "count": where(on, cell.count + 1, 0.0)}


class OwnTime(cn.Rule):
    """Z-IL, timed by clocks of somebody's own."""


@runs(OwnTime)
class OwnColumns(ZILColumns):
    """The columns of Z-IL with other clocks."""

    def clock(self, area):
        return OwnClock(first=area.depth)


@pytest.fixture(scope="module")
def found():
    """Rules measured on one kind of network: tanh, three links."""
    net = random_mlp("tanh", 3, 0)
    names = ("il", "z-il", "fa-z-il", "streaming-fa-z-il")
    rules = {name: cn.rule(name) for name in names} | {"counting": Counting(trigger=cn.FaZIL(gate="pulse"))}
    rules["own clock"] = OwnTime(trigger=cn.ZIL())
    return {name: autonomy(rule, net) for name, rule in rules.items()}


def test_only_streaming_needs_nothing(found):
    right = {name for name, one in found.items() if one.streams["nothing"]["this network"] < 1e-12}
    assert right == {"streaming-fa-z-il"}
    assert found["streaming-fa-z-il"].controls == ()


def test_clocks_are_found_by_silencing_them(found):
    for name in ("il", "z-il", "own clock"):
        one = found[name]
        assert one.controls == ("clock", "phase")
        assert one.own["everything"]["this network"] < 1e-12
        assert one.own["phases"]["this network"] == pytest.approx(1.0)  # nothing was learned at all
        assert judge_clock(one).mark == "no"
    assert judge_clock(found["streaming-fa-z-il"]).mark == "yes"


def test_the_papers_phi_needs_to_know_the_phase_and_no_clock(found):
    one = found["fa-z-il"]
    assert one.controls == ("phase",)
    assert one.streams["phases"]["this network"] < 1e-12
    assert one.streams["nothing"]["this network"] > 0.1
    assert judge_autonomy(one, "autonomy, phases told", "phases").mark == "yes"
    assert judge_autonomy(one, "autonomy", "nothing").mark == "no"
    assert judge_clock(one).mark == "yes"
    assert judge_phases(one).mark == "no"


def test_a_hidden_counter_is_caught_by_random_timing(found):
    one = found["counting"]
    assert one.controls == ()
    assert one.streams["fixed timing"]["this network"] < 1e-12
    assert one.streams["nothing"]["this network"] > 0.1
    assert judge_autonomy(one, "autonomy", "nothing").mark == "no"
    assert "something counts steps" in judge_autonomy(one, "autonomy", "nothing").detail
    assert judge_clock(one).mark == "no"
    assert "no clock is declared" in judge_clock(one).detail
    assert judge_partial(one).mark == "no"  # and a long presentation too


def test_partial_autonomy_is_coming_to_rest(found):
    (il,), (zil,) = (found[name].settling.values() for name in ("il", "z-il"))
    assert il.distance < 1e-6
    assert il.steps == 1500
    assert il.sooner > 1e-4
    assert zil.distance > 0.1  # γ = 1 with live feedback swings, for these weights
    assert zil.rest > 0.1
    assert judge_partial(found["il"]).mark == "yes"
    assert judge_partial(found["z-il"]).mark == "no"
    assert settle(random_mlp("sigmoid", 3, 0, 0.5), cn.rule("z-il"), 0).equal


def test_without_a_phase_the_papers_phi_learns_from_the_stimulus_too():
    net, rule = random_mlp("sigmoid", 2, 0), cn.rule("fa-z-il")
    untold = settle(net, rule, 0, told=False)
    assert untold.before > 0.1
    assert untold.distance > 0.1
    assert settle(net, cn.rule("z-il"), 0, told=False).before == 0


def test_only_value_cells_lose_the_phase():
    net = random_mlp("tanh", 2, 0)
    told = cn.circuit(net, cn.rule("fa-z-il"))
    (broadcast,) = without_phase(told).broadcasts
    assert broadcast.targets
    assert all(target.endswith(".phi") for target in broadcast.targets)
    clocked = without_phase(cn.circuit(net, cn.rule("z-il")))
    assert not any(isinstance(p.cell, PhaseSignal) for p in clocked.populations)
    assert {b.source for b in clocked.broadcasts} == {"clock0", "clock1"}


def test_two_phases_need_nobody_who_tells_them_where_phi_detects_them():
    """Their twin learns by the rule itself: no sweep does what it does."""
    net = random_mlp("sigmoid", 2, 0, 1.0)
    told, untold = (
        autonomy(cn.rule("equilibrium-propagation", steps=30, phases=phases), net)
        for phases in ("told", "detected")
    )
    assert told.controls == ("clock",)
    assert told.phase_cells == ("nudge",)
    assert told.streams["nothing"]["this network"] == 1.0
    assert judge_phases(told).mark == judge_clock(told).mark == "no"
    assert untold.controls == untold.phase_cells == ()
    assert untold.streams["nothing"]["this network"] < 1e-6
    assert untold.settling["this network"].distance < 1e-7
    verdicts = judge_phases(untold), judge_clock(untold), judge_autonomy(untold, "full autonomy", "nothing")
    assert {verdict.mark for verdict in verdicts} == {"yes"}


def test_columns_that_rest_in_two_ways_may_stay_as_the_trial_before_has_left_them(monkeypatch):
    """Strong feedback holds a column at its bound. Each trial from rest is the rule's."""
    monkeypatch.setattr("corticalnet.audit.autonomy.TRIALS", 4)
    found = autonomy(cn.rule("recurrent-backprop", steps=130), random_mlp("relu", 3, 0))
    assert found.own["everything"]["this network"] > 0.1
    assert found.own["from rest"]["this network"] < 1e-12
    assert "rest in more than one way" in judge_clock(found).detail


@pytest.mark.parametrize("name", ["difference-target-propagation", "local-difference-reconstruction"])
def test_a_twin_whose_columns_have_no_noise_has_none_either(name):
    found = autonomy(cn.rule(name), random_mlp("tanh", 3, 0))
    assert found.own["everything"]["this network"] < 1e-12


def test_a_clock_that_is_early_is_not_excused_by_a_start_from_rest(monkeypatch):
    monkeypatch.setattr(TargetColumns, "_last", lambda self, areas: 0)  # before targets have come down
    found = autonomy(cn.rule("difference-target-propagation"), random_mlp("tanh", 3, 0))
    assert found.own["from rest"]["this network"] > 0.1
    assert "more than one way" not in judge_clock(found).detail


def test_a_sweep_is_no_process_in_time_and_some_rules_have_no_circuit():
    sweep = autonomy(cn.rule("backprop"))
    assert sweep.reason == SWEEP
    assert judge_autonomy(sweep, "autonomy", "nothing").mark == "no"
    assert judge_clock(sweep).mark == "none"
    rewarded = autonomy(cn.rule("z-il", teaching="reward"))
    assert rewarded.reason.startswith("no circuit: z-il: columns of ZIL are taught by Teacher, not by Reward")
    assert judge_partial(rewarded).mark == "none"


def test_autonomy_does_not_change_the_rule_or_the_network():
    net, rule = random_mlp("tanh", 2, 0), cn.rule("streaming-fa-z-il", feedback="random")
    before = [w.clone() for w in net.parameters()]
    found = autonomy(rule, net)
    assert found.streams["nothing"]["this network"] < 1e-12  # the twin has the same random feedback
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), before, strict=True))
    rule.learn(net, *random_batch(net, 0))
