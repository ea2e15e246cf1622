"""The page of audits: rules × properties, every mark with its number, then what was seen of each rule."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, RootModel

from corticalnet.audit.report import (
    GLYPHS,
    PROPERTIES,
    SONG,
    SONG_TITLE,
    TALK,
    TALK_TITLE,
    Finding,
)
from corticalnet.errors import CheckpointError
from corticalnet.report.command import again
from corticalnet.report.kinds import Kind, register
from corticalnet.report.page import Page, Section, Table, TableCell, Words
from corticalnet.report.words import count
from corticalnet.store import read_json


class FindingAbout(BaseModel):
    """One property of one rule."""

    mark: Literal["yes", "some", "no", "none"]
    number: float | None
    detail: str


class AuditAbout(BaseModel):
    """What was measured of one rule."""

    rule: str
    network: str
    findings: dict[str, FindingAbout]

    def cell(self, name: str, detail: bool = False) -> TableCell:
        """Return a table cell with mark and number of a property."""
        found = self.findings.get(name)
        if found is None:
            return TableCell(GLYPHS["none"], mark="none")
        short = Finding(name, found.mark, found.number, found.detail).short
        return TableCell(short, mark=found.mark, title=found.detail)


class AuditsAbout(RootModel[list[AuditAbout]]):
    """What the file ``audit.json`` holds."""


def page(folder: Path) -> Page:
    """Make the page of one folder."""
    return pages([folder])


def pages(folders: Sequence[Path]) -> Page:
    """Make one page of all audits in some folders."""
    audits = {
        folder: read_json(folder / "audit.json", AuditsAbout, CheckpointError).root for folder in folders
    }
    rows: dict[str, AuditAbout] = {}
    for folder, found in audits.items():
        for audit in found:
            name = audit.rule if audit.rule not in rows else f"{audit.rule} ({folder})"
            rows[name] = audit
    title = f"Audit of {next(iter(rows))}" if len(rows) == 1 else f"Audit of {count(len(rows), 'rule')}"
    details = [Section(name, [_details(audit)]) for name, audit in rows.items()]
    commands = [again(folder) for folder in folders]
    if len(folders) > 1:
        named = zip(folders, commands, strict=True)
        commands = [Section("Run it again", [Section(str(f), one.blocks) for f, one in named])]
    return Page(
        "Audit",
        title,
        "What learning rules need, measured: ✓ holds, ~ holds for some networks, ✗ does not hold, – cannot "
        "be asked. Beside each mark is the number behind it.",
        [
            Section(SONG_TITLE, [_marks(rows, SONG)]),
            Section(TALK_TITLE, [_marks(rows, TALK)]),
            Section("What was seen", details or [Words("No rule was audited.")]),
            *commands,
        ],
        where=", ".join(map(str, folders)),
    )


def _marks(rows: dict[str, AuditAbout], properties: dict[str, str]) -> Table:
    """Tabulate rules × properties."""
    cells = [[name, *(audit.cell(key) for key in properties)] for name, audit in rows.items()]
    return Table("A row for each rule", ["rule", *properties.values()], cells, kind="marks")


def _details(audit: AuditAbout) -> Table:
    """Tabulate all properties of one rule, with what was seen."""
    rows = [
        [PROPERTIES.get(name, name), audit.cell(name), found.detail] for name, found in audit.findings.items()
    ]
    return Table(f"On {audit.network}", ["property", "measured", "what was seen"], rows, kind="settings")


register(Kind("audit", ("audit.json",), page, pages))
