"""The page of ``corticalnet simulate``: the circuit, its figures, and how much its weights have changed."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from corticalnet.errors import CheckpointError
from corticalnet.report.command import again
from corticalnet.report.kinds import Kind, register
from corticalnet.report.page import Callout, Lines, Page, PagePart, Section, Table, Tiles, Words
from corticalnet.report.pictures import saved
from corticalnet.report.words import count, duration
from corticalnet.store import read_json


class SimulationAbout(BaseModel):
    """What the file ``simulation.json`` holds."""

    title: str
    engine: str
    trials: int
    steps: int
    cells: int
    seconds: float
    relative_change: dict[str, float | None]
    first_trial: str | None
    circuit: list[str]


#: File -> heading, what is to be seen in it, what it shows.
_FIGURES = {
    "traces": (
        "Traces",
        "Curves of the recorded states of every population over time, above bands that mark the phases.",
        "States of every population over time; bands are the phases of the protocol.",
    ),
    "raster": (
        "φ",
        "A raster with a mark where a φ cell fires, over time, a row for each cell.",
        "When φ fires: each mark is an event of plasticity in one column.",
    ),
    "spikes": (
        "Spikes",
        "A raster with a mark for each recorded spike, over time, a row for each cell.",
        "Spikes of the recorded cells.",
    ),
    "weights": (
        "Weights",
        "The change of the weights of every plastic projection: its norm over time, and each weight's.",
        "What the simulation has changed.",
    ),
    "wiring": (
        "Wiring",
        "A diagram of the populations of every area, and of the projections between them.",
        "Populations and projections of the circuit.",
    ),
}


def page(folder: Path) -> Page:
    """Make the page of one folder; of an earlier version's, as far as there is something."""
    path = folder / "simulation.json"
    figures = [
        Section(heading, [saved(folder / f"{name}.png", alt, caption)])
        for name, (heading, alt, caption) in _FIGURES.items()
        if (folder / f"{name}.png").exists()
    ]
    none: list[PagePart] = [] if figures else [Words("No figures were drawn.")]
    if not path.exists():
        note = Callout(
            "simulation.json is not there: the simulation was cut short, or is an earlier version's."
        )
        sentence = "A recording of a circuit in time."
        return Page(
            "Simulation", folder.name, sentence, [note, *none, *figures, again(folder)], where=str(folder)
        )
    found = read_json(path, SimulationAbout, CheckpointError)
    sentence = f"{count(found.trials, 'trial')} in {count(found.steps, 'step')} on {found.engine}."
    tiles = Tiles(
        [
            ("trials", f"{found.trials:,}"),
            ("steps", f"{found.steps:,}"),
            ("cells", f"{found.cells:,}"),
            ("time of simulation", duration(found.seconds)),
        ]
    )
    blocks = [tiles, *none, *figures, _changes(found), _circuit(found), again(folder)]
    shown = [block for block in blocks if not isinstance(block, Section) or block.blocks]
    return Page("Simulation", found.title, sentence, shown, where=str(folder))


def _changes(found: SimulationAbout) -> Section:
    """Tabulate how much each projection has learned."""
    rows = [[name, "–" if c is None else f"{c:.3g}"] for name, c in found.relative_change.items()]
    regime = Lines(found.first_trial or "", "The regime of the first trial")
    blocks: list[PagePart] = [Words("The first trial:"), regime] if found.first_trial else []
    if rows:
        blocks.append(Table("Change of the weights", ["projection", "‖ΔW‖ / ‖W‖"], rows))
    return Section("What was learned", blocks)


def _circuit(found: SimulationAbout) -> Section:
    return Section("Circuit", [Lines("\n".join(found.circuit), "Populations and projections of the circuit")])


register(Kind("simulation", ("simulation.json", "recording.nc"), page))
