"""The numbers of a script: in its own text if they are few, in a file beside it otherwise."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Numbers that a script holds itself, if it may have a file beside it.
FEW = 2_000


class ScriptArrays(dict[str, NDArray[Any]]):
    """ScriptArrays by name, as the script calls them: ``arrays['input->area1.weight']``."""

    def put(self, name: str, values: Any) -> str:
        """Store an array; return how the script calls it (a number that all are, itself)."""
        array = np.asarray(values)
        if array.size and (array == array.flat[0]).all() and array.dtype.kind == "f":
            return repr(float(array.flat[0]))
        return self.keep(name, array)

    def keep(self, name: str, array: NDArray[Any]) -> str:
        """Store an array whatever it holds; return how the script calls it."""
        self[name] = array
        return f"arrays[{name!r}]"

    @property
    def many(self) -> bool:
        """Return whether there are more numbers than a text should hold."""
        return sum(array.size for array in self.values()) > FEW

    def text(self) -> str:
        """Write all arrays as Python."""
        return "arrays = {\n" + "".join(f"    {name!r}: {_written(a)},\n" for name, a in self.items()) + "}"


def _written(array: NDArray[Any]) -> str:
    numbers = repr(array.tolist())
    if len(numbers) <= 70:
        return f"np.array({numbers})"
    rows = array if array.ndim > 1 else [array]
    lines = []
    for row in rows:
        text = repr(np.asarray(row).tolist())
        lines += textwrap.wrap(text, 100, initial_indent=" " * 8, subsequent_indent=" " * 9)
        lines[-1] += "," if array.ndim > 1 else ""
    inner = "\n".join(lines)
    return f"np.array([\n{inner}\n    ])" if array.ndim > 1 else f"np.array(\n{inner}\n    )"
