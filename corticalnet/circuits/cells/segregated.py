"""Cells with segregated dendrites: basal, apical, soma, plateau (Guerguiev, Lillicrap & Richards 2017).

    τ dC/dt = −C + basal                       soma; rate = f(C)
    apical  = Σ B y                            so far from the soma that it does not move it
    α       = σ(mean of apical)                plateau potential, when a phase ends
    error   = f'(mean of C, free) (α taught − α free)

Means are those of the last ``window`` ms: what a state was so long ago comes back along an axon of the cell's
own (ports ``…_before``), and leaves the mean. What the free phase has ended with is held until synapses have
changed (port ``prediction_phase`` is 0), the error is that of the last step with a teacher (port ``taught``).

The output has no apical dendrite: its teacher drives it, and it compares its own rate before and after.

Each phase of a step reads what the last one has set, so that a state that an experimenter holds is what the
rest of the cell goes by.
"""

from __future__ import annotations

from typing import Any

from corticalnet.circuits.cells.activation import activation
from corticalnet.circuits.cells.cell import Cell
from corticalnet.circuits.cells.state import State
from corticalnet.circuits.pointwise import exp, increment, relax, sigmoid, where
from corticalnet.circuits.quantities import ONE, Magnitude, Milliseconds, Probability


class SegregatedPyramidal(Cell):
    """A pyramidal cell of a hidden area: soma with basal dendrite, and an apical one that fires plateaus.

    Ports: ``basal``, ``apical``, ``soma_before`` and ``apical_before`` (those states, ``window`` ago),
    ``prediction_phase``, ``taught``. States beside those of the module's equations: the means, ``gain`` and
    ``free_plateau`` (f' and α at the end of the free phase).

    Args:
        tau: of the soma.
        activation: f.
        window: of the means.
    """

    tau: Milliseconds = 1.0
    activation: str = "sigmoid"
    window: Milliseconds = 20.0
    ports = {
        "basal": "predict",
        "soma_before": "predict",
        "apical": "detect",
        "apical_before": "detect",
        "prediction_phase": "",
        "taught": "",
    }
    state = {
        "soma": 0.0,
        "rate": 0.0,
        "soma_mean": 0.0,
        "gain": 0.0,
        "apical": 0.0,
        "apical_mean": 0.0,
        "plateau": 0.5,
        "free_plateau": 0.5,
        "error": 0.0,
    }
    output = "rate"

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax the soma to its basal dendrite by one Euler step."""
        return _integrated(self, cell, port, port.basal, dt)

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Fire as the soma is; take the gain of the free phase."""
        f = activation(self.activation)
        gain = f.gain(1.0, cell.soma_mean, f.rate(cell.soma_mean))
        return {"rate": f.rate(cell.soma), "gain": where(port.prediction_phase != 0, gain, cell.gain)}

    def detect(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Take what the apical dendrite receives into its mean."""
        mean = cell.apical_mean + increment(port.apical - port.apical_before, self.window, dt)
        return {"apical": port.apical, "apical_mean": mean}

    def send(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Set the plateau potential."""
        return {"plateau": sigmoid(cell.apical_mean)}

    def feedback(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Take the plateau of the free phase, and compare that of the other with it."""
        moved = cell.gain * (cell.plateau - cell.free_plateau)
        return {
            "free_plateau": where(port.prediction_phase != 0, cell.plateau, cell.free_plateau),
            "error": where(port.taught != 0, moved, cell.error),
        }

    def rest(self) -> dict[str, float]:
        """Return the state without drive, with rate and gain of f at 0."""
        return {**super().rest(), **_at_zero(self.activation)}


class SegregatedOutput(Cell):
    """An output cell, whose rate a teacher moves: rate = y + nudge (target − y), with y = f(C).

    Ports: ``basal``, ``soma_before``, ``rate_before``, ``prediction_phase``, ``taught``. Outside inputs:
    ``target``, ``clamped``. States beside those of a pyramidal cell: ``rate_mean``, ``free_rate`` (f of the
    soma's mean at the end of the free phase); its error is the gain times the difference of these.

    Args:
        tau: of the soma.
        activation: f.
        window: of the means.
        nudge: how far the teacher takes the output on its way.
    """

    tau: Milliseconds = 1.0
    activation: str = "sigmoid"
    window: Milliseconds = 20.0
    nudge: Probability = 1.0
    ports = {
        "basal": "predict",
        "soma_before": "predict",
        "rate_before": "compare",
        "prediction_phase": "",
        "taught": "",
    }
    state = {
        "soma": 0.0,
        "rate": 0.0,
        "soma_mean": 0.0,
        "rate_mean": 0.0,
        "gain": 0.0,
        "free_rate": 0.0,
        "error": 0.0,
    }
    inputs = {"target": ONE, "clamped": ONE}
    output = "rate"

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Relax the soma by one Euler step."""
        return _integrated(self, cell, port, self._drive(cell, port.basal), dt)

    def compare(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Fire, as the teacher wants if there is one; take rate and gain of the free phase."""
        f, free = activation(self.activation), port.prediction_phase != 0
        rate, answer = self._rate(cell, f.rate(cell.soma)), f.rate(cell.soma_mean)
        return {
            "rate": rate,
            "rate_mean": cell.rate_mean + increment(rate - port.rate_before, self.window, dt),
            "gain": where(free, f.gain(1.0, cell.soma_mean, answer), cell.gain),
            "free_rate": where(free, answer, cell.free_rate),
        }

    def detect(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Compare the mean rate with that of the free phase."""
        moved = cell.gain * (cell.rate_mean - cell.free_rate)
        return {"error": where(port.taught != 0, moved, cell.error)}

    def _pull(self, cell: Any) -> Any:
        """Return how far the teacher takes the cell now."""
        return where(cell.clamped != 0, self.nudge, 0.0)

    def _drive(self, cell: Any, basal: Any) -> Any:
        """Return what the soma relaxes to."""
        return basal

    def _rate(self, cell: Any, rate: Any) -> Any:
        """Return what the cell fires."""
        return rate + self._pull(cell) * (cell.target - rate)

    def rest(self) -> dict[str, float]:
        """Return the state without drive, with rates and gain of f at 0."""
        at_zero = _at_zero(self.activation)
        rates = dict.fromkeys(("rate_mean", "free_rate"), at_zero["rate"])
        return {**super().rest(), **at_zero, **rates}


class CurrentTaughtOutput(SegregatedOutput):
    """An output cell whose potential a teacher moves, by currents, towards ± reversal.

        τ dC/dt = −C + basal + nudge (reversal (2 target − 1) − basal)

    Args:
        tau, activation, window: see :class:`SegregatedOutput`.
        nudge: conductance of the teacher's currents over the whole conductance.
        reversal: their reversal potentials, + and −.
    """

    reversal: Magnitude = 8.0

    def _drive(self, cell: Any, basal: Any) -> Any:
        return basal + self._pull(cell) * (self.reversal * (2.0 * cell.target - 1.0) - basal)

    def _rate(self, cell: Any, rate: Any) -> Any:
        return rate


class PhaseEnd(Cell):
    """A cell that signals phases to columns, and to synapses when a teacher has gone.

    States: ``taught`` (1 while a teacher is there), ``tick`` (1 in the step after), ``prediction_phase`` (0
    in all of these). Outside input: ``teaching``.
    """

    state = {"prediction_phase": 1.0, "taught": 0.0, "tick": State(pulse=True)}
    inputs = {"teaching": ONE}

    def deliver(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Send the phase; tick in the first step without a teacher."""
        teaching, before = cell.teaching != 0, cell.taught != 0
        return {
            "taught": where(teaching, 1.0, 0.0),
            "tick": where(before & (cell.teaching == 0), 1.0, 0.0),
            "prediction_phase": where(teaching | before, 0.0, 1.0),
        }


class PostsynapticPotential(Cell):
    """What spikes leave behind in the synapses of an axon: the difference of two exponentials, exactly.

        rate = τ / (τ − rise) Σ_spikes (e^(−t/τ) − e^(−t/rise))          its area is τ per spike

    Two traces do for all synapses of an axon, which see the same. Ports: ``spikes``, ``before`` (the
    rate, ``window`` ago), ``prediction_phase``. States: ``rate``, the traces, its ``mean``, and ``held``, the
    mean at the end of the free phase.

    Args:
        tau, rise: time constants.
        window: of the mean.
    """

    tau: Milliseconds = 10.0
    rise: Milliseconds = 3.0
    window: Milliseconds = 20.0
    ports = {"spikes": "predict", "before": "predict", "prediction_phase": ""}
    state = {"rate": 0.0, "slow": 0.0, "fast": 0.0, "mean": 0.0, "held": 0.0}

    def predict(self, cell: Any, port: Any, dt: Any) -> dict[str, Any]:
        """Let both traces decay, and jump by the spikes that arrive."""
        slow = cell.slow * exp(-dt / self.tau) + port.spikes
        fast = cell.fast * exp(-dt / self.rise) + port.spikes
        rate = self.tau / (self.tau - self.rise) * (slow - fast)
        mean = cell.mean + increment(rate - port.before, self.window, dt)
        held = where(port.prediction_phase != 0, mean, cell.held)
        return {"rate": rate, "slow": slow, "fast": fast, "mean": mean, "held": held}


def _integrated(kind: Any, cell: Any, port: Any, drive: Any, dt: Any) -> dict[str, Any]:
    """Relax a soma to its drive by one Euler step, and take it into its mean."""
    soma = relax(cell.soma, drive, kind.tau, dt)
    return {"soma": soma, "soma_mean": cell.soma_mean + increment(soma - port.soma_before, kind.window, dt)}


def _at_zero(name: str) -> dict[str, float]:
    """Return rate and gain of an activation without drive."""
    f = activation(name)
    rate = float(f.rate(0.0))
    return {"rate": rate, "gain": float(f.gain(1.0, 0.0, rate))}
