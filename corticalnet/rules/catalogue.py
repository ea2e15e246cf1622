"""The catalogue: rules by name, most of them points of teaching signal × feedback pathway × trigger.

Adding a rule is adding a row (or calling :func:`register`): three parts, or a class that is a rule by itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from corticalnet.errors import RuleError, one_of, unknown
from corticalnet.rules.base import LearningRule
from corticalnet.rules.fa_z_il import FaZIL
from corticalnet.rules.feedback import (
    FEEDBACKS,
    Direct,
    Feedback,
    KolenPollack,
    NoPathway,
    Perturbed,
    Random,
    SignSymmetric,
    Tied,
    WeightMirror,
)
from corticalnet.rules.inference_learning import IL
from corticalnet.rules.perturbation import REINFORCE, NodePerturbation, WeightPerturbation
from corticalnet.rules.reward import Reward, SoftmaxReward
from corticalnet.rules.rule import Rule
from corticalnet.rules.sweep import Sweep
from corticalnet.rules.teaching import Teacher, Teaching
from corticalnet.rules.trigger import Trigger
from corticalnet.rules.z_il import ZIL


@dataclass(frozen=True)
class Entry:
    """A named rule: its three parts (classes or functions that make them) and where it comes from."""

    teaching: Callable[..., Teaching]
    feedback: Callable[..., Feedback]
    trigger: Callable[..., Trigger]
    source: str


TEACHINGS: dict[str, Callable[[], Teaching]] = {
    "teacher": Teacher,
    "cross-entropy": partial(Teacher, "cross-entropy"),
    "reward": Reward,
    "softmax-reward": SoftmaxReward,
}

#: Columns of an artificial neural network (backprop) have no cells that hold feedback; all others have.
_HELD = partial(Sweep, feedback_cells=True)

_RULES: dict[str, Entry | Callable[..., LearningRule]] = {
    "backprop": Entry(Teacher, Tied, Sweep, "Rumelhart, Hinton & Williams 1986"),
    "feedback-alignment": Entry(Teacher, Random, _HELD, "Lillicrap et al. 2016"),
    "direct-feedback-alignment": Entry(Teacher, Direct, _HELD, "Nøkland 2016"),
    "sign-symmetry": Entry(Teacher, SignSymmetric, _HELD, "Liao, Leibo & Poggio 2016"),
    "kolen-pollack": Entry(Teacher, KolenPollack, _HELD, "Kolen & Pollack 1994; Akrout et al. 2019"),
    "weight-mirror": Entry(Teacher, WeightMirror, _HELD, "Akrout et al. 2019"),
    "perturbed-feedback": Entry(Teacher, Perturbed, _HELD, "Lansdell, Prakash & Kording 2020"),
    "weight-perturbation": Entry(Teacher, NoPathway, WeightPerturbation, "Jabri & Flower 1992"),
    "node-perturbation": Entry(Teacher, NoPathway, NodePerturbation, "Williams 1992; Lansdell et al. 2020"),
    "reinforce": Entry(Teacher, NoPathway, REINFORCE, "Williams 1992"),
    "brainprop": Entry(Reward, Tied, _HELD, "Pozzi, Bohté & Roelfsema 2020"),
    "agrel": Entry(SoftmaxReward, Tied, _HELD, "Roelfsema & van Ooyen 2005"),
    "il": Entry(Teacher, Tied, IL, "Whittington & Bogacz 2017"),
    "ipc": Entry(Teacher, Tied, partial(IL, update="every step"), "Salvatori et al. 2024"),
    "z-il": Entry(Teacher, Tied, ZIL, "Song, Lukasiewicz, Xu & Bogacz 2020"),
    "fa-z-il": Entry(Teacher, Tied, FaZIL, "Song, Lukasiewicz, Xu & Bogacz 2020"),
    "streaming-fa-z-il": Entry(Teacher, Tied, partial(FaZIL, gate="pulse"), "this toolkit, see docs"),
}


def list_rules() -> tuple[str, ...]:
    """Names of all rules.

    >>> "backprop" in list_rules()
    True
    """
    return tuple(_RULES)


def source(name: str) -> str:
    """Where a rule comes from: its paper, or the first line of the docstring of its class or function.

    Raises:
        RuleError: unknown name.
    """
    one_of("rule", name, _RULES, RuleError)
    entry = _RULES[name]
    return entry.source if isinstance(entry, Entry) else (entry.__doc__ or "").partition("\n")[0]


def register(name: str, make: Entry | Callable[..., LearningRule]) -> None:
    """Add a rule of your own: an :class:`Entry`, or a :class:`LearningRule` (or a function that makes one).

    Raises:
        RuleError: the name is taken.
    """
    if name in _RULES:
        raise RuleError(f"rule '{name}' exists already; choose another name")
    _RULES[name] = make


def rule(name: str, /, **parameters: Any) -> LearningRule:
    """A rule by name.

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
    one_of("rule", name, _RULES, RuleError)
    entry = _RULES[name]
    if not isinstance(entry, Entry):
        whole = _whole(name, entry, parameters)
        whole.name = name
        return whole
    makers = {
        "teaching": _maker(parameters.pop("teaching", entry.teaching), TEACHINGS, "teaching signal"),
        "feedback": _maker(parameters.pop("feedback", entry.feedback), FEEDBACKS, "feedback pathway"),
        "trigger": _maker(parameters.pop("trigger", entry.trigger), {}, "trigger"),
    }
    takes = {part: _parameters(make) for part, make in makers.items()}
    _check(name, parameters, ["teaching", "feedback", "trigger", *(n for own in takes.values() for n in own)])
    parts = {
        part: make(**{k: v for k, v in parameters.items() if k in takes[part]}) if callable(make) else make
        for part, make in makers.items()
    }
    return Rule(**parts, name=name)


def _whole(name: str, make: Callable[..., LearningRule], parameters: dict[str, Any]) -> LearningRule:
    """A rule that is no product; what it is taught by may be told by name."""
    takes = inspect.signature(make).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values()):
        return make(**parameters)
    if "teaching" not in takes:
        _check(name, parameters, [*takes])
        return make(**parameters)
    by = "teaching" in parameters
    teaching = _maker(parameters.pop("teaching", Teacher), TEACHINGS, "teaching signal")
    of_teaching = [key for key in _parameters(teaching) if key not in takes]
    _check(name, parameters, [*takes, *of_teaching])
    told = {key: parameters.pop(key) for key in of_teaching if key in parameters}
    if not by and not told:
        return make(**parameters)  # (by whom it usually is)
    return make(**parameters, teaching=teaching(**told) if callable(teaching) else teaching)


def _check(name: str, parameters: dict[str, Any], choices: list[str]) -> None:
    """See that all parameters are some that the rule has.

    Raises:
        RuleError: one is not.
    """
    for key in parameters:
        if key not in choices:
            raise RuleError(f"rule '{name}': {unknown('parameter', key, choices or ['none'])}")


def _maker(part: Any, names: dict[str, Any], kind: str) -> Any:
    """A class or function that makes the part, or the part itself."""
    if isinstance(part, str):
        one_of(kind, part, names, RuleError)
        return names[part]
    return part


def _parameters(make: Any) -> list[str]:
    return list(inspect.signature(make).parameters) if callable(make) else []
