"""Analysis: numbers about networks, rules and recordings."""

from corticalnet.analysis.alignment import Alignment, align
from corticalnet.analysis.cost import Cost, autograd_update, interleave, rule_update

__all__ = ["Alignment", "Cost", "align", "autograd_update", "interleave", "rule_update"]
