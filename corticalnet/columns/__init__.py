"""From the network view to the circuit view: a skeleton, and one file for each way to run a rule in time.

Every file here is imported, so that its column models are registered: a new one needs no other line.
"""

from importlib import import_module
from pkgutil import iter_modules

from corticalnet.columns.area import AreaPopulations, AreaSpec, GlobalPopulations
from corticalnet.columns.continuous import Continuous
from corticalnet.columns.expansion import circuit
from corticalnet.columns.noise import learning_noise
from corticalnet.columns.registry import ColumnModel, Options, Source, Target, runs, unregister
from corticalnet.columns.writing_back import write_back

for _file in iter_modules(__path__, f"{__name__}."):
    import_module(_file.name)

__all__ = [
    "AreaPopulations",
    "AreaSpec",
    "ColumnModel",
    "Continuous",
    "GlobalPopulations",
    "Options",
    "Source",
    "Target",
    "circuit",
    "learning_noise",
    "runs",
    "unregister",
    "write_back",
]
