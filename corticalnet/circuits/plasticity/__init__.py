"""Plasticity: one file per kind. A pointwise eligibility, and when and by what it becomes a weight change."""

from corticalnet.circuits.plasticity.hebbian import CreditByCurrent, CreditTimesRate, ErrorTimesRate
from corticalnet.circuits.plasticity.plasticity import Plasticity
from corticalnet.circuits.plasticity.short_term import TsodyksMarkram

__all__ = ["CreditByCurrent", "CreditTimesRate", "ErrorTimesRate", "Plasticity", "TsodyksMarkram"]
