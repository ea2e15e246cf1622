"""Single weights over time: where they stand, when they change, and by how much."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from corticalnet.errors import ProtocolError
from corticalnet.plotting.selection import whole
from corticalnet.plotting.style import (
    COLOURS,
    CYCLE,
    GREY,
    LABEL,
    entitle,
    mark_phases,
    name_phases,
    plain,
    styled,
)
from corticalnet.plotting.weights import plastic
from corticalnet.recordings.reading import clock, phases, weight_change, weights

#: So many are drawn if none are named, and at most.
USUAL, MOST = 3, len(CYCLE)
#: Up to so many changes of a weight are told as numbers.
TOLD = 8
WIDTH = 6.0
#: The numbers of cells, or of weights in a line.
Numbers = int | Sequence[int] | None


@styled
def weight_traces(
    data: xr.Dataset,
    projection: str,
    post: Numbers = None,
    pre: Numbers = None,
    *,
    connection: Any = None,
) -> Figure:
    """Plot weights between some cells over time (ms): w above, Δw at each change below.

    A thin line through both panels marks each change; of a single weight, Δw stands there as a number.

    Args:
        data: a recording that has the projection's weights over time, ``data["input->area1"]``.
        projection: which.
        post, pre: numbers of cells, one or several: every pair of them is a line. If one is not given, those
            that changed most. Of weights in a line (of a bias, of a kernel) ``post`` is the weight's number.
        connection: of a list of synapses, ``circuit.projection(name).connection``: then post and pre choose
            cells there, too.

    Raises:
        ProtocolError: the projection is not plastic, its weights were not recorded over time, it has no such
            cell, or these are more weights than can be told apart.
    """
    plastic(data, projection)
    if projection not in data or "time" not in data[projection].dims:
        raise ProtocolError(
            f"weights of '{projection}' were not recorded over time; simulate with record=['{projection}', …]"
        )
    size = np.abs(weight_change(data, projection))
    if connection is None or size.ndim > 1:
        chosen, names = _chosen(projection, size, post, pre), {}
    else:
        names = _between(projection, connection, post, pre)
        order = sorted(names, key=lambda at: -size[at])[: USUAL if post is None or pre is None else None]
        chosen = _few(projection, sorted(order))
    before = weights(data, projection, "before")
    times = data["time"].values
    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1.2])
    bands = phases(data)
    moments: dict[float, None] = {}
    changes = []
    for k, at in enumerate(chosen):
        colour = COLOURS["weight"] if len(chosen) == 1 else CYCLE[k]
        path = data[projection].values.reshape(len(times), -1)[:, np.ravel_multi_index(at, before.shape)]
        change = np.diff(path, prepend=before[at])
        when = np.flatnonzero(change)
        name = names.get(at) or (f"weight {at[0]}" if len(at) == 1 else f"post {at[0]}, pre {at[1]}")
        top.plot(times, path, color=colour, ls="-", lw=1.2, drawstyle="steps-post", label=name)
        below.vlines(times[when], 0, change[when], color=colour, lw=1.2)
        below.plot(times[when], change[when], color=colour, ls="", marker="o", ms=3.5, label=name)
        moments |= dict.fromkeys(times[when].tolist())
        changes += [(times[t], change[t], colour) for t in when]
    for axes in (top, below):
        plain(axes)
        mark_phases(axes, bands)
        for moment in moments:
            axes.axvline(moment, color=GREY, lw=0.5, ls=":", zorder=0)
    if len(chosen) == 1 and len(changes) <= TOLD:
        for moment, change, colour in changes:
            late = moment > times[0] + 0.85 * (times[-1] - times[0])
            where: Any = {"textcoords": "offset points", "xytext": (-4 if late else 4, 0), "va": "center"}
            where |= {"color": colour, "fontsize": LABEL - 1, "ha": "right" if late else "left"}
            below.annotate(f"{change:+.2g}", (moment, change), **where)
    below.axhline(0, color="0.3", lw=0.5)
    below.margins(y=0.25)
    top.set_ylabel("weight w")
    below.set_ylabel("Δw")
    below.set_xlabel(clock(data))
    top.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    name_phases(figure, [top], bands, WIDTH - 1.8)
    entitle(figure, f"{data.attrs.get('title', '')}: weights of {projection}".removeprefix(": "))
    return figure


def _chosen(projection: str, change: NDArray[Any], post: Numbers, pre: Numbers) -> list[tuple[int, ...]]:
    """Select the indices of the weights that are drawn."""
    if change.ndim == 1 and pre is not None:
        raise ProtocolError(
            f"weights of '{projection}' stand in a line; choose them by post alone, not pre={pre}, or "
            f"give connection=circuit.projection('{projection}').connection"
        )
    held: list[list[int] | None] = [
        _numbers(projection, end, named, size)
        for (end, named), size in zip((("post", post), ("pre", pre)), change.shape, strict=False)
    ]
    if all(one is not None for one in held):
        chosen = list(itertools.product(*(one or [] for one in held)))
    else:
        index = np.ix_(*(range(n) if one is None else one for one, n in zip(held, change.shape, strict=True)))
        there = np.stack(np.broadcast_arrays(*index), -1).reshape(-1, change.ndim)
        order = np.argsort(-change[index].ravel(), kind="stable")[:USUAL]
        chosen = sorted(tuple(int(k) for k in there[at]) for at in order)
    return _few(projection, chosen)


def _between(projection: str, connection: Any, post: Numbers, pre: Numbers) -> dict[tuple[int, ...], str]:
    """Return the weights of the synapses between some cells, and what each is called."""
    listed = {"post": np.asarray(connection.post), "pre": np.asarray(connection.pre)}
    kept = np.ones(len(listed["post"]), bool)
    for (end, cells), named in zip(listed.items(), (post, pre), strict=True):
        wanted = _numbers(projection, end, named, int(cells.max()) + 1)
        kept &= True if wanted is None else np.isin(cells, wanted)
    if not kept.any():
        raise ProtocolError(f"'{projection}' has no synapse between post={post} and pre={pre}")
    found: dict[tuple[int, ...], str] = {}
    for k in np.flatnonzero(kept):
        at = (int(connection.weights[k]),)
        found[at] = f"weight {at[0]}" if at in found else f"post {listed['post'][k]}, pre {listed['pre'][k]}"
    return found


def _few(projection: str, chosen: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Check that weights can be told apart in one figure; return them."""
    if not 1 <= len(chosen) <= MOST:
        raise ProtocolError(
            f"{len(chosen)} weights of '{projection}' cannot be told apart; choose 1 to {MOST}"
        )
    return chosen


def _numbers(projection: str, end: str, chosen: Numbers, size: int) -> list[int] | None:
    if chosen is None:
        return None
    found = [whole(end, one) for one in (chosen if isinstance(chosen, Sequence | np.ndarray) else [chosen])]
    for one in found:
        if not 0 <= one < size:
            raise ProtocolError(
                f"{end} {one} is not among the {size} of '{projection}'; choose 0 to {size - 1}"
            )
    return found
