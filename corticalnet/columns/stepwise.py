"""In steps: one inference step of the rule is one step of the circuit (dt = 1 ms).

    Clocked     a clock tells each area when to learn: Z-IL, and every teacher's sweep; IL
    Detected    φ tells each column (Fa-Z-IL)

Ungated rules need to know that no teacher is there: a phase signal makes value cells settle and keeps φ
quiet. It can be left out; then the same equations run in prediction and in learning, and prediction must
come to rest by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from corticalnet.circuits import cells
from corticalnet.circuits.circuit import Needs
from corticalnet.circuits.plasticity import ErrorTimesRate
from corticalnet.columns.choosing import add_actions, world_and_dopamine
from corticalnet.columns.construction import (
    Columns,
    Construction,
    Shared,
    Site,
    both,
    depth_of,
    pool,
    told,
)
from corticalnet.rules import IL, ZIL, FaZIL


class Stepwise(Construction):
    """What both have in common.

    Args:
        learning_rate: of every synapse.
        gamma: γ, size of an inference step.
        phase_signal: whether cells are told when no teacher is there.
        waits: whether changes wait until the teacher has gone.
    """

    def __init__(self, learning_rate: float, gamma: float, phase_signal: bool, waits: bool) -> None:
        self.rate, self.gamma, self.phase_signal, self.waits = learning_rate, gamma, phase_signal, waits
        self.live = 0.0 if phase_signal else gamma

    def columns(self, site: Site) -> Columns:
        """Value, prediction and error."""
        tau, f = self.dt / self.gamma, site.activation
        kinds: dict[str, cells.Cell] = {
            "value": cells.Clamped(tau=tau) if site.output else cells.Value(tau=tau, activation=f),
            "prediction": cells.OutputPrediction(activation=f) if site.curved else cells.Prediction(),
            "error": cells.OutputError() if site.curved else cells.Error(),
        }
        wires = [
            ("value", "error", "own", "change", 1.0),
            ("prediction", "error", "own", "shift", -1.0),
            # A value in rates is pulled by the difference of rates, not by the error.
            ("error", "value", "own", "difference" if site.curved else "error", 1.0),
            ("error", "prediction", "own", "error", 1.0),
        ]
        if site.curved:
            wires.append(("prediction", "error", "prediction", "gain", 1.0))
        return Columns(kinds, wires)

    def plasticity(self, site: Site) -> ErrorTimesRate:
        """Error × rate, when the trigger comes."""
        return ErrorTimesRate(self.rate, self.trigger(site), consolidation="phase" if self.waits else "")

    def trigger(self, site: Site) -> str:
        """What makes synapses that end at a site learn."""
        return "modulator"

    def shared(self, sites: Sequence[Site], learning: dict[str, Site]) -> Shared:
        """The phase signal."""
        if not self.phase_signal:
            return Shared()
        hearing = {site.name: [r for r in ("value", "phi") if self._hears_phase(site, r)] for site in sites}
        targets = [f"{name}.{role}" for name, roles in hearing.items() for role in roles]
        return told({"phase": (cells.PhaseSignal(), targets + (list(learning) if self.waits else []))})

    def _hears_phase(self, site: Site, role: str) -> bool:
        cell = self.columns(site).cells.get(role)
        return cell is not None and "modulator" in cell.ports


class Clocked(Stepwise):
    """IL, or Z-IL: when to learn comes from clocks that start with the teacher."""

    def __init__(self, trigger: IL | ZIL, learning_rate: float, phase_signal: bool, waits: bool) -> None:
        super().__init__(learning_rate, trigger.rate, phase_signal, waits)
        self.rule = trigger
        self.levelled = isinstance(trigger, ZIL)

    def trigger(self, site: Site) -> str:
        """A clock: for Z-IL one for every depth."""
        return f"clock{site.depth}" if isinstance(self.rule, ZIL) else "clock"

    def needs(self, sites: Sequence[Site]) -> Needs:
        """The output's error is one step behind its prediction: it must be gone when the teacher comes."""
        depth = depth_of(sites)
        if isinstance(self.rule, ZIL):
            return Needs(depth + 1, depth)
        return Needs(depth + 1, self.rule.steps + (self.rule.update == "last"))

    def shared(self, sites: Sequence[Site], learning: dict[str, Site]) -> Shared:
        """Clocks, and the phase signal."""
        clocks: dict[str, tuple[cells.Cell, list[str]]] = {}
        for name, site in learning.items():
            clocks.setdefault(self.trigger(site), (self._clock(site), []))[1].append(name)
        return both(told(clocks), super().shared(sites, learning))

    def _clock(self, site: Site) -> cells.Clock:
        if isinstance(self.rule, ZIL):
            return cells.Clock(first=site.depth, last=site.depth)
        last = self.rule.steps if self.rule.update == "last" else self.rule.steps - 1
        return cells.Clock(first=0 if self.rule.update == "every step" else last, last=last)


class Detected(Stepwise):
    """Fa-Z-IL: φ cells watch the errors. Gated ones (also streaming) need no control of any kind.

    Rewarded columns have no teacher either: the output chooses, and dopamine kicks the chosen column.
    """

    def __init__(
        self,
        trigger: FaZIL,
        learning_rate: float,
        phase_signal: bool,
        waits: bool,
        rewarded: bool = False,
    ) -> None:
        self.rewarded = rewarded
        self.gated = trigger.gate != "none"
        super().__init__(learning_rate, 1.0, phase_signal and not self.gated, waits)
        self.rule = trigger
        self.tells = ("error", "sent" if self.gated else "error")
        self.live = 0.0 if self.gated else self.live

    def columns(self, site: Site) -> Columns:
        """Value, prediction, error and φ."""
        stand, rule = super().columns(site), self.rule
        if self.rewarded and site.output:
            stand.cells["value"] = cells.RewardedValue(tau=self.dt)
            add_actions(stand, site, "prediction", "predicted_rate" if site.curved else "prediction")
            stand.wires.append(("action", "value", "prediction", "action", 1.0))
        silence, threshold = float(rule.silence), float(rule.threshold)
        if not self.gated:
            stand.cells["phi"] = cells.ChangeDetector(silence, threshold)
            stand.wires += [
                ("error", "phi", "own", "error", 1.0),
                ("phi", "prediction", "modulator", "phi", 1.0),
            ]
            return stand
        gate = "phi" if rule.gate == "pulse" else "gate"
        phi = (cells.PulseDetector if gate == "phi" else cells.GatingDetector)(silence, threshold)
        stand.cells["error"] = cells.GatedOutputError() if site.curved else cells.GatedError()
        if not rule.pooled:
            stand.cells["phi"] = phi
            stand.wires += [
                ("error", "phi", "own", "error", 1.0),
                ("prediction", "phi", "prediction", "shift", 1.0),
                ("phi", "prediction", "modulator", "phi", 1.0),
                ("phi", "error", "modulator", gate, 1.0),
            ]
            return stand
        stand.cells["error"] = cells.SizedOutputError() if site.curved else cells.SizedError()
        # One φ for the area: it hears how large all errors are, and how far all predictions moved.
        stand.cells["prediction"] = cells.WatchedPrediction(site.activation, site.curved, memory=self.dt)
        pool(stand, phi, {"error": gate, "prediction": "phi"})
        return stand

    def needs(self, sites: Sequence[Site]) -> Needs:
        """Errors must have been silent for t_d steps when the teacher comes (two more for a choice).

        The teacher stays for the trial's steps: where f' = 0 the paper's φ fires late, and learns late.
        """
        depth, choice = depth_of(sites), 2 * self.rewarded
        taught = max(depth + self.rewarded, self.rule.steps or 0)
        return Needs(depth + self.rule.silence + choice, taught)

    def shared(self, sites: Sequence[Site], learning: dict[str, Site]) -> Shared:
        """The phase signal, or the world and dopamine."""
        if not self.rewarded:
            return super().shared(sites, learning)
        output = next(site for site in sites if site.output)
        return world_and_dopamine(output, [f"{output.name}.value"])
