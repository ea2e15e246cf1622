"""The catalogue: rules by name, made of the rows of :mod:`corticalnet.rules.rows` or registered by a user."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from corticalnet.errors import RuleError, one_of, unknown
from corticalnet.rules.also_called import ALSO_CALLED
from corticalnet.rules.on_top import on_top
from corticalnet.rules.rows import FEEDBACKS, RULES, TEACHINGS, Entry, Public, Whole

if TYPE_CHECKING:
    from corticalnet.rules.base import LearningRule


#: All rules: those of the toolkit, and what is registered beside them.
_RULES = dict(RULES)

#: Who registered a rule, if it was a file that was being run: name -> its path.
registered_by: dict[str, str] = {}
_running: list[str] = []


def list_rules() -> tuple[str, ...]:
    """List the names of all rules.

    >>> "backprop" in list_rules()
    True
    """
    return tuple(_RULES)


def source(name: str) -> str:
    """Return where a rule comes from: its paper, or the first line of the docstring of what makes it.

    Raises:
        RuleError: unknown name.
    """
    check_name(name)
    entry = _RULES[name]
    return entry.source if isinstance(entry, Entry | Whole) else (entry.__doc__ or "").partition("\n")[0]


def register(name: str, make: Entry | Callable[..., LearningRule]) -> None:
    """Register a rule of your own: an :class:`Entry`, or a callable that makes a :class:`LearningRule`.

    Raises:
        RuleError: the name is taken or no word, or there is nothing that makes a rule.

    >>> import corticalnet as cn
    >>> from corticalnet.rules import Entry
    >>> register("slow-z-il", Entry(cn.Teacher, cn.Tied, lambda: cn.ZIL(rate=0.5), "my idea"))
    >>> cn.rule("slow-z-il").trigger.rate
    0.5
    """
    if not isinstance(name, str) or not name.strip():
        raise RuleError(f"the name of a rule must be a text, not {_shown(name)}")
    if not isinstance(make, Entry) and not callable(make):
        raise RuleError(
            f"rule '{name}': {_shown(make)} is no Entry, and no class or function that makes a rule"
        )
    if name in _RULES:
        raise RuleError(f"rule '{name}' exists already; choose another name")
    _RULES[name] = make
    if _running:
        registered_by[name] = _running[-1]


@contextmanager
def registering(file: str) -> Iterator[None]:
    """Register a file's rules as its own; those of an earlier run of the file are forgotten."""
    for name in [name for name, by in registered_by.items() if by == file and name in _RULES]:
        del registered_by[name], _RULES[name]
    _running.append(file)
    try:
        yield
    finally:
        _running.pop()


def check_name(name: object) -> None:
    """Check that there is a rule of that name.

    Raises:
        RuleError: there is none; names by which the field knows one are told its name here.
    """
    if not isinstance(name, str) or name not in _RULES:
        word = str(name).strip().lower().replace("_", "-").replace(" ", "-")
        raise RuleError(unknown("rule", name, _RULES, ALSO_CALLED.get(word, word)))


def rule(name: str, /, **parameters: Any) -> LearningRule:
    """Make a rule by its name.

    Args:
        name: see :func:`rules`.
        parameters: ``teaching``, ``feedback`` or ``trigger`` replace a part (an object, or a name such
            as "reward" or "random"); anything else goes to the part that has such a parameter, for
            example ``silence`` of Fa-Z-IL, ``exploration`` of BrainProp, ``loss`` of a teacher. A rule that
            is no product takes its own, and those of a teaching signal if it takes one.

    Raises:
        RuleError: unknown name or parameter, or parts that do not go together.

    >>> print(rule("backprop", loss="cross-entropy").teaching.loss)
    cross-entropy
    """
    check_name(name)
    entry, parameters = _RULES[name], {**parameters, **on_top(name)}
    if not isinstance(entry, Entry):
        make: Any = entry.make if isinstance(entry, Whole) else entry
        whole = _whole(name, make.load() if isinstance(make, Public) else make, parameters)
        if not hasattr(whole, "learn"):  # (to ask for its class would bring torch)
            raise RuleError(
                f"rule '{name}': what makes it returned {_shown(whole)}, which is no LearningRule"
            )
        whole.name = name
        return whole
    makers = {
        "teaching": part_of(parameters.pop("teaching", entry.teaching), TEACHINGS, "teaching signal"),
        "feedback": part_of(parameters.pop("feedback", entry.feedback), FEEDBACKS, "feedback pathway"),
        "trigger": part_of(parameters.pop("trigger", entry.trigger), {}, "trigger"),
    }
    takes = {part: _parameters(make) for part, make in makers.items()}
    _check(name, parameters, ["teaching", "feedback", "trigger", *(n for own in takes.values() for n in own)])
    parts = {
        part: make(**{k: v for k, v in parameters.items() if k in takes[part]}) if callable(make) else make
        for part, make in makers.items()
    }
    from corticalnet.rules.product import Rule  # brings torch

    return Rule(**parts, name=name)


def _whole(name: str, make: Callable[..., LearningRule], parameters: dict[str, Any]) -> LearningRule:
    """Make a rule that is no product of parts; a teaching signal may be given by name."""
    takes = inspect.signature(make).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values()):
        return make(**parameters)
    if "teaching" not in takes:
        _check(name, parameters, [*takes])
        return make(**parameters)
    by = "teaching" in parameters
    teaching = part_of(parameters.pop("teaching", "teacher"), TEACHINGS, "teaching signal")
    of_teaching = [key for key in _parameters(teaching) if key not in takes]
    _check(name, parameters, [*takes, *of_teaching])
    told = {key: parameters.pop(key) for key in of_teaching if key in parameters}
    if not by and not told:
        return make(**parameters)  # (by whom it usually is)
    return make(**parameters, teaching=teaching(**told) if callable(teaching) else teaching)


def _check(name: str, parameters: dict[str, Any], choices: list[str]) -> None:
    """Check that all parameters are some that the rule has.

    Raises:
        RuleError: one is not.
    """
    for key in parameters:
        if key not in choices:
            raise RuleError(f"rule '{name}': {unknown('parameter', key, choices or ['none'])}")


def part_of(part: Any, names: dict[str, Any], kind: str) -> Any:
    """Return the class or function that a name stands for, or the part itself."""
    if isinstance(part, str):
        one_of(kind, part, names, RuleError)
        part = names[part]
    return part.load() if isinstance(part, Public) else part


def _parameters(make: Any) -> list[str]:
    return list(inspect.signature(make).parameters) if callable(make) else []


def _shown(value: object) -> str:
    from corticalnet.checks import shown  # brings NumPy

    return shown(value)
