"""Alignment: how a rule's weight change compares with another's, backprop's unless told otherwise.

A rule of two phases answers with an equilibrium, whose gradient is recurrent backprop's, and no sweep's: it
is compared with both.

cosine = ⟨g, ĝ⟩ / (‖g‖ ‖ĝ‖)         unfolded: −1 … 1
relative error = ‖g − ĝ‖ / ‖ĝ‖
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from corticalnet.checks import shown, whole
from corticalnet.compare import cosine, float64_copy, relative_error, seeded, size
from corticalnet.errors import RuleError
from corticalnet.network import Network, Recurrent
from corticalnet.network.reading import beside
from corticalnet.rules import LearningRule, Rule, Sweep, Teaching, ThroughTime, Tied
from corticalnet.tables import table

#: What a rule teaches.
Taught = Network | Recurrent
#: What teaches it.
Teaches = LearningRule | ThroughTime


@dataclass(frozen=True)
class Alignment:
    """Comparison of two weight changes of one network.

    Attributes:
        cosine, error: over all parameters together.
        cosines, errors: by parameter name, from the input up.
        areas: cosines by area, over all synapses that end there.
        to_equilibrium: the same, to recurrent backprop: the gradient of the equilibrium that a rule of two
            phases answers with. None for all other rules, and where a reference was given.
    """

    cosine: float
    error: float
    cosines: dict[str, float]
    errors: dict[str, float]
    areas: dict[str, float]
    to_equilibrium: Alignment | None = None

    @property
    def angles(self) -> dict[str, float]:
        """Return the angle of each area, in degrees, 0 to 180."""
        return {area: math.degrees(math.acos(cosine)) for area, cosine in self.areas.items()}

    def __str__(self) -> str:
        if (other := self.to_equilibrium) is None:
            return table(["weights", "cosine", "relative error"], self._rows())
        header = [
            "weights",
            "cosine to backprop",
            "relative error",
            "to recurrent backprop",
            "relative error",
        ]
        both = zip(self._rows(), other._rows(), strict=True)
        return table(header, [[*mine, *theirs[1:]] for mine, theirs in both])

    def _rows(self) -> list[list[str]]:
        rows = [[name, f"{c:.6f}", f"{self.errors[name]:.1e}"] for name, c in self.cosines.items()]
        return [*rows, ["all", f"{self.cosine:.6f}", f"{self.error:.1e}"]]


def align(
    net: Taught,
    rule: Teaches,
    x: Any,
    targets: Any,
    reference: Teaches | None = None,
    seed: int = 0,
    **more: Any,
) -> Alignment:
    """Compare a rule's change of ``net`` with a reference's, on the same batch and random numbers.

    Neither network nor rule is changed: copies of both work on a float64 copy of the network.

    Args:
        net: the network; a recurrent one, for a rule through time.
        rule: whose weight change is looked at.
        x: inputs ``[batch, *input_shape]``, or a sequence of them.
        targets: class indices ``[batch]`` or vectors, or a sequence of them.
        reference: backprop with the squared loss if not given.
        seed: of dropout masks and exploration.
        more: what else ``learn`` takes: the ``state`` before a sequence.

    Raises:
        ShapeError: inputs or targets do not fit.
        RuleError: the rule does not teach such a network.
    """
    if not isinstance(net, Network | Recurrent):
        raise RuleError(f"align takes a Network or a Recurrent one, not {shown(net)}")
    seed = whole("align: seed", seed, RuleError, least=None)
    found = _change(net, rule, x, targets, seed, more)
    wanted = _change(net, reference or backprop_for(rule), x, targets, seed, more)
    exact = rule.of_its_equilibrium() if reference is None and isinstance(rule, LearningRule) else None
    if exact is None:
        return _aligned(net, found, wanted)
    of_equilibrium = _change(net, exact, x, targets, seed, more)
    return replace(_aligned(net, found, wanted), to_equilibrium=_aligned(net, found, of_equilibrium))


def _aligned(net: Taught, found: dict[str, Tensor], wanted: dict[str, Tensor]) -> Alignment:
    """Compare two changes."""
    pairs = {name: (found[name], wanted[name]) for name in found}
    return Alignment(
        *_compare(torch.cat([*found.values()]), torch.cat([*wanted.values()])),
        {name: _compare(*pair)[0] for name, pair in pairs.items()},
        {name: _compare(*pair)[1] for name, pair in pairs.items()},
        {
            area: _compare(*(torch.cat([change[name] for name in names]) for change in (found, wanted)))[0]
            for area, names in _synapses(net, found).items()
        },
    )


def backprop_for(rule: Teaches, teaching: Teaching | None = None) -> Teaches:
    """Return backprop, through time if the rule is; of a teacher's squared loss, if no teaching is given."""
    backprop = Rule(teaching, Tied(), Sweep(), "backprop")
    return ThroughTime(backprop, rule.window) if isinstance(rule, ThroughTime) else backprop


def _synapses(net: Taught, changed: Iterable[str]) -> dict[str, list[str]]:
    """Map each area to the names of the weights and biases of links that end there and change."""
    names = {parameter: name for name, parameter in net.named_parameters()}
    areas: Any = net.areas  # a dict, or torch's
    ending = {
        area: [names[p] for link in own.arriving if link.plastic for p in link.parameters()]
        for area, own in areas.items()
    }
    ending = {area: [name for name in own if name in set(changed)] for area, own in ending.items()}
    return {area: own for area, own in ending.items() if own}


def _change(
    net: Taught, rule: Teaches, x: Any, targets: Any, seed: int, more: dict[str, Any]
) -> dict[str, Tensor]:
    """Compute minus the gradient that a rule fills, flat, by parameter name."""
    twin, rule = float64_copy(net), copy.deepcopy(rule)
    twin.zero_grad()
    if isinstance(rule, ThroughTime) is isinstance(twin, Recurrent):  # else the rule says what does not fit
        if isinstance(twin, Recurrent):
            x, more["state"] = twin.admit(x, more.get("state"))
        else:
            x = twin.admit(x, least=1)
        targets = beside(targets, x)
    learn: Callable[..., object] = rule.learn
    device = next(twin.parameters()).device
    with seeded(seed, device):
        learn(twin, x, targets, **more)
    return {name: -p.grad.flatten() for name, p in twin.named_parameters() if p.grad is not None}


def _compare(found: Tensor, wanted: Tensor) -> tuple[float, float]:
    return cosine(found, wanted), relative_error(found, wanted) if size(wanted) else math.nan
