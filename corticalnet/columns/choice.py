"""Which construction runs a rule in time; and what no construction has been worked out for."""

from __future__ import annotations

from typing import Any

from corticalnet.columns.construction import Construction
from corticalnet.columns.continuous import Staged, continuous
from corticalnet.columns.rewarded import Rewarded
from corticalnet.columns.stepwise import Clocked, Detected
from corticalnet.errors import CircuitError
from corticalnet.rules import IL, ZIL, FaZIL, Matching, Random, Reward, Rule, Sweep, Tied


def construction_of(
    rule: Any,
    learning_rate: float,
    consolidation: str = "now",
    phase_signal: bool = True,
    dynamics: Any = None,
) -> Construction:
    """The construction for a rule; see :func:`corticalnet.columns.circuit`.

    Raises:
        CircuitError: there is none.
    """
    check_rule(rule)
    if isinstance(rule.teaching, Reward):
        return _rewarded(rule, learning_rate, consolidation, dynamics)
    if dynamics is not None:
        return _in_continuous_time(rule, learning_rate, consolidation, dynamics)
    # A sweep takes no time; in time it is the wave front of Z-IL, whose changes are the same.
    trigger = ZIL() if isinstance(rule.trigger, Sweep) else rule.trigger
    told = phase_signal and (not isinstance(trigger, FaZIL) or trigger.gate == "none")
    choices = ["now", "phase"] if told else ["now"]
    if consolidation not in choices:
        raise CircuitError(
            f"consolidation '{consolidation}' is not possible for {rule.name}; choices: {', '.join(choices)}"
        )
    waits = consolidation == "phase"
    if isinstance(trigger, FaZIL):
        return Detected(trigger, learning_rate, phase_signal, waits)
    return Clocked(trigger, learning_rate, phase_signal, waits)


def _rewarded(rule: Any, learning_rate: float, consolidation: str, dynamics: Any) -> Construction:
    if consolidation != "now":
        raise CircuitError(f"{rule.name}: the consolidation of columns that learn from reward is 'now'")
    if isinstance(rule.trigger, FaZIL):
        if dynamics is not None:
            raise CircuitError(
                f"{rule.name}: columns that learn from reward by φ have no continuous dynamics; those of a "
                "Sweep (brainprop) have"
            )
        return Detected(rule.trigger, learning_rate, phase_signal=False, waits=False, rewarded=True)
    learns = isinstance(rule.feedback, Matching)
    return Rewarded(learning_rate, learns, None if dynamics is None else continuous(dynamics))


def _in_continuous_time(rule: Any, learning_rate: float, consolidation: str, dynamics: Any) -> Construction:
    how = continuous(dynamics)
    exact = isinstance(rule.trigger, Sweep | FaZIL) or getattr(rule.trigger, "rate", 0.0) == 1.0
    if not exact or isinstance(rule.trigger, IL):
        raise CircuitError(
            f"{rule.name}: in continuous time there are circuits for rules that equal their sweep (backprop, "
            "feedback alignment, z-il with rate 1, fa-z-il, streaming-fa-z-il)"
        )
    if consolidation != "now":
        raise CircuitError(
            f"consolidation '{consolidation}' is not possible in continuous time, where each area lets its "
            "changes wait until its own error is at rest; choices: now"
        )
    return Staged(how, learning_rate)


def check_rule(rule: Any) -> None:
    """See that a rule's three parts have circuits.

    Raises:
        CircuitError: one has none.
    """
    if not isinstance(rule, Rule):
        raise CircuitError(f"a circuit is made from a Rule (cn.rule(...)), not {type(rule).__name__}")
    teaching, feedback, trigger = rule.teaching, rule.feedback, rule.trigger
    if not isinstance(trigger, Sweep | IL | ZIL | FaZIL):
        raise CircuitError(
            f"{rule.name}: trigger {type(trigger).__name__} has no circuit; choices: Sweep, IL, ZIL, FaZIL"
        )
    alone = isinstance(trigger, Sweep) or getattr(trigger, "gate", "none") != "none"  # no clock, no phases
    rewarded = isinstance(teaching, Reward) and alone
    if not rewarded and getattr(teaching, "loss", "") != "squared":
        named = type(teaching).__name__ + (f"('{teaching.loss}')" if hasattr(teaching, "loss") else "")
        raise CircuitError(
            f"{rule.name}: a circuit is taught by a squared-error Teacher, or by Reward where nobody tells "
            f"phases (a Sweep, gated or streaming Fa-Z-IL), not by {named}"
        )
    pathways = [Tied, Random]
    if rewarded and isinstance(trigger, Sweep):  # columns that have feedback cells
        pathways.append(Matching)
    if type(feedback) not in pathways or not feedback.layered:
        kinds = " or ".join(kind.__name__ for kind in pathways)
        named = type(feedback).__name__ + "(direct=True)" * (type(feedback) in pathways)
        raise CircuitError(f"{rule.name}: a circuit of such columns has {kinds} feedback, not {named}")
    if getattr(trigger, "noise", 0.0):
        raise CircuitError(
            f"{rule.name}: noise of initial values has no circuit; give simulate() a Noise instead"
        )
