"""AuGMEnT in time: what comes and goes, memory, action values, tags, and dopamine for what comes late.

    sensory.value ──────▶ regular.value ──┐                     f(drive − θ)
    sensory.on, .off ───▶ memory.value ───┴▶ output.value       adds up what comes and goes
    output.bid, contest, output.action                          as in BrainProp's columns (.actions)
    output.feedback ────▶ regular.feedback, memory.feedback     credit of the action, which tags synapses
    dopamine                                                    reward + γ q − q', broadcast to all synapses

A step of the world is a look (:class:`Present`) and its outcome (:class:`Reinforce`). Of the seven steps that
this takes at least, four choose; in three dopamine is heard, synapses are tagged, and the end is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from corticalnet.checks import whole
from corticalnet.circuits import cells
from corticalnet.circuits.circuit import Circuit
from corticalnet.circuits.parts import Broadcast, MinimumDurations, Population, Projection, Wire
from corticalnet.circuits.plasticity import (
    Plasticity,
    TaggedErrorTimesRate,
    TaggedErrorTimesReceived,
    TaggedRateTimesCredit,
)
from corticalnet.columns.actions import add_actions, world_and_dopamine
from corticalnet.columns.area import AreaPopulations, AreaSpec
from corticalnet.errors import CircuitError
from corticalnet.reinforcement import AuGMEnT

#: Steps of a look (hidden units, values, contests, action) and of an outcome (dopamine, tags, end).
NEEDS = MinimumDurations(present=4, teach=3)
#: Cells of an area that fires forward and hears feedback, as in BrainProp's columns.
_COLUMN = [
    Wire("value", "feedback", "gain", sends="gain"),
    Wire("value", "feedback", "rate", sends="rate"),
    Wire("feedback", "value", "error", sends="credit"),
]


class Piece(NamedTuple):
    """Synapses of a circuit, and where an agent keeps their weights (and tags).

    Attributes:
        name: of the projection.
        source, target: its populations.
        key: of the agent's weights.
        rows, columns: of them.
        leak: of memory units on which they end; 1 for others.
    """

    name: str
    source: str
    target: str
    key: str
    rows: slice
    columns: slice
    leak: float = 1.0

    @property
    def down(self) -> bool:
        """Return whether they are synapses down with weights of their own, which agents keep turned round."""
        return self.key.startswith("B")


def agent_circuit(agent: AuGMEnT, number: int = 0, name: str = "AuGMEnT") -> Circuit:
    """Return the populations of an agent, with its weights as they are now.

    Lived in a world step by step (by :class:`~corticalnet.engines.CircuitAgent`, or in an
    :class:`~corticalnet.engines.Interaction`), it acts and learns as the agent does.

    Args:
        agent: a batch of agents.
        number: which of them.
        name: for titles.

    Raises:
        CircuitError: it is no AuGMEnT, or has not so many.

    >>> from corticalnet.reinforcement import AuGMEnT
    >>> circuit = agent_circuit(AuGMEnT(inputs=4, actions=3))
    >>> [projection.name for projection in circuit.plastic][:3]
    ['bias->regular', 'sensory->regular', 'on->memory']
    """
    if not isinstance(agent, AuGMEnT):
        raise CircuitError(f"agent_circuit takes an AuGMEnT, not {type(agent).__name__}")
    if whole("agent_circuit: number", number, CircuitError, least=0) >= agent.batch:
        raise CircuitError(f"agent_circuit: number = {number}, but there are agents 0 … {agent.batch - 1}")
    hidden, output = _hidden(agent), AreaSpec("output", agent.actions, "linear", True, 0)
    acting = AreaPopulations(_ways(agent, cells.TaggedFeedforward("linear")), [*_COLUMN])
    add_actions(acting, output, "value", "rate")
    acting.wires.append(Wire("action", "feedback", "feedback", sends="action"))
    seeing = AreaPopulations(
        {"value": cells.Sensory(), "on": cells.Transient(), "off": cells.Transient(sign=-1.0)},
        [Wire("value", way, "value", "value") for way in ("on", "off")],
    )
    areas = [(AreaSpec("sensory", agent.inputs, "linear", False, 2), seeing), *hidden, (output, acting)]
    synapses = [_projection(agent, number, piece) for piece in pieces(agent)]
    plastic = [projection.name for projection in synapses]
    reward = world_and_dopamine(output, plastic, cells.TemporalDifference(agent.discount))
    populations = [population for area, made in areas for population in made.populations(area)]
    if any(projection.source == "bias" for projection in synapses):
        populations.append(Population("bias", 1, cells.Constant()))
    populations += [*reward.populations, Population("outcome", 1, cells.OutcomeEvents())]
    if "B_R" not in agent.weights:
        synapses += [
            Projection("output.feedback", f"{area.name}.feedback", "feedback", sends="credit",
                       shared_with=f"{area.name}->output") for area, _ in hidden
        ]  # fmt: skip
    return Circuit(
        populations,
        [*synapses, *reward.projections],
        [wire for area, made in areas for wire in made.joined(area)[0]],
        [*reward.broadcasts, *_events(populations)],
        dt=1.0,
        name=name,
        needs=NEEDS,
    )


def pieces(agent: AuGMEnT) -> list[Piece]:
    """List the learning synapses of an agent's circuit, and where the agent keeps them."""
    every, bias = slice(None), agent.bias
    found = []
    if agent.rates["regular"].shape[1]:
        found += [
            Piece("bias->regular", "bias", "regular.value", "V_R", every, slice(0, bias)),
            Piece("sensory->regular", "sensory.value", "regular.value", "V_R", every, slice(bias, None)),
        ]
        found.append(
            Piece("regular->output", "regular.value", "output.value", "W_R", every, slice(bias, None))
        )
    found.append(Piece("bias->output", "bias", "output.value", "W_R", every, slice(0, bias)))
    for area, units, leak in memory_areas(agent):
        target, n = f"{area}.value", agent.inputs
        for way, columns in (("on", slice(0, n)), ("off", slice(n, None))):
            found.append(Piece(f"{way}->{area}", f"sensory.{way}", target, "V_M", units, columns, leak))
        found.append(Piece(f"{area}->output", target, "output.value", "W_M", every, units))
    if "B_R" in agent.weights:
        back = [("regular", "B_R", every)] if agent.rates["regular"].shape[1] else []
        back += [(area, "B_M", units) for area, units, _ in memory_areas(agent)]
        for area, key, units in back:
            ends = "output.feedback", f"{area}.feedback"
            found.append(Piece(f"output->{area}", *ends, key, every, units))
    return [piece for piece in found if bias or piece.source != "bias"]


def memory_areas(agent: AuGMEnT) -> Iterator[tuple[str, slice, float]]:
    """Yield the areas of memory units of one leak each: name, which units, leak."""
    leaks = agent.leak
    starts = [k for k in range(len(leaks)) if k == 0 or leaks[k] != leaks[k - 1]]
    for number, (begin, end) in enumerate(zip(starts, [*starts[1:], len(leaks)], strict=True), start=1):
        name = "memory" if len(starts) == 1 else f"memory{number}"
        yield name, slice(begin, end), float(leaks[begin])


def _hidden(agent: AuGMEnT) -> list[tuple[AreaSpec, AreaPopulations]]:
    """Return regular and memory areas with their cells."""
    found: list[tuple[str, int, cells.Cell]] = []
    if regular := agent.rates["regular"].shape[1]:
        found.append(("regular", regular, cells.TaggedFeedforward("sigmoid", agent.threshold)))
    for name, units, leak in memory_areas(agent):
        memory = cells.Memory("sigmoid", agent.threshold, leak)
        found.append((name, units.stop - units.start, memory))
    return [
        (AreaSpec(name, n, "sigmoid", False, 1), AreaPopulations(_ways(agent, cell), [*_COLUMN]))
        for name, n, cell in found
    ]


def _ways(agent: AuGMEnT, up: cells.Cell) -> dict[str, cells.Cell]:
    """Return the feedforward and the feedback cell of a column."""
    return {"value": up, "feedback": cells.TaggedFeedback() if "B_R" in agent.weights else cells.Feedback()}


def _projection(agent: AuGMEnT, number: int, piece: Piece) -> Projection:
    weight = agent.weights[piece.key][number][piece.rows, piece.columns]
    slots = {"rate": float(agent.rate[number]), "modulator": "dopamine"}
    decay = agent.trace * agent.discount
    rule: Plasticity
    if piece.down:
        rule = TaggedRateTimesCredit(**slots, decay=decay)
        return Projection(
            piece.source, piece.target, "feedback", weight.T, sends="credit", name=piece.name, plasticity=rule
        )
    if piece.key == "V_M":
        rule = TaggedErrorTimesReceived(**slots, decay=decay, leak=piece.leak)
    else:
        rule = TaggedErrorTimesRate(**slots, decay=decay)
    return Projection(piece.source, piece.target, "drive", weight, name=piece.name, plasticity=rule)


def _events(populations: list[Population]) -> list[Broadcast]:
    """Return what the cell that follows the outcome tells to all who have an ear for it."""
    told = ("acted", "tagging", "paid", "over", "look", "forget")
    hearing = {event: [p.name for p in populations if event in p.cell.ports] for event in told}
    return [Broadcast("outcome", targets, event, event) for event, targets in hearing.items() if targets]
