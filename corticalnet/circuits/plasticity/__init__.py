"""Plasticity: one file per kind. A pointwise eligibility, and when and by what it becomes a weight change."""

from corticalnet.circuits.plasticity.hebbian import CreditByCurrent, CreditTimesRate, ErrorTimesRate
from corticalnet.circuits.plasticity.plasticity import Plasticity

__all__ = ["CreditByCurrent", "CreditTimesRate", "ErrorTimesRate", "Plasticity"]
