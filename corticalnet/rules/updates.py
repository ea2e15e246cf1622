"""Updates of a rule, replayed: the second alike is recorded, all that follow are one flat program.

    replayed(updates, rule, net, x, targets, optimizer)      what rule.update does

Recorded is what the rule itself does with an admitted input, up to the optimizer's step: from the code that
runs eagerly, there is no other. What users are told when something does not fit is looked at before each
replay, as before each eager update. An update is run eagerly

- the first time, and whenever something that recordings depend on is not what it was: the network's parts and
  modes, which tensors its weights are, the rule's settings, the optimizer and, where weights change within
  what is recorded, its rates; shapes, strides, formats and devices of inputs and targets (a few are kept);
- if somebody watches, under autocast, in :func:`~corticalnet.replay.eager`;
- if a part of rule or network does not say that it can be recorded (``capturable``), or reads a number.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from operator import is_, itemgetter
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

from corticalnet.network import Network
from corticalnet.network.parts import Parts
from corticalnet.network.reading import known
from corticalnet.network.wiring import Wiring
from corticalnet.replay import Guard, Program, capturable, record, replays
from corticalnet.rules.observer import SILENT
from corticalnet.rules.own_weights import OwnWeights
from corticalnet.rules.plasticity import DirectPlasticity
from corticalnet.rules.targets import prepared

#: Recordings of other shapes and rates that are kept side by side.
_KEPT = 4
#: What a rule writes down about the trials that it has seen, but for its weights.
_BOOKKEEPING = {name for name in vars(OwnWeights) if name.startswith("_")} - {"_weights"}
_BOOKKEEPING |= {"_recordings", "observer"}
_RATES = itemgetter("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize")


def _nobody() -> None:
    """Return None, as a dead weak reference does."""


@dataclass
class _Recorded:
    """A program, the parameters whose gradients it takes, those that it changes itself, and what it fits."""

    program: Program
    learning: list[nn.Parameter]
    changed: list[nn.Parameter]
    key: Any
    vectors: bool  # whether targets are numbers, which may not be finite

    def fits(self, x: Any, targets: Any, within: Any) -> bool:
        """Return whether input and targets may be replayed as they are: then there is nothing to read."""
        return (
            type(x) is Tensor
            and type(targets) is Tensor
            and x.layout is targets.layout is torch.strided
            and _key(x, targets, within) == self.key
            and not self.vectors
            and (x.is_cuda or isfinite(x.sum().item()))
        )


def _key(x: Tensor, targets: Tensor, within: Any) -> Any:
    """Return what a recording depends on beside its objects."""
    own = x.shape, x.stride(), x.dtype, x.device
    return *own, targets.shape, targets.stride(), targets.dtype, targets.device, within


class Updates:
    """Recordings of the updates of one network by one rule and one optimizer; another begins anew.

    (A rule is a :class:`~corticalnet.rules.base.LearningRule`, which has recordings, and is unknown here.)
    """

    def __init__(self) -> None:
        self._net: Callable[[], Network | None] = _nobody
        self._optimizer: Callable[[], Optimizer | None] = _nobody
        self._guard: Guard | None = None  # None: nothing here can be recorded
        self._learned: tuple[nn.Parameter, ...] = ()
        self._moving: list[nn.Parameter] = []
        self._known: dict[Any, _Recorded | None] = {}  # by what it depends on; None: met once
        self._last: _Recorded | None = None

    def run(self, rule: Any, net: Network, x: Any, targets: Any, optimizer: Optimizer) -> Any:
        """Make one update, by replay where that can be; see :meth:`LearningRule.update`."""
        if self._net() is not net or self._optimizer() is not optimizer:
            return self._begin(rule, net, x, targets, optimizer)
        if self._guard is None or not replays() or rule.observer is not SILENT or _autocast(net):
            return rule._update(net, x, targets, optimizer)
        if not self._holds(optimizer):
            return self._begin(rule, net, x, targets, optimizer)
        within = None
        if rule.changes_during_trial:
            if not DirectPlasticity.suits(optimizer) or _somebody_waits(optimizer):
                return rule._update(net, x, targets, optimizer)
            within = rates(optimizer)
        elif rule._direct(optimizer):
            within = rates(optimizer)
        if self._last is not None and self._last.fits(x, targets, within):
            return self._replay(self._last, rule, net, x, targets, optimizer)
        x = net.admit(x, least=1, to_learn=True)
        targets = prepared(targets, x, net.output_shape)
        key = _key(x, targets, within)
        found = self._known.get(key, 0)
        if isinstance(found, _Recorded):
            self._last = found
            return self._replay(found, rule, net, x, targets, optimizer)
        if found is None:
            return self._record(key, rule, net, x, targets, optimizer)
        if len(self._known) >= _KEPT:
            del self._known[next(iter(self._known))]
        self._known[key] = None
        with known(x, targets):
            return rule._update(net, x, targets, optimizer)

    def _begin(self, rule: Any, net: Network, x: Any, targets: Any, optimizer: Optimizer) -> Any:
        """Make an update; begin anew with a network and an optimizer that are others, or have changed."""
        result = rule._update(net, x, targets, optimizer)
        if not replays():
            return result
        self._net, self._optimizer = weakref.ref(net), weakref.ref(optimizer)
        self._known, self._guard, self._last = {}, None, None
        if capturable(rule) and all(map(capturable, _parts(net))):
            own = [*rule._own.values()]
            self._guard = Guard([net, rule, own], (Parts, Wiring), _BOOKKEEPING)
            self._learned = net.parts.learned()
            self._moving = [p for group in optimizer.param_groups for p in group["params"]]
        return result

    def _holds(self, optimizer: Optimizer) -> bool:
        """Return whether nothing has changed that recordings depend on."""
        assert self._guard is not None
        if not self._guard.holds():
            return False
        moving = [*chain.from_iterable([group["params"] for group in optimizer.param_groups])]
        return len(moving) == len(self._moving) and all(map(is_, moving, self._moving))

    def _record(
        self, key: Any, rule: Any, net: Network, x: Tensor, targets: Tensor, optimizer: Optimizer
    ) -> Any:
        """Make an update, and record it."""
        rule._ready(net, optimizer)
        moving = {id(p) for p in self._moving} if rule._direct(optimizer) else set()
        changed = [p for p in self._learned if p.requires_grad and id(p) in moving]
        itself = {id(p) for p in changed}
        every = [*self._learned, *rule._own.values()]
        learning = [p for p in every if p.requires_grad and id(p) not in itself]
        with known(x, targets):
            result, program = record(
                lambda x, targets, *_: rule._collect(net, x, targets, optimizer),
                [x, targets, *_gradients(learning)],
            )
        if isinstance(program, Program):
            vectors = targets.is_floating_point()
            self._last = _Recorded(program, learning, changed, key, vectors)
            self._known[key] = self._last
        else:
            self._guard = None
        rule._finish(net, optimizer)
        return result

    def _replay(
        self,
        found: _Recorded,
        rule: Any,
        net: Network,
        x: Tensor,
        targets: Tensor,
        optimizer: Optimizer,
    ) -> Any:
        """Make an update by its recording."""
        try:
            result = found.program(x, targets, *_gradients(found.learning))
        except RuntimeError:
            prepared(targets, x, net.output_shape, in_range=True)
            raise
        rule._replayed(net)
        for p in found.changed:
            p.grad = None
        if found.learning or len(found.changed) != len(self._moving) or _somebody_waits(optimizer):
            rule._finish(net, optimizer)
        elif net.bounded:
            net.keep_bounds()
        return result


def _gradients(parameters: list[nn.Parameter]) -> list[Tensor]:
    """Return the tensors to write gradients to."""
    for p in parameters:
        if p.grad is None:
            p.grad = torch.zeros_like(p)
    return [p.grad for p in parameters]  # type: ignore[misc]


def _autocast(net: Network) -> bool:
    """Return whether numbers are in other formats than they are said to be in."""
    return torch.is_autocast_enabled(net.like.device.type)


def _somebody_waits(optimizer: Any) -> bool:
    """Return whether a step that changes nothing is noticed all the same: by a schedule, or by a hook."""
    return bool(
        "step" in vars(optimizer)
        or optimizer._optimizer_step_pre_hooks
        or optimizer._optimizer_step_post_hooks
        or _global_optimizer_pre_hooks
        or _global_optimizer_post_hooks
    )


def rates(optimizer: Optimizer) -> Any:
    """Return all numbers by which an optimizer of plain SGD changes weights; its kind, if it is another."""
    if type(optimizer) is not SGD:
        return type(optimizer)
    return tuple(map(_RATES, optimizer.param_groups))


def _parts(net: Network) -> list[Any]:
    """Return all links, and all stages of all areas."""
    return [*net.links, *(stage for _, area in net.wiring.above_input for stage in area.sequence)]
