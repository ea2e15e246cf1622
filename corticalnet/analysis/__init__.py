"""Analysis: numbers about networks, rules and recordings."""

from corticalnet.analysis.alignment import Alignment, align

__all__ = ["Alignment", "align"]
