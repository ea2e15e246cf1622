"""The parts of a circuit: populations, and what joins them.

Cells are pointwise. Projections sum. Broadcasts are projections.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits.cells import Cell
from corticalnet.circuits.connection import AllToAll, Connection
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.quantities import ANY, MS, NOT_NEGATIVE, ONE, Range, number, quantity
from corticalnet.errors import CircuitError

Weights = NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """A population: all cells of one kind in one area.

    Args:
        name: "area.role", for example "area1.error"; populations of one area and size share its columns. A
            name without a dot is an area of its own.
        n: number of cells.
        cell: their kind.

    Raises:
        CircuitError: a name that is no word, no cells, or something that is no cell.

    >>> import corticalnet as cn
    >>> population = Population("area1.value", 20, cn.circuits.cells.Value())
    >>> population.area, population.role
    ('area1', 'value')
    """

    name: str
    n: int
    cell: Cell

    def __post_init__(self) -> None:
        words = self.name.split(".") if isinstance(self.name, str) else []
        if not 1 <= len(words) <= 4 or not all(w.replace("-", "_").isidentifier() for w in words):
            raise CircuitError(f"population name {self.name!r} must be words with dots between: 'area.role'")
        if isinstance(self.n, np.integer):
            object.__setattr__(self, "n", int(self.n))
        if isinstance(self.n, bool) or not isinstance(self.n, int) or self.n < 1:
            raise CircuitError(
                f"population '{self.name}' needs at least 1 cell, a whole number, not {self.n!r}"
            )
        if self.n >= 2**31:
            raise CircuitError(f"population '{self.name}' can have 2,147,483,647 cells at most")
        _made_of(f"population '{self.name}' is", self.cell, Cell)

    @property
    def area(self) -> str:
        """Return the name of the area that the population belongs to."""
        return self.name.rpartition(".")[0] or self.name

    @property
    def role(self) -> str:
        """Return the role in the area ("value", "error", …); "cell" for an area of one population."""
        return self.name.rpartition(".")[2] if "." in self.name else "cell"


@dataclass(frozen=True, eq=False)
class Projection:
    """A projection: adds weight × presynaptic output into a port of its target.

    Args:
        source, target: populations by name.
        port: one of the target's.
        weight: ``[post, pre]`` for all-to-all connections, one number per weight otherwise; one number for
            all. None if they are ``shared_with`` another projection.
        connection: which cells meet.
        sends: the state of the source that is sent; the cell's own output if not given.
        name: "source->target" if not given.

    Other:
        plasticity: how weights change; they stay if not given.
        shared_with: name of the projection whose synapses this one runs back along (weight transport). With a
            ``weight`` it runs back by their signs alone: the signs that they have now, times these magnitudes
            (shaped as the weights of that projection, or one for all).
        same_way: whether it runs the same way as the projection that it is ``shared_with``, between
            other cells of the same areas: one synapse read twice.
        delay: axonal delay, in ms or as "5 ms"; a whole number of steps.
        low, high: bounds that weights keep when they change, w ← clip(w + Δw, low, high): one number for all,
            or an array shaped as the weights. ``low=0``: no weight is negative.

    Raises:
        CircuitError: an impossible delay or sharing.

    >>> Projection("retina", "cortex", "prediction", 0.1, delay="5 ms").delay
    5.0
    """

    source: str
    target: str
    port: str
    weight: Weights | float | None = None
    connection: Connection = field(default_factory=AllToAll)
    sends: str = ""
    name: str = ""
    plasticity: Plasticity | None = None
    shared_with: str = ""
    same_way: bool = False
    delay: float | str = 0.0
    low: Weights | float = -np.inf
    high: Weights | float = np.inf

    def __post_init__(self) -> None:
        _texts("projection", self, "name", "source", "target", "port", "sends", "shared_with")
        if not self.name:
            object.__setattr__(self, "name", f"{self.source}->{self.target}")
        where = f"projection '{self.name}'"
        object.__setattr__(self, "delay", quantity(self.delay, MS, f"{where}: delay"))
        NOT_NEGATIVE.check(float(self.delay), MS, f"{where}: delay")
        _made_of(f"connection of {where} is", self.connection, Connection)
        if self.plasticity is not None:
            _made_of(f"plasticity of {where} is", self.plasticity, Plasticity)
        if self.shared_with and self.plasticity is not None:
            raise CircuitError(
                f"{where} shares its weights with '{self.shared_with}', and only that may change them"
            )
        if not self.shared_with and self.weight is None:
            raise CircuitError(f"{where} needs weights, or shared_with")
        if not isinstance(self.same_way, bool):
            raise CircuitError(f"{where}: same_way must be True or False, not {self.same_way!r}")
        if self.same_way and (not self.shared_with or self.weight is not None):
            raise CircuitError(f"{where} is read the same way as another: give shared_with, and no weight")

    @property
    def runs_back(self) -> bool:
        """Return whether it runs back along the synapses of another projection."""
        return bool(self.shared_with) and not self.same_way

    @property
    def bounded(self) -> bool:
        """Return whether weights have bounds."""
        free = (isinstance(end, float) and np.isinf(end) for end in (self.low, self.high))
        return not all(free)


@dataclass(frozen=True)
class Wire:
    """A projection inside a column: cell k receives cell k of the same area, at once.

    Args:
        source, target: populations of one area.
        port: one of the target's.
        sends: the state that is read; the cell's own output if not given.
        weight: a fixed factor.

    Raises:
        CircuitError: a weight that is no finite number.

    >>> wire = Wire("area1.value", "area1.error", "value", sends="rate")
    >>> wire.weight
    1.0
    """

    source: str
    target: str
    port: str
    sends: str = ""
    weight: float = 1.0

    def __post_init__(self) -> None:
        _texts("wire", self, "source", "target", "port", "sends")
        what = f"weight of wire '{self.name}'"
        object.__setattr__(self, "weight", number(self.weight, what))
        ANY.check(self.weight, ONE, what)

    @property
    def name(self) -> str:
        """Return a name of the wire, for messages."""
        return f"{self.source}-{self.target}"


@dataclass(frozen=True)
class Broadcast:
    """A projection of fixed weight 1 from a single cell to all: dopamine, clocks, phase signals.

    Args:
        source: a population of one cell.
        targets: populations, which receive it at ``port``, or projections, whose plasticity does.
        sends: the state that is sent; the cell's own output if not given.
        name: by which plasticity finds it; the source's name if not given.
        port: of the populations; ``name`` if not given.

    Raises:
        CircuitError: names that are no texts.

    >>> Broadcast("midbrain", ["retina->cortex"], name="dopamine").name
    'dopamine'
    """

    source: str
    targets: Sequence[str]
    sends: str = ""
    name: str = ""
    port: str = ""

    def __post_init__(self) -> None:
        _texts("broadcast", self, "source", "sends", "name", "port")
        targets = [self.targets] if isinstance(self.targets, str) else self.targets
        if not isinstance(targets, Iterable) or not all(isinstance(t, str) for t in targets):
            raise CircuitError(
                f"targets of broadcast '{self.name or self.source}' must be a list of names, "
                f"not {self.targets!r}"
            )
        object.__setattr__(self, "targets", tuple(targets))
        if not self.name:
            object.__setattr__(self, "name", self.source)
        if not self.port:
            object.__setattr__(self, "port", self.name)


@dataclass(frozen=True)
class MinimumDurations:
    """The least numbers of steps of a trial, for the circuit to learn what it should.

    Where changes wait for a consolidation (``Plasticity.consolidation``), a rest has to follow:
    weights move when the error has gone.

    Raises:
        CircuitError: a number that is not whole, or below 0.
    """

    present: int = 1
    teach: int = 1

    def __post_init__(self) -> None:
        for name in ("present", "teach"):
            steps = number(getattr(self, name), f"needs.{name}")
            Range(0, whole=True).check(steps, ONE, f"needs.{name}")
            object.__setattr__(self, name, int(steps))


def _made_of(what: str, value: object, kind: type) -> None:
    """Check that a part is an instance of its class, and not the class itself."""
    if not isinstance(value, kind):
        meant = f"; did you mean {value.__name__}()?" if isinstance(value, type) else ""
        raise CircuitError(f"{what} made of a {kind.__name__}, not {value!r}{meant}")


def _texts(what: str, part: object, *names: str) -> None:
    for name in names:
        if not isinstance(getattr(part, name), str):
            raise CircuitError(f"{name} of a {what} must be a text, not {getattr(part, name)!r}")
