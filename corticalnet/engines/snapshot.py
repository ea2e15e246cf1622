"""Snapshots: all that a simulation goes on from, as arrays and a little JSON (nothing is ever executed).

snapshot = running.snapshot()           to branch: running.restore(snapshot), as often as one likes
snapshot.save("tuesday")                tuesday.safetensors, for tomorrow, in another process
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as pack

from corticalnet.about import VERSION
from corticalnet.circuits import Circuit
from corticalnet.errors import SimulationError, one_of
from corticalnet.store import write_whole

Arrays = dict[str, NDArray[Any]]


@with_config(ConfigDict(extra="forbid", strict=True))
@dataclass(frozen=True)
class About:
    """What a snapshot is of.

    Attributes:
        circuit: digest of the circuit's structure.
        engine, seed, options: of the simulator.
        step: absolute number of the next step.
        batch: samples.
        shown: see :class:`corticalnet.experiment.compiled.Held`.
        every: steps between records.
        version: of corticalnet.
    """

    circuit: str
    engine: str
    seed: int
    options: dict[str, str]
    step: int
    batch: int
    shown: int | None
    every: int
    version: str = VERSION

    def fits(self, here: About) -> None:
        """Check that the snapshot is of a simulator like ``here``.

        Raises:
            SimulationError: it is not.
        """
        for name in ("circuit", "engine", "seed", "options"):
            mine, its = getattr(here, name), getattr(self, name)
            if mine != its:
                raise SimulationError(
                    f"the snapshot is of another {name}: {its}, but this simulator has {mine}"
                )


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A simulation between two steps.

    Attributes:
        about: what it is of.
        state: the engine's arrays.
        held: patterns of inputs that are on, by "population.input".

    >>> import corticalnet as cn
    >>> running = cn.simulator(cn.circuit(cn.mlp([2, 3, 2]), cn.rule("z-il")))
    >>> snapshot = running.snapshot()
    >>> isinstance(snapshot, Snapshot)
    True
    """

    about: About
    state: Arrays
    held: Arrays

    def save(self, path: str | Path) -> Path:
        """Write ``path.safetensors``; return its path.

        Raises:
            SimulationError: the disk says no.
        """
        target = _file(path)
        arrays = {f"state:{k}": v for k, v in self.state.items()} | {
            f"held:{k}": v for k, v in self.held.items()
        }
        whole = {name: np.array(array, order="C") for name, array in arrays.items()}
        text = json.dumps(asdict(self.about))
        content = pack(whole, {"snapshot": text, "checksum": _checksum(whole, text)})
        write_whole(target, content, SimulationError)
        return target

    @classmethod
    def load(cls, path: str | Path) -> Snapshot:
        """Load a snapshot that :meth:`save` wrote.

        Raises:
            SimulationError: there is none, or it is damaged.
        """
        target = _file(path)
        if not target.is_file():
            raise SimulationError(f"there is no snapshot '{target}'")
        try:
            with safe_open(target, "numpy") as content:
                metadata = content.metadata() or {}
                arrays = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
            about = TypeAdapter(About).validate_json(metadata["snapshot"])
            if metadata["checksum"] != _checksum(arrays, metadata["snapshot"]):
                raise ValueError("its checksum is wrong")
        except KeyError:
            raise SimulationError(f"'{target}' is no snapshot of a simulation") from None
        except (SafetensorError, OSError, ValueError) as error:
            raise SimulationError(f"snapshot '{target}' cannot be read: {_reason(error)}") from None
        parts: dict[str, Arrays] = {"state": {}, "held": {}}
        for name, array in arrays.items():
            kind, _, key = name.partition(":")
            if kind not in parts or array.dtype.kind != "f":
                raise SimulationError(
                    f"snapshot '{target}' has an array '{name}' of {array.dtype} that it cannot have"
                )
            parts[kind][key] = array
        return cls(about, parts["state"], parts["held"])


def digest(circuit: Circuit) -> str:
    """Hash a circuit's structure (populations, cells, connections), without its weights."""
    return hashlib.sha256(str(circuit).encode()).hexdigest()[:16]


def held_patterns(snapshot: Snapshot, circuit: Circuit) -> dict[tuple[str, str], NDArray[Any]]:
    """Return the input patterns that were on, by (population, input).

    Raises:
        SimulationError: the circuit has no such input, or it has another size.
    """
    inputs = {f"{p.name}.{name}": (p, name) for p in circuit.populations for name in p.cell.inputs}
    found = {}
    for full, pattern in snapshot.held.items():
        one_of("input in the snapshot", full, inputs, SimulationError)
        population, name = inputs[full]
        fits = pattern.ndim == 2 and len(pattern) in (1, snapshot.about.batch)
        if not fits or pattern.shape[1] not in (1, population.n):
            raise SimulationError(
                f"input '{full}' in the snapshot has shape {pattern.shape}, which does not fit"
            )
        found[population.name, name] = pattern
    return found


def fitting(
    found: Mapping[str, NDArray[Any]], known: Mapping[str, NDArray[Any]], optional: tuple[str, ...]
) -> None:
    """Check that a snapshot's arrays are those that an engine has.

    Args:
        found: in the snapshot.
        known: of the engine, at rest.
        optional: kinds of which there may be more or fewer: what is on its way, or remembered for a while.

    Raises:
        SimulationError: one is missing, unknown, or of another shape.
    """
    for name in found.keys() | known.keys():
        if name.startswith(optional):
            continue
        if name not in found or name not in known:
            where = "lacks" if name not in found else "has an unknown"
            raise SimulationError(f"the snapshot {where} '{name}'; it is of another simulation or damaged")
        if found[name].shape != known[name].shape:
            raise SimulationError(
                f"the snapshot's '{name}' has shape {found[name].shape}, but must have {known[name].shape}"
            )


def _checksum(arrays: Mapping[str, NDArray[Any]], text: str) -> str:
    total = zlib.crc32(text.encode())
    for name in sorted(arrays):
        total = zlib.crc32(np.ascontiguousarray(arrays[name]).tobytes(), zlib.crc32(name.encode(), total))
    return f"{total:08x}"


def _file(path: str | Path) -> Path:
    return Path(path) if str(path).endswith(".safetensors") else Path(f"{path}.safetensors")


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'its description'}: {first['msg']}"
    return (str(error).splitlines() or [type(error).__name__])[0]
