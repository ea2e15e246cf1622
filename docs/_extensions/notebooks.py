"""Tutorials as notebooks: each page of the folder tutorials offers the same text as NAME.ipynb.

The page is the single source. ```python blocks become cells, and so do ```bash blocks (``%%bash``); outputs
and pictures of the page are left out, since a cell shows its own; links within the site become plain text.
"""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
import nbformat
from sphinx.application import Sphinx

FOLDER = "tutorials/"
#: What a block prints, as the page shows it.
OUTPUT = re.compile(r"^```text\n.*?^```\n", re.MULTILINE | re.DOTALL)
PICTURE = re.compile(r"^!\[[^\]]*\]\([^)]*\)\n", re.MULTILINE)
#: What folds in a page cannot fold over several cells.
FOLDED = re.compile(r"^<details>\n<summary>(.*)</summary>\n", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:)[^)\s]*\)")


def notebook(page: Path) -> nbformat.NotebookNode:
    """A page as a notebook, without outputs."""
    text = page.read_text(encoding="utf-8")
    for pattern, left in ((OUTPUT, ""), (PICTURE, ""), (FOLDED, r"**\1**\n"), (LINK, r"*\1*")):
        text = pattern.sub(left, text)
    found = jupytext.reads(text.replace("\n</details>\n", ""), fmt="md")
    found.cells = [cell for cell in found.cells if cell.source.strip()]
    found.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for number, cell in enumerate(found.cells):
        cell["id"] = str(number)  # nbformat would draw ids at random
    return found


def offered(docname: str) -> bool:
    """Whether a document is a tutorial."""
    return docname.startswith(FOLDER) and docname != f"{FOLDER}index"


def offer(_app: Sphinx, docname: str, content: list[str]) -> None:
    """Say under the title where the notebook is."""
    if offered(docname):
        title, rest = content[0].split("\n", 1)
        name = docname.removeprefix(FOLDER)
        link = f'<a href="{name}.ipynb" download>notebook</a>'
        content[0] = f"{title}\n\n*This page as a {link}.*\n{rest}"


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the notebooks beside the pages."""
    if error is None and app.builder.format == "html":
        for docname in filter(offered, sorted(app.env.found_docs)):
            path = Path(app.outdir, docname).with_suffix(".ipynb")
            nbformat.write(notebook(Path(app.env.doc2path(docname))), path)


def setup(app: Sphinx) -> dict:
    """Sphinx calls this."""
    app.connect("source-read", offer)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}
