"""Plasticity in torch: a pointwise eligibility for all synapses of a projection and all of a batch.

An eligibility that is a sum of products (weight part) × (post part) × (pre part) becomes one matrix
product for each term; the parts are found by tracing it. Any other is computed synapse by synapse, as a
tensor with a batch axis; so is one whose changes wait in a trace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import sympy
import torch
from sympy.logic.boolalg import BooleanAtom
from torch import Tensor

from corticalnet.circuits import Projection, pointwise
from corticalnet.circuits.cells import Cell
from corticalnet.circuits.tracing import Where
from corticalnet.engines.torch_engine.connections import Connected

Term = tuple[Any, Any, Any]  # weight part, post part, pre part


def separate(expr: Any) -> list[Term] | None:
    """An eligibility as products of a weight part, a post part and a pre part; None if it is no such sum."""
    terms = []
    for addend in sympy.Add.make_args(sympy.expand(expr)):
        parts = [sympy.Integer(1)] * 3
        for factor in sympy.Mul.make_args(addend):
            sides = {_side(symbol.name) for symbol in factor.free_symbols}
            if len(sides) > 1:
                return None
            side = sides.pop() if sides else 1
            parts[side] = parts[side] * factor
        terms.append((parts[0], parts[1], parts[2]))
    return terms


def _side(name: str) -> int:
    return 0 if name == "w" else 2 if name.startswith("pre_") else 1


def evaluate(expr: Any, values: Mapping[str, Any]) -> Any:
    """A traced expression at given values of its symbols."""
    if expr.is_Symbol:
        return values[expr.name]
    if expr.is_Number:
        return float(expr)
    if isinstance(expr, BooleanAtom):  # a condition that a parameter has settled
        return bool(expr)
    arguments = [evaluate(argument, values) for argument in expr.args]
    if isinstance(expr, Where):
        return pointwise.where(*arguments)
    return _OPERATIONS[expr.func.__name__](*arguments)


def _sum(*parts: Any) -> Any:
    return sum(parts[1:], parts[0])


def _product(*parts: Any) -> Any:
    total = parts[0]
    for part in parts[1:]:
        total = total * part
    return total


def _all(*parts: Any) -> Any:
    total = parts[0]
    for part in parts[1:]:
        total = total & part
    return total


def _any(*parts: Any) -> Any:
    total = parts[0]
    for part in parts[1:]:
        total = total | part
    return total


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "Add": _sum,
    "Mul": _product,
    "Pow": lambda a, b: a**b,
    "And": _all,
    "Or": _any,
    "Not": lambda a: ~a,
    "Equality": lambda a, b: a == b,
    "Unequality": lambda a, b: a != b,
    "StrictLessThan": lambda a, b: a < b,
    "LessThan": lambda a, b: a <= b,
    "StrictGreaterThan": lambda a, b: a > b,
    "GreaterThan": lambda a, b: a >= b,
    "exp": pointwise.exp,
    "expm1": pointwise.expm1,
    "log": pointwise.log,
    "log1p": pointwise.log1p,
    "tanh": pointwise.tanh,
    "Abs": pointwise.absolute,
    "floor": pointwise.floor,
    "sign": pointwise.sign,
    "Minimum": pointwise.minimum,
    "Maximum": pointwise.maximum,
}


class Learner:
    """One plastic projection.

    Args:
        projection: the projection.
        connection: its synapses on tensors.
        pre, post: its cells.
        dt: length of a step, ms.
    """

    def __init__(
        self, projection: Projection, connection: Connected, pre: Cell, post: Cell, dt: float
    ) -> None:
        assert projection.plasticity is not None, "only plastic projections learn"
        self.plasticity, self.connection = projection.plasticity, connection
        expr = self.plasticity.traced(pre, post)
        self.terms = None if self.plasticity.remembers else separate(expr)
        #: Share of a step in the trace's memory; 0 if it has none.
        self.keep = dt / self.plasticity.memory if self.plasticity.memory else 0.0
        #: Symbol -> name of what it stands for, for each of the three sides: all that may be named, because
        #: an eligibility that is called reads also what a factor of 0 takes out of its traced form.
        names = {"pre": pre.state, "post": post.state, "port": post.ports}
        self.reads: dict[str, dict[str, str]] = {
            side: {f"{side}_{name}": name for name in known} for side, known in names.items()
        }
        if self.terms is not None:
            used = {symbol.name for symbol in expr.free_symbols}
            self.reads = {
                side: {s: n for s, n in known.items() if s in used} for side, known in self.reads.items()
            }
        self.trace: Tensor | None = None

    def awake(self, slots: Mapping[str, Any]) -> bool:
        """Whether anything can change in this step (a GPU would have to wait to know it)."""
        if self.keep:
            return True
        waiting = self.trace is not None and _some(slots["consolidation"])
        return waiting or all(_some(slots[slot]) for slot in ("trigger", "modulator") if slot in slots)

    def change(
        self, weight: Tensor, values: dict[str, Any], slots: Mapping[str, Tensor | float]
    ) -> Tensor | None:
        """The change of the weights in this step, a mean over the batch; None if there is none.

        Args:
            weight: as it is.
            values: what :attr:`reads` asks for, by symbol: ``[B, N]``, ``[B, M]``, or numbers.
            slots: trigger, modulator, consolidation, as far as they are in use.
        """
        factor: Any = self.plasticity.rate
        if self.keep:
            return self._remembered(
                weight, values, slots.get("trigger", 1.0), factor * slots.get("modulator", 1.0)
            )
        for slot in ("trigger", "modulator"):
            if slot in slots:
                factor = factor * slots[slot]
        if self.terms is None:
            each = self._each(weight, values, factor)
            if "consolidation" in slots:
                return self._waiting(weight, each, slots["consolidation"])
            return self.connection.gather(each.mean(0))
        total: Tensor | None = None
        values = values | {"w": weight}
        for by_weight, by_post, by_pre in self.terms:
            one = self._outer(values, by_post, by_pre, factor, weight)
            if by_weight != 1:
                one = one * evaluate(by_weight, values)
            total = one if total is None else total + one
        return total

    def _outer(
        self, values: dict[str, Any], by_post: Any, by_pre: Any, factor: Any, weight: Tensor
    ) -> Tensor:
        post, pre = evaluate(by_post, values) * factor, evaluate(by_pre, values)
        batch, cells = self.sizes
        post, pre = (
            x if isinstance(x, Tensor) and x.shape == (batch, n) else _spread(x, batch, n, weight)
            for x, n in ((post, cells[1]), (pre, cells[0]))
        )
        return self.connection.outer(post, pre) / batch

    #: (batch, (pre cells, post cells)); set by the engine when a run begins.
    sizes: tuple[int, tuple[int, int]] = (1, (1, 1))

    def _each(self, weight: Tensor, values: dict[str, Any], factor: Any) -> Tensor:
        """Factor × eligibility of every synapse of every sample."""
        pairs, (batch, (pres, posts)) = self.connection.pairs, self.sizes

        def on_pre(x: Any) -> Any:
            return pairs(None, _spread(x, batch, pres, weight), None)

        def on_post(x: Any) -> Any:
            return pairs(_spread(x, batch, posts, weight), None, None)

        sides = [
            SimpleNamespace(**{name: spread(values[key]) for key, name in self.reads[side].items()})
            for side, spread in (("pre", on_pre), ("post", on_post), ("port", on_post))
        ]
        each: Tensor = on_post(factor) * self.plasticity.eligibility(pairs(None, None, weight), *sides)
        return each

    def _on_post(self, x: Any, weight: Tensor) -> Tensor:
        batch, (_, posts) = self.sizes
        return self.connection.pairs(_spread(x, batch, posts, weight), None, None)

    def _waiting(self, weight: Tensor, each: Tensor, consolidation: Any) -> Tensor | None:
        """Changes add up in a trace until they are consolidated."""
        self.trace = each.clone() if self.trace is None else self.trace + each
        now = self._on_post(consolidation, weight) != 0
        if not now.any():
            return None
        change = self.connection.gather((self.trace * now).mean(0))
        self.trace = torch.where(now, torch.zeros_like(self.trace), self.trace)
        return change

    def _remembered(self, weight: Tensor, values: dict[str, Any], trigger: Any, factor: Any) -> Tensor | None:
        """Eligibility is remembered for a while, and a modulator acts on what is left of it."""
        each = self._each(weight, values, trigger)
        self.trace = torch.zeros_like(each) if self.trace is None else self.trace
        self.trace = self.trace + self.keep * (each - self.trace)
        if not _some(factor):
            return None
        return self.connection.gather((self._on_post(factor, weight) * self.trace).mean(0))


def _some(factor: Any) -> bool:
    """Whether a factor may be other than 0 anywhere."""
    return bool(factor.any()) if isinstance(factor, Tensor) and not factor.is_cuda else bool(factor != 0)


def _spread(x: Any, batch: int, n: int, like: Tensor) -> Tensor:
    """A number, or numbers of each sample, as ``[B, n]``."""
    # (with a dtype: as_tensor alone would round a plain number to float32)
    return torch.as_tensor(x, dtype=like.dtype, device=like.device).expand(batch, n)
