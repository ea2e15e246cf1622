"""Track the alignment of a rule while it learns: does its feedback become backprop's?

angle        of a rule's change of all synapses into an area to backprop's, 0° to 180°, over a batch
gap          ‖W − B‖ / ‖W‖ of a link, W up and B down
congruence   share of a link's synapses with sign W = sign B

tracker = AlignmentTracker(rule, x, targets)
...                                             train; now and then:
tracker.measure(net, epoch)
recording = tracker.recording()               xarray; corticalnet.plotting.alignment draws it
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
import xarray as xr

from corticalnet.analysis.alignment import Taught, Teaches, align, backprop_for
from corticalnet.compare import relative_error
from corticalnet.errors import RuleError
from corticalnet.network import Recurrent
from corticalnet.rules import LearningRule, ThroughTime


class AlignmentTracker:
    """Tracks the alignment of a rule on its network, without an effect on the training or its random numbers.

    Weight decay that belongs to the rule (Kolen–Pollack's) is left out of angles: they tell what was learned,
    not what was forgotten. A rule that draws (actions, noise) is looked at with one draw of its own.

    Args:
        rule: any rule, through time too.
        x: inputs ``[batch, *input_shape]`` at which it is looked at, or a sequence of them.
        targets: class indices ``[batch]`` or vectors, or a sequence of them.
        reference: backprop if not given, of the rule's own lessons: with the same actions and rewards, say.
        seed: of dropout masks, noise and exploration, the same at every look.
        unit: of the times that ``measure`` is told.
    """

    def __init__(
        self,
        rule: Teaches,
        x: Any,
        targets: Any,
        reference: Teaches | None = None,
        seed: int = 0,
        unit: str = "epoch",
    ) -> None:
        self.rule, self.x, self.targets, self.seed, self.unit = rule, x, targets, seed, unit
        self.reference = reference or backprop_for(rule, parts(rule).teaching)
        self._times: list[float] = []
        self._looks: list[xr.Dataset] = []

    def measure(self, net: Taught, time: float) -> xr.Dataset:
        """Measure the alignment now; it is kept for :meth:`recording`.

        Args:
            net: the network that the rule teaches.
            time: of this look, in ``unit``.
        """
        rule = copy.deepcopy(self.rule)
        parts(rule).decay = 0.0
        found = align(net, rule, self.x, self.targets, self.reference, self.seed)
        angles, pathway = found.angles, compare_pathway(net, self.rule)
        sample = xr.Dataset(
            {
                "angle": ("area", [*angles.values()], {"units": "degree"}),
                "gap": ("link", [gap for gap, _ in pathway.values()]),
                "congruence": ("link", [congruence for _, congruence in pathway.values()]),
            },
            coords={"area": [*angles], "link": np.array([*pathway], dtype=str)},
        )
        self._times.append(time)
        self._looks.append(sample)
        return sample

    def recording(self) -> xr.Dataset:
        """Return all measurements: ``angle`` ``[time, area]``, ``gap`` and ``congruence`` ``[time, link]``.

        Links are those that leave hidden areas, and there are none where nothing comes down link by link.

        Raises:
            RuleError: nobody has looked yet.
        """
        if not self._looks:
            raise RuleError("a rule that was never looked at has no recording; call measure(net, time) first")
        data = xr.concat(self._looks, xr.Variable("time", self._times, {"units": self.unit}))
        return data.assign_attrs(rule=parts(self.rule).name)


def parts(rule: Teaches) -> LearningRule:
    """Return the rule, or the one that a rule through time applies in every window."""
    return rule.rule if isinstance(rule, ThroughTime) else rule


@torch.no_grad()
def compare_pathway(net: Taught, rule: Teaches) -> dict[str, tuple[float, float]]:
    """Map links that leave hidden areas to ‖W − B‖ / ‖W‖ and the share of equal signs.

    Empty for a rule whose feedback does not come down link by link.
    """
    net, rule = copy.deepcopy((net, parts(rule)))
    deep = net.unrolled(2) if isinstance(net, Recurrent) else net
    compared, links = {}, set(deep.links)
    for _, _, link, weights, _ in rule.feedback_routes(deep):
        if link.plastic and link in links:
            there = slice(None) if link.mask is None else link.mask
            w, b = link.weight[there], weights[there]
            compared[link.name] = relative_error(b, w), (w.sign() == b.sign()).double().mean().item()
    return compared
