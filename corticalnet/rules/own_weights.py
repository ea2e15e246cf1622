"""Weights that a rule learns beside the network's: said in one place, and never left behind.

They are in checkpoints, join the optimizer, share the network's precision and device, and somebody is warned
if nothing moves them.
"""

from __future__ import annotations

import functools
import warnings
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from corticalnet.checks import positive, shown
from corticalnet.errors import RuleError
from corticalnet.network import Network
from corticalnet.replay import Guarded

#: Trials in which a rule's own weights stay as they were while the network's move, before somebody is warned.
PATIENCE = 20


def _nobody() -> None:
    """Return None, as a dead weak reference does."""


def link_of(name: str, links: Collection[str]) -> str:
    """Return the link beside which weights lie, by their name (``inverse.area1->area2.bias``), or "".

    Names of links may have points, too (``area1->area3.1``): the longest one counts.
    """
    return max((link for link in links if f".{link}." in f".{name}."), key=len, default="")


class OwnWeights(Guarded):
    """What learns weights of its own when it meets a network: base of every rule.

    Attributes:
        own_rate: learning rate of the rule's own weights, in units of that of the weights beside them. An
            optimizer that is given them by :meth:`parameters` moves them as it is told there.
    """

    name: str = "custom"
    own_rate: float = 1.0
    needs_full_precision: bool = False

    _weights: Mapping[str, nn.Parameter] = {}  # as `draw` has drawn them
    _shapes: Mapping[str, torch.Size] = {}  # of the network that they were drawn for
    _drawn_for: Callable[[], Network | None] = staticmethod(_nobody)
    _own: Mapping[str, nn.Parameter] = {}  # as `named_parameters` said them last
    _learned: tuple[nn.Parameter, ...] = ()  # of the network, in this trial
    _taught: Callable[[], Network | None] = staticmethod(_nobody)  # by the last `learn`
    _versions, _left_behind = (0, 0), 0  # torch's, of weights of the network and of the rule
    _updated: Callable[[], Network | None] = staticmethod(_nobody)  # by the last `update`
    _moved: tuple[tuple[nn.Parameter, ...], Callable[[], Any]] = ((), _nobody)  # what, and by whom

    def __init_subclass__(cls, **options: Any) -> None:
        """Wrap ``learn`` of every subclass, so that it meets the network first, at the precision it needs.

        Raises:
            RuleError: the rule overrides ``parameters``, of which nobody would learn the names.
        """
        super().__init_subclass__(**options)
        if cls.parameters is not OwnWeights.parameters:
            raise RuleError(
                f"{cls.__name__} overrides parameters(net); say its own weights with their names, in "
                "named_parameters(net): checkpoints, optimizers and the audit go by it"
            )
        learn: Any = getattr(cls, "learn", None)
        if learn is None or hasattr(learn, "_meets") or getattr(learn, "__isabstractmethod__", False):
            return

        @functools.wraps(learn)
        def met(self: OwnWeights, net: Network, *arguments: Any, **options: Any) -> Any:
            if self._meet(net):
                self._look_for_those_left_behind(net)
            if net.bounded:
                net.keep_bounds()  # (somebody else may have stepped an optimizer)
            if not self.needs_full_precision:
                return learn(self, net, *arguments, **options)
            with torch.autocast(net.like.device.type, enabled=False):
                return learn(self, net, *arguments, **options)

        met._meets = True  # type: ignore[attr-defined]
        cls.learn = met  # type: ignore[attr-defined]

    def draw(self, net: Network) -> Mapping[str, Tensor]:
        """Draw the initial values of the rule's own weights for ``net``, by name; none unless overridden.

        Called when a network is met whose parameters have other names or shapes than the last one's.
        """
        return {}

    def named_parameters(self, net: Network) -> Mapping[str, nn.Parameter]:
        """Return the rule's own learned weights by name, for ``net``: feedback weights, say.

        As :meth:`draw` has drawn them. A rule that keeps its weights itself overrides this, and makes them
        anew for a network that they do not fit. Precision and device become the network's.

        Raises:
            RuleError: ``draw`` returned something else than tensors by name.
        """
        if self._drawn_for() is not net:
            shapes = {name: p.shape for name, p in net.named_parameters()}
            if shapes != self._shapes:
                drawn = self.draw(net)
                if not isinstance(drawn, Mapping) or not all(isinstance(w, Tensor) for w in drawn.values()):
                    raise RuleError(
                        f"{self.name}: draw(net) must return {{name: tensor}}, not {shown(drawn)}"
                    )
                self._weights = {name: nn.Parameter(w.detach().clone()) for name, w in drawn.items()}
            self._shapes, self._drawn_for = shapes, weakref.ref(net)
        return self._weights

    def named_buffers(self) -> Mapping[str, Tensor]:
        """Return other tensors kept from trial to trial, which no optimizer moves: a running average, say.

        They are no copies: :meth:`load_state_dict` writes into them.
        """
        return {}

    def parameters(self, net: Network) -> list[nn.Parameter]:
        """Return the rule's own learned weights for ``net``, for an optimizer."""
        own = list(self._meet(net).values())
        self._look_for_those_unsaid({id(p) for p in (*own, *self._learned)})
        return own

    def state_dict(self) -> dict[str, Tensor]:
        """Return the rule's own weights and buffers, as of the network that it met last."""
        return {name: p.data for name, p in self._own.items()} | dict(self.named_buffers())

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`state_dict` returned (of a rule that has met a network with the same links).

        Raises:
            RuleError: it is another rule's, or of another network; nothing is loaded then.
        """
        own = self.state_dict()
        for name in [*own, *(n for n in state if n not in own)]:
            here, there = (tuple(one[name].shape) if name in one else "nothing" for one in (own, state))
            if here != there:
                raise RuleError(f"{self.name}: {name} is {there} there and {here} here; it is of another one")
        for name, tensor in own.items():
            tensor.copy_(state[name])

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the network taught last and the observer: pickles and copies may teach another."""
        state = {name: value for name, value in self.__dict__.items() if name != "observer"}
        forgotten = ("_drawn_for", "_learned", "_taught", "_updated", "_versions", "_left_behind", "_moved")
        return state | {name: getattr(OwnWeights, name) for name in forgotten} | {"_recordings": None}

    # Meeting a network -------------------------------------------------------------------------
    def _meet(self, net: Network) -> Mapping[str, nn.Parameter]:
        """Check that the network can be taught; return the rule's own weights, at its precision and device.

        Raises:
            RuleError: it is something else, or in a wrapping.
        """
        if not isinstance(net, Network):
            kind = type(net).__name__
            inside = next((n for n in ("module", "_orig_mod") if isinstance(getattr(net, n, 0), Network)), "")
            cure = "a Recurrent one learns by cn.ThroughTime(rule)"
            raise RuleError(
                f"{self.name} teaches a Network, not {kind}; "
                + (f"give it the one inside: {kind}.{inside}" if inside else cure)
            )
        self._learned = net.parts.learned()
        own = self.named_parameters(net)
        if type(own) is not dict:
            own = dict(own)  # (pairs, as modules of torch say them)
        if own:
            like = net.like
            for name, p in own.items():
                if not isinstance(p, nn.Parameter):
                    raise RuleError(f"{self.name}: its weights '{name}' are {shown(p)}, not an nn.Parameter")
                if p.dtype is not like.dtype or p.device != like.device:
                    p.data = p.data.to(like)
                    p.grad = None if p.grad is None else p.grad.to(p)
        self._own = own
        return own

    def _ready(self, net: Network, optimizer: torch.optim.Optimizer) -> None:
        """Prepare an update: check that the optimizer holds the present parameters, and add the rule's own.

        Raises:
            RuleError: it is none, or holds what the network had once.
        """
        own = self._meet(net)
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise RuleError(f"{self.name}: update takes an optimizer of torch.optim, not {shown(optimizer)}")
        if own:
            self._join(net, optimizer)
        self._look_for_those_replaced(net, optimizer)

    def _join(self, net: Network, optimizer: torch.optim.Optimizer) -> None:
        """Add own weights to the optimizer's group of the weights beside them, or of those to the output."""
        groups = {p: k for k, group in enumerate(optimizer.param_groups) for p in group["params"]}
        weights = {link.name: link.weight for link in net.links if link.plastic}
        last = [*weights.values()][-1]
        joining: dict[int, dict[str, nn.Parameter]] = {}
        for name, p in self._own.items():
            beside = weights.get(link_of(name, weights), last)
            if p not in groups and beside in groups:
                joining.setdefault(groups[beside], {})[name] = p
        for k, own in joining.items():
            group = optimizer.param_groups[k]
            if self.own_rate == 1:
                group["params"].extend(own.values())
                group.get("param_names", []).extend(own)
            elif "initial_lr" in group:  # (some schedules would fail later, and some keep another ratio)
                raise RuleError(
                    f"{self.name}: its own weights have a rate of their own, and the optimizer a schedule; "
                    'give the optimizer {"params": rule.parameters(net), "lr": …}, then make the schedule'
                )
            else:
                params = own.items() if "param_names" in group else own.values()
                optimizer.add_param_group(self.group_beside(group) | {"params": [*params]})

    def group_beside(self, group: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options of a parameter group for own weights: another group's, at their own rate.

        Raises:
            RuleError: the rate is no number above 0.
        """
        rate = positive(f"{self.name}: own_rate", self.own_rate, RuleError)
        shared = {key: value for key, value in group.items() if key not in ("params", "param_names")}
        return shared | {"lr": group["lr"] * rate, "own_rate": rate * group.get("own_rate", 1.0)}

    def _look_for_those_unsaid(self, known: set[int]) -> None:
        """Warn if attributes of the rule hold parameters that ``named_parameters`` does not return."""
        mine = {key: value for key, value in vars(self).items() if not hasattr(OwnWeights, key)}
        unsaid = [k for k, v in mine.items() for p in _held(v) if p.requires_grad and id(p) not in known]
        if unsaid:
            warnings.warn(
                f"{self.name}: the rule holds parameters ({', '.join(dict.fromkeys(unsaid))}) of which "
                "named_parameters(net) says nothing; no checkpoint and no optimizer will have them",
                stacklevel=3,
            )

    def _look_for_those_left_behind(self, net: Network) -> None:
        own = [p for p in self._own.values() if p.requires_grad]
        now = sum(p._version for p in self._learned), sum(p._version for p in own)
        (up, down), same = self._versions, self._taught() is net
        self._taught, self._versions = weakref.ref(net), now
        if not own or not same or now[1] != down:
            self._left_behind = 0
        elif now[0] != up:
            self._left_behind += 1
            if self._left_behind == PATIENCE:
                feedback = all(name.startswith("feedback.") for name in self._own)
                left = (
                    "its feedback does" if feedback else f"the rule's own weights ({', '.join(self._own)}) do"
                )
                warnings.warn(
                    f"{self.name}: the network learns, but {left} not; give the optimizer "
                    "[*net.parameters(), *rule.parameters(net)], or call rule.update",
                    stacklevel=3,
                )

    def _look_for_those_replaced(self, net: Network, optimizer: torch.optim.Optimizer) -> None:
        """Check that the optimizer holds the network's present parameters, not replaced ones.

        Raises:
            RuleError: it does not.
        """
        learned = self._learned
        moved, by = self._moved
        if moved is learned and by() is optimizer:
            return
        moving = {id(p) for group in optimizer.param_groups for p in group["params"]}
        now = {id(p) for p in learned}
        if moving.isdisjoint(now | {id(p) for p in self._own.values()}):
            raise RuleError(
                f"{self.name}: the optimizer holds none of the network's parameters, and would move nothing; "
                "make it anew of net.parameters()"
            )
        if self._updated() is net and any(id(p) in moving and id(p) not in now for p in moved):
            raise RuleError(
                f"{self.name}: parameters of the network were replaced since the last update, and the "
                "optimizer holds the old ones; make the optimizer anew"
            )
        self._updated, self._moved = weakref.ref(net), (learned, weakref.ref(optimizer))


def _held(value: Any) -> Iterator[nn.Parameter]:
    """Yield parameters in a value: itself, in a list or dict, a module (no network), or another rule."""
    if isinstance(value, nn.Parameter):
        yield value
    elif isinstance(value, OwnWeights):
        yield from value._own.values()
    elif isinstance(value, nn.Module) and not isinstance(value, Network):
        yield from value.parameters()
    elif isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _held(one)
