"""How well do rules that bring activity down, and no errors, learn MNIST's digits, next to backprop?

    python -m simulations.targets_and_energies --data-folder DIR       MNIST, 5 seeds, 20 min on a busy core
    python -m simulations.targets_and_energies --quick                 scikit-learn's digits, some seconds

Target propagation (DTP, SDTP) with decoders and weights at once and in turns, epoch by epoch; equilibrium
propagation (symmetric nudges) and contrastive Hebbian learning; each beside backprop in the same network.
Adam, batches of 50, 15 epochs of weights, the last one; answers are those of the free equilibrium. Then DTP
in the network of Bartunov et al. 2018 (five areas of 256), at the rates of their search, 20 epochs.
DIR holds MNIST's four files; `mnist` as the toolkit fetches it, or fewer digits in the same format.

Expected: all within two points of backprop, and DTP better in turns than at once (Bartunov et al. 2018).

Next: simulations/targets_table.py, simulations/equilibrium_propagation.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import matplotlib.pyplot as plt
import torch
import typer
from rich.progress import track

import corticalnet as cn
import corticalnet.data as datasets
from corticalnet.plotting.style import styled
from corticalnet.training import load_model

from .equilibrium_propagation import STEEP, accuracies
from .parts import digits
from .parts.common import kept, plus_minus, simulation, table
from .parts.digits import Batch, Setting

TURNS = "in turns"
DTP, SDTP = "difference-target-propagation", "simplified-target-propagation"


@dataclass(frozen=True)
class Training:
    """One row: who learns, in which order, by which settings; and what is known of it.

    Attributes:
        rule: for people.
        setting: of the training; in turns there are as many epochs of decoders besides. The rule of the
            model `bartunov_fc`, which has settings of its own, is given by name.
        order: of decoders and weights; empty without decoders.
        known: what a prototype in NumPy reached on 8,000 and 2,000 of MNIST's digits, 3 seeds.
        paper: Bartunov et al., on all of MNIST.
    """

    rule: str
    setting: Setting | str
    order: str = ""
    known: str = ""
    paper: str = ""
    network: str = field(init=False)

    def __post_init__(self) -> None:
        setting = self.setting
        if isinstance(setting, str):
            network = "256 five times, tanh"
        else:
            steep = "steep " * (setting.gain > 1)
            network = f"{'-'.join(map(str, setting.hidden))}, {steep}{setting.activation}"
        object.__setattr__(self, "network", network)


_ONE, _TWO = {"hidden": (128,), "epochs": 15}, {"hidden": (128, 128), "epochs": 15}
_TANH: dict[str, Any] = {"activation": "tanh", "output": "linear", "lr": 1e-3, "beta2": 0.99, **_TWO}
_CE = {"loss": "cross-entropy"}
_EP: dict[str, Any] = {"parameters": {"feedback": 1.0, "steps": 40, "form": "symmetric"}, "lr": 4e-3, **STEEP}
_CHL = Setting("contrastive-hebbian", {"steps": 30}, lr=2e-3, **_TWO)

TRAININGS = (
    Training("backprop", Setting("backprop", lr=2e-3, **_ONE), known="94.57 ± 0.19"),
    Training("EP, symmetric", Setting("equilibrium-propagation", **_EP, **_ONE), known="95.43 ± 0.10"),
    Training("backprop", Setting("backprop", lr=2e-3, **_TWO), known="95.05 ± 0.05"),
    Training("CHL, κ = 0.2", _CHL, known="94.83 ± 0.33"),
    Training("backprop", Setting("backprop", _CE, **_TANH), known="95.23 ± 0.15"),
    Training("DTP", Setting(DTP, _CE, **_TANH), "at once"),
    Training("DTP", Setting(DTP, _CE, **_TANH), TURNS, known="95.03 ± 0.23"),
    Training("SDTP", Setting(SDTP, _CE, **_TANH), "at once"),
    Training("SDTP", Setting(SDTP, _CE, **_TANH), TURNS, known="92.57 ± 0.50"),
    Training("backprop", "backprop", paper="98.52"),
    Training("DTP", DTP, "at once", paper="97.14"),
    Training("DTP", DTP, TURNS, paper="98.17"),
)
#: Of the quick form: backprop, DTP at once and in turns.
QUICK = (4, 5, 6)
#: Epochs of the paper's network, and its seeds at most.
LONG, FEW = 20, 3


def run(
    quick: Annotated[bool, typer.Option("--quick", help="scikit-learn's digits, 3 rows, one seed.")] = False,
    data_folder: Annotated[Path | None, typer.Option(help="Folder to read MNIST from.")] = None,
    seeds: Annotated[int, typer.Option(help="How many.")] = 5,
    runs: Annotated[Path | None, typer.Option(help="Folder that keeps trainings, to go on from.")] = None,
) -> dict:
    """Train every row with every seed, or read what is there: of each seed, accuracy over epochs."""
    learned, tested = digits.images() if quick else images(data_folder)
    rows, seeds = (QUICK, 1) if quick else (range(len(TRAININGS)), seeds)
    found: dict[int, list[dict]] = {}
    many = {row: min(seeds, FEW) if isinstance(TRAININGS[row].setting, str) else seeds for row in rows}
    each = [(row, seed) for row in rows for seed in range(many[row])]
    for row, seed in track(each, "MNIST", transient=True):

        def work(row: int = row, seed: int = seed) -> dict:
            return train(TRAININGS[row], learned, tested, seed, 3 if quick else None)

        path = runs / str(len(learned[0])) / f"{row}-seed-{seed}.json" if runs else None
        found.setdefault(row, []).append(kept(path, work) if path else work())
    return {
        "data": "digits" if quick else "mnist",
        "train": len(learned[0]),
        "test": len(tested[0]),
        "rows": found,
    }


def images(folder: Path | None) -> tuple[Batch, Batch]:
    """MNIST's images ``[n, 784]`` with their classes: to learn, and to test."""
    data = datasets.load("mnist", folder=folder, validation=0)
    (x, y), (u, v) = (part.batch(slice(None), torch.float32) for part in (data.train, data.test))
    return (x.flatten(1), y), (u.flatten(1), v)


def train(one: Training, learned: Batch, tested: Batch, seed: int, epochs: int | None) -> dict:
    """One training of a row: test accuracy after every epoch (in turns, of decoders' and weights' epochs)."""
    setting = one.setting
    batch = 64 if isinstance(setting, str) else setting.batch
    turns = {"alternate": -(-len(learned[0]) // batch)} if one.order == TURNS else {}
    if isinstance(setting, str):
        pixels = tuple(learned[0].shape[1:])
        model = load_model("bartunov_fc", rule=setting, input_shape=pixels, seed=seed, **turns)
        net, rule, lr = model.network, model.rule, model.settings.lr
        betas, epochs = (0.9, 0.999), epochs or LONG
    else:
        net = setting.network(seed, learned[0].shape[1])
        rule = cn.rule(setting.rule, **setting.parameters, **turns)
        lr, betas, epochs = setting.lr, (0.9, setting.beta2), epochs or setting.epochs
    optimizer = torch.optim.Adam(net.parameters(), lr=lr, betas=betas)
    return digits.followed(net, rule, optimizer, learned, tested, seed, epochs * (2 if turns else 1), batch)


def report(results: dict) -> str:
    """A row for each training: accuracy at the end beside what is known."""
    rows = []
    for row, runs in results["rows"].items():
        one = TRAININGS[int(row)]
        last = plus_minus([100 * run["accuracy"][-1] for run in runs])
        beside = [one.known, one.paper] if results["data"] == "mnist" else ["", ""]
        rows.append([one.network, one.rule, one.order, len(runs), last, *beside])
    head = [
        "network", "rule", "decoders and weights", "seeds", "test %", "prototype in NumPy",
        "the paper, all of MNIST",
    ]  # fmt: skip
    return table(head, rows, f"{results['data']}, {results['train']} images and {results['test']} of test")


@styled
def draw(results: dict) -> plt.Figure:
    """Test accuracy of every seed and its mean."""
    figure, axes = plt.subplots(figsize=(6, 0.3 * len(results["rows"]) + 1.2), layout="constrained")
    labelled = {}
    for row, runs in results["rows"].items():
        one = TRAININGS[int(row)]
        labelled[": ".join([one.network, " ".join([one.rule, one.order]).strip()])] = runs
    accuracies(axes, labelled)
    axes.set_title("every seed and mean")
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
