"""How near decoders are to the transpose of the way up, and to its pseudo-inverse.

    J = ∂(what areas above tell) / ∂rates            of one area, up all that is decoded to it, by sample
    G = ∂(decoded rates) / ∂(what areas above tell)
    transpose         G beside Jᵀ: targets are then backprop's
    pseudo-inverse    G beside J⁺: they are then Gauss–Newton's, link by link

What an area tells is what it holds; where targets are labels, the output tells its softmax.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from corticalnet.compare import cosine, float64_copy, relative_error
from corticalnet.errors import RuleError
from corticalnet.network import Network
from corticalnet.network.links import Link
from corticalnet.rules import LearningRule
from corticalnet.rules.target_propagation.propagation import TargetPropagation
from corticalnet.rules.target_propagation.reconstruction import Encoding
from corticalnet.rules.teaching import TrialLoss
from corticalnet.tables import table


@dataclass(frozen=True)
class DecoderAlignment:
    """Comparison of decoders with two ways to turn the way up round, by the area that they decode.

    Attributes:
        transpose, inverse: cosines to the transpose and to the pseudo-inverse, means over samples.
        transpose_error, inverse_error: relative errors ‖G − Jᵀ‖ / ‖Jᵀ‖, means over samples.
    """

    transpose: dict[str, float]
    inverse: dict[str, float]
    transpose_error: dict[str, float]
    inverse_error: dict[str, float]

    def __str__(self) -> str:
        rows = [
            [area, *(f"{value[area]:.{digits}}" for value, digits in self._columns)]
            for area in self.transpose
        ]
        named = ["transpose: cosine", "relative error", "pseudo-inverse: cosine", "relative error"]
        return table(["decoded area", *named], rows)

    @property
    def _columns(self) -> list[tuple[dict[str, float], str]]:
        """Return values by area, and how they are written, column by column."""
        errors = (self.transpose_error, "1e"), (self.inverse_error, "1e")
        return [(self.transpose, "6f"), errors[0], (self.inverse, "6f"), errors[1]]


@torch.no_grad()
def align_decoders(net: Network, rule: LearningRule, x: Any) -> DecoderAlignment:
    """Compare the decoders of a rule of target propagation with transpose and pseudo-inverse of the way up.

    Jacobians of every sample are made as matrices, of all columns of two areas: a hundred samples are many.
    Neither network nor rule is changed.

    Args:
        net: the network.
        rule: whose decoders are looked at.
        x: inputs ``[batch, *input_shape]``, at least one.

    Raises:
        RuleError: the rule has no decoders.
        ShapeError: inputs do not fit.
    """
    if not isinstance(rule, TargetPropagation):
        name = getattr(rule, "name", type(rule).__name__)
        raise RuleError(f"align_decoders: {name} has no decoders; give a rule of target propagation")
    twin, rule = float64_copy(net).eval(), copy.deepcopy(rule)
    rule.parameters(twin)
    activity = twin.sweep(twin.admit(x, least=1))
    encoding = rule.encoding(twin, activity, any_class(rule, activity.rates[-1]))
    names = {node: str(area.name) for node, area in twin.wiring.above_input}
    found: tuple[dict[str, float], ...] = ({}, {}, {}, {})
    for node, ways in encoding.decoders.ways.items():
        if ways:
            up, down = upward(encoding, node), downward(encoding, node)
            for k, wanted in enumerate((up.mT, torch.linalg.pinv(up))):
                pairs = [(a.flatten(), b.flatten()) for a, b in zip(down, wanted, strict=True)]
                for compared, values in ((cosine, found[k]), (relative_error, found[k + 2])):
                    values[names[node]] = sum(compared(*pair) for pair in pairs) / len(pairs)
    return DecoderAlignment(*found)


def any_class(rule: TargetPropagation, rates: Tensor) -> TrialLoss | None:
    """Return a trial's loss where targets are labels; the output tells the same of each of them."""
    classes = torch.zeros(len(rates), dtype=torch.int64, device=rates.device)
    return rule.teaching.loss_for(rates, classes) if rule.top == "label" else None


def upward(encoding: Encoding, node: int) -> Tensor:
    """Return J of every sample ``[batch, columns of the area, columns that tell]``."""
    parts = []
    for above, link, _ in encoding.decoders.ways[node]:
        part = _matrix(link, encoding.activity.rates[node][0]) * _gain(encoding, above)[:, None]
        if above == encoding.wiring.output and encoding.top is not None:
            part = part @ _of_answer(encoding)
        parts.append(part)
    return torch.cat(parts, 2)


def downward(encoding: Encoding, node: int) -> Tensor:
    """Return G of every sample ``[batch, columns that tell, columns of the area]``.

    Raises:
        RuleError: nothing is decoded to it.
    """
    decoders, parts = encoding.decoders, []
    drive, rates = decoders.drive(node, encoding.codes), decoders.rates(node, encoding.codes)
    if drive is None or rates is None:
        raise RuleError(f"nothing is decoded to node {node}")
    slope = decoders.gain(node, torch.ones_like(rates), drive, rates).flatten(1)[:, None]
    for above, link, weight in decoders.ways[node]:
        code = encoding.codes[above][0]
        each = torch.eye(code.numel(), dtype=code.dtype, device=code.device).view(-1, *code.shape)
        part = link.feedback(each, weight).flatten(1) * slope
        if decoders.kind == "gated" and encoding.gated(above):
            part = _gain(encoding, above)[:, :, None] * part
        parts.append(part)
    return torch.cat(parts, 1)


def _matrix(link: Link, rate: Tensor) -> Tensor:
    """Return ∂drive / ∂rate of a link as a matrix ``[columns below, columns above]``."""
    each = torch.eye(rate.numel(), dtype=rate.dtype, device=rate.device).view(-1, *rate.shape)
    return (link.drive(each) - link.drive(torch.zeros_like(each[:1]))).flatten(1)


def _gain(encoding: Encoding, node: int) -> Tensor:
    """Return f' of columns that tell ``[batch, columns]``."""
    if node > encoding.wiring.output:  # auxiliary columns are tanh
        return 1 - encoding.codes[node] ** 2
    state = encoding.states[node]
    return (
        encoding.wiring.area(node).to_drive(torch.ones_like(state), encoding.activity.traces[node]).flatten(1)
    )


def _of_answer(encoding: Encoding) -> Tensor:
    """Return the Jacobian of what the output tells ``[batch, columns, columns]``, symmetric."""
    top = encoding.top
    assert top is not None, "it tells something else than it holds"
    with torch.enable_grad():
        found: Any = torch.autograd.functional.jacobian(lambda s: top(s).sum(0), encoding.states[-1])
    return torch.as_tensor(found).transpose(0, 1)
