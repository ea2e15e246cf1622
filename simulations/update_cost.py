"""What does one weight update cost, next to backprop by torch's autograd?

    python -m simulations.update_cost            about 10 minutes on one core
    python -m simulations.update_cost --quick    small networks only, about 20 s

Every rule updates its own copy of the same network on the same batch by plain SGD; autograd runs the
same network as an nn.Sequential with the squared loss and torch.optim.SGD, and on dense networks the same
step by torch.compile. One thread, process time, all interleaved in one process, warm-up dropped. A ratio is
the median over rounds of (rule / autograd in the same round). Locally connected autograd is F.unfold and a
batched matrix product.

Song et al. 2020, Table 4 (their network, ms, CPU): backprop 3.1, IL (T = 20) 19.2, Z-IL 3.6, Fa-Z-IL 3.6:
ratios 6.2, 1.16, 1.16. Expected here: Z-IL and BrainProp at most 1.0 on every network.

Next: corticalnet/rules/sweep.py.
"""

from __future__ import annotations

import copy
import itertools
import textwrap
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import matplotlib.pyplot as plt
import torch
import typer
from rich.progress import track
from torch import nn

import corticalnet as cn
from corticalnet.analysis import autograd_update, interleave, rule_update
from corticalnet.plotting.style import styled

from .parts.common import simulation, table

RULES = ("backprop", "feedback-alignment", "brainprop", "z-il", "fa-z-il", "streaming-fa-z-il", "il")


class LocallyConnected(nn.Module):
    """The usual way to do it with autograd: unfold, and a kernel for every position."""

    def __init__(self, channels: int, out: int, size: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride, self.out = kernel, stride, out
        self.side = (size - kernel) // stride + 1
        self.weight = nn.Parameter(0.05 * torch.randn(self.side**2, channels * kernel**2, out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Patches times kernels."""
        patches = nn.functional.unfold(x, self.kernel, stride=self.stride).permute(2, 0, 1)
        out = torch.bmm(patches, self.weight).permute(1, 2, 0)
        return out.reshape(len(x), self.out, self.side, self.side)


def dense(columns: list[int], activation: type[nn.Module]) -> tuple[nn.Sequential, cn.Network]:
    """A dense network twice: for autograd and for rules."""
    layers: list[nn.Module] = []
    for pre, post in itertools.pairwise(columns):
        layers += [nn.Linear(pre, post, bias=False), activation()]
    torch_net = nn.Sequential(*layers[:-1])
    return torch_net, cn.from_torch(torch_net, (columns[0],))


def convolutional() -> tuple[nn.Sequential, cn.Network]:
    """Two convolutions and two dense areas, 3×32×32 in."""
    torch_net = nn.Sequential(
        nn.Conv2d(3, 32, 3, 1, 1, bias=False), nn.ReLU(),
        nn.Conv2d(32, 32, 3, 2, 1, bias=False), nn.ReLU(),
        nn.Flatten(), nn.Linear(8192, 500, bias=False), nn.ReLU(), nn.Linear(500, 10, bias=False),
    )  # fmt: skip
    return torch_net, cn.from_torch(torch_net, (3, 32, 32))


def local() -> tuple[nn.Sequential, cn.Network]:
    """The same with no shared weights and no padding."""
    torch_net = nn.Sequential(
        LocallyConnected(3, 32, 32, 3, 1), nn.ReLU(), LocallyConnected(32, 32, 30, 3, 2), nn.ReLU(),
        nn.Flatten(), nn.Linear(6272, 500, bias=False), nn.ReLU(), nn.Linear(500, 10, bias=False),
    )  # fmt: skip
    areas = [cn.Area(cn.Local(32, 3)), cn.Area(cn.Local(32, 3, stride=2))]
    areas += [cn.Area(cn.Dense(500)), cn.Area(cn.Dense(10), "linear")]
    return torch_net, cn.Network((3, 32, 32), areas)


#: name: how to make it, batch
NETWORKS: dict[str, tuple[Callable[[], tuple[nn.Sequential, cn.Network]], int]] = {
    "A  784-32-32-10": (lambda: dense([784, 32, 32, 10], nn.Sigmoid), 20),
    "A3 784-32-32-32-10": (lambda: dense([784, 32, 32, 32, 10], nn.Sigmoid), 20),
    "B  784-256-256-256-10": (lambda: dense([784, 256, 256, 256, 10], nn.Tanh), 64),
    "C  784-1500-1000-500-10": (lambda: dense([784, 1500, 1000, 500, 10], nn.ReLU), 128),
    "conv, batch 128": (convolutional, 128),
    "conv, batch 32": (convolutional, 32),
    "local, batch 128": (local, 128),
    "local, batch 32": (local, 32),
}


def run(
    quick: Annotated[bool, typer.Option("--quick", help="Networks A and A3 only.")] = False,
    seconds: Annotated[float, typer.Option(help="Time for each network.")] = 40.0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    compiled: Annotated[bool, typer.Option(help="Also autograd's whole step by torch.compile.")] = True,
) -> dict:
    """Medians and ratios for every network and rule."""
    names = list(NETWORKS)[:2] if quick else list(NETWORKS)
    results: dict = {"device": device, "torch": torch.__version__, "networks": {}}
    if device == "cuda":
        results["device"] = torch.cuda.get_device_name()
    for name in track(names, "update cost", transient=True):
        make, batch = NETWORKS[name]
        torch.manual_seed(0)
        torch_net, net = make()
        torch_net, net = torch_net.to(device), net.to(device)
        x = torch.rand(batch, *net.input_shape, device=device)
        targets = torch.randint(0, 10, (batch,), device=device)
        updates = {"autograd": autograd_update(torch_net, x, targets)}
        if "conv" in name:
            last = copy.deepcopy(torch_net).to(memory_format=torch.channels_last)
            layout = x.contiguous(memory_format=torch.channels_last)
            updates["autograd, channels last"] = autograd_update(last, layout, targets)
        if compiled and not quick and device == "cpu" and name[0] in "ABC":
            whole = torch.compile(autograd_update(copy.deepcopy(torch_net), x, targets))
            whole()  # (it takes a minute, once)
            updates["autograd, compiled"] = whole
        updates |= {rule: rule_update(net, cn.rule(rule), x, targets) for rule in RULES}
        costs = interleave(updates, 3.0 if quick else seconds, device=device)
        results["networks"][name] = {rule: asdict(cost) for rule, cost in costs.items()}
    return results


def report(results: dict) -> str:
    """One row for each network: autograd's milliseconds, then ratios to them."""
    beside = ("autograd, compiled", "autograd, channels last")
    rules = [rule for rule in beside if any(rule in of for of in results["networks"].values())] + [*RULES]
    rows = []
    for name, found in results["networks"].items():
        ratios = [f"{found[rule]['ratio']:.2f}" if rule in found else "" for rule in rules]
        rows.append([name, f"{found['autograd']['ms']:.2f}", *ratios])
    return table(["network", "autograd ms", *(f"{r.removeprefix('autograd, ')} ×" for r in rules)], rows)


def two_lines(name: str) -> str:
    """A network's name, as narrow as its bars: its areas, "784-32-32-10", below each other where many."""
    return "\n".join(line for part in name.split(", ") for line in textwrap.wrap(part, 12))


@styled
def draw(results: dict) -> plt.Figure:
    """Bars of ratios; a line at 1."""
    figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
    networks = results["networks"]
    for k, rule in enumerate(RULES):
        places = [i + (k - len(RULES) / 2) * 0.13 for i in range(len(networks))]
        axes.bar(places, [found[rule]["ratio"] for found in networks.values()], 0.12, label=rule)
    axes.axhline(1, color="black", lw=0.8)
    axes.set(yscale="log", ylabel="time of an update / autograd's", xticks=range(len(networks)))
    axes.set_xticklabels([two_lines(name) for name in networks], fontsize=7)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(RULES))
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
