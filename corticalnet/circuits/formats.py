"""Formats of circuit files: which one this version writes, and how it reads those of older versions.

A file says its format, a whole number, and the version that wrote it. When what is written changes so that
an older version could not read it, or would take it for something else, FORMAT grows by one, and MIGRATIONS
gets the function that makes the content of the format before into that of the new one. A committed file of
each format (``tests/circuits/files``) holds that they still open.

    1   before files said their format: no format, no version, no units, and no "timed"
    2   format, version, units of dt, delays and parameters
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from corticalnet.about import VERSION
from corticalnet.circuits.schedule import SCHEDULE
from corticalnet.errors import CircuitError, CircuitWarning

FORMAT = 2
#: Units of what is no parameter.
UNITS = {"dt": "ms", "delay": "ms"}
#: Phases that were called otherwise: old name -> name. Renaming one is a line here.
RENAMED_PHASES: dict[str, str] = {}

Content = dict[str, Any]


def head() -> Content:
    """Return what a file says first: its format, who wrote it, and in which units."""
    return {"format": FORMAT, "corticalnet": VERSION, "units": dict(UNITS)}


def _to_2(content: Content) -> Content:
    """Add what files of format 1 do not say: their numbers are in the units that format 2 writes."""
    return {**head(), "corticalnet": "0.1.0 or older", "timed": True, **content}


#: format -> how its content becomes that of the next.
MIGRATIONS: dict[int, Callable[[Content], Content]] = {1: _to_2}


def current(content: Mapping[str, Any]) -> Content:
    """Return the content of a file of any format as the format of this version has it.

    Raises:
        CircuitError: it is of a later format, or of none.
    """
    found = dict(content)
    number = found.get("format", 1)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise CircuitError(f"'format' is {number!r}; it must be a whole number from 1")
    if number > FORMAT:
        raise CircuitError(
            f"it was written in format {number} by corticalnet {found.get('corticalnet', '(unknown)')}; "
            f"this is corticalnet {VERSION}, which reads formats up to {FORMAT}: update it to open the file"
        )
    for step in range(number, FORMAT):  # (an older version said all that its format has)
        found = MIGRATIONS[step](found)
        found["format"] = step + 1
    if found.get("units", UNITS) != UNITS:
        raise CircuitError(f"'units' is {found['units']!r}; numbers of a file are in {UNITS}")
    return found


def check_phases(names: list[str], version: str) -> None:
    """Compare the phases of a file with those of this version, by the names that they have now.

    No part of a file hangs on them: what a cell does in which phase is code. So a circuit opens in any case.

    Warns:
        CircuitWarning: a step had other phases, or another order, so what cells do may have changed.
    """
    then = [RENAMED_PHASES.get(name, name) for name in names]
    if then != SCHEDULE.names():
        warnings.warn(
            f"the circuit was saved by corticalnet {version}, whose step had the phases {', '.join(names)}; "
            f"here they are {', '.join(SCHEDULE.names())}, so it may run otherwise",
            CircuitWarning,
            stacklevel=5,
        )
