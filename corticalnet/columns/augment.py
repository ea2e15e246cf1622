"""AuGMEnT in time: what comes and goes, memory, action values, tags, and dopamine for what comes late.

    sensory.value ──────▶ regular.value ──┐                     f(drive − θ)
    sensory.on, .off ───▶ memory.value ───┴▶ output.value       adds up what comes and goes
    output.bid, contest, output.action                          as in BrainProp's columns (.actions)
    output.feedback ────▶ regular.feedback, memory.feedback     credit of the action, which tags synapses
    dopamine                                                    reward + γ q − q', told to every synapse

A step of the world is a look (:class:`Present`) and its outcome (:class:`Reinforce`). Of the seven steps that
this takes at least, four choose; in three dopamine is heard, synapses are tagged, and the end is known.

Agents of a batch stand side by side, in populations that begin with the first agent's cells; no synapse joins
two of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits import cells
from corticalnet.circuits.circuit import Circuit
from corticalnet.circuits.connection import AllToAll, Connection, Grouped, OneToOne, Synapses
from corticalnet.circuits.parts import MinimumDurations, Population, Projection, Wire
from corticalnet.circuits.plasticity import (
    Plasticity,
    TaggedErrorTimesRate,
    TaggedErrorTimesReceived,
    TaggedRateTimesCredit,
)
from corticalnet.columns.actions import contests
from corticalnet.errors import CircuitError
from corticalnet.reinforcement import AuGMEnT

Weights = NDArray[np.float64]
#: Steps of a look (hidden units, values, contests, action) and of an outcome (dopamine, tags, end).
NEEDS = MinimumDurations(present=4, teach=3)
#: What the cell that follows the outcome tells to all who have an ear for it.
EVENTS = ("acted", "tagging", "paid", "over", "look", "forget")


class Piece(NamedTuple):
    """Synapses of a circuit, and where agents keep their weights (and tags).

    Attributes:
        name: of the projection.
        source, target: its populations.
        key: of the agents' weights.
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

    def of(self, arrays: dict[str, Weights]) -> Weights:
        """Return a view of an agent's numbers of these synapses, ``[batch, post, pre]``."""
        part = arrays[self.key][:, self.rows, self.columns]
        return part.swapaxes(1, 2) if self.down else part


def agent_circuit(agent: AuGMEnT, name: str = "AuGMEnT") -> Circuit:
    """Return the populations of all agents of a batch, with their weights as they are now.

    Lived in a world step by step (by :class:`~corticalnet.engines.CircuitAgent`, or one agent in an
    :class:`~corticalnet.engines.Interaction`), they act and learn as the agents do.

    Args:
        agent: a batch of agents.
        name: for titles.

    Raises:
        CircuitError: it is no AuGMEnT, or some of its agents learn faster than others.

    >>> from corticalnet.reinforcement import AuGMEnT
    >>> circuit = agent_circuit(AuGMEnT(inputs=4, actions=3))
    >>> [projection.name for projection in circuit.plastic][:3]
    ['bias->regular', 'sensory->regular', 'regular->output']
    """
    if not isinstance(agent, AuGMEnT):
        raise CircuitError(f"agent_circuit takes an AuGMEnT, not {type(agent).__name__}")
    batch, actions = agent.batch, agent.actions
    hidden = dict(_hidden(agent))
    back = cells.TaggedFeedback() if "B_R" in agent.weights else cells.Feedback()
    areas: dict[str, tuple[int, dict[str, cells.Cell]]] = {
        "sensory": (agent.inputs, {
            "value": cells.Sensory(), "on": cells.Transient(), "off": cells.Transient(sign=-1.0)}),
        **{area: (n, {"value": up, "feedback": back}) for area, (n, up) in hidden.items()},
        "output": (actions, {
            "value": cells.TaggedFeedforward("linear"), "feedback": cells.Feedback(),
            "bid": cells.ActionValue(), "action": cells.Action(rivals=float(actions - 1))}),
    }  # fmt: skip
    populations = [
        Population(f"{area}.{role}", batch * n, cell)
        for area, (n, roles) in areas.items()
        for role, cell in roles.items()
    ]
    synapses = [_projection(agent, piece) for piece in pieces(agent)]
    if any(projection.source == "bias" for projection in synapses):
        populations.append(Population("bias", batch, cells.Constant()))
    competition, between = contests("output", actions, batch)
    populations += [
        *competition,
        Population("world", batch * actions, cells.RewardSource()),
        Population("dopamine", batch, cells.TemporalDifference(agent.discount)),
        Population("outcome", batch, cells.OutcomeEvents()),
    ]
    if back == cells.Feedback():
        synapses += [
            Projection("output.feedback", f"{area}.feedback", "feedback", sends="credit",
                       shared_with=f"{area}->output") for area in hidden
        ]  # fmt: skip
    return Circuit(
        populations,
        [*synapses, *between, *_reward(), *_told(populations)],
        list(_wires(hidden)),
        dt=1.0,
        name=name,
        needs=NEEDS,
    )


def pieces(agent: AuGMEnT) -> list[Piece]:
    """List the learning synapses of an agent's circuit, and where the agent keeps them."""
    every, bias, found = slice(None), agent.bias, []
    regular = [("regular", every)] if agent.rates["regular"].shape[1] else []
    memory = list(memory_areas(agent))
    if regular:
        found += [
            Piece("bias->regular", "bias", "regular.value", "V_R", every, slice(0, bias)),
            Piece("sensory->regular", "sensory.value", "regular.value", "V_R", every, slice(bias, None)),
            Piece("regular->output", "regular.value", "output.value", "W_R", every, slice(bias, None)),
        ]
    found.append(Piece("bias->output", "bias", "output.value", "W_R", every, slice(0, bias)))
    for area, units, leak in memory:
        target, n = f"{area}.value", agent.inputs
        for way, columns in (("on", slice(0, n)), ("off", slice(n, None))):
            found.append(Piece(f"{way}->{area}", f"sensory.{way}", target, "V_M", units, columns, leak))
        found.append(Piece(f"{area}->output", target, "output.value", "W_M", every, units))
    if "B_R" in agent.weights:
        for area, units in [*regular, *((area, units) for area, units, _ in memory)]:
            key = "B_R" if area == "regular" else "B_M"
            ends = "output.feedback", f"{area}.feedback"
            found.append(Piece(f"output->{area}", *ends, key, every, units))
    return [piece for piece in found if bias or piece.source != "bias"]


def learning_rate(agent: AuGMEnT) -> float:
    """Return the learning rate of those agents that learn; 0 if none do.

    Raises:
        CircuitError: they have different ones.
    """
    rates = np.unique(agent.rate[agent.rate != 0])
    if len(rates) > 1:
        raise CircuitError(f"agents of one circuit learn at one rate, or not at all; these: {rates.tolist()}")
    return float(rates[0]) if len(rates) else 0.0


def memory_areas(agent: AuGMEnT) -> Iterator[tuple[str, slice, float]]:
    """Yield the areas of memory units of one leak each: name, which units, leak."""
    leaks = agent.leak
    starts = [k for k in range(len(leaks)) if k == 0 or leaks[k] != leaks[k - 1]]
    for number, begin in enumerate(starts, start=1):
        name = "memory" if len(starts) == 1 else f"memory{number}"
        end = (*starts, len(leaks))[number]
        yield name, slice(begin, end), float(leaks[begin])


def _hidden(agent: AuGMEnT) -> Iterator[tuple[str, tuple[int, cells.Cell]]]:
    """Yield regular and memory areas with their size and their cell up."""
    if regular := agent.rates["regular"].shape[1]:
        yield "regular", (regular, cells.TaggedFeedforward("sigmoid", agent.threshold))
    for name, units, leak in memory_areas(agent):
        yield name, (units.stop - units.start, cells.Memory("sigmoid", agent.threshold, leak))


def _projection(agent: AuGMEnT, piece: Piece) -> Projection:
    """Return the synapses of a piece, between the cells of each agent."""
    weight = piece.of(agent.weights)
    batch, post, pre = weight.shape
    slots: dict[str, Any] = {"rate": learning_rate(agent), "modulator": "dopamine"}
    decay = agent.trace * agent.discount
    rule: Plasticity = TaggedErrorTimesRate(**slots, decay=decay)
    if piece.key == "V_M":
        rule = TaggedErrorTimesReceived(**slots, decay=decay, leak=piece.leak)
    port, sends = "drive", ""
    if piece.down:
        rule, port, sends = TaggedRateTimesCredit(**slots, decay=decay), "feedback", "credit"
    connection: Connection = AllToAll()
    if batch > 1:
        agents, posts, pres = (index.ravel() for index in np.indices(weight.shape))
        connection = Synapses(agents * pre + pres, agents * post + posts)
    return Projection(
        piece.source,
        piece.target,
        port,
        weight[0] if batch == 1 else weight.reshape(-1),
        connection,
        sends,
        piece.name,
        plasticity=rule,
    )


def _reward() -> list[Projection]:
    """Return what joins actions, the world and dopamine, for each agent."""
    return [
        Projection("output.action", "world", "action", 1.0, OneToOne(), "action"),
        Projection("world", "dopamine", "reward", 1.0, Grouped(), "reward"),
        Projection("output.action", "dopamine", "expected_reward", 1.0, Grouped(), "expected"),
    ]


def _told(populations: list[Population]) -> list[Projection]:
    """Return what dopamine, and the cell that follows the outcome, tell to all who have an ear for it."""
    said = [("dopamine", "rpe", "dopamine"), *(("outcome", event, event) for event in EVENTS)]
    return [
        Projection(source, p.name, port, 1.0, Grouped(), state, f"{port}->{p.name}")
        for source, state, port in said
        for p in populations
        if port in p.cell.ports
    ]


def _wires(hidden: dict[str, tuple[int, cells.Cell]]) -> Iterator[Wire]:
    """Yield what joins the cells of a column."""
    for way in ("on", "off"):
        yield Wire("sensory.value", f"sensory.{way}", "value", "value")
    for area in (*hidden, "output"):
        yield Wire(f"{area}.value", f"{area}.feedback", "gain", "gain")
        yield Wire(f"{area}.value", f"{area}.feedback", "rate", "rate")
        yield Wire(f"{area}.feedback", f"{area}.value", "error", "credit")
    yield Wire("output.value", "output.bid", "value", "rate")
    yield Wire("output.value", "output.action", "value", "rate")
    yield Wire("output.action", "output.feedback", "feedback", "action")
