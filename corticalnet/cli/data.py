"""``corticalnet data``: which data sets there are, and fetching them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from corticalnet import data
from corticalnet.cli import completion
from corticalnet.cli.app import app
from corticalnet.cli.output import JSON, print_json, print_table, say

commands = typer.Typer(no_args_is_help=True, help="List data sets, and fetch them.")
app.add_typer(commands, name="data")


def datasets() -> list[dict[str, Any]]:
    """Describe every built-in data set, without touching the network."""
    keys = ("name", "title", "shape", "classes", "images", "download", "licence", "source", "where")
    return [{key: getattr(data.describe(name), key) for key in keys} for name in data.names()]


@commands.command("list")
def list_(as_json: bool = JSON) -> None:
    """List the data sets, and where each is on this machine.

    Any folder of images with a subfolder for each class is a data set too: `--data folder:PATH`.
    """
    found = datasets()
    if as_json:
        print_json(found)
        return
    rows = [
        [
            d["name"],
            "×".join(map(str, d["shape"])),
            d["classes"],
            d["images"],
            d["where"] or "fetch: " + d["download"],
        ]
        for d in found
    ]
    print_table("", ["data set", "image", "classes", "images", "where"], rows)


@commands.command()
def fetch(
    name: str = typer.Argument(
        autocompletion=completion.datasets, help="Name of a data set; see `corticalnet data list`."
    ),
    folder: Path | None = typer.Option(None, help="Where to; the cache if not given."),
    as_json: bool = JSON,
) -> None:
    """Download a data set, check it, and say where it is.

    Example: `corticalnet data fetch mnist`
    """
    place = data.fetch(name, folder)
    if as_json:
        print_json({"name": name, "where": place})
    else:
        say(f"{name} is in {place}")
