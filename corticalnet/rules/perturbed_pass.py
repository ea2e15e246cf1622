"""A perturbed forward pass: once more through the network, with noise on its rates and all else as it was.

    r̃_l = f(Σ W r̃_below) + ξ_l          the same dropout masks, the same homeostasis
    L̃ − L = Σ_l (∂L/∂r_l) ξ_l + O(ξ²)      for each sample

So ``E[(L̃ − L) ξ_l] / σ²`` is the derivative by the rates of area l, up to terms of order σ² (Williams 1992;
Lansdell, Prakash & Kording 2020, §3). Each sample has noise and a loss of its own;
statistics of the batch are therefore frozen (:meth:`Area.freeze_statistics`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from corticalnet.network.area import Trace
from corticalnet.network.wiring import ForwardState, Wiring

#: Standard-normal noise shaped as a tensor.
Draw = Callable[[Tensor], Tensor]


def frozen(wiring: Wiring, activity: ForwardState) -> list[Trace]:
    """Return the traces by node with frozen statistics."""
    return [
        wiring.area(node).freeze_statistics(trace) if node else []
        for node, trace in enumerate(activity.traces)
    ]


def perturb(
    wiring: Wiring,
    activity: ForwardState,
    traces: list[Trace],
    noise: list[Tensor | None],
    other_weights: bool = False,
) -> list[Tensor]:
    """Compute the rates of all nodes when noise is added to the rates of each (None: no noise).

    Areas that receive the input alone have the drive they had, unless weights are others by now.
    """
    rates = [activity.rates[0]]
    for node in range(1, wiring.output + 1):
        same = not other_weights and all(source == 0 for source, _ in wiring.arriving[node])
        drive = activity.drives[node] if same else wiring.drive(node, rates)
        rate, _ = wiring.area(node).forward(drive, traces[node])
        own = noise[node]
        rates.append(rate if own is None else rate + own)
    return rates


def gaussian(like: Tensor) -> Tensor:
    """Draw from N(0, 1), by torch's generator of the device."""
    return torch.randn_like(like)


def by_sample(numbers: Tensor, like: Tensor) -> Tensor:
    """Reshape numbers ``[batch]`` so that they broadcast over ``[batch, *columns]``."""
    return numbers.view(-1, *(1,) * (like.dim() - 1))
