"""The main job in about a minute: real digits learned by six rules, and the same columns in time.

Every rule trains the same network (64-48-24-10, sigmoid) from the same weights with the same budget.
Next to the accuracy stands how like backprop's the rule's first weight change is, and what an update costs
compared with torch's autograd. (BrainProp's change is that of one action for each image; summed over all
actions it is backprop's.)

Three of the rules are audited: what holds of them is measured, and nothing looked up.

Then the columns of such a network run as a circuit: three images with their labels, in a stream of
unknown timing, with nothing but φ to tell a synapse when to learn.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch
import xarray as xr
from torch import nn

import corticalnet.data as datasets
from corticalnet.analysis import align, autograd_update, interleave, rule_update
from corticalnet.audit import Report, audit_rule, figure
from corticalnet.circuits import Circuit
from corticalnet.columns import circuit as expand
from corticalnet.columns.beside import joined, learned_changes, recorded_changes
from corticalnet.compare import relative_error, seeded
from corticalnet.data import Data
from corticalnet.engines import simulate
from corticalnet.experiment.stream import Stream
from corticalnet.network import Network, mlp
from corticalnet.network.from_torch import from_torch
from corticalnet.recordings.reading import all_cells
from corticalnet.rules.catalogue import rule
from corticalnet.tables import table
from corticalnet.training import Model, Settings, train

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RULES = ("backprop", "feedback-alignment", "brainprop", "il", "z-il", "fa-z-il")
COLUMNS = (64, 48, 24, 10)
AUDITED = ("backprop", "z-il", "streaming-fa-z-il")


@dataclass(frozen=True)
class Row:
    """What one rule reached in training.

    Attributes:
        test_accuracy: fraction of the test images, after the last epoch.
        ms, ratio: of one update, and to autograd's.
        cosine, error: of its weight change to backprop's (relative error in float64).
        curve: validation accuracy after each epoch.
    """

    rule: str
    test_accuracy: float
    ms: float
    ratio: float
    cosine: float
    error: float
    curve: list[float]


def run(epochs: int = 25, seed: int = 0, on_epoch: Callable[[str], None] = lambda name: None) -> list[Row]:
    """Train a network by each rule; compare its changes and its time with backprop's.

    Args:
        epochs: for every rule.
        seed: of the weights, the split, and the order of the images.
        on_epoch: called with the rule's name after each epoch.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two threads on a small network only wait for each other
    try:
        digits = datasets.load("digits", seed=seed)
        torch_net, start = _networks(seed)
        x, y = digits.train.batch(slice(0, 20))
        x = x.flatten(1)
        updates = {"autograd": autograd_update(torch_net, x, y)}
        updates |= {name: rule_update(start, rule(name), x, y) for name in RULES}
        costs = interleave(updates, seconds=6.0)
        rows = []
        for name in RULES:
            accuracy, curve = _train(name, start, digits, epochs, seed, on_epoch)
            likeness = align(start, rule(name), *digits.train.batch(slice(0, 256)))
            cost = costs[name]
            rows.append(Row(name, accuracy, cost.ms, cost.ratio, likeness.cosine, likeness.error, curve))
        return rows
    finally:
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class Columns:
    """A simulated stream of digits, and how close columns came to backprop in it.

    Attributes:
        circuit, recording: what ran, and what it did.
        error: relative distance of all weight changes to those of backprop, trial by trial.
    """

    circuit: Circuit
    recording: xr.Dataset
    error: float

    @property
    def spikes_of_phi(self) -> int:
        """Return the number of spikes of φ in all areas."""
        return int(all_cells(self.recording, "phi").sum())


def columns(seed: int = 0, trials: int = 3) -> Columns:
    """Simulate streaming Fa-Z-IL on digits, and compare its changes with backprop's on the same trials."""
    x, y = datasets.load("digits", seed=seed).train.batch(slice(0, trials), torch.float64)
    net = mlp([64, 24, 16, 10], hidden="tanh", seed=seed, dtype=torch.float64)
    circuit = expand(net, rule("streaming-fa-z-il"), learning_rate=0.1, name="columns by streaming Fa-Z-IL")
    present, teach = circuit.needs.present, circuit.needs.teach
    stream = Stream(x, y, present=(present, present + 6), teach=(teach, teach + 6), seed=seed)
    recording = simulate(circuit, [stream], seed=seed)
    lessons = zip(x.split(1), y.split(1), strict=True)
    wanted = learned_changes(net, rule("backprop"), lessons, learning_rate=0.1)
    return Columns(
        circuit, recording, relative_error(joined(recorded_changes(recording, net)), joined(wanted))
    )


def audits(seed: int = 0, on_rule: Callable[[str], None] = lambda name: None) -> list[Report]:
    """Audit three rules, on one small network of each kind."""
    found = []
    for name in AUDITED:
        on_rule(name)
        found.append(audit_rule(name, seed=seed, quick=True))
    return found


def report(rows: list[Row]) -> str:
    """Format the results of all rules as a table."""
    cells = [
        [
            r.rule,
            f"{100 * r.test_accuracy:.1f}",
            f"{r.ms:.2f}",
            f"{r.ratio:.2f}",
            f"{r.cosine:.4f}",
            f"{r.error:.0e}",
        ]
        for r in rows
    ]
    return table(["rule", "test %", "ms/update", "× autograd", "cosine to BP", "rel. error"], cells)


def figures(rows: list[Row], audited: list[Report], ran: Columns) -> dict[str, Figure]:
    """Draw all figures, by name."""
    from corticalnet import plotting  # matplotlib is slow to import
    from corticalnet.plotting.rules import accuracy_by_rule, cost_and_likeness

    drawn = {
        "learning_curves": accuracy_by_rule(
            {row.rule: row.curve for row in rows}, "Digits, learned by six rules"
        ),
        "cost_and_likeness": cost_and_likeness({row.rule: (row.ratio, row.cosine) for row in rows}),
        "audit": figure(audited),
    }
    return drawn | plotting.figures(ran.recording, ran.circuit)


def to_dict(rows: list[Row], audited: list[Report], ran: Columns) -> dict[str, object]:
    """Describe the results as data for JSON."""
    return {
        "network": list(COLUMNS),
        "data": "digits",
        "rules": [asdict(row) for row in rows],
        "audits": [one.to_dict() for one in audited],
        "circuit": {"error": ran.error, "spikes_of_phi": ran.spikes_of_phi},
    }


def _networks(seed: int) -> tuple[nn.Sequential, Network]:
    """Make one network twice: for autograd, and for rules."""
    layers: list[nn.Module] = []
    with seeded(seed):
        for pre, post in itertools.pairwise(COLUMNS):
            layers += [nn.Linear(pre, post, bias=False), nn.Sigmoid()]
            nn.init.xavier_uniform_(layers[-2].weight, gain=2.0)  # type: ignore[arg-type]
    torch_net = nn.Sequential(*layers[:-1])
    return torch_net, from_torch(torch_net, (COLUMNS[0],))


def _train(
    name: str, start: Network, digits: Data, epochs: int, seed: int, on_epoch: Callable[[str], None]
) -> tuple[float, list[float]]:
    settings = Settings(
        epochs=epochs, batch=20, lr=0.005, optimizer="adam", patience=None, seed=seed, device="cpu"
    )
    model = Model(copy.deepcopy(start), rule(name), settings, name="demo")
    result = train(model, digits, progress=False, on_epoch=lambda record: on_epoch(name))
    curve = [float(record["validation_accuracy"] or 0.0) for record in result.history]
    return result.last_test_accuracy, curve
