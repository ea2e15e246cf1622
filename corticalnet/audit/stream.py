"""Autonomy in a stream: columns that nobody tells when an image comes, nor when a teacher does.

    trial k        x_k is there for an unknown time, then the output is clamped at y_k for an unknown time
    distance       ‖W − W_twin‖ / ‖W_twin − W_0‖

Weights change throughout. The twin is the network that gets the same lessons from the rule's sweep
(backprop, for tied feedback), one update per trial. A rule that needs a clock or a phase signal does not
are told that the teacher comes, and is far off.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from corticalnet.audit.deltas import deltas
from corticalnet.checks import whole
from corticalnet.circuits import Circuit
from corticalnet.columns import circuit as expand
from corticalnet.columns.beside import projections
from corticalnet.compare import float64_copy
from corticalnet.engines import simulator
from corticalnet.errors import CircuitError, CircuitWarning, ProtocolError
from corticalnet.experiment.noise import Noise
from corticalnet.experiment.protocol import Element, Present, Reinforce, SetInput, Teach
from corticalnet.network import Network
from corticalnet.network.reading import as_rates, beside, finite, numbers
from corticalnet.recordings.reading import all_cells
from corticalnet.rules import LearningRule
from corticalnet.rules.catalogue import rule as rule_by_name
from corticalnet.rules.targets import as_vectors
from corticalnet.tables import table

if TYPE_CHECKING:
    pass

#: Numbers to keep of the weights while they run.
_MOST = 10_000_000


@dataclass(frozen=True)
class StreamReport:
    """How far the weights of autonomous columns were from their twin's.

    Attributes:
        rule, engine: what ran, and where.
        announced: whether clocks and phase signals are told that the teacher comes.
        distances: after each trial (when the next teacher comes), the largest of any projection.
        by_projection: the same for each plastic projection.
        expected: for each trial, φ cells that should fire: those that watch a δ which is not 0.
        spikes: for each trial, how often φ fired, from its teacher's coming to the next one's. Both are empty
            for rules without φ.
        timing: for each trial, steps of presentation and of teaching.
    """

    rule: str
    engine: str
    announced: bool
    distances: tuple[float, ...]
    by_projection: dict[str, tuple[float, ...]]
    expected: tuple[int, ...]
    spikes: tuple[int, ...]
    timing: tuple[tuple[int, int], ...]

    @property
    def worst(self) -> float:
        """Return the largest distance after any trial."""
        return max((d for d in self.distances if not math.isnan(d)), default=math.nan)

    def to_dict(self) -> dict[str, Any]:
        """Describe the report as data for JSON; numbers that are not finite become None."""
        found = {**asdict(self), "worst": self.worst}
        found["by_projection"] = {name: list(values) for name, values in self.by_projection.items()}
        return {key: _finite(value) for key, value in found.items()}

    def __str__(self) -> str:
        rows = [
            [k + 1, *self.timing[k], *self._phi(k), f"{distance:.1e}"]
            for k, distance in enumerate(self.distances)
        ]
        phi = ["φ expected", "φ found"] if self.spikes else []
        told = "the teacher is announced" if self.announced else "nobody is told"
        title = f"{self.rule} in a stream of {len(rows)} trials on {self.engine}; {told}"
        return table(["trial", "present", "teach", *phi, "distance"], rows, title)

    def _phi(self, k: int) -> list[int]:
        return [self.expected[k], self.spikes[k]] if self.spikes else []


def autonomy_in_a_stream(
    network: Network,
    rule: LearningRule,
    *,
    trials: int = 30,
    seed: int = 0,
    learning_rate: float = 0.1,
    stimuli: Any = None,
    targets: Any = None,
    announced: bool | Sequence[str] = False,
    phase_signal: bool | None = None,
    slack: tuple[int, int] = (8, 8),
    noise: Sequence[Noise] = (),
    engine: str = "torch",
    circuit: Circuit | None = None,
    twin: LearningRule | None = None,
    progress: Callable[[int], None] | None = None,
    **options: Any,
) -> StreamReport:
    """Run a network's columns through a stream of trials of unknown timing, and compare with a twin.

    Args:
        network: where the weights begin; it is not changed.
        rule: by which the columns learn.
        trials: how many, one stimulus each.
        seed: of stimuli and targets (if not given) and of the timing.
        learning_rate: of columns and twin.
        stimuli: ``[trials, *shape]``; uniform in [0, 1) if not given.
        targets: classes ``[trials]`` or vectors ``[trials, n]``; random classes if not given.
        announced: whether control cells (clocks, phase signals) are told that the teacher comes and goes; or
            which of them do, names of populations.
        phase_signal: see :func:`corticalnet.circuit`; if not given, ungated rules have one if the teacher is
            announced.
        slack: how many steps longer than the circuit needs presentation and teaching last at most; each
            number from 0 is as likely.
        noise: on ports; drawn anew in each trial.
        engine: "torch" or "brian2".
        circuit: of this network, this rule and this learning rate, if another than ``cn.circuit`` makes.
        twin: a rule that teaches the twin, without noise by which decoders learn; if not given, the rule's
            teaching signal and feedback with a sweep (for a rule that has no such parts, backprop).
        progress: called with the number of trials done.
        options: of the engine.

    Raises:
        CircuitError: the network or the rule has no circuit.
        ProtocolError: stimuli and targets are not as many as trials.
        EngineError: an unknown engine, or one that is not installed.
    """
    if rule.stochastic:
        raise CircuitError(f"{rule.name} learns by noise of its own, which a stream of trials does not draw")
    told = bool(announced) if phase_signal is None else phase_signal
    columns = circuit or without_warnings(network, rule, learning_rate, told)
    x, y = lessons(network, trials, seed, stimuli, targets)
    least = np.array([max(2, columns.needs.present), columns.needs.teach])
    timing = least + np.random.default_rng(seed).integers(0, slack, (trials, 2), endpoint=True)
    sweep = rule.in_one_sweep()
    phi = sweep is not None and any(p.role == "phi" for p in columns.populations)
    other, teacher = float64_copy(network), twin or sweep or rule_by_name("backprop")
    teacher = teacher.without_noise()  # (as columns are, but for ``noise``)
    optimizer = torch.optim.SGD(other.parameters(), lr=learning_rate)
    start = {name: p.detach().clone() for name, (_, p) in projections(other).items()}
    running = simulator(columns, engine, **options)
    distances, expected, spikes = [], [], []
    for some in _pieces(columns, timing):
        parts = [_trial(columns, x, y, timing, k, announced) for k in some]
        protocol = [element for part in parts for element in part]
        record = ["weights", "phi"] if phi else ["weights"]
        data = running.run(protocol, record, noise=noise, check=False, diverged="ignore")  # distances say it
        fires = onsets(all_cells(data, "phi") > 0) if phi else None
        end = 0
        for k, part in zip(some, parts, strict=True):
            begin, end = end, end + sum(element.steps or 0 for element in part)
            if fires is not None and sweep is not None:
                expected.append(_expected(other, sweep, x[k : k + 1], y[k : k + 1], columns))
                spikes.append(int(fires[begin:end].sum()))
            teacher.update(other, x[k : k + 1], y[k : k + 1], optimizer)
            reached = {n: data[n].values[end - 1] if n in data else columns.weights[n] for n in start}
            distances.append(_distances(other, start, reached))
            if progress is not None:
                progress(k + 1)
    return StreamReport(
        rule=rule.name,
        engine=engine,
        announced=bool(announced),
        distances=tuple(max(one.values()) for one in distances),
        by_projection={name: tuple(one[name] for one in distances) for name in distances[0]},
        expected=tuple(expected),
        spikes=tuple(spikes),
        timing=tuple((int(shown), int(taught)) for shown, taught in timing),
    )


def _pieces(circuit: Circuit, timing: NDArray[np.int64]) -> list[range]:
    """Split the trials into runs, each as long as there is room for its weights at every step."""
    size = sum(np.size(circuit.weights[p.name]) for p in circuit.plastic)
    each = max(1, _MOST // max(1, size * int(timing.max(0).sum())))
    return [range(first, min(first + each, len(timing))) for first in range(0, len(timing), each)]


def _trial(
    circuit: Circuit,
    x: Tensor,
    y: Tensor,
    timing: NDArray[np.int64],
    k: int,
    announced: bool | Sequence[str],
) -> list[Element]:
    """Return the elements of a trial: its teacher comes to a stimulus shown already.

    Changes that wait until the teacher has gone are then made too. After the last trial its stimulus stays.
    """
    shown = [int(steps) for steps in timing[:, 0]]
    begin: list[Element] = [Present(x[:1], shown[0] - 1)] if k == 0 else []
    # The last step of each presentation belongs to its teacher's part, so that every part shows something.
    here = [Present(x[k : k + 1], 1), teacher(circuit, y[k : k + 1], int(timing[k, 1]), announced)]
    n, steps = (k + 1, shown[k + 1]) if k + 1 < len(timing) else (k, circuit.needs.present + 1)
    return [*begin, *here, Present(x[n : n + 1], steps - 1)]


def without_warnings(
    network: Network, rule: LearningRule, learning_rate: float, phase_signal: bool
) -> Circuit:
    """Return the circuit of a rule without warnings that it may be unstable: that is measured here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CircuitWarning)
        return expand(network, rule, learning_rate, phase_signal=phase_signal)


def onsets(on: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the onsets of truth values over time, ``[T, …]``."""
    begins = on.copy()
    begins[1:] &= ~on[:-1]
    return begins


def lessons(
    network: Network, trials: int, seed: int, stimuli: Any = None, targets: Any = None
) -> tuple[Tensor, Tensor]:
    """Return stimuli and targets of a stream: given ones, or random ones.

    Raises:
        ProtocolError: they are not as many as trials.
    """
    rng = torch.Generator().manual_seed(seed)
    classes = torch.Size(network.output_shape).numel()
    trials = whole("a stream: trials", trials, ProtocolError)
    x = torch.rand(trials, *network.input_shape, generator=rng, dtype=torch.float64)
    y = torch.randint(classes, (trials,), generator=rng)
    x = finite(as_rates(x if stimuli is None else stimuli, network.input_shape, x, "stimuli"), "stimuli")
    y = numbers(y if targets is None else targets, "targets", x.device)
    taught = len(y) if y.dim() else 0
    if len(x) != trials or taught != trials:
        raise ProtocolError(
            f"a stream of trials = {trials} needs as many stimuli and targets, not {len(x)} and {taught}"
        )
    return x, beside(y, x)


def teacher(circuit: Circuit, target: Tensor, steps: int, announced: bool | Sequence[str] = True) -> Element:
    """Return an element that clamps the output, announced to all, some or no control cells; or a reward."""
    if any("answer" in p.cell.inputs for p in circuit.populations):
        return Reinforce(target, steps)
    if announced is True:
        return Teach(target, steps)
    given: dict[str, Any] = {f"{name}.teaching": 1.0 for name in announced or ()}
    for population in circuit.populations:
        for name in {"target", "clamped"} & population.cell.inputs.keys():
            value = as_vectors(target, torch.zeros(1, population.n, dtype=torch.float64))
            given[f"{population.name}.{name}"] = value.numpy() if name == "target" else 1.0
    return SetInput(given, steps)


def _expected(network: Network, rule: LearningRule, x: Tensor, y: Tensor, circuit: Circuit) -> int:
    """Count the φ cells that watch a δ which is not 0."""
    wiring, _, found = deltas(network, rule, x, y)
    size = {p.area: p.n for p in circuit.populations if p.role == "phi"}
    count = 0
    for node in range(1, wiring.output + 1):
        there = int((found[node] != 0).sum())
        count += min(there, size[wiring.name(node)])  # one φ for the whole area fires once
    return count


def _distances(network: Network, start: dict[str, Tensor], weights: dict[str, Any]) -> dict[str, float]:
    """Compute relative distances to the twin by projection; infinite where weights ran away."""
    found = {}
    for name, (_, parameter) in projections(network).items():
        wanted = parameter.detach()
        now = torch.as_tensor(weights[name], dtype=torch.float64).reshape(wanted.shape)
        away, moved = float((now - wanted).norm()), float((wanted - start[name]).norm())
        distance = away / moved if moved else math.inf if away else 0.0
        found[name] = distance if math.isfinite(distance) else math.inf
    return found


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value
