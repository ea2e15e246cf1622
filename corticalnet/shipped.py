"""Models and simulations that come with the package: beside it in a checkout, within it once installed."""

from __future__ import annotations

import importlib.util
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

from corticalnet import about
from corticalnet.errors import ModelError

_PACKAGE = "corticalnet.simulations"


def folder(name: str) -> Path:
    """Return the folder of ``models`` or ``simulations``.

    Args:
        name: one of these.
    """
    within = about.FOLDER / name
    return within if within.is_dir() else about.FOLDER.parent / name


def simulation(name: str) -> ModuleType:
    """Import a module of the simulations.

    It is ``corticalnet.simulations.NAME`` in a checkout, too, where ``python -m simulations.NAME`` works as
    well: simulations import each other relatively.

    Args:
        name: of a simulation, or of a module that they share ("parts.results").

    Raises:
        ModelError: there are no simulations here.
    """
    first = folder("simulations") / "parts" / "results.py"
    if not first.is_file():
        raise ModelError(f"there are no simulations with this installation: {first} is not there")
    if _PACKAGE not in sys.modules:
        here = folder("simulations")
        spec = importlib.util.spec_from_file_location(
            _PACKAGE, here / "__init__.py", submodule_search_locations=[str(here)]
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules[_PACKAGE] = package = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(package)
    return import_module(f"{_PACKAGE}.{name}")
