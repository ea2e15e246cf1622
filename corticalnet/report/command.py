"""What is said of how results were made, where a command other than train has made them."""

from __future__ import annotations

import shlex
from pathlib import Path

from pydantic import BaseModel

from corticalnet.errors import CheckpointError
from corticalnet.report.page import Callout, Lines, PagePart, Section, Table, Words
from corticalnet.store import read_json


class CommandAbout(BaseModel):
    """``command.json``: the words of a command, and with what it ran."""

    command: list[str]
    versions: dict[str, str | None]


def again(folder: Path) -> Section:
    """Return the section with the command that made the results, and the versions; or a note without."""
    path = folder / "command.json"
    blocks: list[PagePart]
    if not path.exists():
        blocks = [Words("The folder does not say by which command, and with what versions, it was made.")]
        return Section("Run it again", blocks)
    try:
        about = read_json(path, CommandAbout, CheckpointError)
    except CheckpointError as error:
        return Section("Run it again", [Callout(f"Left out: {error}.")])
    rows = [[key, value or "–"] for key, value in about.versions.items()]
    blocks = [
        Lines(shlex.join(about.command), "The command that runs it again"),
        Table("Made with", ["", "version"], rows, kind="settings"),
    ]
    return Section("Run it again", blocks)
