"""From the network view to the circuit view: every area becomes populations, one cell per column.

    area.value        x            prediction  μ            error  ε            phi  φ (Fa-Z-IL)

    value below ── W ──▶ prediction                    error ── Wᵀ ──▶ value below (feedback)

What stands at an area, and what tells its synapses to learn, is said by a column model
(:mod:`corticalnet.columns.registry`); the skeleton that walks areas and links is
:mod:`corticalnet.columns.skeleton`. Streaming and gated Fa-Z-IL, and the latch in continuous time, have no
control cells at all.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from corticalnet.circuits.circuit import Circuit
from corticalnet.circuits.quantities import NOT_NEGATIVE, ONE, Range, number
from corticalnet.columns.continuous import Continuous, continuous
from corticalnet.columns.links import check_weights
from corticalnet.columns.registry import Options, column_model, spiking_dynamics
from corticalnet.columns.skeleton import Skeleton
from corticalnet.columns.spiking import KINDS
from corticalnet.errors import CircuitError, CircuitWarning, one_of
from corticalnet.network import Network
from corticalnet.rules.predictive_coding.energy import stability


def circuit(
    network: Network,
    rule: Any,
    learning_rate: float = 0.1,
    *,
    consolidation: str = "now",
    phase_signal: bool = True,
    dynamics: Continuous | str | None = None,
    cells_per_column: int = 0,
    cell: str = "poisson",
    name: str = "",
) -> Circuit:
    """Return the populations of a network that learns by a rule.

    Args:
        network: dense, convolutional, local and identity links, any activation, pools, links that skip areas.
        rule: IL (also incremental), Z-IL or Fa-Z-IL, taught by a teacher (of any loss), with tied or random
            feedback; a sweep of such (backprop, also direct feedback), which runs in time as Z-IL does; or a
            sweep by reward (BrainProp), whose columns have feedforward and feedback cells; there feedback may
            also be matching: synapses down learn by the same rule as those up. For a rule of your own
            register columns: a :class:`~corticalnet.columns.registry.ColumnModel`.
        learning_rate: of every synapse.
        consolidation: "now", or "phase": changes wait until the teacher has gone (only for rules that are
            told the phase).
        phase_signal: whether ungated rules are told when no teacher is there; without it the same equations
            run in prediction and learning, and prediction must come to rest by itself.
        dynamics: continuous time: :class:`~corticalnet.columns.continuous.Continuous`, or the
            name of a construction ("latch", "delay", "sample_and_hold", "nudge").
        cells_per_column: if more than 0, columns tell other areas their rates by so many spiking cells, in
            continuous time (:func:`spiking_dynamics` if no ``dynamics`` is given). More choices:
            :func:`corticalnet.columns.spiking.spiking`.
        cell: their kind: "poisson", "pif" or "lif".
        name: for titles.

    Returns:
        A circuit; in discrete time its steps are the rule's inference steps (dt = 1 ms).

    Raises:
        CircuitError: the network or the rule has a part that no circuit has been worked out for, or a number
            is out of its range.

    Warns:
        CircuitWarning: feedback that no gate holds back is live, and the network lies beyond the limit up to
            which its steps come to rest.

    >>> import corticalnet as cn
    >>> columns = circuit(cn.mlp([4, 3, 2], "tanh"), cn.rule("z-il"), learning_rate=0.1)
    >>> [projection.name for projection in columns.plastic]
    ['input->area1', 'area1->output']
    """
    _check(learning_rate, phase_signal, cells_per_column, cell, name)
    if not isinstance(network, Network):
        raise CircuitError(f"a circuit is made from a Network (cn.mlp(...)), not {type(network).__name__}")
    check_weights(network)
    if cells_per_column:
        dynamics = dynamics or spiking_dynamics(rule)
    how = None if dynamics is None else continuous(dynamics)
    model = column_model(rule, Options(learning_rate, consolidation, phase_signal, how, network))
    if how is not None and how.prospective and not model.looks_ahead:
        raise CircuitError(f"{rule.name}: its cells do not look ahead; choose prospective=False")
    routes = rule.feedback_routes(network)
    if model.ungated_step_size and all(route.weights is route.link.weight for route in routes):
        steps = stability(network, rate=model.ungated_step_size, levelled=model.equal_path_lengths)
        if not steps.stable:
            warnings.warn(
                f"{rule.name}: where columns respond most, steps with live feedback may never come to rest "
                f"({steps}); choose smaller weights, smaller steps or a gate",
                CircuitWarning,
                stacklevel=2,
            )
    made = Skeleton(network, model, routes).build(name or f"{rule.name} columns", how is not None)
    if cells_per_column:
        spikes = model.in_spikes(made, cells_per_column, cell)
        return replace(spikes, name=name) if name else spikes
    return made


def _check(rate: Any, signal: Any, cells_per_column: Any, cell: Any, name: Any) -> None:
    """Check what is no matter of the rule."""
    NOT_NEGATIVE.check(number(rate, "learning_rate"), ONE, "learning_rate")
    if not isinstance(signal, bool | np.bool_):
        raise CircuitError(f"phase_signal must be True or False, not {signal!r}")
    Range(0, whole=True).check(number(cells_per_column, "cells_per_column"), ONE, "cells_per_column")
    one_of("spiking cell", cell, KINDS, CircuitError)
    if not cells_per_column and cell != "poisson":
        raise CircuitError(f"cell = '{cell}' says what spikes, but cells_per_column is 0: nothing does")
    if not isinstance(name, str):
        raise CircuitError(f"name must be a text, not {name!r}")
