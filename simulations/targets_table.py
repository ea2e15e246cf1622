"""How well do targets teach, next to errors: on connected and locally connected areas, in turns or at once?

    python -m simulations.targets_table                        digits, 3 seeds, 8 min
    python -m simulations.targets_table --data mnist --data-folder DIR --epochs 15       40 min of a core
    python -m simulations.targets_table --quick                FC, one seed, 2 epochs, some seconds

After Bartunov et al. 2018, Tables 1 and 2: target propagation in six forms, beside backprop and (direct)
feedback alignment, in networks of theirs, smaller. Digits: FC 64-64-64-10, LC 8×8 → 4×4×8 → 2×2×16 → 64 → 10
(3×3, stride 2); MNIST: FC 784-128-128-10, LC 28×28 → 14×14×8 → 7×7×16 → 128 → 10. tanh, Adam 1e-3 (β₂ 0.99),
decoders 3e-3, α and σ 0.1 (AO-SDTP: 0.3), cross-entropy; L-DRL (Ernoult et al. 2022) by the squared loss,
2e-3 and 1e-3. 40 epochs of weights; "alternating" has an epoch of decoders before each. Test set at the end.
For decoders: cosines to the transpose and the pseudo-inverse of the way up, on 8 images.

Expected: DTP best in turns and near backprop; AO-SDTP near it without weight transport; L-DRL is backprop.

Next: corticalnet/rules/target_propagation/propagation.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from rich.progress import track

import corticalnet as cn
from corticalnet.analysis import passes
from corticalnet.errors import SettingError, one_of
from corticalnet.plotting.style import styled

from .parts.common import kept, plus_minus, simulation, table
from .parts.targets import BATCHES, DECODING, NETWORKS, RULES, about, angles, load, title, train

#: Test errors (%), MNIST: FC, LC.
PAPER = {
    ("BP", "parallel"): (1.48, 1.17),
    ("FA", "parallel"): (1.85, 1.26),
    ("DFA", "parallel"): (2.75, 2.05),
    ("DTP", "parallel"): (2.86, 1.52),
    ("DTP", "alternating"): (1.83, 1.46),
    ("SDTP", "parallel"): (3.52, 1.98),
    ("SDTP", "alternating"): (2.28, 1.90),
    ("AO-SDTP", "parallel"): (2.93, 1.92),
    ("AO-SDTP", "alternating"): (1.86, 1.91),
}
ORDERS = ("parallel", "alternating")


def run(
    quick: Annotated[bool, typer.Option("--quick", help="FC, one seed, 2 epochs.")] = False,
    data: Annotated[str, typer.Option(help="digits or mnist.")] = "digits",
    data_folder: Annotated[Path | None, typer.Option(help="Folder to read it from.")] = None,
    seeds: Annotated[int, typer.Option(help="How many.")] = 3,
    epochs: Annotated[int, typer.Option(help="Of the weights.")] = 40,
    networks: Annotated[str, typer.Option(help="FC, LC, with commas between.")] = "FC,LC",
    runs: Annotated[Path | None, typer.Option(help="Folder that keeps trainings, to go on from.")] = None,
) -> dict:
    """Train every rule in every order with every seed, or read what is there."""
    one_of("data", data, NETWORKS, SettingError)
    for network in networks.split(","):
        one_of("network", network, NETWORKS[data], SettingError)
    seeds, epochs, networks = (1, 2, "FC") if quick else (seeds, epochs, networks)
    images = load(data, data_folder)
    x, y = images.train.batch(slice(0, BATCHES[data]), torch.float32)
    combinations = [
        (network, name, order)
        for network in networks.split(",")
        for name in RULES
        for order in (ORDERS if name in DECODING else ORDERS[:1])
    ]
    found: list[dict[str, Any]] = []
    for network, name, order in track(combinations, "targets", transient=True):
        how = RULES[name]

        def work(seed: int, network: str = network, how: Any = how, order: str = order) -> dict:
            return train(images, network, how, order == "alternating", seed, epochs)

        folder = runs / f"{data}-{len(images.train)}-{epochs}" / network / name / order if runs else None
        made = [
            kept(folder / f"seed-{seed}.json", lambda seed=seed: work(seed)) if folder else work(seed)
            for seed in range(seeds)
        ]
        one = {"network": network, "rule": name, "order": order, "runs": made}
        if network == "FC":
            net = cn.mlp([x[0].numel(), *NETWORKS[data]["FC"][1]["hidden"], 10], "tanh")
            one["passes"] = passes(net, cn.rule(how.rule, **how.settings), x, y)._asdict()
        found.append(one)
    return {**about(images, seeds, epochs), "trainings": found}


def report(results: dict) -> str:
    """Accuracy and angles beside the paper's accuracies; decoders at the end."""
    accuracy, decoders = [], []
    for one in results["trainings"]:
        name, order, runs = one["rule"], one["order"], one["runs"]
        known = PAPER.get((name, order))
        paper = f"{100 - known[one['network'] == 'LC']:.2f}" if known else ""
        swept = " + ".join(f"{n:.2f}" for n in one["passes"].values()) if "passes" in one else ""
        test, train_ = (plus_minus([100 * r[split] for r in runs]) for split in ("test", "train"))
        shown = order if name in DECODING else ""
        accuracy.append([one["network"], name, shown, len(runs), test, train_, angles(runs), swept, paper])
        if runs[0]["epoch"]:
            ends = [
                ", ".join(f"{np.mean(c):.2f}" for c in zip(*(r[way][-1] for r in runs), strict=True))
                for way in ("transpose", "inverse")
            ]
            decoders.append([name, order, *ends])
    head = [
        "network",
        "rule",
        "order",
        "seeds",
        "test %",
        "train %",
        "hidden areas' angles to backprop, from below",
    ]
    columns = [*head, "sweeps up + down + post × pre", "the paper, MNIST, test %"]
    one = table(columns, accuracy, title(results))
    columns = ["rule", "order", "cosine to the transpose, from below", "to the pseudo-inverse"]
    return f"{one}\n\n{table(columns, decoders, 'decoders at the end, FC')}"


@styled
def draw(results: dict) -> plt.Figure:
    """Test accuracy of every seed; cosines of the lowest decoder while it learns."""
    networks = list(dict.fromkeys(one["network"] for one in results["trainings"]))
    figure, panels = plt.subplots(
        1, len(networks) + 2, figsize=(4.5 * (len(networks) + 2), 4.5), layout="constrained"
    )
    for axes, network in zip(panels, networks, strict=False):
        for k, name in enumerate(RULES):
            for order, offset in zip(ORDERS, (-0.12, 0.12), strict=True):
                for one in results["trainings"]:
                    if (one["network"], one["rule"], one["order"]) == (network, name, order):
                        values = [100 * r["test"] for r in one["runs"]]
                        colour = "k" if name not in DECODING else f"C{ORDERS.index(order)}"
                        axes.plot([k + offset] * len(values), values, "o", ms=4, color=colour, alpha=0.7)
        axes.set_xticks(range(len(RULES)), [*RULES], rotation=60, ha="right")
        axes.set(ylabel="test accuracy (%)", title=f"{results['data']}, {network}")
    for order, colour in zip(ORDERS, ("C0", "C1"), strict=True):
        panels[0].plot([], [], "o", color=colour, label=order)
    panels[0].legend()
    for axes, way in zip(panels[-2:], ("transpose", "inverse"), strict=True):
        for k, name in enumerate(DECODING):
            for one in results["trainings"]:
                if (one["network"], one["rule"], one["order"]) == ("FC", name, "parallel"):
                    first = np.mean([[look[0] for look in r[way]] for r in one["runs"]], 0)
                    axes.plot(one["runs"][0]["epoch"], first, f"C{k}", label=name)
        named = "transpose" if way == "transpose" else "pseudo-inverse"
        axes.set(xlabel="epoch", ylabel="cosine", title=f"lowest decoder beside the {named} (FC, parallel)")
        if axes.lines:
            axes.legend()
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
