"""Plasticity: where a rule writes what it has found.

Normally into ``.grad`` of the network's parameters, ``p.grad = −(1/batch) Σ credit``, so that an
optimizer's step of ``−lr · grad`` is the weight change ``lr · ⟨post × pre⟩``. Existing gradient tensors
are written in place. For plain SGD the two passes over the weights can be one, straight into them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import _global_optimizer_pre_hooks

from corticalnet.network import Network
from corticalnet.network.links import Link
from corticalnet.network.links.link import accumulate_
from corticalnet.network.wiring import ForwardState, Wiring


class Plasticity:
    """Collects one trial's weight changes in ``.grad``.

    Args:
        net: whose parameters change; those with ``requires_grad=False`` are left alone.
        batch: number of samples; changes are means over them.
        accumulate: add to the gradients that are there instead of replacing them.
        paired_weights: by link name, weights that change as the link's do: synapses down between its columns.
        decay: λ; weights that have a partner, and their partners, get λ times themselves on top.
        learned: all parameters of ``net`` as they are in this trial, if they have been looked up.
    """

    def __init__(
        self,
        net: Network,
        batch: int,
        accumulate: bool = False,
        paired_weights: Mapping[str, nn.Parameter] | None = None,
        decay: float = 0.0,
        learned: tuple[nn.Parameter, ...] | None = None,
    ) -> None:
        self.net, self.batch, self.adds = net, batch, accumulate
        self.learned = net.learned if learned is None else learned
        self._paired: dict[Link, nn.Parameter] = {}
        self._decaying: dict[int, float] = {}
        if paired_weights:
            pairs = {link: paired_weights[link.name] for link in net.links if link.name in paired_weights}
            self._paired = {link: b for link, b in pairs.items() if link.weight.requires_grad}
            if decay:
                decaying = (p for link, b in self._paired.items() for p in (link.weight, b))
                self._decaying = {id(p): decay for p in decaying}
        self._written: set[int] = set()  # by id: hashing a tensor takes longer

    def hebbian(self, link: Link, pre: Tensor, post: Tensor, factor: float = 1.0) -> None:
        """Accumulate ``factor · post × pre`` of a link (post: the error that teaches; pre: rates)."""
        if not link.plastic:
            return
        own: Any = link._parameters  # (as attributes they take a microsecond each)
        weight, bias = own["weight"], own["bias"]
        if weight.requires_grad:
            out, scale, beta = self.gradient_buffer(weight)
            link.hebbian(pre, post, out, factor * scale, beta)
            if link in self._paired:
                out, scale, beta = self.gradient_buffer(self._paired[link])
                link.hebbian(pre, post, out, factor * scale, beta)
        if bias is not None and bias.requires_grad:
            out, scale, beta = self.gradient_buffer(bias)
            link.hebbian_bias(post, out, factor * scale, beta)

    def credit(self, pairs: list[tuple[nn.Parameter, Tensor]], factor: float = 1.0) -> None:
        """Accumulate batch-summed gradients of the stages' parameters."""
        for parameter, credit in pairs:
            if parameter.requires_grad:
                out, scale, beta = self.gradient_buffer(parameter)
                accumulate_(credit, out, factor * scale, beta)

    def accumulate(
        self, wiring: Wiring, activity: ForwardState, errors: Sequence[Tensor | None], scale: float = 1.0
    ) -> None:
        """Accumulate for every link the error at its target times the rate of its source, after all feedback.

        Args:
            wiring, activity: a network that has fired, and whose areas' gains gave the errors.
            errors: by node; None: nothing to learn from.
            scale: of what an area learns, for each link between it and the output.
        """
        for node, area in wiring.above_input:
            error, depth = errors[node], wiring.depth[node]
            if error is not None:
                for source, link in wiring.arriving[node]:
                    self.hebbian(link, activity.rates[source], error, scale**depth)
            if area.learns:  # homeostasis lies beyond the error cell: it learns with the links that leave
                self.credit(area.parameter_gradients(activity.traces[node]), scale ** max(depth - 1, 0))

    def restart(self) -> None:
        """Start a new set of changes, which replace those that are there."""
        self._written.clear()

    def close(self) -> None:
        """Set the change of parameters that nothing taught in this trial to zero (or to their decay)."""
        if self.adds and not self._decaying:
            return
        for parameter in (*self.learned, *self._paired.values()):
            if parameter.requires_grad and id(parameter) not in self._written:
                out, _, beta = self.gradient_buffer(parameter)
                if not beta:
                    out.zero_()

    def gradient_buffer(self, parameter: nn.Parameter) -> tuple[Tensor, float, float]:
        """Return the tensor to write to, the factor of what is written, and that of what is there (beta)."""
        first = id(parameter) not in self._written
        beta = not first or (self.adds and parameter.grad is not None)
        self._written.add(id(parameter))
        grad = parameter.grad
        if grad is None:
            grad = parameter.grad = torch.zeros_like(parameter)
        if first and id(parameter) in self._decaying:
            accumulate_(parameter.data, grad, self._decaying[id(parameter)], float(beta))
            beta = True
        return grad, -1.0 / self.batch, float(beta)


class DirectPlasticity(Plasticity):
    """Plain SGD in one pass: ``w ← (1 − lr·decay) w + lr ⟨post × pre⟩``, without a gradient in between.

    Only for triggers that write each weight once, after all feedback has been read.
    """

    def __init__(
        self,
        net: Network,
        batch: int,
        optimizer: torch.optim.Optimizer,
        learned: tuple[nn.Parameter, ...] | None = None,
    ) -> None:
        super().__init__(net, batch, learned=learned)
        self._group = {id(p): group for group in optimizer.param_groups for p in group["params"]}

    @staticmethod
    def suits(optimizer: torch.optim.Optimizer) -> bool:
        """Return whether an optimizer is SGD with nothing but a learning rate and weight decay.

        And nobody looks at gradients before its steps, or changes them (clips them, say).
        """
        return (
            type(optimizer) is torch.optim.SGD
            and not optimizer._optimizer_step_pre_hooks
            and not _global_optimizer_pre_hooks
            and not any(
                g["momentum"] or g["nesterov"] or g["maximize"] or isinstance(g["lr"], Tensor)
                for g in optimizer.param_groups
            )
        )

    def gradient_buffer(self, parameter: nn.Parameter) -> tuple[Tensor, float, float]:
        """Return the weight itself as the buffer, if the optimizer knows it; otherwise its gradient."""
        group = self._group.get(id(parameter))
        if group is None:
            return super().gradient_buffer(parameter)
        parameter.grad = None  # nothing left for the optimizer to apply again
        first = id(parameter) not in self._written  # (links may share a weight; it decays once)
        self._written.add(id(parameter))
        beta = 1.0 - group["lr"] * group["weight_decay"] if first else 1.0
        return parameter.data, group["lr"] / self.batch, beta

    def close(self) -> None:
        """Apply weight decay to the weights that nothing taught in this trial."""
        if len(self._written) == len(self.learned):
            return
        for parameter in self.learned:
            if parameter.requires_grad and id(parameter) not in self._written:
                out, _, beta = self.gradient_buffer(parameter)
                out.mul_(beta)
