"""Autonomy: what has to be told to columns in time, from outside, for them to learn what the rule learns?

Everything is measured on the rule's circuit.

settling    one trial, shown for long, by the same equations in prediction and learning (:mod:`.settling`)
streams     trials of random unknown timing, weights changing throughout, some signals silenced

A signal is a control cell: a clock, or a phase signal. Columns that count steps by themselves have none, but
random timing finds them.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from corticalnet.audit.equality import EQUAL
from corticalnet.audit.samples import activations, random_mlp, training_copy
from corticalnet.audit.settling import RATE, Settling, number, settle
from corticalnet.audit.stream import autonomy_in_a_stream, lessons
from corticalnet.circuits import Circuit
from corticalnet.circuits.cells import PhaseSignal
from corticalnet.columns import Continuous
from corticalnet.columns import circuit as expand
from corticalnet.errors import CircuitError, CircuitWarning
from corticalnet.network import Network
from corticalnet.rules import LearningRule

#: Of the usual weights. Larger ones: simulations/prediction_diverges.py.
SCALES = (0.5, 1.0)
LINKS, TRIALS, SLACK = 3, 5, (8, 8)
SWEEP = "two sweeps, not a process in time"
CONTINUOUS = "columns run in continuous time alone, where streams are not measured"
NOISY = "columns learn by noise of their own, which streams do not draw"
#: Reasons why control cells alone are known.
CELLS_ALONE = (CONTINUOUS, NOISY)


@dataclass(frozen=True)
class Autonomy:
    """What was found on a rule's circuit; empty where ``reason`` says why not.

    Attributes:
        reason: why there is nothing to measure.
        controls: control cells of the circuit that is told everything: "clock", "phase".
        settling: kind of network -> one trial; φ receives the phase (the paper's condition: it must know that
            a change came by feedback).
        untold: the same, and φ is not told either (with weights at their usual scale only, if φ was).
        phase_cells: control cells that tell columns, not only synapses, what the teacher does, and that the
            circuit has also where it is made without a phase signal.
        streams: condition -> activation -> largest distance after any trial to a twin that learns by the
            rule's sweep (backprop, if feedback is tied), or by the rule itself if it has none. "nothing":
            nobody is told anything; "phases": phases are told, no clock ticks; "fixed timing": nobody is
            told, but every trial lasts the same.
        own: the same to a twin that learns by the rule itself: "phases", and "everything" (clocks tick too);
            where that is not equal also "from rest", each trial by itself: what relaxes with strong feedback
            may stay where the trial before has left it, and not go where a sweep up leads.
    """

    reason: str = ""
    controls: tuple[str, ...] = ()
    settling: dict[str, Settling] = field(default_factory=dict)
    untold: dict[str, Settling] = field(default_factory=dict)
    phase_cells: tuple[str, ...] = ()
    streams: dict[str, dict[str, float]] = field(default_factory=dict)
    own: dict[str, dict[str, float]] = field(default_factory=dict)


def autonomy(
    rule: LearningRule,
    network: Network | None = None,
    seed: int = 0,
    scales: tuple[float, ...] = SCALES,
) -> Autonomy:
    """Run a rule's circuit with fewer and fewer control signals, and measure how far it gets from the rule.

    Args:
        rule: not changed.
        network: if not given, dense ones with three links, sigmoid, tanh and ReLU.
        seed: of weights, lessons and timing.
        scales: of weights, for settling.
    """
    if not rule.takes_time:  # it would borrow Z-IL's columns
        return Autonomy(SWEEP)
    rule = rule.without_exploration()
    with np.errstate(all="ignore"), warnings.catch_warnings():  # weights and values may run away
        warnings.simplefilter("ignore", CircuitWarning)
        try:
            one = _networks(rule, network, seed)[0][1]
            example = expand(one, rule, RATE)
            alone = expand(one, rule, RATE, phase_signal=False)
            if rule.stochastic:
                return Autonomy(NOISY, _controls(example), phase_cells=_phase_cells(alone))
        except CircuitError as error:
            return _continuous(one, rule) or Autonomy(f"no circuit: {error}")
        settling = {kind: settle(one, rule, seed) for kind, one in _networks(rule, network, seed, scales)}
        untold = settling
        if any(target.endswith(".phi") for target in _hear_the_phase(example)):
            usual = _networks(rule, network, seed, (1.0,))
            untold = {kind: settle(one, rule, seed, told=False) for kind, one in usual}
        controls = _controls(example)
        found: dict[bool, dict[str, dict[str, float]]] = {True: {}, False: {}}
        for kind, one in _networks(rule, network, seed):
            for mine, condition, distance in _streams(one, rule, controls, seed):
                found[mine].setdefault(condition, {})[kind] = distance
    return Autonomy("", controls, settling, untold, _phase_cells(alone), found[False], found[True])


def _continuous(network: Network, rule: LearningRule) -> Autonomy | None:
    """Return what control cells columns have that run in continuous time alone; None if none do."""
    try:
        columns = expand(network, rule, RATE, dynamics=Continuous())
    except CircuitError:
        return None
    return Autonomy(CONTINUOUS, _controls(columns), phase_cells=_phase_cells(columns))


def _streams(
    network: Network, rule: LearningRule, controls: tuple[str, ...], seed: int
) -> Iterator[tuple[bool, str, float]]:
    """Yield (whether the twin learns by the rule itself, condition, largest distance)."""

    def stream(mine: bool, told: bool, clocks: bool = True, slack: tuple[int, int] = SLACK) -> float:
        columns = expand(network, rule, RATE, phase_signal=told)
        # Whatever receives the teacher and is no phase signal may count time, be its class known here or not.
        hearing = told if clocks or not told else _phase_signals(columns)
        report = autonomy_in_a_stream(
            network,
            rule,
            trials=TRIALS,
            seed=seed,
            learning_rate=RATE,
            announced=hearing,
            phase_signal=told,
            slack=slack,
            circuit=columns,
            twin=rule if mine or rule.in_one_sweep() is None else None,
        )
        return max(number(distance) for distance in report.distances)

    nothing = stream(False, told=False)
    yield False, "nothing", nothing
    if controls:
        yield False, "phases", stream(False, told=True, clocks=False)
        yield True, "phases", stream(True, told=True, clocks=False)
        if "clock" in controls:
            everything = stream(True, told=True)
            yield True, "everything", everything
            if everything > EQUAL:
                yield True, "from rest", _from_rest(network, rule, seed)
    elif nothing > EQUAL:
        yield False, "fixed timing", stream(False, told=False, slack=(0, 0))


def _from_rest(network: Network, rule: LearningRule, seed: int) -> float:
    """Return the largest distance in the trials of a stream, if columns are at rest before each of them."""
    twin, learner = training_copy(network), copy.deepcopy(rule).without_noise()
    optimizer = torch.optim.SGD(twin.parameters(), lr=RATE)
    x, y = lessons(network, TRIALS, seed)
    distances = []
    for k in range(TRIALS):
        one = slice(k, k + 1)
        report = autonomy_in_a_stream(
            twin,
            learner,
            trials=1,
            learning_rate=RATE,
            stimuli=x[one],
            targets=y[one],
            announced=True,
            twin=learner,
        )
        distances.append(number(report.worst))
        learner.update(twin, x[one], y[one], optimizer)
    return max(distances)


def _networks(
    rule: LearningRule, network: Network | None, seed: int, scales: tuple[float, ...] = ()
) -> list[tuple[str, Network]]:
    """Return (kind, network) pairs to measure on."""
    if network is not None:
        return [("this network", training_copy(network))]
    return [
        (f"{activation} × {scale:g}" if scales else activation, random_mlp(activation, LINKS, seed, scale))
        for activation in activations(rule)
        for scale in scales or (1.0,)
    ]


def _controls(columns: Circuit) -> tuple[str, ...]:
    """Return the kinds of control cells: "clock", "phase"."""
    told = [p.cell for p in columns.populations if "teaching" in p.cell.inputs]
    return tuple(sorted({"phase" if isinstance(cell, PhaseSignal) else "clock" for cell in told}))


def _phase_signals(columns: Circuit) -> list[str]:
    return [p.name for p in columns.populations if isinstance(p.cell, PhaseSignal)]


def _phase_cells(columns: Circuit) -> tuple[str, ...]:
    """Return the names of control cells that send to populations."""
    cells = {p.name for p in columns.populations}
    told = {p.name for p in columns.populations if "teaching" in p.cell.inputs}
    speaking = {b.source for b in columns.broadcasts if cells & set(b.targets)}
    speaking |= {p.source for p in columns.projections} | {w.source for w in columns.wires}
    return tuple(sorted(told & speaking))


def _hear_the_phase(columns: Circuit) -> list[str]:
    phases = _phase_signals(columns)
    return [target for b in columns.broadcasts if b.source in phases for target in b.targets]
