"""Settling: does prediction come to rest by the very equations of learning? One trial, shown for long.

No value cell is told that no teacher is there, so feedback is live all the time. When the teacher comes, the
columns should stand where a forward sweep would have put them; what they learn then is held against what the
rule learns on the network:

    distance = ‖ΔW of the circuit − ΔW of the rule‖ / ‖ΔW of the rule‖
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.audit.samples import random_batch
from corticalnet.audit.stream import teacher
from corticalnet.circuits import Circuit
from corticalnet.circuits.cells import PhaseSignal
from corticalnet.columns import circuit as expand
from corticalnet.columns.beside import joined, learned_changes, recorded_changes
from corticalnet.compare import relative_error
from corticalnet.engines import simulate
from corticalnet.experiment.protocol import Present
from corticalnet.network import Network
from corticalnet.recordings.reading import all_cells
from corticalnet.rules import LearningRule

RATE = 0.1
#: Steps of presentation; the longer one if errors still fell at the end of the shorter.
SHORT, LONG = 200, 1500
#: A change is the rule's up to this: rest is approached exponentially, and left at 1e-7 to 1e-6 by then (ipc,
#: four networks); what does not come to rest is off by more than 1e-2.
SETTLED = 1e-5


@dataclass(frozen=True)
class Settling:
    """Result of one trial after a long presentation with live feedback.

    Attributes:
        distance: of the weight change.
        rest: the largest error that was left when the teacher came.
        steps: of presentation.
        sooner: the distance after a shorter presentation, if that was not enough.
        before: how far weights had moved when the teacher came, relative to the rule's change; None where
            nothing can move them before.
    """

    distance: float
    rest: float
    steps: int
    sooner: float | None = None
    before: float | None = None

    @property
    def equal(self) -> bool:
        """Return whether the change equals the rule's, up to the tolerance."""
        return self.distance <= SETTLED

    @property
    def coming(self) -> bool:
        """Return whether a longer presentation brought the change ten times closer."""
        return self.sooner is not None and self.distance < 0.1 * self.sooner


def settle(network: Network, rule: LearningRule, seed: int, told: bool = True) -> Settling:
    """Run one trial; a longer one, if columns were still on their way to rest.

    Args:
        network, rule: what learns; not changed.
        seed: of the lesson.
        told: whether φ receives the phase signal, if it can.
    """
    columns = without_phase(expand(network, rule, RATE, phase_signal=told))
    found, falling = _trial(columns, network, rule, seed, SHORT)
    if found.distance > SETTLED and falling:
        found = replace(_trial(columns, network, rule, seed, LONG)[0], sooner=found.distance)
    if told:
        return found
    x, _ = random_batch(network, seed, 1)
    shown = [Present(x, SHORT)]
    early = simulate(columns, shown, record=[network.links[-1].name], last=1, check=False, diverged="ignore")
    before = _norm(joined(recorded_changes(early, network)))
    return replace(found, before=before / _norm(_wanted(network, rule, seed)))


def without_phase(columns: Circuit) -> Circuit:
    """Return the circuit without the phase signal to value cells: one equation for both phases."""
    phases = {p.name for p in columns.populations if isinstance(p.cell, PhaseSignal)}
    broadcasts = []
    for broadcast in columns.broadcasts:
        if broadcast.source in phases:
            targets = [t for t in broadcast.targets if not t.endswith(".value")]
            broadcast = replace(broadcast, targets=targets)
        if broadcast.targets:
            broadcasts.append(broadcast)
    used = {broadcast.source for broadcast in broadcasts}
    populations = [p for p in columns.populations if p.name not in phases or p.name in used]
    return replace(columns, populations=populations, broadcasts=broadcasts)


def number(value: Any) -> float:
    """Convert to float; infinity for numbers that are not finite."""
    return float(value) if math.isfinite(value) else math.inf


def _trial(
    columns: Circuit, network: Network, rule: LearningRule, seed: int, steps: int
) -> tuple[Settling, bool]:
    """Run one trial; also return whether errors still fell when the teacher came."""
    x, targets = random_batch(network, seed, 1)
    teach, watched = columns.needs.teach, steps // 2
    errors = any("error" in p.cell.state for p in columns.populations)
    waits = any(p.plasticity is not None and p.plasticity.consolidation for p in columns.projections)
    after = [Present(x, SHORT)] if waits else []  # changes may wait until the teacher has gone
    data = simulate(
        columns,
        [Present(x, steps), teacher(columns, targets, teach, announced=True), *after],
        record=["error"] if errors else [network.links[-1].name],
        last=teach + watched,
        check=False,
        diverged="ignore",  # what runs away is what is measured
    )
    wanted = _wanted(network, rule, seed)
    distance = number(relative_error(joined(recorded_changes(data, network)), wanted))
    if not errors:
        return Settling(distance, 0.0, steps), False
    there = all_cells(data, "error")[:watched]
    sizes = np.abs(there).max(axis=(1, 2), initial=0.0, where=~np.isnan(there))
    falling = sizes[-10:].max() < 0.9 * sizes[:10].max()  # of ten steps, for errors may swing
    return Settling(distance, number(sizes[-1]), steps), bool(falling)


def _wanted(network: Network, rule: LearningRule, seed: int) -> NDArray[np.float64]:
    """Return the change by the rule itself, in one row."""
    return joined(learned_changes(network, rule, [random_batch(network, seed, 1)], RATE))


def _norm(values: Any) -> float:
    return number(np.linalg.norm(values))
