"""What does an update cost on a GPU: autograd, compiled, ours eager and replayed, in each number format?

    python -m simulations.gpu            on CUDA where there is one, else on the CPU: 20 min
    python -m simulations.gpu --quick    two networks on the CPU, float32 and bfloat16, some seconds

The networks of update_cost, five convolutions on CIFAR's shape (VGG5: 64, 128, 256, 256, 512 maps, pooled by
two, then a dense output), and a step of a circuit (streaming Fa-Z-IL). Formats: float32 without TF32, TF32
(CUDA alone), bfloat16 by autocast, under which ours runs eagerly. All take turns in one process, from an idle
device to an idle one; ratios are to eager autograd in the same format; medians, warm-up dropped.

    autograd             nn.Sequential, squared loss, plain SGD
    autograd, compiled   the same step by torch.compile
    Z-IL, eager          rule.update within cn.eager()
    Z-IL, replayed       rule.update: recorded once, one flat program

Before it is timed each side's changes are compared with autograd's in float64: the relative distance beside
that of autograd itself in that format. Expected: a few last bits.

Next: simulations/update_cost.py, docs/replay.md.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import matplotlib.pyplot as plt
import torch
import typer
from rich.progress import track
from torch import nn

import corticalnet as cn
from corticalnet.analysis import autograd_update, interleave, rule_update
from corticalnet.analysis.cost import Update
from corticalnet.compare import relative_error
from corticalnet.plotting.style import styled

from . import update_cost
from .parts.common import simulation, table

RULE = "z-il"
#: Name of a network in update_cost -> what stands in the table.
CHOSEN = {name: name.partition(",")[0].strip() + name.partition(",")[1] + name.partition(",")[2]
          for name in update_cost.NETWORKS if "A3" not in name and "32" not in name[-3:]}  # fmt: skip
FORMATS = ("float32", "tf32", "bfloat16")


def vgg5() -> tuple[nn.Sequential, cn.Network]:
    """Five convolutions 3×3, each pooled by two, and a dense output: 3×32×32."""
    layers: list[nn.Module] = []
    for pre, post in ((3, 64), (64, 128), (128, 256), (256, 256), (256, 512)):
        layers += [nn.Conv2d(pre, post, 3, 1, 1, bias=False), nn.ReLU(), nn.MaxPool2d(2)]
    torch_net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 10, bias=False))
    return torch_net, cn.from_torch(torch_net, (3, 32, 32))


@contextmanager
def number_format(name: str, device: str) -> Iterator[None]:
    """Compute in a format for a while."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = name == "tf32"
    try:
        with torch.autocast(device, dtype=torch.bfloat16, enabled=name == "bfloat16"):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def run(
    quick: Annotated[bool, typer.Option("--quick", help="Two networks, on the CPU.")] = False,
    device: Annotated[str, typer.Option(help="cpu or cuda; what there is if not given.")] = "",
    seconds: Annotated[float, typer.Option(min=0.1, help="Of each network in each format.")] = 20.0,
) -> dict:
    """Milliseconds, ratios and distances for every network and format."""
    device = "cpu" if quick else device or ("cuda" if torch.cuda.is_available() else "cpu")
    makers = {CHOSEN[name]: update_cost.NETWORKS[name] for name in CHOSEN} | {"VGG5, batch 128": (vgg5, 128)}
    names = [*makers][:2] if quick else [*makers]
    formats = [f for f in FORMATS if f != "tf32" or device == "cuda"]
    found: dict[str, dict[str, dict]] = {}
    for name in track(names, "networks", transient=True):
        for kind in formats:
            with number_format(kind, device):
                found.setdefault(name, {})[kind] = beside(
                    *makers[name], device, 1.0 if quick else seconds, not quick
                )
    about = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    return {"device": about, "torch": torch.__version__, "networks": found, "circuit": steps(device, quick)}


def beside(make: Callable, batch: int, device: str, seconds: float, compiled: bool) -> dict[str, dict]:
    """All sides on one network in one format."""
    torch.manual_seed(0)
    torch_net, net = (module.to(device) for module in make())
    x, y = torch.rand(batch, *net.input_shape, device=device), torch.randint(0, 10, (batch,), device=device)
    away = distances(net, x, y)
    updates: dict[str, Update] = {"autograd": autograd_update(torch_net, x, y)}
    if compiled:
        updates["autograd, compiled"] = torch.compile(autograd_update(copy.deepcopy(torch_net), x, y))
        updates["autograd, compiled"]()
    plain = rule_update(net, cn.rule(RULE), x, y)

    def eager() -> object:
        with cn.eager():
            return plain()

    updates |= {"Z-IL, eager": eager, "Z-IL, replayed": rule_update(net, cn.rule(RULE), x, y)}
    costs = interleave(updates, seconds, device=device)
    return {name: {"ms": cost.ms, "ratio": cost.ratio} for name, cost in costs.items()} | {"distances": away}


def distances(net: cn.Network, x: torch.Tensor, y: torch.Tensor) -> dict[str, float]:
    """Of changes from autograd's in float64: the largest of all weights, for autograd and for the rule."""

    def by_autograd(own: cn.Network, x: torch.Tensor) -> list[torch.Tensor]:
        own.zero_grad()
        out = own(x)
        (0.5 * (out - nn.functional.one_hot(y, 10).to(out)).square().sum() / len(x)).backward()
        return [p.grad.double() for p in own.parameters()]

    with torch.autocast(x.device.type, enabled=False):
        wanted = by_autograd(copy.deepcopy(net).double(), x.double())
    own = copy.deepcopy(net)
    cn.rule(RULE).learn(own, x, y)
    found = {
        "autograd": by_autograd(copy.deepcopy(net), x),
        "Z-IL": [p.grad.double() for p in own.parameters()],
    }
    return {name: max(map(relative_error, changes, wanted)) for name, changes in found.items()}


def steps(device: str, quick: bool) -> dict[str, float]:
    """Milliseconds of a step of streaming Fa-Z-IL columns, 784-256-256-10 (quick: 64-32-32-10), float32."""
    sizes, n = ((64, 32, 32, 10), 60) if quick else ((784, 256, 256, 10), 600)
    circuit = cn.circuit(cn.mlp(sizes, "tanh", seed=0), cn.rule("streaming-fa-z-il"), 0.01)
    found = {}
    for batch in (1, 64):
        x, y = torch.rand(batch, sizes[0]), torch.arange(batch) % 10
        options: dict[str, Any] = {"precision": "float32"} | ({"device": "cuda"} if device == "cuda" else {})
        running = cn.simulator(circuit, **options)
        lesson = [cn.Present(x, n // 2), cn.Teach(y, n // 2)]
        work: dict[str, Update] = {
            "steps": lambda s=running, p=lesson: s.run(p, ["output.error.error"], last=1)
        }
        found[f"batch {batch}"] = interleave(work, 0.3 if quick else 10.0, device=device)["steps"].ms / n
    return found


def report(results: dict) -> str:
    """A row for each network and format; the circuit's steps."""
    rows = []
    for name, formats in results["networks"].items():
        for kind, of in formats.items():
            sides = [f"{of[s]['ratio']:.2f}" if s in of else "–" for s in
                     ("autograd, compiled", "Z-IL, eager", "Z-IL, replayed")]  # fmt: skip
            away = [f"{of['distances'][s]:.0e}" for s in ("autograd", "Z-IL")]
            rows.append([name, kind, f"{of['autograd']['ms']:.2f}", *sides, *away])
    head = ["network", "format", "autograd ms", "compiled ×", "Z-IL, eager ×", "Z-IL, replayed ×",
            "autograd's distance", "Z-IL's"]  # fmt: skip
    first = table(head, rows, f"{results['device']}, torch {results['torch']}")
    made = [[batch, f"{ms:.3f}"] for batch, ms in results["circuit"].items()]
    return first + "\n" + table(["circuit", "ms a step"], made, "streaming Fa-Z-IL, float32")


@styled
def draw(results: dict) -> plt.Figure:
    """Bars of ratios, replayed and eager, a group for each network and format."""
    figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    groups = [(n, f, of) for n, formats in results["networks"].items() for f, of in formats.items()]
    for k, side in enumerate(("Z-IL, eager", "Z-IL, replayed")):
        axes.bar(
            [i + 0.4 * k - 0.2 for i in range(len(groups))],
            [of[side]["ratio"] for *_, of in groups],
            0.38,
            label=side,
        )
    axes.set_xticks(range(len(groups)), [f"{n}\n{f}" for n, f, _ in groups], fontsize=6, rotation=30)
    axes.axhline(1, color="black", lw=0.8)
    axes.set_ylabel("time of an update / autograd's")
    axes.legend()
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
