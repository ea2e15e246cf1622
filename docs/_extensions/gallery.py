"""The gallery: every simulation with question, figure, command, and the paper's numbers beside ours.

A page says ``{gallery}`` (in Markdown) and gets all that ``simulations.parts.results.published`` knows: first
a grid of figures, then a section for each simulation, which leads to its source.
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
    return lines


class Gallery(SphinxDirective):
    """``{gallery}``."""

    def run(self) -> list[nodes.Node]:
        """Write the page as a person would, and let Sphinx read that."""
        for path in (*RESULTS.glob("*.json"), *(ROOT / "simulations").glob("*.py")):
            self.env.note_dependency(str(path))
        docs, everything = Path(self.env.srcdir), published()
        lines, group = [], ""
        for one in everything:
            if one.group != group:
                group = one.group
                lines += [f"## {group[:1].upper()}{group[1:]}", ""]
            lines += section(one, docs)
        grid = "".join(
            f'<a href="#{one.name.replace("_", "-")}"><img src="_images/{Path(one.figure).name}" '
            f'alt=""><span>{escape(one.name)}</span></a>'
            for one in everything
            if one.figure
        )
        lines = ["```{raw} html", f'<div class="gallery">{grid}</div>', "```", "", *lines]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def setup(app: Sphinx) -> dict:
    """Sphinx calls this."""
    app.add_directive("gallery", Gallery)
    return {"parallel_read_safe": True}
