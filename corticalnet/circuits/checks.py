"""What a circuit must be before anything runs: each mistake is one sentence that names it."""

from __future__ import annotations

import math
from collections import Counter

from corticalnet.circuits.index import Index
from corticalnet.circuits.parts import Broadcast, Projection, Wire
from corticalnet.circuits.timescales import check_timescales
from corticalnet.errors import CircuitError, one_of, unknown


def check(circuit: Index) -> None:
    """Check names, ports, states, sizes, delays, plasticity, the order of wires, and times against dt.

    Raises:
        CircuitError: something does not fit.

    Warns:
        CircuitWarning: a time is too short for dt.
    """
    if not circuit.populations:
        raise CircuitError("a circuit needs at least one population")
    for kind, names in (
        ("populations", [p.name for p in circuit.populations]),
        ("projections", [p.name for p in circuit.projections]),
        ("broadcasts", [b.name for b in circuit.broadcasts]),
    ):
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise CircuitError(f"two {kind} are called '{twice[0]}'; give one of them another name")
    places: dict[tuple[str, str], str] = {}
    for population in circuit.populations:
        other = places.setdefault((population.area, population.role), population.name)
        if other != population.name:
            raise CircuitError(
                f"populations '{other}' and '{population.name}' both have the role '{population.role}' of "
                f"area '{population.area}'; give one of them another name"
            )
    for projection in circuit.projections:
        _projection(circuit, projection)
    for wire in circuit.wires:
        _wire(circuit, wire)
    for broadcast in circuit.broadcasts:
        _broadcast(circuit, broadcast)
    check_timescales(circuit)


def _ends(circuit: Index, where: str, source: str, sends: str, target: str, port: str) -> None:
    pre, post = (
        circuit.population(source, f"source of {where}"),
        circuit.population(target, f"target of {where}"),
    )
    if sends and sends not in pre.cell.state:
        raise CircuitError(
            f"{where}: {unknown(f'state of {type(pre.cell).__name__}', sends, pre.cell.state)}"
        )
    if port not in post.cell.ports:
        ports = list(post.cell.ports) or ["none"]
        raise CircuitError(f"{where}: {unknown(f'port of {type(post.cell).__name__}', port, ports)}")
    sent = pre.cell.states()[circuit.sent(source, sends)].unit
    taken = post.cell.port_units()[port]
    if sent != taken and taken.symbol != "1":
        raise CircuitError(
            f"{where}: sends {sent.symbol}, but port '{port}' of '{target}' takes {taken.symbol}"
        )


def _projection(circuit: Index, projection: Projection) -> None:
    where = f"projection '{projection.name}'"
    _ends(circuit, where, projection.source, projection.sends, projection.target, projection.port)
    steps = float(projection.delay) / circuit.dt
    if not math.isclose(steps, round(steps), abs_tol=1e-9):
        below, above = math.floor(steps) * circuit.dt, math.ceil(steps) * circuit.dt
        raise CircuitError(
            f"{where}: delay {projection.delay:g} ms is no multiple of dt = {circuit.dt:g} ms; "
            f"choose {below:g} or {above:g} ms"
        )
    if projection.shared_with:
        forth = circuit.projection(projection.shared_with, f"projection that {where} shares weights with")
        sizes = [circuit.population(p).n for p in (projection.source, projection.target)]
        way, ends = "forth", (forth.source, forth.target)
        if projection.runs_back:
            way, ends = "back", ends[::-1]
        there = [circuit.population(p).n for p in ends]
        if forth.shared_with or sizes != there:
            raise CircuitError(
                f"{where} runs from {sizes[0]} to {sizes[1]} cells, so it cannot run {way} along "
                f"'{forth.name}', whose way {way} is from {there[0]} to {there[1]}"
            )
        if forth.plasticity is not None and not forth.plasticity.weighs:
            raise CircuitError(
                f"{where} cannot run {way} along '{forth.name}', whose synapses do more than weigh: it is "
                f"not defined what {type(forth.plasticity).__name__} transmits so; give it its own weights"
            )
    if projection.plasticity is not None:
        pre, post = circuit.population(projection.source).cell, circuit.population(projection.target).cell
        heard = [b.name for b in circuit.broadcasts if projection.name in b.targets]
        projection.plasticity.check(where, pre, post, heard)


def _wire(circuit: Index, wire: Wire) -> None:
    where = f"wire '{wire.name}'"
    _ends(circuit, where, wire.source, wire.sends, wire.target, wire.port)
    pre, post = circuit.population(wire.source), circuit.population(wire.target)
    if pre.area != post.area or pre.n != post.n:
        raise CircuitError(
            f"{where} must stay within columns, but joins {pre.n} cells of area '{pre.area}' and "
            f"{post.n} of '{post.area}'; use a Projection"
        )
    sent = circuit.sent(wire.source, wire.sends)
    written = {phase for phase, new in pre.cell.equations.items() if sent in new}
    read = {phase for phase, names in post.cell.reads.items() if f"port_{wire.port}" in names}
    both = sorted(written & read)
    if both:
        raise CircuitError(
            f"{where}: '{sent}' is written and read in the same phase, '{both[0]}', so its order is not "
            "defined; let one of the two cells act in another phase"
        )


def _broadcast(circuit: Index, broadcast: Broadcast) -> None:
    where = f"broadcast '{broadcast.name}'"
    source = circuit.population(broadcast.source, f"source of {where}")
    if source.n != 1:
        raise CircuitError(f"{where} comes from '{source.name}', which has {source.n} cells; it must be one")
    if broadcast.sends:
        one_of(f"state sent by {where}", broadcast.sends, source.cell.state, CircuitError)
    populations = [p.name for p in circuit.populations]
    projections = [p.name for p in circuit.projections if p.plasticity is not None]
    for target in broadcast.targets:
        if target in populations:
            _ends(circuit, where, source.name, broadcast.sends, target, broadcast.port)
        else:
            choices = [*populations, *projections]
            one_of(f"target (population or plastic projection) of {where}", target, choices, CircuitError)
