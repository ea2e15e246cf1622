"""Reasons that several column models share, as ``refuses`` says them: a few words, or None."""

from __future__ import annotations

from typing import Any

from corticalnet.columns.registry import Options
from corticalnet.rules import Direct, Feedback, Random


def first(*reasons: str | None) -> str | None:
    """Return the first reason that there is."""
    return next((reason for reason in reasons if reason is not None), None)


def by_feedback(rule: Any, *kinds: type[Feedback]) -> str | None:
    """Refuse pathways of another kind; ``Direct`` stands for all random ones straight from the output."""
    feedback = rule.feedback
    kind, straight = type(feedback), not feedback.layered
    if (kind in (Random, Direct) and Direct in kinds) if straight else kind in kinds:
        return None
    named = kind.__name__ + "(direct=True)" * (straight and kind in kinds)
    return f"such columns have {' or '.join(kind.__name__ for kind in kinds)} feedback, not {named}"


def by_noise(rule: Any) -> str | None:
    """Refuse initial values that are drawn."""
    if not getattr(rule.trigger, "noise", 0.0):
        return None
    return "noise of initial values has no circuit; give simulate() a Noise instead"


def by_maximum(maximum: bool) -> str | None:
    """Refuse pools whose winner would change on the way."""
    if not maximum:
        return None
    return (
        "who wins a neighbourhood stays so only in steps with a teacher; elsewhere winners may change while "
        "feedback is on its way; choose a mean (AvgPool), or a teacher and no dynamics"
    )


def by_consolidation(options: Options, *choices: str, why: str = "") -> str | None:
    """Refuse changes that wait for a signal that nobody gives."""
    if options.consolidation in choices:
        return None
    return f"consolidation '{options.consolidation}' is not possible{why}; choices: {', '.join(choices)}"
