"""Which parameters a rule takes by name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from corticalnet.rules import catalogue, rows


def parameters_of(name: str, parts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of all parameters that a rule takes, if it has these parts.

    Args:
        name: of the rule.
        parts: ``teaching``, ``feedback`` and ``trigger`` where they are not the rule's own; else is ignored.

    Raises:
        RuleError: there is no such rule or part.

    >>> parameters_of("sign-symmetry", {})[:3], "silence" in parameters_of("fa-z-il", {})
    (('teaching', 'feedback', 'trigger'), True)
    """
    catalogue.check_name(name)
    entry = catalogue._RULES[name]
    if isinstance(entry, rows.Entry):
        kinds: tuple[tuple[str, dict[str, Any], str], ...] = (
            ("teaching", rows.TEACHINGS, "teaching signal"),
            ("feedback", rows.FEEDBACKS, "feedback pathway"),
            ("trigger", {}, "trigger"),
        )
        makers = [
            catalogue.part_of(parts.get(part, getattr(entry, part)), names, kind)
            for part, names, kind in kinds
        ]
        return tuple(
            dict.fromkeys([part for part, *_ in kinds] + [n for make in makers for n in _named(make)])
        )
    make: Any = entry.make if isinstance(entry, rows.Whole) else entry
    takes = _named(make.load() if isinstance(make, rows.Public) else make)
    if "teaching" in takes:
        teaching = parts.get("teaching", "teacher")
        takes += _named(catalogue.part_of(teaching, rows.TEACHINGS, "teaching signal"))
    return tuple(dict.fromkeys(takes))


def _named(make: Any) -> list[str]:
    if not callable(make):
        return []
    several = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [key for key, p in inspect.signature(make).parameters.items() if p.kind not in several]
