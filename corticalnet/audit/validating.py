"""``validate``: the same trials as a network, in steps, in continuous time and in spikes, beside backprop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from corticalnet.audit.comparison import compare
from corticalnet.audit.sweeps import SWEEPS, run_sweep
from corticalnet.audit.trials import Trials
from corticalnet.audit.validation import Found, Validation
from corticalnet.audit.views import View, usual_views
from corticalnet.checks import whole
from corticalnet.errors import CircuitError, ProtocolError, RuleError, SimulationError
from corticalnet.network import Network
from corticalnet.rules import LearningRule
from corticalnet.rules.catalogue import rule as rule_by_name
from corticalnet.training import Model
from corticalnet.training.preparation import check_fit, load_data

#: More columns than this, the input's among them, are no trial of a few minutes.
MOST_COLUMNS = 1000
#: Called with the name of what runs and the number of trials that are done, of how many.
Progress = Callable[[str, int, int], None]


def validate(
    what: Model | Network,
    rule: LearningRule | str | None = None,
    stimuli: Any = None,
    targets: Any = None,
    *,
    trials: int = 3,
    cells: int = 100,
    cell: str = "pif",
    window: float | str | None = None,
    engine: str = "torch",
    sweep: str | None = None,
    values: Sequence[float] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    **options: Any,
) -> Validation:
    """Run the same trials in every view, and compare every weight change with backprop's.

    The views: the rule on the network; its circuit in steps; in continuous time with dt = 5, 2 and 1 ms (τ =
    10 ms); and with columns that tell each other their rates in spikes. Every trial begins with the same
    weights. If the rule is taught by reward, backprop is that of the same action's reward-prediction error,
    and the action is the one that the network expects most of. Ranges of spikes are measured
    (:func:`corticalnet.analysis.ranges`).

    Args:
        what: a model, or a network.
        rule: of a network; replaces a model's.
        stimuli: ``[trials, *input_shape]``; a model's first training images, or uniform random numbers, if
            not given.
        targets: classes ``[trials]`` or vectors ``[trials, n]``.
        trials: how many, if no stimuli are given.
        cells: for each column and sign.
        cell: "pif", "poisson" or "lif".
        window: in spikes, from an error leaving rest to its being read (200 ms if not given).
        engine: "torch" or "brian2".

    Other:
        sweep: run a sweep instead: "dt", "tau", "delay", "noise" (rates), "cells" or "window" (spikes).
        values: of the sweep; the usual ones if not given.
        seed: of random trials, noise, voltages and dice.
        progress: called with what runs, trials done, and all trials.
        options: of the engine, see :func:`corticalnet.simulate`.

    Raises:
        CircuitError: too many columns, or a sweep of a circuit that there is not.
        ProtocolError: an unknown sweep, or stimuli without targets.
        RuleError: a network without a rule.
        ShapeError: stimuli or targets do not fit the network.
        SimulationError: numbers run away in the network, or in a sweep.

    >>> import corticalnet as cn
    >>> net = cn.mlp([4, 3, 2], "tanh", seed=0)
    >>> report = validate(net, "z-il", [[0.1, 0.2, 0.3, 0.4]], [1], sweep="dt", values=[5.0])
    >>> "dt (ms)" in str(report)
    True
    """
    network = what.network if isinstance(what, Model) else what
    _small_enough(network)
    if isinstance(rule, str):
        rule = rule_by_name(rule)
    if rule is None:
        if not isinstance(what, Model):
            raise RuleError("validate(network, rule): a network alone has no rule; give one, such as 'z-il'")
        rule = what.rule
    given = _given(what, stimuli, targets, whole("trials", trials, ProtocolError), seed)
    bench = Trials(network, rule, *given)
    for k in range(len(bench)):
        for who, changes in (("backprop", bench.backprop(k)), (rule.name, bench.learned(k))):
            if not all(np.isfinite(change).all() for change in changes.values()):
                raise SimulationError(
                    f"what {who} changes in trial {k + 1} is infinite or no number, so there is nothing to "
                    "compare with; choose smaller weights or inputs"
                )
    name = f"{what.name} by {rule.name}" if isinstance(what, Model) else rule.name
    settings: dict[str, Any] = {"engine": engine, "seed": seed, **options}
    if sweep is not None:
        count = len(bench) * len(values if values is not None else getattr(SWEEPS.get(sweep), "values", ()))
        tick = _ticker(progress, f"sweep of {sweep}", 0, count)
        swept = run_sweep(sweep, bench, values, cells=cells, cell=cell, tick=tick, **settings)
        return Validation(name, tuple(bench.areas), sweep=swept)
    views = usual_views(rule, cells, cell, window)
    found = [
        _look(view, bench, _ticker(progress, view.name, k * len(bench), len(views) * len(bench)), settings)
        for k, view in enumerate(views)
    ]
    return Validation(name, tuple(bench.areas), tuple(found))


def _look(view: View, bench: Trials, tick: Callable[[], None], settings: dict[str, Any]) -> Found:
    """Measure one view beside backprop; with a reason instead if it has no circuit or runs away."""
    begun = time.perf_counter()
    try:
        changes = view.run(bench, tick=tick, **settings)
    except (CircuitError, SimulationError) as error:
        return Found(view.name, reason=" ".join(str(error).split()))
    seconds = time.perf_counter() - begun
    sides = [(change, bench.backprop(k), bench.learned(k)) for k, change in enumerate(changes)]
    return Found(view.name, tuple(compare(*one) for one in sides), seconds=seconds)


def _small_enough(network: Network) -> None:
    shapes = [network.input_shape, *(area.shape for area in network.wiring.areas if area is not None)]
    columns = sum(int(np.prod(shape)) for shape in shapes)
    if columns > MOST_COLUMNS:
        raise CircuitError(
            f"the network has {columns:,} columns, and its circuit would need a cell or more for each; "
            f"validate takes up to {MOST_COLUMNS:,}: choose a smaller network of the same kind, such as "
            "--set hidden=(32,16), or smaller images, such as --data digits"
        )


def _given(what: Model | Network, x: Any, y: Any, trials: int, seed: int) -> tuple[Any, Any]:
    """Return stimuli and targets: as given, or the model's first images, or random."""
    if (x is None) != (y is None):
        raise ProtocolError("stimuli and targets come together; give both, or neither")
    if x is not None:
        return x, y
    if isinstance(what, Model):
        images = load_data(what.settings, torch.device("cpu"))
        check_fit(what, images)
        if trials > len(images.train):
            raise ProtocolError(
                f"{images.name} has {len(images.train)} training images, but trials = {trials}"
            )
        return what.settings.objective.batch(images.train, slice(0, trials), torch.float64)
    rng = np.random.default_rng(seed)
    shape, actions = (trials, *what.input_shape), int(np.prod(what.output_shape))
    return rng.uniform(size=shape), rng.integers(0, actions, trials)


def _ticker(progress: Progress | None, name: str, done: int, total: int) -> Callable[[], None]:
    """Return a function that counts finished trials and reports the count."""
    state = {"done": done}
    if progress is not None:
        progress(name, done, total)

    def tick() -> None:
        state["done"] += 1
        if progress is not None:
            progress(name, state["done"], total)

    return tick
