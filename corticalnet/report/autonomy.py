"""The page of ``corticalnet autonomy``: how well φ detects, how far weights are from a twin's."""

from __future__ import annotations

import math
from pathlib import Path

from pydantic import BaseModel

from corticalnet.errors import CheckpointError
from corticalnet.report.command import again
from corticalnet.report.kinds import Kind, register
from corticalnet.report.page import Callout, Folded, Page, PagePart, Section, Table, TableCell
from corticalnet.report.pictures import drawn
from corticalnet.report.words import count
from corticalnet.store import read_json
from corticalnet.tables import percent


class DetectionAbout(BaseModel):
    """How well φ detected at one setting."""

    cells: float
    samples: float
    good: float


class StreamAbout(BaseModel):
    """Distances of the weights from the twin's; None where they ran away."""

    announced: bool
    distances: list[float | None]


class AutonomyAbout(BaseModel):
    """What the file ``autonomy.json`` holds."""

    model: str
    data: str
    rule: str
    samples: int
    seed: int
    detection: dict[str, dict[str, dict[str, DetectionAbout]]]
    streams: dict[str, StreamAbout]


_COUNTS = {"cells": "of cells", "samples": "of samples", "good": "of updates"}


def page(folder: Path) -> Page:
    """Make the page of one folder."""
    found = read_json(folder / "autonomy.json", AutonomyAbout, CheckpointError)
    return Page(
        "Autonomy",
        f"{found.model} by {found.rule} on {found.data}",
        f"Does φ alone know when each column must learn? Detection of {count(found.samples, 'sample')} side "
        f"by side, and a stream of {count(_trials(found), 'trial')} of unknown timing; seed {found.seed}.",
        [
            *_warnings(found),
            Section("In one figure", _figure(found)),
            Section("Detection", [_detection(found)]),
            Section("Stream", _stream(found)),
            again(folder),
        ],
        where=str(folder),
    )


def _trials(found: AutonomyAbout) -> int:
    return max((len(stream.distances) for stream in found.streams.values()), default=0)


def _warnings(found: AutonomyAbout) -> list[PagePart]:
    """Return warnings about streams whose numbers ran away."""
    return [
        Callout(
            f"Stream, {name}: numbers ran away in trial {stream.distances.index(None) + 1}.", warning=True
        )
        for name, stream in found.streams.items()
        if None in stream.distances
    ]


def _figure(found: AutonomyAbout) -> list[PagePart]:
    from corticalnet.plotting.autonomy import autonomy  # matplotlib is slow to import

    success = {
        f"{name}, {precision}": {silence: one.samples for silence, one in row.items()}
        for name, precisions in found.detection.items()
        for precision, row in precisions.items()
    }
    if not success or len({tuple(row) for row in success.values()}) > 1 or not found.streams:
        return []
    ends = ", ".join(f"{name} {_short(s.distances[-1])}" for name, s in found.streams.items() if s.distances)
    alt = f"Left: percentages of detection by silent steps. Right: distance from the twin; at the end {ends}."
    figure = autonomy(success, {name: stream.distances for name, stream in found.streams.items()})
    caption = (
        "Left: samples all of whose φ cells fired once, when their error came, and at no other step. "
        "Right: after each trial, how far the weights are from those of a twin that backprop trains with the "
        "same lessons."
    )
    return [drawn(figure, alt, caption)]


def _detection(found: AutonomyAbout) -> Table:
    """Tabulate percentages by detector, precision and silence."""
    silences = list(
        dict.fromkeys(t for rows in found.detection.values() for row in rows.values() for t in row)
    )
    rows = [
        [
            name,
            precision,
            words,
            *(_share(getattr(row[silence], key)) if silence in row else "–" for silence in silences),
        ]
        for name, precisions in found.detection.items()
        for precision, row in precisions.items()
        for key, words in _COUNTS.items()
    ]
    header = ["φ", "precision", "right, %", *(f"t_d = {silence}" for silence in silences)]
    return Table("Percentage right, by for how many steps an error must have been silent", header, rows)


def _share(value: float) -> TableCell:
    return TableCell(percent(value), shade=value)


def _stream(found: AutonomyAbout) -> list[PagePart]:
    """Tabulate the end of every stream, and, folded, all trials."""
    names = list(found.streams)
    rows = [
        [
            name,
            "yes" if stream.announced else "no",
            _short(stream.distances[-1] if stream.distances else None),
            _short(_worst(stream)),
        ]
        for name, stream in found.streams.items()
    ]
    ends = Table(
        "‖W − W twin‖ / ‖W twin − W(0)‖", ["stream", "teacher announced", "at the end", "largest"], rows
    )
    trials = [
        [str(k + 1), *(_short(found.streams[name].distances[k]) for name in names)]
        for k in range(min((len(s.distances) for s in found.streams.values()), default=0))
    ]
    table = Table("Distance from the twin after each trial", ["trial", *names], trials)
    return [ends, Folded("Every trial", [table])]


def _worst(stream: StreamAbout) -> float | None:
    return (
        None if None in stream.distances else max((d for d in stream.distances if d is not None), default=0)
    )


def _short(distance: float | None) -> str:
    return "∞" if distance is None or not math.isfinite(distance) else f"{distance:.1e}"


register(Kind("autonomy", ("autonomy.json",), page))
