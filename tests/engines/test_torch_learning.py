"""Plasticity of the torch engine, by synapse in NumPy: Δw = rate · trigger · modulator · eligibility."""

import numpy as np
import pytest

from corticalnet.circuits import AllToAll, Broadcast, Circuit, OneToOne, Population, Projection
from corticalnet.circuits.cells import Sensory
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.pointwise import tanh, where
from corticalnet.engines import simulate, simulator
from corticalnet.experiment.protocol import SetInput
from corticalnet.recordings.reading import weight_change
from tests.engines.small import Leaky, area, carried, listed, synapses

RATE, STEPS, BATCH, PRE = 0.2, 6, 5, 3
POST = {"all to all": 2, "one to one": 3, "listed": 2}


class Hebb(Plasticity):
    """rate · rate: becomes one matrix product."""

    def eligibility(self, synapse, pre, post, port):
        return pre.rate * (post.rate + 0.5)


class HiddenHebb(Plasticity):
    """The same numbers, but written so that it is no sum of products."""

    def eligibility(self, synapse, pre, post, port):
        product = pre.rate * (post.rate + 0.5)
        return where(product > 0, product, -tanh(0.0 * product) + product)


class Saturating(Plasticity):
    """tanh of a product: synapse by synapse."""

    def eligibility(self, synapse, pre, post, port):
        return tanh(pre.rate * (post.rate + 0.5))


class Oja(Plasticity):
    """Decays with its weight: post (pre − post · w)."""

    def eligibility(self, synapse, pre, post, port):
        return post.rate * (pre.rate - synapse.weight * post.rate)


class Bounded(Plasticity):
    """Weights that go to 1, by a function that mixes all three sides."""

    def eligibility(self, synapse, pre, post, port):
        return tanh(pre.rate - synapse.weight * post.rate) * port.prediction


#: kind -> the same in plain numbers: (w, pre, post, what arrived at the post cell)
RULES = {
    Hebb: lambda w, x, y, u: x * (y + 0.5),
    HiddenHebb: lambda w, x, y, u: x * (y + 0.5),
    Saturating: lambda w, x, y, u: np.tanh(x * (y + 0.5)),
    Oja: lambda w, x, y, u: y * x - w * y * y,
    Bounded: lambda w, x, y, u: np.tanh(x - w * y) * u,
}


def inputs(seed=3):
    """Stimuli ``[T, B, n]``, and for each step and sample a trigger, a dopamine and a night."""
    rng = np.random.default_rng(seed)
    stimuli = rng.normal(size=(STEPS, BATCH, PRE))
    trigger = rng.integers(0, 2, (STEPS, BATCH, 1)).astype(float)
    night = np.zeros((STEPS, BATCH, 1))
    for sample in range(BATCH):
        night[sample % 3 + 1, sample] = night[4, sample] = 1.0  # samples sleep at other times
    return {
        "eye": stimuli,
        "trigger": trigger,
        "dopamine": rng.normal(size=(STEPS, BATCH, 1)),
        "night": night,
    }


def start(kind):
    return np.random.default_rng(8).normal(size=synapses(kind, PRE, POST[kind])[1])


def circuit(kind, rule, slots=(), weights=None, delay=0, memory=0.0):
    n = POST[kind]
    connection = {"all to all": AllToAll(), "one to one": OneToOne(), "listed": listed()}[kind]
    weights = start(kind) if weights is None else weights
    weights = weights.reshape(n, PRE) if kind == "all to all" else weights
    plasticity = rule(RATE, **dict(slots), memory=memory)
    up = Projection(
        "eye", "area", "prediction", weights, connection, name="up", plasticity=plasticity, delay=delay
    )
    speakers = [Population(name, 1, Sensory()) for _, name in slots]
    broadcasts = [Broadcast(name, ["up"]) for _, name in slots]
    populations = [Population("eye", PRE, Sensory()), Population("area", n, Leaky()), *speakers]
    return Circuit(populations, [up], broadcasts=broadcasts)


def protocol(made, given, samples=slice(None), steps=STEPS):
    names = [p.name for p in made.populations if p.name != "area"]
    return [
        SetInput({f"{name}.stimulus": given[name][t, samples] for name in names}, 1) for t in range(steps)
    ]


def loop(kind, rule, given, slots=(), steps=STEPS, delay=0, memory=0.0):
    """The same in NumPy: (rates of the area at each step, weights at the end)."""
    triples, _ = synapses(kind, PRE, POST[kind])
    w, y, rates, used = start(kind), np.full((BATCH, POST[kind]), 0.25), [], dict(slots)
    trace = np.zeros((BATCH, len(triples)))
    for t in range(steps):
        x = given["eye"][t - delay] if t >= delay else np.zeros((BATCH, PRE))
        u = carried(triples, w, x, POST[kind])
        y = y + (u - y) / 4.0
        rates.append(y)
        change = np.zeros_like(w)
        for b in range(BATCH):
            trigger, modulator = (
                given[used[slot]][t, b, 0] if slot in used else 1.0 for slot in ("trigger", "modulator")
            )
            factor = RATE * trigger * modulator
            for s, (i, j, k) in enumerate(triples):
                eligible = RULES[rule](w[k], x[b, i], y[b, j], u[b, j])
                if memory:  # memory d trace/dt = −trace + trigger · eligibility, in steps of 1 ms
                    trace[b, s] += (trigger * eligible - trace[b, s]) / memory
                    change[k] += RATE * modulator * trace[b, s] / BATCH
                    continue
                one = factor * eligible
                if "consolidation" not in used:
                    change[k] += one / BATCH
                    continue
                trace[b, s] += one
                if given["night"][t, b, 0]:
                    change[k] += trace[b, s] / BATCH
                    trace[b, s] = 0.0
        w = w + change
    return np.array(rates), w


def agree(kind, rule, slots=(), atol=1e-13, delay=0, memory=0.0):
    given, made = inputs(), circuit(kind, rule, slots, delay=delay, memory=memory)
    data = simulate(made, protocol(made, given))
    rates, weights = loop(kind, rule, given, slots, delay=delay, memory=memory)
    after = data["weights up"].sel(when="after").values.ravel()
    np.testing.assert_allclose(area(data, "rate", "area"), rates, rtol=0, atol=atol)
    np.testing.assert_allclose(after, weights, rtol=0, atol=atol)
    assert abs(after - start(kind)).max() > 1e-2
    return after


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", POST)
def test_changes_are_summed_over_synapses_and_averaged_over_the_batch(kind, rule):
    after = agree(kind, rule)
    if kind == "listed":  # a weight without a synapse stays
        assert after[3] == start(kind)[3]


@pytest.mark.parametrize("kind", POST)
def test_a_sum_of_products_is_the_same_as_synapse_by_synapse(kind):
    made = [circuit(kind, rule) for rule in (Hebb, HiddenHebb)]
    learners = [simulator(one).engine._learners["up"] for one in made]
    assert [learner.terms is None for learner in learners] == [False, True]
    one, other = (simulate(c, protocol(c, inputs()))["weights up"].sel(when="after") for c in made)
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-14)


SLOTS = {
    "trigger": (("trigger", "trigger"),),
    "modulator": (("modulator", "dopamine"),),
    "both": (("trigger", "trigger"), ("modulator", "dopamine")),
    "consolidation": (("consolidation", "night"),),
    "all": (("trigger", "trigger"), ("modulator", "dopamine"), ("consolidation", "night")),
}


@pytest.mark.parametrize("slots", SLOTS)
@pytest.mark.parametrize("rule", [Hebb, Oja, Bounded])
@pytest.mark.parametrize("kind", POST)
def test_trigger_modulator_and_a_trace_for_each_sample(kind, rule, slots):
    agree(kind, rule, SLOTS[slots])


@pytest.mark.parametrize("slots", [(), *(SLOTS[name] for name in ("trigger", "modulator", "both"))])
@pytest.mark.parametrize("rule", [Hebb, Oja, Bounded])
@pytest.mark.parametrize("kind", POST)
def test_a_remembered_eligibility_is_a_trace_for_each_sample_and_changes_are_averaged(kind, rule, slots):
    """Five animals, with traces and dopamine of their own; the trigger is remembered, the modulator acts."""
    agree(kind, rule, slots, memory=4.0)


@pytest.mark.parametrize("slots", [(), SLOTS["all"]])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", POST)
def test_a_delayed_synapse_learns_by_what_arrives(kind, rule, slots):
    """The eye sees something else in each step; a synapse hears of it two steps later, at first of rest."""
    agree(kind, rule, slots, delay=2)


def awake(made, given):
    """Whether the synapses computed anything, step by step."""
    engine, found = simulator(made), []
    learner = engine.engine._learners["up"]
    asked, learner._awake = learner._awake, lambda slots: found.append(asked(slots)) or found[-1]
    engine.run(protocol(made, given))
    return found


def test_synapses_sleep_while_nothing_can_change():
    """No trigger, and nothing to consolidate: not at first, not again; and nothing is lost by it.

    Sample 0 is triggered at step 1, and consolidates at step 3; the others have traces from step 1 or 4 too,
    which wait, one until step 5, three for ever.
    """
    slots = (("trigger", "trigger"), ("consolidation", "night"))
    given, made = inputs(), circuit("listed", Bounded, slots)
    given["trigger"][:], given["night"][:] = 0.0, 0.0
    given["night"][0] = 1.0  # nothing to consolidate yet
    given["trigger"][1], given["night"][3, 0] = 1.0, 1.0
    given["trigger"][4, 1], given["night"][5, 1] = 1.0, 1.0
    assert awake(made, given) == [False, True, False, True, True, True]
    data = simulate(made, protocol(made, given))
    weights = loop("listed", Bounded, given, slots)[1]
    np.testing.assert_allclose(data["weights up"].sel(when="after").values, weights, rtol=0, atol=1e-14)
    assert abs(weights - start("listed")).max() > 1e-2


@pytest.mark.parametrize("night", ["in the step of the trigger", "in one without"])
def test_samples_that_consolidate_do_not_take_the_others_along(night):
    """One of five consolidates; the others do so, of the same traces, in the last step."""
    slots = (("trigger", "trigger"), ("consolidation", "night"))
    given, made = inputs(), circuit("all to all", Hebb, slots)
    given["trigger"][:], given["night"][:] = 0.0, 0.0
    given["trigger"][1:3] = 1.0
    given["night"][2 if night == "in the step of the trigger" else 3, 2] = 1.0
    given["night"][5] = 1.0
    for steps in (5, STEPS):
        after = (
            simulate(made, protocol(made, given, steps=steps))["weights up"].sel(when="after").values.ravel()
        )
        weights = loop("all to all", Hebb, given, slots, steps)[1]
        np.testing.assert_allclose(after, weights, rtol=0, atol=1e-14)
        assert abs(after - start("all to all")).max() > 1e-3


def test_a_trace_waits_for_its_own_sample():
    """At the second step only samples 0 and 3 have slept: the others' changes are not there yet."""
    given, made = inputs(), circuit("all to all", Hebb, SLOTS["consolidation"])
    after = simulate(made, protocol(made, given, steps=2))["weights up"].sel(when="after").values
    weights, y, wanted = start("all to all").reshape(2, 3), np.full((BATCH, 2), 0.25), np.zeros((2, 3))
    for t in range(2):
        x = given["eye"][t]
        y = y + (x @ weights.T - y) / 4.0
        for b in (0, 3):
            wanted += RATE * np.outer(y[b] + 0.5, x[b]) / BATCH
    np.testing.assert_allclose(after, weights + wanted, rtol=0, atol=1e-14)


def test_slots_find_states_and_ports_of_the_post_cell():
    """Triggered by its own rate, modulated by what arrived."""
    given, made = inputs(), circuit("all to all", Hebb)
    plasticity = Hebb(RATE, trigger="rate", modulator="prediction")
    up = Projection("eye", "area", "prediction", made.weights["up"], name="up", plasticity=plasticity)
    made = Circuit(made.populations, [up])
    after = simulate(made, protocol(made, given, steps=1))["weights up"].sel(when="after").values
    w, x = made.weights["up"], given["eye"][0]
    u = x @ w.T
    y = 0.25 + (u - 0.25) / 4.0
    change = sum(np.outer(y[b] * u[b] * (y[b] + 0.5), x[b]) for b in range(BATCH))
    np.testing.assert_allclose(after, w + RATE * change / BATCH, rtol=0, atol=1e-14)


@pytest.mark.parametrize("rule", [Hebb, Saturating, Oja])
@pytest.mark.parametrize("kind", POST)
def test_a_batch_of_five_is_the_mean_of_five_animals(kind, rule):
    """One step from the same weights, alone and together."""
    given, made = inputs(), circuit(kind, rule)

    def change(samples):
        data = simulate(made, protocol(made, given, samples, steps=1))
        return weight_change(data, "up")

    alone = np.mean([change(slice(b, b + 1)) for b in range(BATCH)], axis=0)
    assert abs(alone).max() > 1e-2
    np.testing.assert_allclose(change(slice(None)), alone, rtol=0, atol=1e-14)


def test_all_changes_of_a_step_are_computed_from_the_same_weights():
    """Two projections of one step: the second does not see what the first has learned."""
    weights = np.array([[0.5]])
    populations = [Population("eye", 1, Sensory()), Population("area", 1, Leaky())]
    first, second = (
        Projection("eye", "area", "prediction", weights, name=name, plasticity=Bounded(RATE)) for name in "ab"
    )
    data = simulate(Circuit(populations, [first, second]), [SetInput({"eye.stimulus": 2.0}, 1)])
    assert data["weights a"].sel(when="after").item() == data["weights b"].sel(when="after").item()
    y = 0.25 + (2.0 - 0.25) / 4.0  # arrived: 2 · (0.5 + 0.5)
    assert data["weights a"].sel(when="after").item() == pytest.approx(
        0.5 + RATE * np.tanh(2 - 0.5 * y) * 2.0, abs=1e-14
    )


def test_learning_in_single_precision():
    given, made = inputs(), circuit("listed", Bounded, SLOTS["all"])
    data = simulate(made, protocol(made, given), precision="float32")
    after = data["weights up"].sel(when="after").values
    assert np.array_equal(after, after.astype(np.float32))
    np.testing.assert_allclose(after, loop("listed", Bounded, given, SLOTS["all"])[1], rtol=0, atol=1e-5)
