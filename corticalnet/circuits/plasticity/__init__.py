"""Plasticity: one file per kind. A pointwise eligibility, and when and by what it becomes a weight change.

Every file here is imported, so that circuits in files find it by name: a new one needs no other line.
"""

from importlib import import_module
from pkgutil import iter_modules

from corticalnet.circuits.plasticity.hebbian import CreditTimesRate, CreditTimesSynapticRate, ErrorTimesRate
from corticalnet.circuits.plasticity.plasticity import Plasticity
from corticalnet.circuits.plasticity.short_term import TsodyksMarkram
from corticalnet.circuits.plasticity.tagged import (
    TaggedErrorTimesRate,
    TaggedErrorTimesReceived,
    TaggedRateTimesCredit,
)

for _file in iter_modules(__path__, f"{__name__}."):
    import_module(_file.name)

__all__ = [
    "CreditTimesRate",
    "CreditTimesSynapticRate",
    "ErrorTimesRate",
    "Plasticity",
    "TaggedErrorTimesRate",
    "TaggedErrorTimesReceived",
    "TaggedRateTimesCredit",
    "TsodyksMarkram",
]
