"""From the network view to the circuit view: every area becomes populations, one cell per column.

    area.value        x            prediction  μ            error  ε            phi  φ (Fa-Z-IL)

    value below ── W ──▶ prediction ── −Δμ ──▶ error ──▶ prediction's synapses (as what they learn by)
    value ── Δx ──▶ error ── −ε ──▶ value              error ── Wᵀ ──▶ value below (feedback)

What a rule needs besides its columns is there as cells: a clock for IL and Z-IL, a signal that tells the
prediction phase from the teacher's for every rule whose feedback is not gated. Streaming and gated
Fa-Z-IL have neither.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from corticalnet.circuits import cells
from corticalnet.circuits.circuit import Circuit, Needs
from corticalnet.circuits.connection import AllToAll, Synapses
from corticalnet.circuits.links import as_connection, bias_connection, flat
from corticalnet.circuits.parts import Broadcast, Population, Projection, Wire
from corticalnet.circuits.plasticity import ErrorTimesRate
from corticalnet.errors import CircuitError
from corticalnet.network import Network
from corticalnet.network.area import Area
from corticalnet.network.links import Link
from corticalnet.network.stages import Fire
from corticalnet.network.wiring import Wiring
from corticalnet.rules import IL, ZIL, FaZIL, Random, Rule, Sweep, Teacher, Tied


def circuit(
    network: Network, rule: Any, learning_rate: float = 0.1, *, consolidation: str = "now", name: str = ""
) -> Circuit:
    """The populations of a network that learns by a rule.

    Args:
        network: dense, convolutional and local links, any activation, links that skip areas.
        rule: IL (also incremental), Z-IL or Fa-Z-IL, taught by a squared-error teacher, with tied or random
            feedback; or a sweep of such (backprop, feedback alignment), which runs in time as Z-IL does.
        learning_rate: of every synapse.
        consolidation: "now", or "phase": changes wait until the teacher has gone (only for rules that are
            told the phase).
        name: for titles.

    Returns:
        A circuit whose steps are the rule's inference steps (dt = 1 ms).

    Raises:
        CircuitError: the network or the rule has a part that no circuit has been worked out for.
    """
    return _Expansion(network, rule, learning_rate, consolidation).build(name or f"{rule.name} columns")


class _Expansion:
    def __init__(self, network: Network, rule: Any, learning_rate: float, consolidation: str) -> None:
        _check_rule(rule)
        self.rule, self.rate = rule, learning_rate
        # A sweep takes no time; in time it is the wave front of Z-IL, whose changes are the same.
        self.trigger = ZIL() if isinstance(rule.trigger, Sweep) else rule.trigger
        self.gated = isinstance(self.trigger, FaZIL) and self.trigger.gate != "none"
        if consolidation not in ("now", "phase") or (self.gated and consolidation == "phase"):
            choices = "now" if self.gated else "now, phase"
            raise CircuitError(
                f"consolidation '{consolidation}' is not possible for {rule.name}; choices: {choices}"
            )
        self.waits = consolidation == "phase"
        rule.feedback.prepare(network)
        levelled = not isinstance(self.trigger, IL)
        self.wiring: Wiring = network.levelled() if levelled else network.wiring
        self.inputs = int(np.prod(network.input_shape))
        self.populations: list[Population] = []
        self.projections: list[Projection] = []
        self.wires: list[Wire] = []
        self.clocks: dict[str, list[str]] = {}

    def build(self, name: str) -> Circuit:
        self.populations.append(Population("input.value", self.inputs, cells.Sensory()))
        for node in range(1, self.wiring.output + 1):
            self._columns(node)
            for source, link in self.wiring.arriving[node]:
                self._link(source, node, link)
        self._clock_cells()
        if any(p.source == "bias" for p in self.projections):
            self.populations.append(Population("bias", 1, cells.Constant()))
        broadcasts = [Broadcast(clock, targets) for clock, targets in self.clocks.items()]
        if not self.gated:
            self.populations.append(Population("phase", 1, cells.PhaseSignal()))
            broadcasts.append(Broadcast("phase", self._told_the_phase()))
        depth = self.wiring.depth[0]
        # The output's error is one step behind its prediction: it must have gone before the teacher comes.
        silence = self.trigger.silence if isinstance(self.trigger, FaZIL) else 1
        teach = (
            self.trigger.steps + (self.trigger.update == "last") if isinstance(self.trigger, IL) else depth
        )
        needs = Needs(present=depth + silence, teach=teach)
        return Circuit(self.populations, self.projections, self.wires, broadcasts, 1.0, name, needs)

    # One area ----------------------------------------------------------------------------------
    def _columns(self, node: int) -> None:
        """Populations of an area and the wires within its columns."""
        area, output = self.wiring.area(node), node == self.wiring.output
        n, name, f = int(np.prod(area.shape)), self.wiring.name(node), _activation(area)
        curved = output and f != "linear"
        tau = 1.0 / (self.trigger.rate if isinstance(self.trigger, IL | ZIL) else 1.0)
        value = cells.Clamped(tau=tau) if output else cells.Value(tau=tau, activation=f)
        prediction = cells.OutputPrediction(activation=f) if curved else cells.Prediction()
        plain, curve = (
            (cells.GatedError, cells.GatedOutputError) if self.gated else (cells.Error, cells.OutputError)
        )
        error = curve() if curved else plain()
        kinds: dict[str, cells.Cell] = {"value": value, "prediction": prediction, "error": error}
        wires = [
            ("value", "error", "own", "change", 1.0),
            ("prediction", "error", "own", "shift", -1.0),
            ("error", "value", "own", "error", 1.0),
            ("error", "prediction", "own", "error", 1.0),
        ]
        if curved:
            wires.append(("prediction", "error", "prediction", "gain", 1.0))
            # A value in rates is pulled by the difference of rates, not by the error.
            wires[2] = ("error", "value", "own", "difference", 1.0)
        if isinstance(self.trigger, FaZIL):
            kinds["phi"] = _detector(self.trigger)
            wires += [("error", "phi", "own", "error", 1.0), ("phi", "prediction", "modulator", "phi", 1.0)]
            if self.gated:
                gate = "phi" if self.trigger.gate == "pulse" else "gate"
                wires += [
                    ("prediction", "phi", "prediction", "shift", 1.0),
                    ("phi", "error", "modulator", gate, 1.0),
                ]
        self.populations += [Population(f"{name}.{role}", n, cell) for role, cell in kinds.items()]
        self.wires += [Wire(f"{name}.{s}", f"{name}.{t}", port, state, w) for s, t, port, state, w in wires]

    # One link ----------------------------------------------------------------------------------
    def _link(self, source: int, node: int, link: Link) -> None:
        """Its synapses up, its feedback down, its bias."""
        below, above = self.wiring.name(source), self.wiring.name(node)
        name = link.name if link.plastic else f"{below}->{above}"
        plasticity = self._plasticity(node) if link.plastic else None
        connection, weight = as_connection(link), flat(link, link.weight)
        up = Projection(
            f"{below}.value",
            f"{above}.prediction",
            "prediction",
            weight,
            connection,
            "rate",
            name,
            plasticity,
        )
        self.projections.append(up)
        self._hear_clock(node, up)
        if source:
            down = Projection(
                f"{above}.error",
                f"{below}.value",
                "feedback",
                sends="sent" if self.gated else "error",
                name=f"{name} feedback",
                shared_with=name,
            )
            if isinstance(self.rule.feedback, Random) and link.plastic:
                own = flat(link, self.rule.feedback.weights(link))
                reverse, weight = _reversed(connection, own)
                down = replace(down, shared_with="", weight=weight, connection=reverse)
            self.projections.append(down)
        if link.bias is not None:
            one = bias_connection(link)
            offset = replace(
                up, source="bias", weight=flat(link, link.bias), connection=one, name=f"{name} bias"
            )
            self.projections.append(offset)
            self._hear_clock(node, offset)

    def _plasticity(self, node: int) -> ErrorTimesRate:
        trigger = "modulator" if isinstance(self.trigger, FaZIL) else self._clock(node)
        return ErrorTimesRate(self.rate, trigger, consolidation="phase" if self.waits else "")

    # What is not in a column -------------------------------------------------------------------
    def _clock(self, node: int) -> str:
        return f"clock{self.wiring.depth[node]}" if isinstance(self.trigger, ZIL) else "clock"

    def _hear_clock(self, node: int, projection: Projection) -> None:
        if projection.plasticity is not None and not isinstance(self.trigger, FaZIL):
            self.clocks.setdefault(self._clock(node), []).append(projection.name)

    def _clock_cells(self) -> None:
        for name in self.clocks:
            if isinstance(self.trigger, IL):
                every = self.trigger.update == "every step"
                first, last = (
                    (0, self.trigger.steps - 1) if every else (self.trigger.steps, self.trigger.steps)
                )
            else:
                first = last = int(name.removeprefix("clock"))
            self.populations.append(Population(name, 1, cells.Clock(first=first, last=last)))

    def _told_the_phase(self) -> list[str]:
        roles = ("value", "phi")
        told = [p.name for p in self.populations if p.role in roles and "modulator" in p.cell.ports]
        return told + [p.name for p in self.projections if p.plasticity is not None and self.waits]


def _check_rule(rule: Any) -> None:
    if not isinstance(rule, Rule):
        raise CircuitError(f"a circuit is made from a Rule (cn.rule(...)), not {type(rule).__name__}")
    teaching, feedback, trigger = rule.teaching, rule.feedback, rule.trigger
    if not isinstance(trigger, Sweep | IL | ZIL | FaZIL):
        raise CircuitError(
            f"{rule.name}: trigger {type(trigger).__name__} has no circuit; choices: Sweep, IL, ZIL, FaZIL"
        )
    if not isinstance(teaching, Teacher) or teaching.loss != "squared":
        raise CircuitError(
            f"{rule.name}: a circuit is taught by a squared-error Teacher, not by {teaching!r}"
        )
    if type(feedback) not in (Tied, Random):
        raise CircuitError(
            f"{rule.name}: a circuit has Tied or Random feedback, not {type(feedback).__name__}"
        )
    if getattr(trigger, "noise", 0.0):
        raise CircuitError(
            f"{rule.name}: noise of initial values has no circuit; give simulate() a Noise instead"
        )


def _activation(area: Area) -> str:
    """The name of an area's activation.

    Raises:
        CircuitError: the area does more than sum and fire.
    """
    if not area.sequence:
        return "linear"
    first, *rest = area.sequence
    if not isinstance(first, Fire) or rest:
        words = ", ".join(stage.describe() for stage in area.sequence)
        raise CircuitError(
            f"area '{area.name}' fires through {words}; in a circuit an area has an activation alone"
        )
    return first.activation.name


def _detector(trigger: FaZIL) -> cells.Cell:
    kinds = {"none": cells.ChangeDetector, "pulse": cells.PulseDetector, "prediction": cells.GatingDetector}
    return kinds[trigger.gate](silence=float(trigger.silence))


def _reversed(connection: Any, weight: Any) -> tuple[Any, Any]:
    """The same synapses the other way round."""
    if isinstance(connection, AllToAll):
        return connection, weight.T
    return Synapses(connection.post, connection.pre, connection.weights, connection.count), weight


def write_back(circuit: Circuit, network: Network, data: Any = None) -> None:
    """Copy a circuit's weights (or those at the end of a recording of it) into the network it came from.

    Args:
        circuit: made by :func:`circuit` from a network of this shape.
        network: its weights change in place.
        data: a recording; its weights "after" are taken.

    Raises:
        CircuitError: a link of the network has no projection in the circuit.
    """
    weights = circuit.weights
    for link in network.links:
        for name, parameter in ((link.name, link.weight), (f"{link.name} bias", link.bias)):
            if parameter is None:
                continue
            circuit.projection(name, "projection for a link of the network")
            after = None if data is None else data.get(f"{name} after")
            new = np.asarray(weights[name] if after is None else after)
            with torch.no_grad():
                parameter.copy_(torch.as_tensor(new.reshape(parameter.shape)))
