"""Detection: does φ fire for each error that a teacher brings down, at its own step, and at no other?

    wanted of a φ cell     one spike in the learning phase, l steps after the teacher came (l links below the
                           output), if it watches a δ that is not 0; no spike otherwise
    update of a sample     Σ_t φ_t ε_t × rate_t, beside backprop's δ × rate

Samples run side by side and nothing learns. Song et al. 2020, Table 3, count such successes in percent; they
do not say of what. Here: of cells, of areas' cells, and of samples all of whose cells are right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from corticalnet.audit.deltas import deltas
from corticalnet.audit.stream import onsets, without_warnings
from corticalnet.circuits import Circuit
from corticalnet.compare import cosine, float64_copy
from corticalnet.engines import simulate
from corticalnet.errors import RuleError, one_of
from corticalnet.experiment.noise import Noise
from corticalnet.experiment.protocol import Present, Teach
from corticalnet.network import Network
from corticalnet.network.wiring import ForwardState, Wiring
from corticalnet.recordings.recording import Record
from corticalnet.rules import FaZIL, LearningRule
from corticalnet.rules.plasticity import Plasticity

Truths = NDArray[np.bool_]
#: The detectors by name: the paper's, the gated, the streaming, and one for a whole area.
DETECTORS: dict[str, Callable[..., FaZIL]] = {
    "paper": FaZIL,
    "gated": lambda **more: FaZIL(gate="prediction", **more),
    "streaming": lambda **more: FaZIL(gate="pulse", **more),
    "pooled": lambda **more: FaZIL(gate="pulse", pooled=True, **more),
}
#: An update is as good as backprop's from this cosine on.
GOOD = 0.99


@dataclass(frozen=True)
class Detection:
    """How well φ detected the arrival of errors.

    Attributes:
        cells: fraction of φ cells (of all samples) that did as wanted.
        areas: the same for each area.
        samples: fraction of samples all of whose φ cells did.
        missed: fraction of cells that should have fired and did not at their own step.
        spurious: fraction of cells that fired at another step.
        cosines: for each sample, of its whole update with backprop's; 0 if it has none.
    """

    cells: float
    areas: dict[str, float]
    samples: float
    missed: float
    spurious: float
    cosines: tuple[float, ...]

    @property
    def good(self) -> float:
        """Return the fraction of samples whose update has a cosine of at least 0.99 with backprop's."""
        return float(np.mean(np.asarray(self.cosines) >= GOOD))

    def to_dict(self) -> dict[str, Any]:
        """Describe the detection as data for JSON."""
        return {**asdict(self), "cosines": list(self.cosines), "good": self.good}


def with_detector(rule: LearningRule, name: str, **parameters: Any) -> LearningRule:
    """Return a rule of the same teaching signal and pathway, triggered by a detector of :data:`DETECTORS`.

    Args:
        rule: whose parts to take.
        name: "paper", "gated", "streaming" or "pooled".
        parameters: of :class:`~corticalnet.rules.FaZIL`: ``silence``, ``threshold``.

    Raises:
        RuleError: an unknown detector, or a rule that has no such parts.
    """
    one_of("detector", name, DETECTORS, RuleError)
    found = rule.with_trigger(DETECTORS[name](**parameters), f"{name} φ")
    if found is None:
        raise RuleError(
            f"{rule.name} is no Rule (teaching signal × feedback × trigger), so φ cannot trigger it"
        )
    return found


@torch.no_grad()
def detect(
    network: Network,
    rule: LearningRule,
    x: Tensor,
    targets: Tensor,
    *,
    present: int | None = None,
    teach: int = 32,
    precision: str = "float64",
    noise: float = 0.0,
    seed: int = 0,
    phase_signal: bool = True,
    circuit: Circuit | None = None,
) -> Detection:
    """Present samples side by side, then teach, and measure when φ fires.

    Args:
        network: where the columns are from.
        rule: one with φ (see :func:`with_detector`).
        x: ``[B, *shape]``.
        targets: classes ``[B]`` or vectors ``[B, n]``.
        present: steps of prediction; as many as the circuit needs if not given.
        teach: steps of learning, long enough for spikes that come late.
        precision: in which the columns compute; δ is always computed in float64.
        noise: s.d. of the noise on every prediction, new in every step.
        seed: of the noise.
        phase_signal: whether the paper's φ is told the phase.
        circuit: another than ``cn.circuit`` makes; of this network and rule, with learning rate 0.
    """
    columns = circuit or without_warnings(network, rule, 0.0, phase_signal)
    twin = float64_copy(network).cpu()
    x, targets = x.double(), targets.double() if targets.is_floating_point() else targets
    wiring, activity, delta = deltas(twin, rule, x, targets)
    places = {name: range(columns.population(f"{name}.value").n) for name in map(wiring.name, _nodes(wiring))}
    data = simulate(
        columns,
        [Present(x, columns.needs.present if present is None else present), Teach(targets, teach)],
        record=["phi", Record("error", where=places), Record("rate", where=places)],
        last=teach + 1,
        noise=noise_on_predictions(columns, noise, seed),
        check=False,
        precision=precision,
    )
    seen = {
        state: [np.zeros(0), *(data[f"{name}.{role}.{state}"].values[1:] for name in places)]
        for role, state in (("error", "error"), ("value", "rate"))
    }
    phi: list[Truths] = [np.zeros(0, dtype=bool)]
    for name in places:
        phi.append(onsets(data[f"{name}.phi.phi"].values > 0)[1:])
    judged = {wiring.name(k): _judge(phi[k], delta[k], wiring.depth[k]) for k in _nodes(wiring)}
    right, missed, spurious = (
        np.concatenate([one[kind] for one in judged.values()], axis=1) for kind in range(3)
    )
    pulses = [np.where(fires, error, 0.0) for fires, error in zip(phi, seen["error"], strict=True)]
    return Detection(
        cells=float(right.mean()),
        areas={name: float(one[0].mean()) for name, one in judged.items()},
        samples=float(right.all(1).mean()),
        missed=float(missed.mean()),
        spurious=float(spurious.mean()),
        cosines=tuple(_cosines(twin, wiring, activity, delta, pulses, seen["rate"])),
    )


def detection_by_silence(
    network: Network,
    rule: LearningRule,
    x: Tensor,
    targets: Tensor,
    silences: Sequence[int] = (1, 2, 3, 4, 8, 16),
    precisions: Sequence[str] = ("float32", "float64"),
    detectors: Sequence[str] = tuple(DETECTORS),
    progress: Callable[[int], None] | None = None,
) -> dict[str, dict[str, dict[int, Detection]]]:
    """Measure Song's Table 3 for every detector: detector -> precision -> t_d -> :class:`Detection`.

    Args:
        network, rule, x, targets: as for :func:`detect`; the rule's teaching signal and feedback are used.
        silences: t_d, in steps.
        precisions: "float32", "float64".
        detectors: names of :data:`DETECTORS`.
        progress: called with the number of runs done.
    """
    found: dict[str, dict[str, dict[int, Detection]]] = {}
    done = 0
    for name in detectors:
        for precision in precisions:
            for silence in silences:
                made = with_detector(rule, name, silence=silence)
                one = detect(network, made, x, targets, precision=precision)
                found.setdefault(name, {}).setdefault(precision, {})[silence] = one
                done += 1
                if progress is not None:
                    progress(done)
    return found


def noise_on_predictions(circuit: Circuit, sd: float, seed: int = 0) -> list[Noise]:
    """Return equal noise for the summed drive of every column, drawn anew in every step."""
    names = [p.name for p in circuit.populations if p.role == "prediction"]
    return [Noise(name, "prediction", sd, seed) for name in names] if sd else []


def size_of_deltas(network: Network, rule: LearningRule, x: Tensor, targets: Tensor) -> dict[str, float]:
    """Compute the root mean square of δ, by area and (as "all") over all columns."""
    wiring, _, delta = deltas(network, rule, x, targets)
    sizes = {wiring.name(k): float(delta[k].square().mean().sqrt()) for k in _nodes(wiring)}
    every = torch.cat([delta[k].flatten(1) for k in _nodes(wiring)], 1)
    return {**sizes, "all": float(every.square().mean().sqrt())}


def _nodes(wiring: Wiring) -> range:
    """Return the nodes of all areas, without the input."""
    return range(1, wiring.output + 1)


def _judge(fires: Truths, delta: Tensor, depth: int) -> tuple[Truths, Truths, Truths]:
    """Judge φ cells: which ``[B, n]`` did as wanted, missed their own step, or fired at another.

    Args:
        fires: ``[T, B, n]``; n = 1 if one φ watches the whole area.
        delta: ``[B, *columns]``.
        depth: the own step.
    """
    wanted: Truths = (delta.flatten(1) != 0).numpy()
    if fires.shape[2] < wanted.shape[1]:
        wanted = np.asarray(wanted.any(1))[:, None]
    own = np.arange(len(fires)) == depth
    there = fires[own].any(0)
    missed, spurious = wanted & ~there, fires[~own].any(0) | (there & ~wanted)
    return ~missed & ~spurious, missed, spurious


def _cosines(
    network: Network,
    wiring: Wiring,
    activity: ForwardState,
    delta: list[Tensor],
    pulses: list[NDArray[np.float64]],
    rates: list[NDArray[np.float64]],
) -> list[float]:
    """Compute the cosine of Σ_t φ_t ε_t × rate_t with δ × rate, for each sample over all links."""
    found = []
    for b in range(len(activity.rates[0])):
        one = slice(b, b + 1)
        wanted = _update(network, wiring, [r[one] for r in activity.rates], [d[one] for d in delta])
        pre, post = [activity.rates[0][one]], [delta[0]]
        for node in _nodes(wiring):
            post.append(torch.from_numpy(pulses[node][:, b]))
            pre.append(torch.from_numpy(rates[node][:, b]))
        found.append(_cosine(_update(network, wiring, pre, post), wanted))
    return found


def _update(network: Network, wiring: Wiring, rates: list[Tensor], errors: list[Tensor]) -> Tensor:
    """Sum ``error × rate`` of every weight, flat, over the first axis (steps, or one sample)."""
    plasticity = Plasticity(network, 1)
    for node in _nodes(wiring):
        when = errors[node].flatten(1).any(1)  # few steps, unless there is noise
        for source, link in wiring.arriving[node]:
            if link.plastic and when.any():
                pre = rates[source].expand(len(when), *rates[source].shape[1:])[when]
                post = errors[node][when]
                plasticity.hebbian(
                    link, pre.reshape(-1, *link.source_shape), post.reshape(-1, *link.target_shape)
                )
    plasticity.close()
    return torch.cat([p.grad.flatten() for p in network.learned if p.grad is not None])


def _cosine(one: Tensor, other: Tensor) -> float:
    """Compute the cosine; 1 if both vectors are zero, 0 if one is zero or not finite."""
    found = cosine(one, other)
    return float(not one.any() and not other.any()) if math.isnan(found) else found
