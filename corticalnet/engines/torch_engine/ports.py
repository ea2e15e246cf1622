"""What cells hear, port by port, and an area's share of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from corticalnet.engines.plan import Block, Place


class Ports:
    """What a role hears, port by port, computed when asked for: every port of a cell is always there."""

    def __init__(self, heard: Callable[[Block, str, str], Any], block: Block, role: str) -> None:
        self._heard, self._block, self._role = heard, block, role

    def __getattr__(self, port: str) -> Any:
        if (self._role, port) not in self._block.wires:
            raise AttributeError(port)
        value = self._heard(self._block, self._role, port)
        setattr(self, port, value)
        return value


def find(place: Place, names: Mapping[str, str], space: Any) -> dict[str, Any]:
    """An area's share of a block's numbers: key -> number by name."""
    whole = place.columns == slice(0, place.block.n)
    found = {key: getattr(space, name) for key, name in names.items()}
    return found if whole else {key: _cut(value, place.columns) for key, value in found.items()}


def _cut(value: Any, columns: slice) -> Any:
    """An area's columns of a block's; a number or a number for each sample stays."""
    if not isinstance(value, Tensor) or value.shape[1] == 1:
        return value
    return value[:, columns]
