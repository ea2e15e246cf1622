"""Libraries that only one format needs: imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import Any

from corticalnet.errors import FormatError


def library(module: str, extra: str, who: str) -> Any:
    """Import a module that an extra of the package installs.

    Args:
        module: "pynwb", or a part of it, "neo.io".
        extra: what installs it, "nwb".
        who: the function that needs it, "to_nwb".

    Raises:
        FormatError: it is not installed.

    >>> library("json", "nwb", "to_nwb").dumps([1])
    '[1]'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        raise FormatError(f"{who} needs {name}: pip install 'corticalnet[{extra}]'") from error
