"""Cells of dendritic microcircuits: pyramidal cells with two dendrites, interneurons that copy those above.

    τ du/dt = −leak u + basal (v_B − u) + apical (v_A − u)                   Pyramidal
    τ du/dt = −leak u + basal (v_B − u) + somatic taught (u_target − u)      TaughtPyramidal, the output
    τ du/dt = −leak u + basal (v_B − u) + somatic (u above − u)              Interneuron

(Sacramento, Costa, Bengio & Senn 2018.) τ is the capacitance over a conductance of 1: a cell's own time
constant is τ / (sum of its conductances). ``mismatch`` is f(u) − f(û), with û what the basal dendrite alone
would make of the soma: what synapses onto that dendrite learn (Urbanczik & Senn 2014).

Cells that look ahead send f(u + τ du/dt / sum), and interneurons copy that potential: each area sends where
it is going, and a chain of areas has no lag (latent equilibrium, Haider et al. 2021).
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable
from typing import Any

from corticalnet.circuits.cells.activation import activation
from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.pointwise import increment, log, log1p, maximum, minimum
from corticalnet.circuits.quantities import ONE, Magnitude, Milliseconds
from corticalnet.errors import CircuitError, one_of

#: f⁻¹, and where f ends.
_INVERSES: dict[str, Any] = {
    "linear": (lambda y: y, None),
    "sigmoid": (lambda y: log(y) - log1p(-y), (0.0, 1.0)),
    "tanh": (lambda y: 0.5 * (log1p(y) - log1p(-y)), (-1.0, 1.0)),
}
NUDGES = ("rate", "potential")


class Somatic(Cell, ABC):
    """What these cells have in common: a soma that a basal dendrite pulls, and what it does not predict.

    Ports: ``basal``. States: ``rate``, ``potential`` u, ``basal`` v_B, ``mismatch``; of cells that look ahead
    ``prospective``, u + τ du/dt / sum.

    Args:
        tau: capacitance over a conductance of 1.
        activation: f.
        leak, basal_conductance: of the soma, and from the basal dendrite.
        ahead: whether the cell looks ahead.
    """

    tau: Milliseconds = 10.0
    activation: str = "sigmoid"
    leak: Magnitude = 0.1
    basal_conductance: Magnitude = 1.0
    ahead: bool = False
    unused = ("ahead",)
    ports = {"basal": "predict"}
    state = {"rate": 0.0, "potential": 0.0, "prospective": 0.0, "basal": 0.0, "mismatch": 0.0}

    def leaves_out(self) -> Iterable[str]:
        """Yield the state that only cells have that look ahead."""
        yield from () if self.ahead else ("prospective",)

    @property
    def copied(self) -> str:
        """Return the state that interneurons copy."""
        return "prospective" if self.ahead else "potential"

    def _total(self, cell: Any) -> Any:
        """Return the sum of conductances, of a cell as it is."""
        return self.leak + self.basal_conductance

    def _current(self, cell: Any, port: Any) -> Any:
        """Return what flows in if the soma is at 0."""
        return self.basal_conductance * cell.basal

    def move(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Move the potential by one Euler step, to what dendrites held in the last one."""
        u, total = cell.potential, self._total(cell)
        slope = self._current(cell, port) - total * u
        new = {"potential": u + increment(slope, self.tau, dt)}
        return {**new, "prospective": u + slope / total} if self.ahead else new

    def fire(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Fire at f of the potential."""
        return {"rate": activation(self.activation).rate(getattr(cell, self.copied))}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Keep the basal potential, and compare the soma with what it alone would make of it."""
        predicted = activation(self.activation).rate(self._share() * port.basal)
        return {"basal": port.basal, "mismatch": cell.rate - predicted}

    def _share(self) -> Any:
        """Return the basal dendrite's share in a soma that nobody teaches."""
        return self.basal_conductance / (self.leak + self.basal_conductance)

    def rest(self) -> dict[str, float]:
        """Return the state with all potentials 0 and rate f(0)."""
        return {**super().rest(), "rate": float(activation(self.activation).rate(0.0))}


class Pyramidal(Somatic):
    """A pyramidal cell with a basal and an apical dendrite: port and state ``apical``.

    Args:
        apical_conductance: from the apical dendrite to the soma.
    """

    apical_conductance: Magnitude = 0.8
    ports = {"basal": "predict", "apical": "feedback"}
    state = {**Somatic.state, "apical": 0.0}

    def _total(self, cell: Any) -> Any:
        return self.leak + self.basal_conductance + self.apical_conductance

    def _current(self, cell: Any, port: Any) -> Any:
        return self.basal_conductance * cell.basal + self.apical_conductance * cell.apical

    def _share(self) -> Any:
        return self.basal_conductance / (self.leak + self.basal_conductance + self.apical_conductance)

    def feedback(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Keep the apical potential."""
        return {"apical": port.apical}


class Interneuron(Somatic):
    """An interneuron, whose soma the pyramidal cell teaches that it copies. Port ``teacher``: a potential.

    Args:
        somatic: conductance from its teacher.
    """

    somatic: Magnitude = 0.8
    ports = {"basal": "predict", "teacher": "feedback"}

    def _total(self, cell: Any) -> Any:
        return self.leak + self.basal_conductance + self.somatic

    def _current(self, cell: Any, port: Any) -> Any:
        return self.basal_conductance * cell.basal + self.somatic * port.teacher


class TaughtPyramidal(Somatic):
    """A pyramidal cell of the output, which has no tuft; a teacher pulls its soma.

    To a potential it pulls by conductances to an excitatory and an inhibitory reversal potential E and E', as
    in the paper: somatic (u_target − E') / (E − E') and somatic (E − u_target) / (E − E'), which together are
    somatic (u_target − u).

    Outside inputs: ``target``, a rate, and ``clamped``, how far the teacher is there (1, or 0).

    Args:
        somatic: the teacher's conductance.
        nudge: "potential": to u_target = f⁻¹(target); "rate": by a current somatic (target − rate).
        margin: how far targets in potentials stay away from where f ends.

    Raises:
        CircuitError: no such nudge, or an activation that has no inverse here.
    """

    somatic: Magnitude = 0.8
    nudge: str = "rate"
    margin: Magnitude = 0.1
    inputs = {"target": ONE, "clamped": ONE}

    def __post_init__(self) -> None:
        one_of("TaughtPyramidal: nudge", self.nudge, NUDGES, CircuitError)
        if self.nudge == "potential":
            one_of(
                "activation of a TaughtPyramidal, nudge='potential'", self.activation, _INVERSES, CircuitError
            )
        super().__post_init__()

    def _total(self, cell: Any) -> Any:
        alone = self.leak + self.basal_conductance
        return alone if self.nudge == "rate" else alone + self.somatic * cell.clamped

    def _current(self, cell: Any, port: Any) -> Any:
        pull = cell.target - cell.rate if self.nudge == "rate" else self._potential(cell.target)
        return self.basal_conductance * cell.basal + self.somatic * cell.clamped * pull

    def _potential(self, target: Any) -> Any:
        """Return the potential at which the cell would fire at its target."""
        inverse, ends = _INVERSES[self.activation]
        if ends is not None:
            target = minimum(maximum(target, ends[0] + self.margin), ends[1] - self.margin)
        return inverse(target)
