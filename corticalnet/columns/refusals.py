"""Reasons that several column models share, as ``refuses`` says them: a few words, or None."""

from __future__ import annotations

from typing import Any

from corticalnet.columns.registry import Options
from corticalnet.rules import Direct, Feedback, Random


def first(*reasons: str | None) -> str | None:
    """Return the first reason that is not None."""
    return next((reason for reason in reasons if reason is not None), None)


def by_feedback(rule: Any, *kinds: type[Feedback]) -> str | None:
    """Return why a rule's pathway is refused, if it is not of these kinds; otherwise None.

    ``Direct`` stands for all random ones straight from the output.
    """
    feedback = rule.feedback
    kind, straight = type(feedback), not feedback.layered
    if (kind in (Random, Direct) and Direct in kinds) if straight else kind in kinds:
        return None
    named = kind.__name__ + "(direct=True)" * (straight and kind in kinds)
    return f"such columns have {' or '.join(kind.__name__ for kind in kinds)} feedback, not {named}"


def by_others(rule: Any) -> str | None:
    """Return why a reward that also tells of the actions not taken is refused; None for other rewards."""
    if not getattr(rule.teaching, "exclusive", False):
        return None
    return "dopamine tells of the action that was taken alone; choose Reward() without exclusive"


def by_noise(rule: Any) -> str | None:
    """Return why initial values that are drawn are refused; None if the rule draws none."""
    if not getattr(rule.trigger, "noise", 0.0):
        return None
    return "noise of initial values has no circuit; give simulate() a Noise instead"


def by_maximum(maximum: bool) -> str | None:
    """Return why max pools are refused in continuous time; None for other pools."""
    if not maximum:
        return None
    return (
        "who wins a neighbourhood stays so only in steps with a teacher; elsewhere winners may change while "
        "feedback is on its way; choose a mean (AvgPool), or a teacher and no dynamics"
    )


def by_consolidation(options: Options, *choices: str, why: str = "") -> str | None:
    """Return why the consolidation is refused, if it is not one of these; otherwise None."""
    if options.consolidation in choices:
        return None
    return f"consolidation '{options.consolidation}' is not possible{why}; choices: {', '.join(choices)}"
