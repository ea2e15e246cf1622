"""Plasticity in torch: a pointwise eligibility for all synapses of a projection and all of a batch.

An eligibility that is a sum of products (weight part) × (post part) × (pre part) becomes one matrix
product for each term; the parts are found by tracing it. Any other is computed synapse by synapse, as a
tensor with a batch axis; so is one of synapses that have states.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import sympy
import torch
from sympy.logic.boolalg import BooleanAtom
from torch import Tensor

from corticalnet.circuits import Population, Projection, pointwise
from corticalnet.circuits.tracing import Where
from corticalnet.engines.torch_engine.connections import Connected
from corticalnet.engines.torch_engine.readers import Reader, Readers

Term = tuple[Any, Any, Any]  # weight part, post part, pre part


def separate(expr: Any) -> list[Term] | None:
    """Factor an eligibility into products of a weight, a post and a pre part; None if it is no such sum."""
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
    """Evaluate a traced expression at values of its symbols."""
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
    "Not": lambda a: a == 0,
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
    """What one plastic projection learns by.

    Args:
        projection: the projection.
        connection: its synapses on tensors.
        pre, post: its cells.
        dt: length of a step, ms.

    Attributes:
        shape: of numbers of synapses, without the batch.
        synapse: states of synapses by name, ``[B, *shape]``.
    """

    def __init__(
        self, projection: Projection, connection: Connected, pre: Population, post: Population, dt: float
    ) -> None:
        assert projection.plasticity is not None, "only plastic projections learn"
        self.projection, self.connection, self.dt = projection, connection, dt
        self.plasticity, self.sizes = projection.plasticity, (pre.n, post.n)
        self.shape = projection.connection.synapse_shape(pre.n, post.n)
        rule = self.plasticity
        self.terms = None if rule.states else separate(rule.traced(pre.cell, post.cell))
        #: Share of a step in the trace's memory; 0 if it has none.
        self.keep = dt / rule.memory if rule.memory else 0.0
        self.synapse: dict[str, Tensor] = {}
        #: Whether some trace may wait to be consolidated.
        self.waiting = False

    def attach(self, readers: Readers, batch: int, like: Tensor) -> None:
        """Reset the synapses to rest, and look up what they read.

        Args:
            readers: of states and ports.
            batch: samples.
            like: a tensor of the precision and device to use.
        """
        projection, plan, self.batch = self.projection, readers.plan, batch
        post, source = plan.places[projection.target], plan.places[projection.source]
        shape = batch, *self.shape
        self.waiting = False
        self.synapse = {
            name: like.new_full(shape, state.rest) for name, state in self.plasticity.states.items()
        }
        self.slots: list[tuple[str, Reader]] = []
        for slot, name in self.plasticity.slots.items():
            if name in post.cell.ports:
                self.slots.append((slot, readers.heard(post, name)))
            elif name in post.cell.state:
                self.slots.append((slot, readers.state(post, name)))
            else:
                self.slots.append((slot, readers.sent(plan.circuit.broadcast_to(projection, name))))
        names = self.plasticity.reads(source.cell, post.cell)
        self.reads: list[tuple[str, str, Reader]] = [
            *(("pre", name, readers.presynaptic(projection, name)) for name in sorted(names["pre"])),
            *(("post", name, readers.state(post, name)) for name in sorted(names["post"])),
            *(("port", name, readers.heard(post, name)) for name in sorted(names["port"])),
        ]

    def change(self, weight: Tensor) -> Tensor | None:
        """Update synaptic states; return the change of the weights, a mean over the batch, or None."""
        slots: dict[str, Any] = {}
        for slot, reader in self.slots:
            slots[slot] = reader.now()
        if not self.plasticity.state and not self._awake(slots):
            return None
        if self.terms is None:
            return self._each(weight, slots)
        factor: Any = self.plasticity.rate
        for slot in ("trigger", "modulator"):
            if slot in slots:
                factor = factor * slots[slot]
        values: dict[str, Any] = {"w": weight}
        for side, name, reader in self.reads:
            values[f"{side}_{name}"] = reader.now()
        total: Tensor | None = None
        for by_weight, by_post, by_pre in self.terms:
            one = self._outer(values, by_post, by_pre, factor, weight)
            if by_weight != 1:
                one = one * evaluate(by_weight, values)
            total = one if total is None else total + one
        return total

    def restore(self, state: str, value: Tensor) -> None:
        """Restore a state of the synapses."""
        self.synapse[state], self.waiting = value, self.waiting or state == "trace"

    def carry(self, weight: Tensor, sent: Tensor) -> Tensor:
        """Compute what synapses that do more than multiply bring to their cells: ``[B, M]``."""
        each = self.plasticity.transmits(self._synapse(weight), self._on_pre(sent, weight))
        return self.connection.arrive(torch.as_tensor(each).to(weight).expand(self.batch, *self.shape))

    def _awake(self, slots: Mapping[str, Any]) -> bool:
        """Return whether weights or traces may change in this step."""
        if self.keep or (self.waiting and _some(slots["consolidation"])):
            return True
        return _some(slots.get("trigger", 1.0)) and _some(slots.get("modulator", 1.0))

    def _outer(
        self, values: dict[str, Any], by_post: Any, by_pre: Any, factor: Any, weight: Tensor
    ) -> Tensor:
        post, pre = evaluate(by_post, values) * factor, evaluate(by_pre, values)
        (pres, posts), batch = self.sizes, self.batch
        if not isinstance(post, Tensor) or post.shape != (batch, posts):
            post = _spread(post, batch, posts, weight)
        if not isinstance(pre, Tensor) or pre.shape != (batch, pres):
            pre = _spread(pre, batch, pres, weight)
        return self.connection.outer(post, pre) / batch

    def _each(self, weight: Tensor, slots: Mapping[str, Any]) -> Tensor | None:
        """Compute the change synapse by synapse, for every sample."""
        rule = self.plasticity
        sides: dict[str, dict[str, Any]] = {"pre": {}, "post": {}, "port": {}}
        for side, name, reader in self.reads:
            on = self._on_pre if side == "pre" else self._on_post
            sides[side][name] = on(reader.now(), weight)
        pre, post, port = (SimpleNamespace(**names) for names in sides.values())
        for name, value in rule.update(self._synapse(weight), pre, post, port, self.dt).items():
            self.synapse[name] = torch.as_tensor(value).to(weight).expand(self.synapse[name].shape)
        if rule.state and not self._awake(slots):
            return None
        trigger, modulator = slots.get("trigger", 1.0), slots.get("modulator", 1.0)
        factor = trigger if self.keep else rule.rate * trigger * modulator
        each = self._on_post(factor, weight) * rule.eligibility(self._synapse(weight), pre, post, port)
        if self.keep:
            return self._remembered(weight, each, rule.rate * modulator)
        if "consolidation" in slots:
            return self._waiting(weight, each, slots["consolidation"])
        return self.connection.gather(each.mean(0))

    def _synapse(self, weight: Tensor) -> SimpleNamespace:
        return SimpleNamespace(weight=self.connection.pairs(None, None, weight), **self.synapse)

    def _on_pre(self, x: Any, weight: Tensor) -> Tensor:
        return self.connection.pairs(None, _spread(x, self.batch, self.sizes[0], weight), None)

    def _on_post(self, x: Any, weight: Tensor) -> Tensor:
        return self.connection.pairs(_spread(x, self.batch, self.sizes[1], weight), None, None)

    def _waiting(self, weight: Tensor, each: Tensor, consolidation: Any) -> Tensor | None:
        """Add changes to a trace until they are consolidated; return the change then."""
        trace = self.synapse["trace"] + each
        self.waiting, now = True, self._on_post(consolidation, weight) != 0
        if not now.is_cuda:
            if not now.any():
                self.synapse["trace"] = trace
                return None
            self.waiting = not now.all()
        self.synapse["trace"] = torch.where(now, torch.zeros_like(trace), trace)
        return self.connection.gather((trace * now).mean(0))

    def _remembered(self, weight: Tensor, each: Tensor, factor: Any) -> Tensor | None:
        """Update the eligibility trace; return it times the modulator as the change."""
        trace = self.synapse["trace"]
        self.synapse["trace"] = trace + self.keep * (each - trace)
        if not _some(factor):
            return None
        return self.connection.gather((self._on_post(factor, weight) * self.synapse["trace"]).mean(0))


def _some(factor: Any) -> bool:
    """Return whether a factor may be nonzero anywhere (on a GPU always: asking would wait for the device)."""
    if not isinstance(factor, Tensor):
        return bool(factor != 0)
    return factor.is_cuda or bool(factor.any())


def _spread(x: Any, batch: int, n: int, like: Tensor) -> Tensor:
    """Expand a number, or numbers of each sample, to ``[B, n]``."""
    # (with a dtype: as_tensor alone would round a plain number to float32)
    return torch.as_tensor(x, dtype=like.dtype, device=like.device).expand(batch, n)
