"""Formulas as Brian2 code: they are :mod:`corticalnet.engines.formula`'s; names that Brian2 accepts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from corticalnet.engines.formula import ADDED, Formula, formula, number

__all__ = ["ADDED", "Formula", "Names", "formula", "number"]


class Names:
    """Readable names of variables that Brian2 accepts, one for every key.

    Args:
        allowed: says whether Brian2 accepts a name.
    """

    def __init__(self, allowed: Callable[[str], bool]) -> None:
        self._allowed = allowed
        self._known: dict[tuple[str, ...], str] = {}
        self._taken: set[str] = set()

    def __call__(self, *words: str, say: str = "") -> str:
        """Return the name of a key: ``say``, or its words joined by "_", with a "0" where that is taken."""
        if words not in self._known:
            text = re.sub(r"->|[-., >]+", lambda m: "_to_" if m[0] == "->" else "_", say or "_".join(words))
            name = re.sub(r"[^A-Za-z0-9_]", lambda m: f"u{ord(m[0]):x}", text)
            name = name if name[0].isalpha() else f"x{name}"
            while name in self._taken or name.endswith(("_pre", "_post")) or not self._allowed(name):
                name += "0"
            self._taken.add(name)
            self._known[words] = name
        return self._known[words]

    def words(self) -> Iterable[tuple[tuple[str, ...], str]]:
        """Return all keys with their names."""
        return self._known.items()
