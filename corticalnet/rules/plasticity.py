"""Plasticity: where a rule writes what it has found, as ``.grad`` of the network's parameters.

``p.grad = −(1/batch) Σ credit``, so an optimizer's step of ``−lr · grad`` is the weight change
``lr · ⟨post × pre⟩``. Existing gradient tensors are written in place.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from corticalnet.links import Link
from corticalnet.network import Network


class Plasticity:
    """Collects one trial's weight changes.

    Args:
        net: whose parameters change; those with ``requires_grad=False`` are left alone.
        batch: number of samples; changes are means over them.
        accumulate: add to the gradients that are there instead of replacing them.
    """

    def __init__(self, net: Network, batch: int, accumulate: bool = False) -> None:
        self.net, self.scale, self.accumulate = net, -1.0 / batch, accumulate
        self._written: set[nn.Parameter] = set()

    def hebbian(self, link: Link, pre: Tensor, post: Tensor, factor: float = 1.0) -> None:
        """Change a link by ``factor · post × pre`` (post: the error that teaches; pre: rates)."""
        if link.plastic and link.weight.requires_grad:
            out, add = self._slot(link.weight)
            link.hebbian(pre, post, out, factor * self.scale, add)
        if link.bias is not None and link.bias.requires_grad:
            out, add = self._slot(link.bias)
            link.hebbian_bias(post, out, factor * self.scale, add)

    def credit(self, pairs: list[tuple[nn.Parameter, Tensor]], factor: float = 1.0) -> None:
        """Change parameters of stages by their batch-summed credit."""
        for parameter, credit in pairs:
            if parameter.requires_grad:
                out, add = self._slot(parameter)
                out.mul_(1.0 if add else 0.0).add_(credit, alpha=factor * self.scale)

    def restart(self) -> None:
        """Begin a new set of changes: the next ones replace what is there."""
        self._written.clear()

    def close(self) -> None:
        """Parameters that nothing taught this time get a zero change."""
        if not self.accumulate:
            for parameter in self.net.parameters():
                if parameter.requires_grad and parameter not in self._written:
                    self._slot(parameter)[0].zero_()

    def _slot(self, parameter: nn.Parameter) -> tuple[Tensor, bool]:
        """The gradient to write to, and whether it holds something to keep."""
        add = parameter in self._written or (self.accumulate and parameter.grad is not None)
        self._written.add(parameter)
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        return parameter.grad, add
