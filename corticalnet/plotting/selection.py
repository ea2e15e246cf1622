"""What of a recording a figure shows, chosen by the same words in all of them.

select(data, ["voltage"], area="area1", role="value", columns=4, batch=0)

states     a name or several: "rate", with its role "value.rate", or in full "area1.value.rate"
area       a name or several: "area1"; spiking cells stand in that of the columns that they speak for
role       a name or several: "value", "error"; "value.on": of spiking cells those that tell its positive part
columns    at most so many of each area, evenly chosen, or a list of their numbers
batch      which sample of the batch
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from corticalnet.errors import ProtocolError, one_of
from corticalnet.plotting.style import words
from corticalnet.recordings.layout import columns_name
from corticalnet.recordings.reading import SYMBOLS, numbers, phases, summed

#: A name, or several; None for all.
Names = str | Sequence[str] | None
#: At most so many, or these.
Columns = int | Sequence[int]


@dataclass(frozen=True, eq=False)
class Recorded:
    """A state of one population in a recording.

    Attributes:
        array: ``[time, batch, cell]`` as the recording has it.
        area: where it stands: "area1", also for the spiking cells "area1.value.on".
        role: what it does there: "value"; "cell" for a population that is an area of its own.
        side: "on" or "off" of spiking cells that tell one sign; "" of others.
        kind: how the state is called where several have it: "rate", "value.rate", "value.on.voltage".
    """

    array: xr.DataArray
    area: str
    role: str
    side: str
    kind: str = ""

    @property
    def state(self) -> str:
        """Return the state's name alone: "rate"."""
        return str(self.array.attrs["state"])

    @property
    def full_role(self) -> str:
        """Return the role with the sign: "value.on"."""
        return f"{self.role}.{self.side}" if self.side else self.role

    @property
    def number(self) -> NDArray[np.int64]:
        """Return the numbers ``[n]`` of the cells in their population."""
        return numbers(self.array)

    @property
    def column(self) -> NDArray[np.int64]:
        """Return the column of its area that each cell encodes, ``[n]``."""
        found = self.array.coords.get(columns_name(str(self.array.dims[-1])))
        return self.number if found is None else np.asarray(found.values)

    def label(self) -> str:
        """Format the label of an axis: symbol or name, unit, and Σ if each record is a sum."""
        what = SYMBOLS.get(self.kind, words(self.kind.replace("_", " ").replace(".", " ")))
        what = f"{self.kind} {what}" if self.kind in ("value", "prediction", "error") else what
        unit = self.array.attrs.get("units", "1")
        what = f"Σ{what}" if summed(self.array) else what
        return what if unit in ("", "1") else f"{what} ({unit})"

    def matches(self, name: str) -> bool:
        """Return whether a name means this state."""
        own = f"{self.area}.{self.role}.{self.state}"
        return name == self.kind or any(f".{x}".endswith(f".{name}") for x in (own, str(self.array.name)))


@dataclass(frozen=True, eq=False)
class Selected:
    """What is shown of a state of a population: some of its cells, of one sample.

    Attributes:
        what: the state.
        values: ``[time, n]``.
        number, column: ``[n]``, see :class:`Recorded`.
    """

    what: Recorded
    values: NDArray[Any]
    number: NDArray[np.int64]
    column: NDArray[np.int64]


def recorded(data: xr.Dataset) -> list[Recorded]:
    """List all states of cells in a recording, including spikes; those with a symbol first."""
    found = []
    for array in data.data_vars.values():
        if "population" in array.attrs and array.ndim == 3:
            speaker, _, last = str(array.attrs["population"]).rpartition(".")
            side = last if speaker and last in ("on", "off") else ""
            speaker = speaker if side else str(array.attrs["population"])
            area, _, role = speaker.rpartition(".")
            found.append(Recorded(array, area or speaker, role if area else "cell", side))
    sides: dict[str, set[tuple[str, str]]] = {}
    for one in found:
        sides.setdefault(one.state, set()).add((one.role, one.side))
    named = []
    for one in found:
        alike = sides[one.state]
        role = one.full_role if sum(r == one.role for r, _ in alike) > 1 else one.role
        kind = one.state if len(alike) == 1 else f"{role}.{one.state}"
        named.append(Recorded(one.array, one.area, one.role, one.side, kind))
    order = list(SYMBOLS)
    return sorted(named, key=lambda one: order.index(one.kind) if one.kind in order else len(order))


def areas_of(found: Iterable[Recorded], data: xr.Dataset) -> list[str]:
    """Return the areas of some states, in the order of the recording."""
    variables = list(data.data_vars)
    ordered = sorted(found, key=lambda one: variables.index(one.array.name))
    return list(dict.fromkeys(one.area for one in ordered))


def choose(
    data: xr.Dataset, states: Names = None, *, area: Names = None, role: Names = None
) -> list[Recorded]:
    """Select the states with these names, in the order of the names.

    Raises:
        ProtocolError: a name is not in the recording, or nothing bears all of them.
    """
    known = recorded(data)
    areas, roles = areas_of(known, data), list(dict.fromkeys(one.role for one in known))
    for name in _listed(area):
        one_of("area", name, areas or ["none"], ProtocolError)
    full = [*roles, *(name for one in known if (name := one.full_role) not in roles)]
    for name in _listed(role):
        one_of("role", name, dict.fromkeys(full) or ["none"], ProtocolError)
    there = [one for one in known if area is None or one.area in _listed(area)]
    there = [one for one in there if role is None or {one.role, one.full_role} & set(_listed(role))]
    if states is None:
        return there
    found = []
    for name in _listed(states):
        meant = [one for one in known if one.matches(name)]
        if not meant:
            _refuse(data, name, known)
        here = [one for one in meant if one in there]
        if not here:
            has = ", ".join(str(one.array.name) for one in meant)
            raise ProtocolError(
                f"no '{name}' was recorded {where(area, role)}; choose another area or role: {has} "
                f"{'is' if len(meant) == 1 else 'are'} there"
            )
        found += [one for one in here if one not in found]
    return found


def select(
    data: xr.Dataset,
    states: Names = None,
    *,
    area: Names = None,
    role: Names = None,
    columns: Columns | None = None,
    batch: int = 0,
    taught: bool = False,
) -> list[Selected]:
    """Select the cells and states that a figure shows; all columns if none are named.

    With ``taught`` the columns that are highest when they are taught are among those of each area.

    Raises:
        ProtocolError: as :func:`choose` does; no such sample or column; or not even one column is wished for.
    """
    chosen = choose(data, states, area=area, role=role)
    batch = sample(data, batch)
    held: dict[str, NDArray[np.int64]] = {}
    for one in chosen:
        held[one.area] = np.union1d(held.get(one.area, np.array([], np.int64)), one.column)
    kept = {name: _columns(cells, columns) for name, cells in held.items()}
    if taught and columns is not None and _count(columns):
        for name, cells in kept.items():
            wanted = _taught(data, next(one for one in chosen if one.area == name), batch)[: len(cells)]
            spare = np.isin(cells, wanted, invert=True)
            for column in (c for c in wanted if c not in cells):
                at = np.where(spare, np.abs(cells - column), np.inf).argmin()
                cells[at], spare[at] = column, False
            cells.sort()
    if columns is not None and not _count(columns):
        for number in columns:  # type: ignore[union-attr]
            if not any(number in cells for cells in kept.values()):
                has = ", ".join(f"'{name}' has {_span(cells)}" for name, cells in held.items())
                raise ProtocolError(f"column {number} is not in what is to be drawn; choose others: {has}")
    found = []
    for one in chosen:
        mask = np.isin(one.column, kept[one.area])
        if mask.any():
            values = one.array.isel(batch=batch).transpose("time", ...).values[:, mask]
            found.append(Selected(one, values, one.number[mask], one.column[mask]))
    return found


def _taught(data: xr.Dataset, one: Recorded, batch: int) -> list[int]:
    """Return the column that is highest at the end of each teaching: in the output the class that is told."""
    times, values = data["time"].values, one.array.isel(batch=batch).transpose("time", ...).values
    ends = [
        max(int(np.searchsorted(times, end)) - 1, 0) for _, end, label in phases(data) if label == "teach"
    ]
    return list(dict.fromkeys(int(one.column[values[end].argmax()]) for end in ends))


def sample(data: xr.Dataset, batch: int) -> int:
    """Check the index of a sample of the batch; return it.

    Raises:
        ProtocolError: it is not, or no whole number.
    """
    size = data.sizes.get("batch", 0)
    index = whole("batch", batch)
    if not 0 <= index < size:
        raise ProtocolError(f"batch index {batch} is not in this recording of {size}: choose 0 to {size - 1}")
    return index


def whole(what: str, value: object) -> int:
    """Check for a whole number; return it as an int.

    Raises:
        ProtocolError: it is none.
    """
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise ProtocolError(f"{what} must be a whole number, not {value!r}") from None


def evenly(n: int, most: int) -> NDArray[np.int64]:
    """Choose at most ``most`` of n indices, evenly spread."""
    chosen: NDArray[np.int64] = np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)
    return chosen


def where(area: Names, role: Names) -> str:
    """Format "of area 'input' and role 'value'"; empty if neither is named."""
    named = [("area", _listed(area)), ("role", _listed(role))]
    told = " and ".join(f"{what} {', '.join(map(repr, names))}" for what, names in named if names)
    return f"of {told}" if told else ""


def _listed(names: Names) -> list[str]:
    return [] if names is None else [names] if isinstance(names, str) else list(names)


def _count(columns: Columns) -> bool:
    """Return whether a choice of columns is a number of them rather than a list."""
    return not isinstance(columns, Iterable)


def _columns(held: NDArray[np.int64], columns: Columns | None) -> NDArray[np.int64]:
    """Select the columns of an area that are drawn."""
    if columns is None:
        return held
    if isinstance(columns, Iterable):
        return np.intersect1d(held, [whole("a column", name) for name in columns])
    if whole("columns", columns) < 1:
        raise ProtocolError(f"a figure needs at least 1 column, not {columns}")
    return held[evenly(len(held), columns)]


def _span(cells: NDArray[np.int64]) -> str:
    whole_range = len(cells) == cells[-1] - cells[0] + 1 and len(cells) > 2
    return f"{cells[0]} to {cells[-1]}" if whole_range else ", ".join(map(str, cells[:12].tolist()))


def _refuse(data: xr.Dataset, name: str, known: list[Recorded]) -> None:
    """Raise the error for an unknown state, with what there is instead."""
    kinds = list(dict.fromkeys(one.kind for one in known))
    if name in data and "projection" in data[name].attrs and "state" in data[name].attrs:
        raise ProtocolError(
            f"'{name}' is a state of synapses, and figures show states of cells: choose one of "
            f"{', '.join(kinds) or 'none'}, or plot what data['{name}'] holds"
        )
    full = [str(one.array.name) for one in known]  # (of which there are many: named only to who names one)
    one_of("recorded state", name, (full if name.count(".") > 1 else kinds) or ["none"], ProtocolError)
