"""The gallery: every simulation with question, figure, command, and the paper's numbers beside ours.

A page says ``{gallery-grid}`` (in Markdown) for all figures, small, and ``{gallery}`` for a section on each
simulation, with all that ``simulations.parts.results.published`` knows; it leads to the source.
"""

from __future__ import annotations

import os
import sys
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from simulations.parts.results import RESULTS, Published, published  # noqa: E402  (found by the line above)


def figure(one: Published, docs: Path) -> str:
    """The figure's path, given from the documents' folder; "" if there is none."""
    return Path(os.path.relpath(one.figure, docs)).as_posix() if one.figure else ""


def section(one: Published, docs: Path) -> list[str]:
    """What is told of a simulation, in Markdown."""
    path = figure(one, docs)
    lines = [f"({one.name})=", f"### {one.name}", "", one.question, ""]
    lines += [f"![{one.question}]({path})", ""] if path else []
    lines += [
        f"After {one.paper}. [Its source](../simulations/{one.name}.py); {one.minutes:g} minutes on one core:"
    ]
    lines += ["", "```", one.command, "```", ""]
    if one.rows:
        lines += ["| | paper | ours | s.d. |", "| --- | --- | --- | --- |"]
        cells = ([row.what, row.paper, row.ours, row.spread] for row in one.rows)
        lines += ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in cells]
        lines += [""]
    if one.deviations:
        lines += [
            "Not as in the paper:",
            "",
            *(f"{k}. {text}" for k, text in enumerate(one.deviations, 1)),
            "",
        ]
    return lines


class Gallery(SphinxDirective):
    """``{gallery}``: a section for each simulation."""

    def run(self) -> list[nodes.Node]:
        """Write the page as a person would, and let Sphinx read that."""
        for path in (*RESULTS.glob("*.json"), *(ROOT / "simulations").glob("*.py")):
            self.env.note_dependency(str(path))
        lines, group = [], ""
        for one in published():
            if one.group != group:
                group = one.group
                lines += [f"## {group[:1].upper()}{group[1:].replace('_', ' ')}", ""]
            lines += section(one, Path(self.env.srcdir))
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


class Grid(SphinxDirective):
    """``{gallery-grid}``: all figures, small; each leads to its section."""

    def run(self) -> list[nodes.Node]:
        """Return one block of HTML (other formats have the sections)."""
        cells = "".join(
            f'<a href="#{one.name.replace("_", "-")}"><img src="_images/{Path(one.figure).name}" '
            f'alt=""><span>{escape(one.name)}</span></a>'
            for one in published()
            if one.figure
        )
        return [nodes.raw("", f'<div class="gallery">{cells}</div>', format="html")]


def setup(app: Sphinx) -> dict:
    """Sphinx calls this."""
    app.add_directive("gallery", Gallery)
    app.add_directive("gallery-grid", Grid)
    return {"parallel_read_safe": True}
