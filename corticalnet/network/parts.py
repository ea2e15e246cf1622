"""The parts of a network as it was built, beside what torch has made of them since.

Other parameters in the place of the old ones (``load_state_dict(assign=True)``, ``link.weight = …``), another
precision or device, weights that two links share: all of that learns as before, because parameters are looked
up where they are, in every trial. What no rule can teach is refused in a sentence: torch's pruning and
parametrizations, parts that were exchanged, gradient hooks, parameters without numbers.
"""

from __future__ import annotations

from itertools import chain
from operator import is_
from typing import Any

from torch import Tensor, nn
from torch.nn.utils import parametrize

from corticalnet.errors import NetworkError
from corticalnet.network.area import Area
from corticalnet.network.links import Link

Shape = tuple[int, ...]


class Parts:
    """The modules of a network, and the parameters that they hold.

    Args:
        net: a network that has just been built.
    """

    def __init__(self, net: nn.Module) -> None:
        self._places: list[tuple[dict[str, Any], str, nn.Module]] = []
        self._holders: list[tuple[str, nn.Module, dict[str, Shape]]] = []
        for path, module in net.named_modules():
            if not isinstance(module, Area | Link):  # (an area's own children are lists)
                self._places += [(module._modules, name, child) for name, child in module.named_children()]
            if module._parameters or isinstance(module, Link):
                what = f"link '{module.name}'" if isinstance(module, Link) else f"'{path}'"
                self._holders.append((what, module, _shapes(module)))
        # Looking through torch's own dictionaries takes a microsecond; all else is for when they changed.
        self._own = [module._parameters for _, module, _ in self._holders]
        self._inside = [*{id(inside): inside for inside, _, _ in self._places}.values(), *self._own]
        self._known: list[Any] = []
        self._learned: tuple[nn.Parameter, ...] = ()
        self._shapes: list[Shape] = []

    def learned(self) -> tuple[nn.Parameter, ...]:
        """Return all parameters as they are now, each once; the same tuple for as long as none is replaced.

        Raises:
            NetworkError: rules cannot teach the network as it is now; the message says why.
        """
        # (as in _now; every call of a function counts here)
        now = [*chain.from_iterable(map(dict.values, self._inside)), *chain.from_iterable(self._own)]
        if len(now) != len(self._known) or not all(map(is_, now, self._known)):
            self._check(taught=True)
            held = [(m._parameters[n], s) for _, m, shapes in self._holders for n, s in shapes.items()]
            each = {id(p): (p, shape) for p, shape in held if p is not None}.values()
            self._learned, self._shapes = tuple(p for p, _ in each), [shape for _, shape in each]
            self._known = self._now()
        for p, shape in zip(self._learned, self._shapes, strict=True):
            if (
                p.shape != shape
                or p.is_meta
                or p._backward_hooks
                or p._post_accumulate_grad_hooks
                or not p.is_floating_point()
            ):
                self._check(taught=True)
        return self._learned

    def check(self) -> None:
        """Check that a forward sweep can run on the network as it is now; autograd may be recording.

        Weights that hooks of torch's work out (pruning, the older norms) are worked out anew.

        Raises:
            NetworkError: it would not.
        """
        known = zip(self._learned, self._shapes, strict=True)
        now = self._now()
        same = len(now) == len(self._known) and all(map(is_, now, self._known))
        if not same or any(p.shape != shape for p, shape in known):
            self._check(taught=False)

    def _now(self) -> list[Any]:
        return [*chain.from_iterable(map(dict.values, self._inside)), *chain.from_iterable(self._own)]

    def _check(self, taught: bool) -> None:
        for modules, name, child in self._places:
            if modules.get(name) is not child:
                raise NetworkError(
                    f"'{name}' is not the {type(child).__name__} any more that the network was built with; "
                    "build a new Network of the parts that it should have"
                )
        for what, module, shapes in self._holders:
            own = module._parameters
            for name in shapes:
                if name not in own and (taught or not _computed(module, name)):
                    raise NetworkError(f"{what}: {_changed(module, name)}")
            for name, p in own.items():
                if name not in shapes:
                    if taught:
                        raise NetworkError(f"{what}: no rule teaches its '{name}', which is new; delete it")
                elif (p is not None or name != "bias") and (words := _unfit(name, p, shapes[name], taught)):
                    raise NetworkError(f"{what}: {words}")


def _shapes(module: nn.Module) -> dict[str, Shape]:
    """Return the shapes of all parameters of a module, with that of a bias that a link may get later."""
    shapes = {name: () if p is None else tuple(p.shape) for name, p in module._parameters.items()}
    if isinstance(module, Link) and "bias" in shapes:
        shapes["bias"] = module.plan(module.source_shape)[2]
    return shapes


def _computed(module: nn.Module, name: str) -> bool:
    """Return whether torch computes a parameter from others; runs their hooks (links are not called)."""
    if parametrize.is_parametrized(module, name):
        return True
    hooks = [h for h in module._forward_pre_hooks.values() if type(h).__module__.startswith("torch.nn.utils")]
    for hook in hooks:
        hook(module, ())
    return bool(hooks) and isinstance(getattr(module, name, None), Tensor)


def _changed(module: nn.Module, name: str) -> str:
    """Describe what has become of a parameter that the module no longer has."""
    if parametrize.is_parametrized(module, name):
        return (
            f"'{name}' is computed from other parameters, which no rule teaches; end that with "
            f"torch.nn.utils.parametrize.remove_parametrizations(link, '{name}')"
        )
    if f"{name}_mask" in module._buffers:
        own = isinstance(module, Link) and name == "weight"
        cure = f"torch.nn.utils.prune.remove(module, '{name}') makes it permanent"
        return f"'{name}' is pruned by a hook of torch's, which rules know nothing of; " + (
            "link.prune() makes its mask the link's own, which they respect" if own else cure
        )
    others = ", ".join(f"'{other}'" for other in module._parameters if other != "bias") or "nothing"
    return f"'{name}' is no parameter any more (instead: {others}), and no rule teaches that; give it one"


def _unfit(name: str, p: Tensor | None, shape: Shape, taught: bool) -> str:
    """Describe what is wrong with a parameter; empty if nothing is."""
    if p is None:
        return f"'{name}' is None; give it a parameter"
    if tuple(p.shape) != tuple(shape):
        return f"'{name}' has shape {tuple(p.shape)}; the network was built with {tuple(shape)}"
    if taught and p.is_meta:
        return (
            f"'{name}' has no numbers (device 'meta'); call load_state_dict(state, assign=True), or "
            "to_empty(device='cpu') and load_state_dict(state)"
        )
    if not p.is_floating_point():
        return f"'{name}' is {p.dtype}; rules teach real floating-point numbers"
    if taught and (p._backward_hooks or p._post_accumulate_grad_hooks):
        return (
            f"a hook waits for the gradient of '{name}' and would never run, for rules use no autograd; "
            "remove it (synapses that must stay 0 are a matter of a link's mask)"
        )
    return ""
