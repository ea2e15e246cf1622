"""The trajectory of inference in one trial: energy by area, step by step, and when weights changed.

The same three things are read from a rule at work on a network and from a recording of its circuit:

    F_t by area        ½ ‖ε_t‖² of hidden areas, the lesson's loss of the output          mean over the batch
    changed            the steps at which the synapses into an area changed               0: the teacher comes
    change             by how much in all, beside what one sweep (backprop) would have changed
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from corticalnet.checks import shown
from corticalnet.columns.links import flat
from corticalnet.compare import float64_copy, seeded
from corticalnet.errors import ProtocolError, RuleError
from corticalnet.network import Network
from corticalnet.network.reading import beside
from corticalnet.network.wiring import Wiring
from corticalnet.recordings.reading import area_names, states
from corticalnet.recordings.reading import weights as weights_at
from corticalnet.rules import LearningRule, Rule, Sweep, Teacher, Tied
from corticalnet.rules.observer import Broadcasts, Cells, Observer, by_area
from corticalnet.rules.predictive_coding.energy import Energy

if TYPE_CHECKING:
    import xarray as xr


@dataclass
class InferenceTrajectory:
    """Energy, values and weight changes at each step of inference in a trial.

    Lists go by node from the area above the input up.

    Attributes:
        name: of the rule.
        wiring: areas, relays among them.
        energy: F under the lesson, as a function of hidden values.
        rate: γ.
        energies: F ``[steps, areas]``.
        values: hidden values at each step ``[batch, n]``.
        changed: area -> steps at which the synapses that end there changed.
        change, wanted: area -> change of those synapses in all, and by one sweep; flat.
    """

    name: str
    wiring: Wiring
    energy: Energy
    rate: float
    energies: Tensor
    values: list[Tensor]
    changed: dict[str, list[int]] = field(default_factory=dict)
    change: dict[str, Tensor] = field(default_factory=dict)
    wanted: dict[str, Tensor] = field(default_factory=dict)

    @property
    def last(self) -> int:
        """Return the step of the last change (the last step, if nothing changed)."""
        return max((max(steps) for steps in self.changed.values() if steps), default=len(self.values) - 1)


@torch.no_grad()
def trajectory_of_rule(net: Network, rule: Any, x: Any, targets: Any, seed: int = 0) -> InferenceTrajectory:
    """Record how a rule learns from one batch, on a float64 copy of a network.

    Raises:
        RuleError: the rule has no energy to relax.
        ShapeError: inputs or targets do not fit.
    """
    own = _with_energy(rule).for_audit()
    if not isinstance(net, Network):
        raise RuleError(f"a regime is told of a Network, not of {shown(net)}")
    twin, still = float64_copy(net), float64_copy(net)
    x = twin.admit(x, least=1)
    targets = beside(targets, x)
    found: list[dict[tuple[str, str], Tensor]] = []
    learned: list[dict[str, Tensor]] = []

    class Values(Observer):
        def snapshot(self, wiring: Wiring, cells: Cells, broadcasts: Broadcasts | None = None) -> None:
            found.append(by_area(wiring, {"value": cells.get("value", ())}))
            learned.append(_credits(twin))

    own.observer = Values()
    with seeded(seed, x.device):
        wiring = still.levelled() if own.levelled else still.wiring
        activity = wiring.forward(x)
        energy = Energy(wiring, activity, own.teaching.loss_for(activity.rates[-1], targets))
    with seeded(seed, x.device):  # the same silent columns and the same actions for both
        twin.zero_grad(set_to_none=True)
        own.learn(twin, x, targets)
    if not found or not found[0]:
        raise _no_energy(rule)
    learned.append(_credits(twin))
    names = [wiring.name(node) for node in range(len(wiring.areas))]
    values = [energy.joined([state.get((n, "value"), x) for n in names]) for state in found]
    energies = torch.stack([energy(v).mean(0) for v in values])
    trajectory = InferenceTrajectory(own.name, wiring, energy, own.inference_rate or 1.0, energies, values)
    for area in learned[0]:
        steps = range(len(values))
        trajectory.changed[area] = [
            t for t in steps if not torch.equal(learned[t][area], learned[t + 1][area])
        ]
        trajectory.change[area] = learned[-1][area]
    with seeded(seed, x.device):
        trajectory.wanted = _swept(float64_copy(net), own, x, targets)
    return trajectory


@torch.no_grad()
def trajectory_of_recording(net: Network, rule: Any, recording: xr.Dataset) -> InferenceTrajectory:
    """Read the first taught trial of a recorded circuit.

    Args:
        net: the network, with the weights with which the trial began.
        rule: that the circuit was made with.
        recording: states of all cells and weights, at every step. (Cut an earlier trial off with
            ``recording.isel(time=slice(…))``.)

    Raises:
        RuleError: the rule has no energy to relax.
        ProtocolError: the recording does not tell enough, or the network is another.
    """
    own = _with_energy(rule)
    twin = float64_copy(net).eval()
    begin, end = _taught(recording, [link.name for link in twin.links if link.plastic])
    areas = set(area_names(recording))
    level = twin.levelled()
    names = [level.name(node) for node in range(1, level.output + 1)]
    wiring = level if areas.issuperset(names) else twin.wiring

    def cells(state: str, node: int) -> Tensor:
        seen = recording[f"{wiring.name(node)}.{state}"].isel(time=slice(begin, end)).values
        return torch.as_tensor(np.array(seen, dtype=np.float64))

    held = cells("value.value", wiring.output)
    if not all(cells("error.error", node).isfinite().all() for node in range(1, wiring.output + 1)):
        raise ProtocolError(
            "the simulation of this recording diverged: errors are not finite, so it is in no regime"
        )
    if not torch.allclose(held[0], held[-1], rtol=1e-5, atol=1e-6):
        raise ProtocolError(
            "the teacher of this recording does not hold the output at its target from the first step on; "
            "a regime can be told of circuits that run in steps (dt = τ/γ)"
        )
    activity = wiring.forward(twin.admit(cells("value.value", 0)[0]))
    energy = Energy(wiring, activity, Teacher().loss_for(activity.rates[-1], held[0]))
    nodes = range(1, wiring.output + 1)
    errors = [cells("error.error", node) for node in nodes]
    if f"{wiring.name(wiring.output)}.error.difference" in recording:  # a nonlinear output compares rates
        errors[-1] = cells("error.difference", wiring.output)
    energies = torch.stack([0.5 * e.square().sum(2).mean(1) for e in errors], 1)
    states = [cells("value.value", node) if node in energy.nodes else held for node in [0, *nodes]]
    joined = [energy.joined([state[t] for state in states]) for t in range(end - begin)]
    rate = own.inference_rate or 1.0
    trajectory = InferenceTrajectory(own.name, wiring, energy, rate, energies, joined)
    for node in range(1, twin.wiring.output + 1):
        _read_weights(trajectory, twin.wiring, node, recording, begin, end)
    trajectory.wanted = _swept(twin, own, cells("value.value", 0)[0], held[0])
    return trajectory


def _read_weights(
    trajectory: InferenceTrajectory, wiring: Wiring, node: int, recording: Any, begin: int, end: int
) -> None:
    """Read from a recording when, and by how much, the synapses onto a node changed."""
    changes = []
    for link in (link for _, link in wiring.arriving[node] if link.plastic):
        before = (
            recording[link.name].isel(time=begin - 1).values
            if begin
            else weights_at(recording, link.name, "before")
        )
        if not np.allclose(before, flat(link, link.weight), rtol=1e-5, atol=1e-7):
            raise ProtocolError(
                f"projection '{link.name}' of the recording began with weights unlike the network's"
            )
        during = recording[link.name].isel(time=slice(begin, end)).values
        weights = np.concatenate([before[None], during])
        changes.append(torch.as_tensor(np.diff(weights, axis=0).reshape(end - begin, -1)))
    if not changes:
        return
    change, area = torch.cat(changes, 1), wiring.name(node)
    trajectory.changed[area] = change.any(1).nonzero()[:, 0].tolist()
    trajectory.change[area] = change.sum(0)


def _taught(recording: xr.Dataset, projections: list[str]) -> tuple[int, int]:
    """Return the first step of the first teacher, and the step after its last."""
    known = {*recording.data_vars, *(array.attrs["state"] for array in states(recording))}
    lacking = [name for name in ("value", "error", *projections) if name not in known]
    if lacking:
        raise ProtocolError(f"a regime needs what was not recorded: {', '.join(lacking)}")
    time, dt = recording["time"].values, float(recording.attrs["dt"])
    if len(time) > 1 and not np.allclose(np.diff(time), dt):
        raise ProtocolError("a regime needs a recording of every step (every=1)")
    events = [(round(t / dt), label) for t, label in json.loads(recording.attrs["events"])]
    first, after = round(time[0] / dt), round(time[-1] / dt) + 1
    inside = [t for t, label in events if label == "teach" and first <= t < after]
    if not inside:
        raise ProtocolError("there is no teacher in this recording; a regime needs a trial that is taught")
    end = min([t for t, _ in events if t > inside[0]] + [after])
    return inside[0] - first, end - first


def _credits(net: Network) -> dict[str, Tensor]:
    """Map areas to minus the gradient of the synapses that end there, flat, where some of them learn."""
    found = {}
    for node in range(1, net.wiring.output + 1):
        weights = [link.weight for _, link in net.wiring.arriving[node] if link.plastic]
        parts = [torch.zeros_like(w) if w.grad is None else -w.grad for w in weights]
        if parts:
            found[net.wiring.name(node)] = torch.cat([part.flatten() for part in parts])
    return found


def _swept(net: Network, rule: LearningRule, x: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """Compute the change by one sweep with the same teaching signal."""
    net.zero_grad(set_to_none=True)
    Rule(rule.teaching, Tied(), Sweep()).learn(net, x, targets)
    return _credits(net)


def _with_energy(rule: Any) -> LearningRule:
    """Return a copy of the rule, after a check that its value cells descend an energy.

    Raises:
        RuleError: they do not.
    """
    if not isinstance(rule, LearningRule) or rule.inference_rate is None:
        raise _no_energy(rule)
    if not rule.tied:
        raise RuleError(
            f"{rule.name}: with feedback that is not the transpose of what predicts, value cells go down no "
            "energy; a regime can be told of feedback='tied'"
        )
    return copy.deepcopy(rule)


def _no_energy(rule: Any) -> RuleError:
    name = getattr(rule, "name", type(rule).__name__)
    return RuleError(
        f"{name} goes down no energy of predictive coding, so it has no regime; "
        "choices: il, ipc, z-il, fa-z-il, streaming-fa-z-il"
    )
