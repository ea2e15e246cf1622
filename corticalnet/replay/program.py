"""A recording made a program: one flat function of calls, on fixed buffers."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from corticalnet.replay.calls import Call, memory, tensors
from corticalnet.replay.forms import COPIES, EMPTY, FILLS, function, into, method
from corticalnet.replay.passes import reduced
from corticalnet.replay.results import found, maker


class Program:
    """What :func:`record` makes of a function: call it with new inputs.

    Attributes:
        source: the flat function, as text.
        calls: the number of operations in it.
        nbytes: of its buffers.
    """

    def __init__(self, calls: list[Call], inputs: list[Tensor], result: Any) -> None:
        results = found(result)
        calls, same = reduced(calls, results)
        self._lines: list[str] = []
        self._names: dict[str, Any] = {}
        self._known: dict[int, str] = {}  # tensor (of the recording) -> its name in the source
        self._keep: list[Any] = [calls, inputs, result]  # while the source is written, identities count
        self._inputs = {memory(t) for t in inputs}
        self._fresh = self._inputs | {memory(same(t)) for t in results} | _without_form(calls)
        made = {place for call in calls for place in call.new}
        self._buffers = _Buffers(calls, made - self._fresh)
        self._moving = made & self._fresh | self._inputs
        arguments = [self._variable(t) for t in inputs]
        last = _last_uses(calls, [same(t) for t in results])
        for place, call in enumerate(calls):
            self._write(call)
            gone = [
                self._known[one] for one in last.get(place, []) if self._known.get(one, "").startswith("v")
            ]
            if gone:
                self._lines.append("del " + ", ".join(gone))
        out = [t for t in results if memory(same(t)) in self._moving]
        places = {id(t): k for k, t in enumerate(out)}
        self._make = maker(result, lambda t: places.get(id(t)))
        self._lines.append(f"return [{', '.join(self._name(same(t)) for t in out)}]")
        head = f"def run({', '.join(arguments)}):\n    "
        self.source = head + "\n    ".join(self._lines) + "\n"
        self.calls, self.nbytes = len([n for n in self._lines if "(" in n]), self._buffers.nbytes
        exec(compile(self.source, "<recording>", "exec"), self._names)
        self._run: Callable[..., list[Tensor]] = self._names["run"]
        del self._lines, self._keep, self._known, self._moving

    def __call__(self, *inputs: Tensor) -> Any:
        """Do what the function did, with other inputs of the same kind; return what it returned."""
        if torch.is_grad_enabled() and any(t.requires_grad for t in inputs):
            inputs = tuple(t.detach() for t in inputs)
        return self._make(self._run(*inputs))  # (no tensor in it requires a gradient)

    # Writing the source ------------------------------------------------------------------------
    def _write(self, call: Call) -> None:
        """Write the line, or none, that a call is."""
        made = call.made
        moving = any(memory(t) in self._moving for t in made)
        if call.view and not moving:
            return  # (a view of what lies still is made once)
        if made and not moving and not call.writes:
            self._write_into(call, made[0])
            return
        line = self._line(call)
        if made and not call.writes:
            targets = ["_" if t is None else self._variable(t) for t in call.results]
            line = f"{', '.join(targets)}{',' if len(targets) == 1 and call.several else ''} = {line}"
        self._lines.append(line)

    def _write_into(self, call: Call, result: Tensor) -> None:
        """Write a call whose result goes into its buffer."""
        name = self._name(result)
        if call.op in EMPTY:
            return
        if call.op in FILLS:
            self._lines.append(f"{self._bound(getattr(self._names[name], FILLS[call.op]))}()")
        elif call.op in COPIES:
            copy = self._bound(self._names[name].copy_)
            self._lines.append(f"{copy}({self._name(call.args[0])})")
        else:
            form = into(call.op)
            assert form is not None
            self._lines.append(
                f"{self._bound(form[0])}({self._arguments(call.args, call.kwargs)}, {form[1]}={name})"
            )

    def _line(self, call: Call) -> str:
        """Return a call as source, at its fastest."""
        own, args, kwargs = method(call.op), call.args, call.kwargs
        if call.op is torch.ops.aten.addmm.out and args[0] is kwargs["out"]:
            own, kwargs = "addmm_", {key: one for key, one in kwargs.items() if key != "out"}
        if not own:
            return f"{self._bound(function(call.op))}({self._arguments(args, kwargs)})"
        name, rest = self._name(args[0]), self._arguments(args[1:], kwargs)
        still = not name.startswith("v")
        return f"{self._bound(getattr(self._names[name], own)) if still else f'{name}.{own}'}({rest})"

    def _arguments(self, args: Sequence[Any], kwargs: dict[str, Any]) -> str:
        given = [self._text(one) for one in args]
        return ", ".join(given + [f"{key}={self._text(one)}" for key, one in kwargs.items()])

    def _text(self, value: Any) -> str:
        """Return an argument as source."""
        if isinstance(value, Tensor):
            return self._name(value)
        if type(value) in (int, bool, type(None), str) or (type(value) is float and abs(value) < 1e300):
            return repr(value)
        if isinstance(value, list | tuple):
            inside = "".join(self._text(one) + ", " for one in value)
            return f"[{inside}]" if isinstance(value, list) else f"({inside})"
        return self._bound(value)

    def _bound(self, value: Any) -> str:
        """Return the name of a constant of the source."""
        name = f"c{len(self._names)}"
        self._names[name] = value
        return name

    def _variable(self, tensor: Tensor) -> str:
        return self._known.setdefault(id(tensor), f"v{len(self._known)}")

    def _name(self, tensor: Tensor) -> str:
        """Return the name of a tensor: a variable of the run, or one that lies still."""
        name = self._known.get(id(tensor))
        if name is None:
            assert memory(tensor) not in self._moving, "used before it was made"
            name = self._known[id(tensor)] = self._bound(self._buffers.place(tensor))
        return name


def _without_form(calls: list[Call]) -> set[int]:
    """Return memory that is made by operations which can only make a tensor anew."""
    return {
        memory(t)
        for call in calls
        if not call.view and not call.writes and not _writes_into(call)
        for t in call.made
    }


def _writes_into(call: Call) -> bool:
    known = call.op in EMPTY or call.op in FILLS or call.op in COPIES
    return not call.several and len(call.made) == 1 and (known or into(call.op) is not None)


def _last_uses(calls: list[Call], results: list[Tensor]) -> dict[int, list[int]]:
    """Return for each call the tensors (by identity) that nobody uses after it."""
    kept, seen = {id(t) for t in results}, set()
    last: dict[int, list[int]] = {}
    for place in reversed(range(len(calls))):
        call = calls[place]
        for tensor in (*tensors((call.args, call.kwargs)), *call.made):
            if id(tensor) not in kept and id(tensor) not in seen:
                seen.add(id(tensor))
                last.setdefault(place, []).append(id(tensor))
    return last


class _Buffers:
    """Fixed pieces of memory for what calls make; a piece is taken again when nobody reads it any more.

    Args:
        calls: in their order.
        fixed: memory of the recording that gets a buffer.
    """

    def __init__(self, calls: list[Call], fixed: set[int]) -> None:
        self._fixed = fixed
        self._where: dict[int, int] = {}  # memory of the recording -> buffer
        self._sizes: list[int] = []
        self._plan(calls)
        device = next((t.device for c in calls for t in c.made if memory(t) in fixed), torch.device("cpu"))
        self._buffers = [torch.empty(size, dtype=torch.uint8, device=device) for size in self._sizes]
        self.nbytes = sum(self._sizes)

    def place(self, tensor: Tensor) -> Tensor:
        """Return the tensor, as it lies in its buffer; or where it lies outside, if it has none."""
        where = self._where.get(memory(tensor))
        whole = (tensor if where is None else self._buffers[where]).untyped_storage()
        empty = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
        return empty.set_(whole, tensor.storage_offset(), tensor.size(), tensor.stride())  # type: ignore[call-overload, no-any-return]

    def _plan(self, calls: list[Call]) -> None:
        ends: dict[int, int] = {}
        for step, call in enumerate(calls):
            for piece in call.reads | {memory(t) for t in call.made}:
                if not call.view:
                    ends[piece] = step
        free: list[tuple[int, int]] = []
        for step, call in enumerate(calls):
            if call.view:
                continue
            for tensor in call.made:
                piece = memory(tensor)
                if piece in self._fixed and piece not in self._where:
                    heir = _heir(call, tensor, {p for p in call.reads if ends.get(p) == step} & self._fixed)
                    size = tensor.untyped_storage().nbytes()
                    self._where[piece] = self._take(size, free) if heir is None else self._where[heir]
                    if heir is not None:
                        ends[heir] = -1
            for piece in {*call.reads, *(memory(t) for t in call.made)} & self._fixed:
                if ends[piece] == step:
                    number = self._where[piece]
                    insort(free, (self._sizes[number], number))

    def _take(self, size: int, free: list[tuple[int, int]]) -> int:
        """Take the smallest free buffer that is large enough, and not twice as large; or a new one."""
        for k, (there, number) in enumerate(free):
            if size <= there <= 2 * size:
                del free[k]
                return number
        self._sizes.append(size)
        return len(self._sizes) - 1


def _heir(call: Call, result: Tensor, ending: set[int]) -> int | None:
    """Return memory that ends with a call and may hold its result: the old numbers are read, each in time."""
    if not call.pointwise or call.several or into(call.op) is None:
        return None
    given = list(tensors((call.args, call.kwargs)))
    like = (result.size(), result.stride(), result.storage_offset(), result.dtype)
    for tensor in given:
        piece = memory(tensor)
        if piece in ending and tensor.untyped_storage().nbytes() == result.untyped_storage().nbytes():
            looks = [t for t in given if memory(t) == piece]
            if all((t.size(), t.stride(), t.storage_offset(), t.dtype) == like for t in looks):
                return piece
    return None
