"""Cost: how long one weight update takes, compared fairly.

Times of two pieces of code on a shared machine mean something only side by side: all contestants take
turns in one process, the first rounds are dropped, and a ratio is the median over rounds of (this one /
the reference in the same round). On a CPU process time is read, which other programs do not disturb; on
a GPU wall time, from idle to idle.

What does not depend on a machine is counted: how often a rule sweeps through the network's synapses.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from corticalnet.errors import RuleError, ShapeError
from corticalnet.network import Network
from corticalnet.network.links import Link
from corticalnet.network.reading import converted, numbers
from corticalnet.network.recurrent import Unrolled
from corticalnet.rules.base import LearningRule
from corticalnet.rules.feedback import SweepCount
from corticalnet.rules.targets import as_vectors
from corticalnet.rules.watched import watched

Update = Callable[[], object]


@dataclass(frozen=True)
class Cost:
    """Median time (ms) of an update, and its median ratio to the reference."""

    ms: float
    ratio: float
    rounds: int


def interleave(
    updates: dict[str, Update],
    seconds: float,
    reference: str | None = None,
    warm_up: int = 3,
    device: str = "cpu",
) -> dict[str, Cost]:
    """Time all updates in turn for ``seconds`` in all (at least eight rounds).

    Args:
        updates: by name; each call is one update.
        seconds: wall time to spend.
        reference: whose time is 1; the first if not given.
        warm_up: rounds that are not counted.
        device: where the updates run, "cpu" or "cuda".
    """
    clock = _idle_clock if torch.device(device).type == "cuda" else time.process_time
    times: dict[str, list[float]] = {name: [] for name in updates}
    end, rounds = time.monotonic() + seconds, 0
    while time.monotonic() < end or rounds < warm_up + 8:
        for name, update in updates.items():
            start = clock()
            update()
            times[name].append(clock() - start)
        rounds += 1
    counted = {name: values[warm_up:] for name, values in times.items()}
    base = counted[reference or next(iter(updates))]
    return {
        name: Cost(
            1e3 * statistics.median(values),
            statistics.median(a / b for a, b in zip(values, base, strict=True)),
            len(values),
        )
        for name, values in counted.items()
    }


def _idle_clock() -> float:
    """Return the wall time (s) after all work on the GPU is done."""
    torch.cuda.synchronize()
    return time.perf_counter()


def autograd_update(net: nn.Module, x: Any, classes: Any, lr: float = 1e-4) -> Update:
    """Return the reference update: of a plain torch module by autograd, squared loss and torch's SGD."""
    like = next(net.parameters())
    x = converted(numbers(x, "input", like.device), like.dtype, "input")
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    with torch.no_grad():
        try:
            rates = net(x)
        except RuntimeError as error:
            raise ShapeError(f"the module does not take an input of {tuple(x.shape)}: {error}") from error
        wanted = as_vectors(classes, rates)

    def update() -> None:
        optimizer.zero_grad()
        (0.5 * (net(x) - wanted).square().sum() / len(x)).backward()
        optimizer.step()

    return update


def rule_update(net: Network, rule: LearningRule, x: Any, classes: Any, lr: float = 1e-4) -> Update:
    """Return an update of a copy of ``net`` by a rule and torch's SGD."""
    own = copy.deepcopy(net)
    optimizer = torch.optim.SGD(own.parameters(), lr=lr)
    return lambda: rule.update(own, x, classes, optimizer)


def passes(net: Network, rule: LearningRule, x: Any, targets: Any) -> SweepCount:
    """Count the sweeps that one ``learn`` takes, by operations of links; 1 is all links once, for the batch.

    Links of the rule's own count too: to auxiliary columns and back, straight from the output. Neither
    network nor rule is changed; a pathway that draws its weights does so before anything is counted.

    Raises:
        RuleError: the network is recurrent, or unrolled in time; its links are shared by steps.
    """
    if not isinstance(net, Network) or isinstance(net, Unrolled):
        raise RuleError(f"passes are counted in a Network, not in {type(net).__name__}")
    x = net.admit(x, least=1)
    counted = dict.fromkeys(("drive", "feedback", "hebbian"), 0.0)
    whole = len(x) * sum(link.synapses for link in net.links)

    def count(link: Link, operation: str, arrived: Tensor, result: Tensor | None) -> None:
        counted[operation] += len(arrived) * link.synapses / whole

    own, rule = watched(net, rule, count, x, targets)
    counted.update(dict.fromkeys(counted, 0.0))
    rule.learn(own, x, targets)
    return SweepCount(*counted.values())
