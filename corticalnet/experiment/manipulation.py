"""What an experimenter does to cells and synapses while elements of a protocol go on.

    During(Inhibit("area1.value"), [Teach(y, ms=50)])          light while the teacher is there
    During([Inject("area1.value", "apical", 0.5), BlockPlasticity("input->area1")], [Present(x, ms=50), …])

A manipulation lasts for the elements that it stands around, and is over after them. ``simulate`` prepares the
circuit for those of its protocol; who simulates step by step, or in a closed loop, says beforehand what there
will be: ``cn.simulator(cn.prepare(circuit, Inhibit("area1.value")))``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.checks import array
from corticalnet.circuits.circuit import Circuit
from corticalnet.circuits.extended import HELD, VALUE
from corticalnet.circuits.manipulable import (
    blocker,
    computed,
    electrode,
    with_blockers,
    with_electrodes,
    with_held_states,
)
from corticalnet.circuits.parts import Broadcast, Projection
from corticalnet.errors import ProtocolError
from corticalnet.experiment.values import pattern

Change = NDArray[np.float64]
Key = tuple[str, str]


class Manipulation(ABC):
    """Base of what :class:`~corticalnet.experiment.during.During` does."""

    @abstractmethod
    def prepare(self, circuit: Circuit) -> Circuit:
        """Return the circuit with what the manipulation takes; itself, if that is there."""

    @abstractmethod
    def signals(self, circuit: Circuit, steps: int, where: str) -> dict[Key, Change]:
        """Return inputs of the prepared circuit while it lasts, ``[B or 1, n or 1]`` or time first."""


@dataclass(frozen=True, eq=False)
class Inject(Manipulation):
    """Inject a current into cells (current clamp, or light that excites): added to what a port receives.

    Args:
        population: of the cells.
        port: which of their ports, for example a compartment ("apical").
        current: a number, ``[n]`` or ``[B, n]``; or a function of time (ms since it began) that returns one.
        cells: which of them, by number; all if not given.

    >>> import corticalnet as cn
    >>> columns = cn.circuit(cn.mlp([2, 3, 2]), cn.rule("backprop"))
    >>> clamp = Inject("area1.prediction", "prediction", 0.5, cells=[0])
    >>> protocol = [cn.During(clamp, [cn.Present([[0.0, 0.0]], steps=4)])]
    >>> data = cn.simulate(columns, protocol, record="area1.prediction.prediction")
    >>> data["area1.prediction.prediction"].values[-1, 0]
    array([0.5, 0. , 0. ])
    """

    population: str
    port: str
    current: Any
    cells: Sequence[int] | None = field(default=None, kw_only=True)

    def prepare(self, circuit: Circuit) -> Circuit:
        """Return the circuit with electrodes at the port."""
        return with_electrodes(circuit, [(self.population, self.port)])

    def signals(self, circuit: Circuit, steps: int, where: str) -> dict[Key, Change]:
        """Return the current."""
        n, what = circuit.population(self.population).n, f"{where}: current into '{self.population}'"
        current = _chosen(self.cells, n, what) * self._course(circuit, n, steps, what)
        return {(electrode(self.population, self.port), "amplitude"): current}

    def _course(self, circuit: Circuit, n: int, steps: int, what: str) -> Change:
        if not callable(self.current):
            return pattern(self.current, n, what, number=True)
        function: Callable[[float], Any] = self.current
        dt = float(circuit.dt)
        values = [pattern(function(k * dt), n, f"{what} at {k * dt:g} ms", number=True) for k in range(steps)]
        return np.stack(np.broadcast_arrays(*values))


@dataclass(frozen=True, eq=False)
class Hold(Manipulation):
    """Hold a state of cells at a value (voltage clamp): it is that whatever the cells compute.

    What the cells compute of it in later phases of a step, and whoever reads it, goes by the value.

    Args:
        population: of the cells.
        state: that is held, wherever a phase of theirs would set it.
        value: a number, ``[n]`` or ``[B, n]``.
        cells: which of them, by number; all if not given.

    >>> Hold("area1.value", "rate", 1.0, cells=[0, 2]).value
    1.0
    """

    population: str
    state: str
    value: Any = 0.0
    cells: Sequence[int] | None = field(default=None, kw_only=True)

    def states(self, circuit: Circuit) -> list[str]:
        """Return the states that are held."""
        return [self.state]

    def prepare(self, circuit: Circuit) -> Circuit:
        """Return the circuit with the states ready to be held."""
        circuit.population(self.population, "population to hold")
        return with_held_states(circuit, {self.population: self.states(circuit)})

    def signals(self, circuit: Circuit, steps: int, where: str) -> dict[Key, Change]:
        """Return which cells are held, and at what."""
        n, what = circuit.population(self.population).n, f"{where}: value for '{self.population}'"
        found = {}
        for state in self.states(circuit):
            found[self.population, HELD.format(state)] = _chosen(self.cells, n, what)
            found[self.population, VALUE.format(state)] = pattern(self.value, n, what, number=True)
        return found


class Inhibit(Hold):
    """Inhibit cells, as by light on an inhibitory opsin: what they send to others is 0, all else goes on.

    Args:
        population: of the cells.
        cells: which of them, by number; all if not given.

    >>> Inhibit("area1.value", cells=[1]).cells
    [1]
    """

    def __init__(self, population: str, *, cells: Sequence[int] | None = None) -> None:
        super().__init__(population, "", 0.0, cells=cells)

    def states(self, circuit: Circuit) -> list[str]:
        """Return the states that leave the column, by projections and broadcasts.

        Raises:
            ProtocolError: there are none.
        """
        parts: list[Projection | Broadcast] = [*circuit.projections, *circuit.broadcasts]
        told = [circuit.sent(part.source, part.sends) for part in parts if part.source == self.population]
        if not told:
            raise ProtocolError(
                f"'{self.population}' sends nothing to others, so there is nothing to silence"
            )
        return list(dict.fromkeys(told))


class Lesion(Inhibit):
    """Kill cells: all of their states are 0. It lasts for as long as anything does; stand it around the rest.

    Synapses of a projection: :func:`without`.

    Args:
        population: of the cells.
        cells: which of them, by number; all if not given.

    >>> Lesion("area1.value").population
    'area1.value'
    """

    def states(self, circuit: Circuit) -> list[str]:
        """Return all states that cells compute."""
        return computed(circuit.population(self.population).cell)


@dataclass(frozen=True, eq=False)
class BlockPlasticity(Manipulation):
    """Block the plasticity of a projection, as a drug does: no change is induced while it lasts.

    What is already in a trace is still expressed.

    Args:
        projection: by name.

    >>> BlockPlasticity("input->area1").projection
    'input->area1'
    """

    projection: str

    def prepare(self, circuit: Circuit) -> Circuit:
        """Return the circuit with a cell that blocks."""
        return with_blockers(circuit, [self.projection])

    def signals(self, circuit: Circuit, steps: int, where: str) -> dict[Key, Change]:
        """Return that it blocks."""
        return {(blocker(self.projection), "amplitude"): np.ones((1, 1))}


def prepare(circuit: Circuit, *manipulations: Manipulation) -> Circuit:
    """Return the circuit with what some manipulations take: electrodes, states to hold, blockers.

    Nothing else changes: as long as nobody uses them, it computes what the circuit does.

    Args:
        circuit: not changed.
        manipulations: what a protocol will have; their values do not matter.

    Raises:
        CircuitError: a population, port, state or projection does not exist.

    >>> import corticalnet as cn
    >>> columns = cn.circuit(cn.mlp([2, 3, 2]), cn.rule("backprop"))
    >>> made = prepare(columns, Inject("area1.value", "feedback", 0.0))
    >>> made.population("area1.electrode-value-feedback").n
    3
    """
    for one in manipulations:
        circuit = one.prepare(circuit)
    return circuit


def _chosen(cells: Sequence[int] | None, n: int, what: str) -> Change:
    """Return 1 for the chosen of n cells and 0 for others, ``[1, n]``; ``[1, 1]`` for all.

    Raises:
        ProtocolError: no numbers of cells.
    """
    if cells is None:
        return np.ones((1, 1))
    numbers = array(f"{what}: cells", cells, ProtocolError)
    if numbers.dtype.kind not in "iu" or numbers.ndim != 1 or not ((numbers >= 0) & (numbers < n)).all():
        raise ProtocolError(f"{what}: cells are whole numbers from 0 to {n - 1}, not {cells!r}")
    found = np.zeros((1, n))
    found[0, numbers] = 1.0
    return found
