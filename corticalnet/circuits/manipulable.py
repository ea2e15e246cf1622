"""Circuits that an experimenter can take hold of: electrodes, states to hold, plasticity to block.

    area1.electrode-value-drive ── current ──▶ area1.value, port "drive"        a current is one more input
    value  =  where(held, value held, what the cell computes)                   a state that is held
    Δw     =  (1 − blocked) · eligibility …                                     plasticity that is blocked

All three are ordinary parts of a circuit with ordinary outside inputs, so engines know nothing of them, and a
circuit that nobody takes hold of computes what it did before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.injected_current import InjectedCurrent
from corticalnet.circuits.circuit import Circuit
from corticalnet.circuits.connection import OneToOne
from corticalnet.circuits.extended import HELD, blockable, holding, listening
from corticalnet.circuits.parts import Broadcast, Population, Projection
from corticalnet.errors import CircuitError, one_of


def electrode(population: str, port: str) -> str:
    """Return the name of the electrode at a population's port."""
    area, _, role = population.rpartition(".")
    return f"{area or population}.electrode-{role if area else 'cell'}-{port}"


def blocker(projection: str) -> str:
    """Return the name of the cell that blocks the plasticity of a projection."""
    return "blocker-" + re.sub(r"\W+", "-", projection).strip("-")


def with_electrodes(circuit: Circuit, places: Iterable[tuple[str, str]]) -> Circuit:
    """Return the circuit with an electrode for every cell at some (population, port).

    Raises:
        CircuitError: there is no such population or port.
    """
    there = {population.name for population in circuit.populations}
    populations, projections = list(circuit.populations), list(circuit.projections)
    for name, port in places:
        target = circuit.population(name, "population of an electrode")
        one_of(f"port of an electrode in '{name}'", port, target.cell.ports or ["none"], CircuitError)
        made = electrode(name, port)
        if made not in there:
            there.add(made)
            populations.append(Population(made, target.n, InjectedCurrent()))
            projections.append(Projection(made, name, port, 1.0, OneToOne(), "current"))
    return replace(circuit, populations=populations, projections=projections)


def with_held_states(circuit: Circuit, states: Mapping[str, Iterable[str]]) -> Circuit:
    """Return the circuit with states of some populations that can be held.

    Raises:
        CircuitError: there is no such population, or no phase that computes such a state.
    """

    def changed(population: Population) -> Population:
        cell = population.cell
        wanted = tuple(s for s in states.get(population.name, ()) if HELD.format(s) not in cell.inputs)
        for state in wanted:
            one_of(f"state to hold of '{population.name}'", state, computed(cell), CircuitError)
        return (
            replace(population, cell=holding(type(cell), wanted)(**cell.parameters()))
            if wanted
            else population
        )

    for name in states:
        circuit.population(name, "population to hold")
    return replace(circuit, populations=[*map(changed, circuit.populations)])


def with_blockers(circuit: Circuit, projections: Iterable[str]) -> Circuit:
    """Return the circuit with projections whose plasticity can be blocked.

    Raises:
        CircuitError: there is no such projection, or it does not learn.
    """
    there = {population.name for population in circuit.populations}
    for name in projections:
        projection = circuit.projection(name, "projection to block")
        rule = projection.plasticity
        if rule is None:
            learning = ", ".join(p.name for p in circuit.plastic) or "none"
            raise CircuitError(
                f"projection '{name}' does not learn, so nothing can be blocked; choices: {learning}"
            )
        made = blocker(name)
        if made in there:
            continue
        there.add(made)
        port, target = "blocked_" + made.replace("-", "_"), circuit.population(projection.target)
        post = replace(target, cell=listening(type(target.cell), port)(**target.cell.parameters()))
        blocked = replace(projection, plasticity=blockable(type(rule), port)(**rule.parameters()))
        circuit = replace(
            circuit,
            populations=[post if p is target else p for p in circuit.populations]
            + [Population(made, 1, InjectedCurrent())],
            projections=[blocked if p is projection else p for p in circuit.projections],
            broadcasts=[*circuit.broadcasts, Broadcast(made, [target.name], "current", made, port)],
        )
    return circuit


def without(circuit: Circuit, *projections: str) -> Circuit:
    """Return the circuit with some projections cut (a lesion of axons).

    Args:
        circuit: not changed.
        projections: by name.

    Raises:
        CircuitError: there is no such projection, or another one runs back along its synapses.

    >>> import corticalnet as cn
    >>> columns = cn.circuit(cn.mlp([2, 3, 2]), cn.rule("feedback-alignment"))
    >>> blind = without(columns, "area1->output feedback")
    >>> len(columns.projections) - len(blind.projections)
    1
    """
    for name in projections:
        circuit.projection(name, "projection to cut")
    left = [p for p in circuit.projections if p.name not in projections]
    for one in left:
        if one.shared_with in projections:
            raise CircuitError(
                f"projection '{one.shared_with}' cannot be cut alone: '{one.name}' runs back along its "
                "synapses; cut both"
            )
    broadcasts = [
        replace(b, targets=[t for t in b.targets if t not in projections]) for b in circuit.broadcasts
    ]
    return replace(circuit, projections=left, broadcasts=[b for b in broadcasts if b.targets])


def computed(cell: Cell) -> list[str]:
    """Return the states that some phase of a cell computes."""
    return list(dict.fromkeys(name for new in cell.equations.values() for name in new))
