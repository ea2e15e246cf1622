"""Do the papers' largest networks run at size, what do they learn in little time, what would they cost?

    python -m simulations.deep_networks            2 seeds, about 40 min of a core, 6 GB
    python -m simulations.deep_networks --quick    narrow networks, 160 images, one epoch; some seconds

    learning   BrainProp's eight layers (Pozzi et al. 2020: batch homeostasis, dropout 0.3 to 0.8,
               pooling, weight decay, the paper's rate and batch), beside its error-backprop twin:
               Fashion-MNIST's images with a black margin, 3×32×32 (three equal channels), and synthetic
               images of CIFAR's shape (classes of textures, noise on top)
    size       Bartunov et al. 2018, the locally connected network for ImageNet (7 local areas, 224×224×3,
               1,000 classes): parameters, memory and time of an update, and what the paper's budget takes

The budget in days is arithmetic: multiplications and additions of 500 epochs over 1,281,167 images at 30 % of
an H100's 989 TFLOP/s (bfloat16), or all weights and their changes once per update at 3.35 TB/s, whichever is
longer; batch 256.

Expected: eight layers learn, and reward costs time beside errors; weights that are not shared make an update
of few images a matter of memory.

Next: models/brainprop_deep.py, models/bartunov_lc.py.
"""

from __future__ import annotations

import resource
import sys
import time
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
from corticalnet.training.preparation import make_optimizer

from .parts import training
from .parts.common import FOLDER, kept, plus_minus, simulation, table

Lessons = tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
RULES = ("brainprop", "backprop")
SIZED = ("backprop", "feedback-alignment", "difference-target-propagation")
#: (kernel, channels, stride) of Bartunov et al. 2018, Table 4.
IMAGENET = ((9, 48, 4), (3, 48, 2), (5, 96, 1), (3, 96, 2), (3, 192, 1), (3, 192, 2), (3, 384, 1))
#: Images of ImageNet, epochs of the paper, images of an update, FLOP/s and bytes/s of a GPU.
IMAGES, EPOCHS, BATCH, SPEED, BANDWIDTH = 1_281_167, 500, 256, 0.3 * 989e12, 3.35e12


def run(
    quick: Annotated[bool, typer.Option("--quick", help="Narrow networks, one epoch.")] = False,
    seeds: Annotated[int, typer.Option(help="How many.")] = 2,
    images: Annotated[int, typer.Option(min=10, help="That are learned.")] = 3000,
    epochs: Annotated[int, typer.Option(min=1, help="Over them.")] = 6,
    data_folder: FOLDER = None,
    runs: Annotated[Path, typer.Option(help="Finished trainings are kept here.")] = Path(
        "runs/deep_networks"
    ),
) -> dict:
    """Train each rule on each set with each seed, or read what is there; then sizes."""
    if quick:
        seeds, images, epochs = 1, 160, 1
    sets: dict[str, Any] = {"synthetic": lambda: textures(images, images // 5)}
    if not quick:
        sets = {"fashion-mnist": lambda: framed(data_folder, images, images // 3), **sets}
    found: dict[str, Any] = {}
    for name, make in sets.items():
        lessons = make()
        for rule in RULES:
            for seed in range(seeds):

                def work(rule: str = rule, seed: int = seed, lessons: Lessons = lessons) -> dict:
                    return learned(rule, lessons, seed, epochs, (8, 16) if quick else (64, 128))

                path = runs / f"{name}-{epochs}x{images}" / f"{rule}-{seed}.json"
                found.setdefault(name, {}).setdefault(rule, []).append(work() if quick else kept(path, work))
    scale = {"side": 32, "classes": 10, "narrower": 12} if quick else {}
    sizes = {rule: sized(rule, **scale) for rule in SIZED}
    return {"images": images, "epochs": epochs, "seeds": seeds, "learning": found, "size": sizes}


def framed(folder: Path | None, learn: int, test: int) -> Lessons:
    """Fashion-MNIST's images, 28×28, in the middle of 32×32, three times."""
    data = datasets.load("fashion-mnist", folder=folder, validation=0, seed=0)

    def part(split: Any, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        x, y = split.batch(slice(0, n), torch.float32)
        return torch.nn.functional.pad(x.view(-1, 1, 28, 28), (2, 2, 2, 2)).repeat(1, 3, 1, 1), y

    return part(data.train, learn), part(data.test, test)


def textures(learn: int, test: int, classes: int = 10, seed: int = 0) -> Lessons:
    """Images of CIFAR's shape: a random texture for each class, shifted anywhere, and as much noise."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.randn(classes, 3, 8, 8, generator=rng)
    fine = torch.nn.functional.interpolate(coarse, scale_factor=4, mode="bilinear")

    def part(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        y = torch.arange(n) % classes
        shifts = torch.randint(32, (n, 2), generator=rng).tolist()
        moved = [torch.roll(fine[k], shift, (1, 2)) for k, shift in zip(y.tolist(), shifts, strict=True)]
        noisy = torch.stack(moved) + 0.7 * torch.randn(n, 3, 32, 32, generator=rng)
        return torch.sigmoid(noisy), y

    return part(learn), part(test)


def learned(rule: str, lessons: Lessons, seed: int, epochs: int, widths: tuple[int, int]) -> dict:
    """One training: accuracy after each epoch, seconds of learning."""
    (x, y), (u, v) = lessons
    # (a data set of its shape; it need not be there)
    model = load_model("brainprop_deep", data="cifar10", rule=rule, widths=widths, seed=seed)
    torch.manual_seed(seed)
    optimizer = make_optimizer(model.network, model.settings, model.rule)
    order, right, spent = torch.Generator().manual_seed(seed), [], time.process_time()
    parts = training.epochs(
        model.network.train(), model.rule, optimizer, x, y, epochs, model.settings.batch, order
    )
    seconds = 0.0
    for _ in track(parts, f"{rule}, seed {seed}", epochs + 1, transient=True):
        seconds += time.process_time() - spent
        answers = [model.network.eval()(part).argmax(1) for part in u.split(100)]
        right.append(float(torch.cat(answers).eq(v).double().mean()))
        model.network.train()
        spent = time.process_time()
    return {"accuracy": right, "seconds": seconds, "parameters": parameters(model.network)}


def parameters(net: cn.Network) -> int:
    """How many numbers learn."""
    return sum(p.numel() for p in net.parameters())


def sized(rule: str, side: int = 224, classes: int = 1000, narrower: int = 1, batch: int = 4) -> dict:
    """The network for ImageNet, three updates: numbers, bytes, seconds of the last."""
    sheets = tuple((kernel, channels // narrower, stride) for kernel, channels, stride in IMAGENET)
    model = load_model(
        "bartunov_lc", data="tiny-imagenet", rule=rule, sheets=sheets, dense=0,
        input_shape=(3, side, side), classes=classes,
    )  # fmt: skip
    rng = torch.Generator().manual_seed(0)
    x, y = torch.rand(batch, 3, side, side, generator=rng), torch.randint(classes, (batch,), generator=rng)
    optimizer, seconds = torch.optim.SGD([*model.network.parameters()], lr=1e-6), []
    for _ in range(3):
        begun = time.process_time()
        model.rule.update(model.network, x, y, optimizer)
        seconds.append(time.process_time() - begun)
    weights = sum(link.weight.numel() for link in model.network.links)
    # A link multiplies each of its weights once per image: up, down, and for its change. An update reads
    # weights twice, and writes and reads changes: four times four bytes.
    flop, updates = 2 * 3 * weights, EPOCHS * IMAGES / BATCH
    days = max(EPOCHS * IMAGES * flop / SPEED, updates * 4 * 4 * weights / BANDWIDTH) / 86400
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    numbers = parameters(model.network)
    return {"parameters": numbers, "peak": peak, "seconds": seconds[-1], "batch": batch, "days": days}


def report(results: dict) -> str:
    """A row for each set and rule; a row for each rule at size."""
    rows = []
    for name, rules in results["learning"].items():
        for rule, runs in rules.items():
            last = plus_minus([100 * run["accuracy"][-1] for run in runs])
            first = plus_minus([100 * run["accuracy"][1] for run in runs])
            spent = [1000 * run["seconds"] / (results["epochs"] * results["images"]) for run in runs]
            rows.append(
                [name, rule, f"{runs[0]['parameters']:,}", len(runs), first, last, plus_minus(spent, 1)]
            )
    head = ["data", "rule", "parameters", "seeds", "after one epoch, %", "at the end, %", "ms an image"]
    title = f"eight layers: {results['images']} images, {results['epochs']} epochs"
    first = table(head, rows, title)
    sizes = [
        [rule, f"{one['parameters']:,}", one["batch"], f"{one['seconds']:.2g}", f"{one['peak'] / 1e9:.1f}",
         f"{one['days']:.2g}" if rule in RULES + SIZED[1:2] else "–"]
        for rule, one in results["size"].items()
    ]  # fmt: skip
    head = ["rule", "parameters", "batch", "s an update", "peak so far, GB", "days of a GPU"]
    return first + "\n" + table(head, sizes, "locally connected, for ImageNet")


@styled
def draw(results: dict) -> plt.Figure:
    """Test accuracy over epochs."""
    sets = results["learning"]
    figure, axes = plt.subplots(1, len(sets), figsize=(4.5 * len(sets), 3.2), squeeze=False, sharey=True)
    for ax, (name, rules) in zip(axes[0], sets.items(), strict=True):
        for k, (rule, runs) in enumerate(rules.items()):
            for j, run in enumerate(runs):
                label = rule if j == 0 else None
                ax.plot([100 * a for a in run["accuracy"]], color=f"C{k}", marker="o", ms=3, label=label)
        ax.set(title=name, xlabel="epoch")
    axes[0][0].set_ylabel("test accuracy (%)")
    axes[0][0].legend()
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
