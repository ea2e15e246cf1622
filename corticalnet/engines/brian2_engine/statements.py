"""New values of variables as statements, in an order in which each is computed from the old ones.

Nothing here needs Brian2. What is written leaves Brian2 no choice: "x = x + a" it rewrites by an algebra of
its own, which changes last bits; "x += a" it takes as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from corticalnet.engines.brian2_engine.code import Formula, formula, number

#: A statement: what it sets, how, and to what.
_STATEMENT = re.compile(r"(\w+) ([-+*]?=) (.*)")


def statements(new: Mapping[str, Any], part: Callable[[int], str], moved: Callable[[str], str]) -> list[str]:
    """Write code that sets variables to new values, all computed from the old ones.

    Args:
        new: variable -> number or formula.
        part: names the k-th part that several values have in common.
        moved: names the new value of a variable whose old one is still needed.
    """
    values = {name: number(value) for name, value in new.items() if formula(value).text != name}
    count: Counter[str] = Counter()
    order: dict[str, Formula] = {}
    for value in values.values():
        _count(value, count, order)
    named: dict[str, str] = {}
    lines = []
    for text, shared in order.items():  # inner ones come first
        if count[text] > 1:
            name = next((n for n, v in values.items() if v.text == text and _free(n, values)), "")
            lines += _assign(name or part(len(named)), shared, named, moved)
            named[text] = name or part(len(named))
            values = {n: v for n, v in values.items() if n != name}
    last = []
    while values:
        name = next((n for n in values if not _needed(n, values, named)), "")
        if name:
            lines += _assign(name, values.pop(name), named, moved)
        else:  # each is needed by another
            name = next(iter(values))
            lines.append(f"{moved(name)} = {values.pop(name).inside(0, named)}")
            last.append(f"{name} = {moved(name)}")
    return lines + last


def _free(name: str, values: Mapping[str, Formula]) -> bool:
    """Return whether a value may be set first, and then stand for itself: no other needs the old one."""
    return not _needed(name, values, {values[name].text: ""})


def _needed(name: str, values: Mapping[str, Formula], named: Mapping[str, str]) -> bool:
    """Return whether the value of another variable needs this one."""
    return any(n != name and re.search(rf"\b{name}\b", v.inside(0, named)) for n, v in values.items())


def _assign(name: str, value: Formula, named: Mapping[str, str], moved: Callable[[str], str]) -> list[str]:
    """Write one assignment; in two steps if Brian2 would make another sum of it."""
    sign = re.fullmatch(r"\{\} ([-+*]) \{\}", value.pattern)
    if sign and value.parts[0].text == name and value.text not in named:
        return [f"{name} {sign[1]}= {value.parts[1].inside(0, named)}"]
    code = value.inside(0, named)
    if re.search(rf"\b{name}\b", code) and not re.fullmatch(r"\w+\({}(, {})*\)", value.pattern):
        return [f"{moved(name)} = {code}", f"{name} = {moved(name)}"]
    return [f"{name} = {code}"]


def copied(line: str) -> str:
    """Write a plain copy as −(−b): Brian2's NumPy code gives ``a = b`` the very array of b.

    A later ``a = a + c`` in the same code, which Brian2 does in place, would change b too (Brian2 2.9.0; see
    ``findings/brian2_numpy_copies_share_memory.sh``).
    """
    name, sign, code = split(line)
    return f"{name} {sign} -(-{code})" if sign == "=" and re.fullmatch(r"[A-Za-z_]\w*", code) else line


def split(line: str) -> tuple[str, str, str]:
    """Split a statement into what it sets, how ("=", "+=", …), and to what."""
    found = _STATEMENT.fullmatch(line)
    assert found, "written here"
    return found[1], found[2], found[3]


def _count(one: Formula, count: Counter[str], order: dict[str, Formula]) -> None:
    """Count the uses of each compound part; an inner part counts once for each outer one."""
    if not one.parts:
        return
    count[one.text] += 1
    if count[one.text] == 1:
        for part in one.parts:
            _count(part, count, order)
        order[one.text] = one
