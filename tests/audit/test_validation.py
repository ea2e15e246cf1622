"""Validation: its yardsticks by hand and by autograd, its views by what is known of them."""

import math
import warnings

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.analysis import ranges
from corticalnet.audit import Trials, Validation, View, compare, figures, fit_power_law, run_sweep
from corticalnet.audit.validation import Found
from corticalnet.circuits import cells
from corticalnet.errors import CorticalnetError, SimulationError
from tests.networks import F64


def network(hidden="tanh", sizes=(3, 4, 2), seed=0):
    return cn.mlp(sizes, hidden, seed=seed, dtype=F64)


def trials(rule="z-il", net=None, count=1, target=None, seed=0):
    rng, net = np.random.default_rng(seed), net or network()
    x = torch.from_numpy(rng.uniform(0, 1, (count, *net.input_shape)))
    y = torch.from_numpy(rng.normal(size=(count, *net.output_shape))) if target is None else target
    return Trials(net, cn.rule(rule) if isinstance(rule, str) else rule, x, y)


# Ranges -----------------------------------------------------------------------------------------
def test_ranges_of_signals_that_are_known():
    """What is shown is what is told: 0.3 and −0.8 at once or one after another, in any sample."""
    populations = [
        cn.Population("a.value", 2, cells.Sensory()),
        cn.Population("b.value", 1, cells.Sensory()),
        cn.Population("c.value", 1, cells.Sensory()),
        cn.Population("d.prediction", 1, cells.Prediction()),
    ]
    ways = [cn.Projection(f"{k}.value", "d.prediction", "prediction", 1.0) for k in "abc"]
    circuit = cn.Circuit(populations, ways)
    protocol = [
        cn.SetInput({"a.value.stimulus": [[0.1, 0.3], [0.0, 0.2]], "b.value.stimulus": 0.5}, steps=3),
        cn.SetInput({"a.value.stimulus": [[0.1, -0.8], [0.0, 0.1]], "b.value.stimulus": 0.7}, steps=3),
    ]
    found = ranges(circuit, protocol)
    assert found == {"a.value": pytest.approx((-0.96, 0.36)), "b.value": pytest.approx((0.0, 0.84))}
    assert ranges(circuit, protocol, 1.0, populations=["b.value"]) == {"b.value": (0.0, 0.7)}


def test_ranges_of_columns():
    """Sigmoid rates are never negative; errors are; and spikes take these scales."""
    rates = cn.circuit(network("sigmoid"), cn.rule("z-il"), dynamics=cn.Continuous("sample_and_hold"))
    rng = np.random.default_rng(0)
    protocol = [
        cn.Present(rng.uniform(0, 0.05, (4, 3)), ms=400.0),
        cn.Teach(rng.normal(size=(4, 2)), ms=500.0),
    ]
    found = ranges(rates, protocol, check=False)
    assert found["input.value"] == (0.0, pytest.approx(1.2 * protocol[0].stimulus.max()))
    assert found["area1.value"][0] == 0 < found["area1.value"][1] < 1.2
    assert found["output.error"][0] < 0 < found["output.error"][1]
    spikes = cn.spiking(rates, 10, "pif", ranges=found)
    drive = spikes.projection("input.value.on drive").weight
    assert drive == pytest.approx(1 / found["input.value"][1])
    assert {p.name for p in spikes.populations if p.cell.sends == "spike"} == {
        "input.value.on", "area1.value.on", "output.error.on", "output.error.off"
    }  # fmt: skip


# Yardsticks -------------------------------------------------------------------------------------
def test_comparisons_by_hand():
    wanted = {"a": np.array([1.0, 0.0]), "b": np.array([0.0, 2.0])}
    found = {"a": np.array([2.0, 0.0]), "b": np.array([2.0, 0.0])}
    one = compare(found, wanted, own=found)
    assert (one["a"].cosine, one["a"].ratio, one["a"].error, one["a"].own) == (1, 2, 1, 0)
    assert (one["b"].cosine, one["b"].ratio) == (0, 1)
    assert one["b"].error == pytest.approx(math.sqrt(2))
    assert one["all"].cosine == pytest.approx(2 / math.sqrt(8 * 5))  # (2, 0, 2, 0) beside (1, 0, 0, 2)
    assert one["all"].error == pytest.approx(math.sqrt((1 + 4 + 4) / 5))
    nothing = compare({"a": np.ones(2)}, {"a": np.zeros(2)})["a"]
    assert math.isnan(nothing.cosine)
    assert math.isnan(nothing.error)


def test_a_power_law_is_found():
    x = [10, 30, 100, 300]
    fit = fit_power_law(x, [3 / math.sqrt(n) for n in x])
    assert (fit.scale, fit.exponent) == (pytest.approx(3), pytest.approx(-0.5))
    assert fit.spread < 1e-12
    noisy = fit_power_law([1, 1, 10, 10], [1.0, math.e, 10.0, 10 * math.e])  # residuals ± ½ of logarithms
    assert noisy.exponent == pytest.approx(1)
    assert noisy.spread == pytest.approx(math.sqrt(4 * 0.25 / 2 / (4 * (math.log(10) / 2) ** 2)))
    assert fit_power_law([1, 2], [1, 2]) is None


def autograd(bench, loss):
    net = bench.network
    net.zero_grad()
    loss(net(bench.stimuli)[0]).backward()
    return {link.name.split("->")[1]: -link.weight.grad.numpy().ravel() for link in net.links}


def test_the_reference_is_autograd():
    taught, rewarded = trials(), trials("brainprop", target=torch.tensor([1]))
    wanted = autograd(taught, lambda out: 0.5 * (taught.targets[0] - out).square().sum())
    for area, change in taught.backprop(0).items():
        np.testing.assert_allclose(change, wanted[area], atol=1e-12)
    best = int(rewarded.network(rewarded.stimuli).argmax())
    wanted = autograd(rewarded, lambda out: 0.5 * (float(best == 1) - out[best]).square())
    for area, change in rewarded.backprop(0).items():
        np.testing.assert_allclose(change, wanted[area], atol=1e-12)


# Views ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("rule", ["z-il", "brainprop"])
def test_every_view_learns_what_backprop_learns_each_to_its_own_precision(rule):
    """Network 1e-12; steps 1e-10; rates as e^(−s/τ) of a chain; spikes by their number. What is off is off
    against the rule as against backprop. And an Euler step leaves less than continuous time does."""
    seen = []
    report = cn.validate(
        network(), rule, trials=1, cells=30, window="100 ms", progress=lambda *what: seen.append(what)
    )
    rates = [report[f"rates, dt = {dt}"].geometric_mean().error for dt in (5, 2, 1)]
    assert report["network"].geometric_mean().error < 1e-12
    assert report["steps"].geometric_mean().error < 1e-10
    assert rates[0] < rates[1] < rates[2] < 1e-5
    spikes = report["30 pif"].geometric_mean()
    assert spikes.cosine > 0.97
    assert 1e-5 < spikes.error < 0.4
    assert abs(spikes.ratio - 1) < 0.3
    assert all(found.geometric_mean().own == found.geometric_mean().error for found in report.views)
    assert seen[0] == ("network", 0, 6)
    assert seen[-1] == ("30 pif cells", 6, 6)
    rows = str(report).splitlines()
    assert sum(row.split()[-5:-4] == ["area1"] for row in rows) == 6
    assert report.to_dict()["views"][1]["trials"][0]["area1"]["error"] < 1e-10
    axes = figures(report)["views"].axes
    assert [label.get_text() for label in axes[0].get_yticklabels()] == [v.view for v in report.views]


def test_random_feedback_is_itself_in_every_view_and_not_backprop():
    bench = trials("feedback-alignment", network(sizes=(3, 4, 4, 2)))
    wanted, own = bench.backprop(0), bench.learned(0)
    for view in (View("steps"), View("rates", cn.Continuous(dt=5.0))):
        (change,) = view.run(bench)
        found = compare(change, wanted, own)
        assert found["all"].own < 1e-9
        assert found["area1"].error > 0.1


def test_what_has_no_circuit_is_left_out_with_its_reason():
    report = cn.validate(network(), "il", trials=1)
    assert report["steps"].geometric_mean().own < 1e-10
    assert report["steps"].geometric_mean().error > 0.1  # and is not backprop
    assert "left out: rates, dt = 5 ms; rates, dt = 2 ms" in str(report)
    assert "rules that equal their sweep" in report["100 pif"].reason
    assert report.to_dict()["views"][-1]["left out"].startswith("il: in continuous time")
    assert "left out" in [text.get_text() for axes in figures(report)["views"].axes for text in axes.texts]


def test_all_views_take_the_same_action_however_close_the_bids():
    """Two outputs that differ by a thousandth, by other synapses: less than the noise of 5 Poisson cells."""
    net = network(sizes=(3, 4, 3))
    bench = trials("brainprop", net, 3, torch.tensor([2, 2, 2]))
    bench.stimuli = bench.stimuli[:1].expand(3, -1)
    with torch.no_grad():
        rates = net.sweep(bench.stimuli[:1]).rates[1][0]
        other = torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=F64)
        other -= (other @ rates - 1e-3) / (rates @ rates) * rates
        weight = bench.network.links[1].weight
        weight[1], weight[2] = weight[0] + other, weight[0] - 3 * rates
    how = cn.Continuous(dt=1.0, read_delay=100.0, average=20.0, burst=20.0)
    found = View("spikes", how, 5, "poisson").run(bench)
    for k, change in enumerate(found):
        mine, its = (np.abs(side["output"].reshape(3, 4)).sum(1) for side in (change, bench.learned(k)))
        assert np.flatnonzero(its).tolist() == [mine.argmax()]
        # (a trace is left of the first two steps, before the contests were decided)
        assert np.sort(mine)[-2] < 0.01 * mine.max()


def test_what_was_validated_is_left_as_it_was():
    net, rule = network(), cn.rule("brainprop")
    before = [p.clone() for p in net.parameters()]
    chooses = rule.teaching.choose
    trials(rule, net, target=torch.tensor([0])).learned(0)
    assert all(torch.equal(*pair) for pair in zip(before, net.parameters(), strict=True))
    assert all(p.grad is None for p in net.parameters())
    assert rule.teaching.choose == chooses
    assert rule.teaching.exploration == 0.02


# Sweeps -----------------------------------------------------------------------------------------
def test_errors_follow_the_law_of_the_latch_when_tau_is_swept():
    """(1 − dt/τ)^(s/dt) at a fixed s, times a polynomial of a chain of two low-passes: 1 to 1 + s/τ."""
    sweep = run_sweep("tau", trials(), (20.0,))
    for tau, error in zip(sweep.values, sweep.error("output"), strict=True):
        left = (1 - 1 / tau) ** 200
        assert 0.3 * left < error < 3 * (1 + 200 / tau) * left
    assert sweep.power_law() is None
    assert list(figures(Validation("x", ("area1",), sweep=sweep))) == ["sweep_of_tau"]


def test_noise_errs_in_proportion():
    """What is learned is, to first order, linear in small noise; the same draws, ten times as large."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sweep = run_sweep("noise", trials("brainprop", target=torch.tensor([1])), (0.01, 0.03, 0.1))
    assert sweep.power_law().exponent == pytest.approx(1, abs=0.1)


def test_more_cells_err_less():
    how = {"cells": 3, "cell": "poisson", "window": "50 ms"}
    report = cn.validate(network(), "brainprop", trials=1, sweep="cells", values=(3, 30), **how)
    few, many = report.sweep.error()
    assert many < few
    assert report.to_dict()["sweep"]["values"] == (3, 30) or report.to_dict()["sweep"]["values"] == [3, 30]
    assert "cells per column" in str(report)


# What users get wrong ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cn.validate(network(sizes=(900, 200, 10)), "z-il"), "1,110 columns"),
        (lambda: cn.validate(network()), "a network alone has no rule"),
        (lambda: cn.validate(network(), "z-il", torch.zeros(1, 3)), "come together"),
        (lambda: cn.validate(network(), "z-il", sweep="depth"), "dt, tau, delay"),
        (lambda: cn.validate(network(), "il", sweep="tau"), "in continuous time"),
        (lambda: cn.validate(network(), "z-il", trials=0), "trials must be a whole number from 1"),
        (lambda: cn.validate(network(), "z-il", sweep="tau", values=[]), "no values"),
        (lambda: View("", cn.Continuous(dt=0.5), 10**6).build(trials()), "1,000,000 that a trial"),
        (lambda: Validation("x", (), (Found("steps"),))["step 1"], "did you mean 'steps'"),
        (lambda: Validation("x", ())["steps"], "Choices: none"),
        (lambda: ranges(trials().circuit("latch"), [], 0.5), "margin must be a number from 1, not 0.5"),
    ],
)
def test_mistakes_are_one_sentence(call, words):
    with pytest.raises(CorticalnetError) as caught:
        call()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


# Numbers that run away ---------------------------------------------------------------------------
def wild(scale):
    net = network("relu")
    with torch.no_grad():
        for link in net.links:
            link.weight.mul_(scale)
    return net


def test_views_in_which_numbers_run_away_are_left_out_and_the_others_stay(monkeypatch):
    """A teacher of a circuit may be too much where the network's own is not."""
    truly = Trials.simulated

    def simulated(self, circuit, trial, dynamics=None, *more, **options):
        if dynamics is not None:
            raise SimulationError("the simulation diverged: in step 3 (3 ms) …")
        return truly(self, circuit, trial, dynamics, *more, **options)

    monkeypatch.setattr(Trials, "simulated", simulated)
    report = cn.validate(network(), "z-il", trials=1, cells=2)
    found = {one.view: one for one in report.views}
    assert not found["steps"].reason
    assert len(found["steps"].trials) == 1
    assert "the simulation diverged: in step 3" in found["rates, dt = 5 ms"].reason
    assert "left out" in str(report)
    with pytest.raises(SimulationError, match=r"sweep of tau, at 5: the simulation diverged: in step 3"):
        run_sweep("tau", trials(), [5.0])


def test_nothing_is_compared_with_infinite_changes():
    with pytest.raises(SimulationError, match="what backprop changes in trial 1 is infinite or no number"):
        cn.validate(wild(1e200), "z-il", trials=1)
