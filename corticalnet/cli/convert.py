"""``corticalnet convert``: recordings and circuits from one format into another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import typer

from corticalnet.cli.app import app
from corticalnet.cli.output import JSON, print_json, say
from corticalnet.errors import ProtocolError
from corticalnet.store import expanded


@app.command("convert")
def convert_(
    source: Path = typer.Argument(
        ..., metavar="FROM", help="A recording or a circuit: a file, or the folder of a simulation."
    ),
    path: Path = typer.Argument(
        ..., metavar="TO", help="The new file; its suffix says the format: .nwb, .nc, .zarr, .nir, .json."
    ),
    to: str | None = typer.Option(
        None,
        "--format",
        help="The new format, where the suffix does not say it: sonata (a folder), recording (our own .nc).",
    ),
    trial: str | None = typer.Option(None, help="NWB: the event with which a trial begins."),
    reader: str | None = typer.Option(
        None, help="NIR: who will read it: norse, snntorch, spikingjelly or nir."
    ),
    overwrite: bool = typer.Option(False, help="Replace what is there."),
    as_json: bool = JSON,
) -> None:
    """Convert a recording, or a circuit, into the format of another tool, or back.

    Recordings: NWB, NetCDF by the CF conventions, Zarr, SONATA, and what `simulate` writes. Circuits: NIR,
    and our own. What a format cannot hold is lost; see the page of each in the documentation.

    Examples:

    - `corticalnet convert runs/simulate-zil_mlp run.nwb` — a simulation, for tools that read NWB

    - `corticalnet convert run.nwb run.zarr`

    - `corticalnet convert recording.nc folder --format sonata`

    - `corticalnet convert run.nwb recording.nc --format recording` — back into our own

    - `corticalnet convert cells.nir circuit.json` — a NIR graph as a circuit (and `circuit.safetensors`)

    - `corticalnet convert circuit.json cells.nir --reader snntorch`
    """
    from corticalnet.formats.conversion import convert, format_for

    new = format_for(path, to)
    for option, value, wanted in (("--trial", trial, "nwb"), ("--reader", reader, "nir")):
        if value is not None and new != wanted:
            raise typer.BadParameter(f"{option} is for {wanted}, not for {new}")
    if os.path.lexists(expanded(path)) and not overwrite:
        raise ProtocolError(f"{path} is there already; give another name, or --overwrite")
    given = {"trial": trial, "reader": reader}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    old = convert(source, path, to, **options)
    if as_json:
        print_json({"from": str(source), "format": old, "to": str(path), "new_format": new})
    else:
        say(f"{source} ({old}) → {path} ({new})")
