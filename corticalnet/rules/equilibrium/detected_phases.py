"""How columns of a rule of two phases find out which phase it is, where nobody tells them.

A change detector φ watches how far an area's drive and feedback move from step to step:

    rest        neither moved by more than the threshold for k steps
    nudged      rest ended, and feedback moved, the drive by less than half of it: what came, came from above
    learn       rest again: synapses compare what they see with what they saw before they were nudged
    free        rest ended once more, or a drive moved by more than half of the nudge: a stimulus, no echo

Changes wait until that last rest ends, so no synapse disturbs what others still compare.
"""

from __future__ import annotations

from dataclasses import dataclass

from corticalnet.checks import flag, not_negative, whole
from corticalnet.errors import RuleError, one_of


@dataclass(frozen=True)
class DetectedPhases:
    """The phases of a circuit that φ detects. In the network view both phases rest, told or not.

    Args:
        silence: k, steps without a move that count as rest.
        threshold: moves of up to this size count as none (of the sum over an area, if pooled).
        pooled: one φ for all columns of an area, not one for each.

    Raises:
        RuleError: an impossible number.

    >>> import corticalnet as cn
    >>> columns = cn.circuit(cn.mlp([4, 3, 2]), cn.rule("generec", phases=cn.DetectedPhases(silence=6)))
    >>> [population.name for population in columns.populations]
    ['input.value', 'area1.value', 'area1.phi', 'output.value', 'output.phi']
    """

    silence: int = 4
    threshold: float = 1e-9
    pooled: bool = True

    def __post_init__(self) -> None:
        whole("detected phases: silence", self.silence, RuleError)
        not_negative("detected phases: threshold", self.threshold, RuleError)
        flag("detected phases: pooled", self.pooled, RuleError)


def detected(what: str, phases: str | DetectedPhases) -> DetectedPhases | None:
    """Return how phases are detected; None if they are told.

    Raises:
        RuleError: it is neither.
    """
    if isinstance(phases, DetectedPhases):
        return phases
    one_of(f"{what}: phases", phases, ("told", "detected"), RuleError)
    return DetectedPhases() if phases == "detected" else None
