"""Circuits in files: the structure as JSON, every array as safetensors.

circuit.save("columns")             columns.json and columns.safetensors
Circuit.load("columns")

The JSON names cells, plasticity and connections by their kinds, so a kind of the user's own must have been
defined (its module imported) before a circuit with it is loaded.
"""

from __future__ import annotations

import json
import warnings
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as unpack
from safetensors.numpy import save as pack

from corticalnet.about import VERSION
from corticalnet.circuits.cells import Cell
from corticalnet.circuits.connection import AllToAll, Connection, Grouped, OneToOne, Synapses
from corticalnet.circuits.description import CircuitAbout
from corticalnet.circuits.extended import remake
from corticalnet.circuits.formats import check_phases, current, head
from corticalnet.circuits.index import Index
from corticalnet.circuits.parameters import Part
from corticalnet.circuits.parts import Broadcast, MinimumDurations, Population, Projection, Wire
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.schedule import SCHEDULE
from corticalnet.errors import CircuitError, CircuitWarning, one_of
from corticalnet.store import expanded, read_whole, validated, write_whole

Arrays = dict[str, NDArray[Any]]
Made = TypeVar("Made", bound=Index)
#: Kinds of connection that can be written down.
CONNECTIONS = (AllToAll, OneToOne, Grouped, Synapses)
#: Arrays of a projection that are no whole numbers.
FLOATS = ("weight", "low", "high")


def to_dict(circuit: Index) -> dict[str, Any]:
    """Describe the structure of a circuit, as data for JSON; :func:`arrays_of` has the numbers.

    Raises:
        CircuitError: a connection of a kind that is not known here.
    """
    return {
        **head(),
        "name": circuit.name,
        "dt": circuit.dt,
        "timed": circuit.timed,
        "needs": asdict(circuit.needs),
        "schedule": SCHEDULE.names(),
        "populations": [{"name": p.name, "n": p.n, "cell": p.cell.to_dict()} for p in circuit.populations],
        "projections": [_projection_to_dict(p) for p in circuit.projections],
        "wires": [asdict(wire) for wire in circuit.wires],
        "broadcasts": [{**asdict(b), "targets": list(b.targets)} for b in circuit.broadcasts],
    }


def _projection_to_dict(projection: Projection) -> dict[str, Any]:
    plasticity, connection = projection.plasticity, projection.connection
    kinds = [kind.__name__ for kind in CONNECTIONS]
    one_of(
        f"connection kind of projection '{projection.name}'", type(connection).__name__, kinds, CircuitError
    )
    words = {name: getattr(projection, name) for name in ("source", "target", "port", "sends", "name")}
    how: dict[str, Any] = {"kind": type(connection).__name__}
    if isinstance(connection, Synapses):
        how["count"] = connection.count
    return {
        **words,
        "shared_with": projection.shared_with,
        "same_way": projection.same_way,
        "signs": bool(projection.shared_with) and projection.weight is not None,
        "delay": projection.delay,
        "bounded": projection.bounded,
        "connection": None if projection.shared_with else how,
        "plasticity": None if plasticity is None else plasticity.to_dict(),
    }


def arrays_of(circuit: Index) -> Arrays:
    """Return all arrays of a circuit by name.

    "<projection>.weight" ("….low", "….high" if it has bounds), and "….pre", "….post", "….index" of listed
    synapses.
    """
    arrays: Arrays = {}
    for p in circuit.projections:
        if p.weight is not None:
            arrays[f"{p.name}.weight"] = np.ascontiguousarray(p.weight)
        if p.bounded:
            arrays |= {
                f"{p.name}.{end}": np.asarray(limit) for end, limit in (("low", p.low), ("high", p.high))
            }
        if not p.shared_with and isinstance(p.connection, Synapses):
            c = p.connection
            for name, index in (("pre", c.pre), ("post", c.post), ("index", c.weights)):
                arrays[f"{p.name}.{name}"] = np.ascontiguousarray(index, dtype=np.int64)
    return arrays


def from_dict(
    content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], make: Callable[..., Made]
) -> Made:
    """Make the circuit that :func:`to_dict` and :func:`arrays_of` described.

    Args:
        content, arrays: the description.
        make: what is called with the parts.

    Raises:
        CircuitError: something is missing or of an unknown kind, or the format is a later one.

    Warns:
        CircuitWarning: it was written by a version whose step had other phases, or whose cells had fewer
            parameters, which are as they are by default.
    """
    content = current(content)
    validated(content, CircuitAbout, "the description of the circuit does not fit", CircuitError)
    check_phases(content["schedule"], content["corticalnet"])
    older = content["corticalnet"] != VERSION
    try:
        circuit = make(
            populations=[
                Population(p["name"], p["n"], _part(Cell, p["cell"], f"population '{p['name']}'", older))
                for p in content["populations"]
            ],
            projections=[_projection_from_dict(p, arrays, older) for p in content["projections"]],
            wires=[Wire(**wire) for wire in content["wires"]],
            broadcasts=[Broadcast(**broadcast) for broadcast in content["broadcasts"]],
            dt=content["dt"],
            name=content["name"],
            needs=MinimumDurations(**content["needs"]),
            timed=content.get("timed", True),
        )
    except (TypeError, AttributeError, KeyError) as error:  # of cells and plasticity of the user's own
        raise CircuitError(f"the description of the circuit does not fit: {error}") from None
    extra = sorted(arrays.keys() - arrays_of(circuit).keys())
    if extra:
        raise CircuitError(f"array '{extra[0]}' belongs to no part of the circuit")
    return circuit


def _projection_from_dict(
    content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], older: bool
) -> Projection:
    words = {key: value for key, value in content.items() if key not in ("connection", "plasticity")}
    plasticity = content["plasticity"]
    if plasticity is not None:
        words["plasticity"] = _part(Plasticity, plasticity, f"projection '{content['name']}'", older)
    if words.pop("signs") or not content["shared_with"]:
        words["weight"] = _array(arrays, content["name"], "weight")
    if words.pop("bounded"):
        words |= {end: _array(arrays, content["name"], end) for end in ("low", "high")}
    if not content["shared_with"]:
        words["connection"] = _connection(content["connection"], content["name"], arrays)
    return Projection(**words)


def _part(kind: type[Part], content: Mapping[str, Any], where: str, older: bool) -> Any:
    """Make a cell or plasticity; of a file of another version parameters may be missing."""
    try:
        remake(kind, content["kind"])
        missing = kind.missing(content) if older else []
        if missing:
            warnings.warn(
                f"{where}: {content['kind']} was saved by another version, without '{missing[0]}'",
                CircuitWarning,
                stacklevel=6,
            )
        return kind.from_dict(content, but=missing)
    except CircuitError as error:
        raise CircuitError(f"{where}: {error}") from None


def _connection(how: Mapping[str, Any], name: str, arrays: Mapping[str, NDArray[Any]]) -> Connection:
    kinds = [kind.__name__ for kind in CONNECTIONS]
    one_of(f"connection kind of projection '{name}'", how["kind"], kinds, CircuitError)
    simple = {kind.__name__: kind for kind in (AllToAll, OneToOne, Grouped)}
    if how["kind"] in simple:
        return simple[how["kind"]]()
    pre, post, index = (_array(arrays, name, part) for part in ("pre", "post", "index"))
    return Synapses(pre, post, weight_index=index, count=how["count"])


def _array(arrays: Mapping[str, NDArray[Any]], projection: str, part: str) -> NDArray[Any]:
    if f"{projection}.{part}" not in arrays:
        raise CircuitError(f"projection '{projection}': its array '{projection}.{part}' is missing")
    array, kind = arrays[f"{projection}.{part}"], np.floating if part in FLOATS else np.integer
    if not np.issubdtype(array.dtype, kind):
        raise CircuitError(f"projection '{projection}': its array '{projection}.{part}' is of {array.dtype}")
    if not array.ndim:
        raise CircuitError(f"projection '{projection}': its array '{projection}.{part}' is a single number")
    return array


def save(circuit: Index, path: str | Path) -> None:
    """Write ``path.json`` and ``path.safetensors``.

    Raises:
        CircuitError: a part cannot be written as JSON, or the disk says no.
    """
    text, numbers = _files(path)
    content = to_dict(circuit)
    packed = pack(arrays_of(circuit))
    content["arrays"] = f"{zlib.crc32(packed):08x}"
    try:
        described = json.dumps(content, indent=1, ensure_ascii=False)
    except TypeError as error:
        raise CircuitError(f"circuit '{circuit.name}' cannot be written as JSON: {error}") from None
    for file, written in ((numbers, packed), (text, described)):
        # Each is whole or not at all; the checksum tells two that do not belong together.
        write_whole(file, written, CircuitError)


def load(path: str | Path, make: Callable[..., Made]) -> Made:
    """Load a circuit that :func:`save` wrote.

    Raises:
        CircuitError: a file is missing or damaged, or has what this version does not know.
    """
    text, numbers = _files(path)
    content, packed = _read(text), _read(numbers)
    try:
        described = json.loads(content, object_pairs_hook=_once)
        checksum = described["arrays"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CircuitError(f"{text} is damaged, or no circuit of corticalnet") from None
    if checksum != f"{zlib.crc32(packed):08x}":
        raise CircuitError(f"{numbers} is damaged, or does not belong to {text.name}")
    try:
        arrays = unpack(packed)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:  # (formats that NumPy does not know)
        raise CircuitError(f"{numbers} is damaged: {' '.join(str(error).split())}") from None
    try:
        return from_dict(described, arrays, make)
    except CircuitError as error:
        raise CircuitError(f"{text}: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Check that no key of a JSON object comes twice (Python would silently take the last); return it."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key comes twice")
    return dict(pairs)


def _read(file: Path) -> bytes:
    try:
        return read_whole(file)
    except OSError as error:
        raise CircuitError(f"cannot read circuit {file}: {error.strerror or error}") from None


def _files(path: str | Path) -> tuple[Path, Path]:
    """Return the paths of a circuit's two files; either of them names both."""
    stem = expanded(path)
    stem = stem.with_suffix("") if stem.suffix in (".json", ".safetensors") else stem
    return stem.with_name(f"{stem.name}.json"), stem.with_name(f"{stem.name}.safetensors")
