"""What a circuit's JSON may say: the schema of :func:`corticalnet.circuits.serialisation.to_dict`.

Here are keys and types. Which cells, plasticity, connections and ports there are, and whether the parts fit
together, is checked where they are made.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Number = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class Strict(BaseModel):
    """A schema that allows no other keys."""

    model_config = ConfigDict(extra="forbid")


class KindAbout(Strict):
    """A cell or plasticity: its class and parameters, and the units of those that have one."""

    kind: str
    parameters: dict[str, Any]
    units: dict[str, str] = {}


class PopulationAbout(Strict):
    """How a file describes a population."""

    name: str
    n: Annotated[int, Field(ge=1)]
    cell: KindAbout


class ConnectionAbout(Strict):
    """A connection; listed synapses say how many weights they have."""

    kind: str
    count: Count | None = None


class ProjectionAbout(Strict):
    """A projection; its numbers are arrays."""

    source: str
    target: str
    port: str
    sends: str
    name: str
    shared_with: str
    same_way: bool
    signs: bool
    bounded: bool
    delay: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    connection: ConnectionAbout | None
    plasticity: KindAbout | None


class WireAbout(Strict):
    """How a file describes a wire."""

    source: str
    target: str
    port: str
    sends: str
    weight: Number


class BroadcastAbout(Strict):
    """How a file describes a broadcast."""

    source: str
    targets: list[str]
    port: str
    sends: str
    name: str


class MinimumDurationsAbout(Strict):
    """How a file describes the least numbers of steps."""

    present: Count
    teach: Count


class CircuitAbout(Strict):
    """A circuit, its format, the version that wrote it, and units; ``arrays`` is their file's checksum."""

    format: Annotated[int, Field(ge=1)]
    corticalnet: str
    units: dict[str, str]
    name: str
    dt: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    timed: bool = True
    needs: MinimumDurationsAbout
    schedule: list[str]
    populations: list[PopulationAbout]
    projections: list[ProjectionAbout]
    wires: list[WireAbout]
    broadcasts: list[BroadcastAbout]
    arrays: str = ""
