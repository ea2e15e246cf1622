"""Code is shown: what a page links to, `../corticalnet/demo.py`, and where a public name is written.

Where no site is built the links are right as they stand. In the site, a Python file (or a folder's
``__init__.py``) becomes a page under ``code/``, and the README of a folder is the page that includes it.
(sphinx.ext.viewcode shows code, too, but links back wrongly where a file has names of several rooms.)
"""

from __future__ import annotations

import importlib
import inspect
import posixpath
import re
from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path

from docutils import nodes
from public_names import entries, rooms, thing
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.util.osutil import relative_uri

ROOT = Path(__file__).parents[2]
#: The target of a link in Markdown, up to its heading.
LINK = re.compile(r"\]\(([^)#:\s]+)")


def name_files(app: Sphinx, docname: str, content: list[str]) -> None:
    """A link to a folder means the file that says what is in it; to a README outside, its page."""

    def named(link: re.Match) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(docname), link[1]))
        if path.startswith("../") and path.endswith("/README.md"):
            return f"](/{path.split('/')[1]}.md"
        inside = Path(app.srcdir) / path / "__init__.py"
        return f"]({posixpath.join(link[1], inside.name)}" if inside.is_file() else link[0]

    content[0] = LINK.sub(named, content[0])


def page_of(path: str) -> str:
    """The page that shows a file, given from the documents' folder, as "../models/zil_mlp.py"."""
    return f"code/{path.removeprefix('../').removesuffix('.py')}"


def lead_there(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Sphinx would offer these files for download: show them."""
    if not isinstance(app.builder, StandaloneHTMLBuilder):
        return
    for link in list(doctree.findall(addnodes.download_reference)):
        path = posixpath.normpath(posixpath.join(posixpath.dirname(docname), link["reftarget"]))
        page = app.builder.get_target_uri(page_of(path))
        here = relative_uri(app.builder.get_target_uri(docname), page)
        link.replace_self(nodes.reference("", "", *link.children, internal=True, refuri=here))


@cache
def written() -> set[str]:
    """The files in which public names are written."""
    things = [thing(name) for room in rooms() for name in entries(room)]
    return {source(what) for what in things if callable(what)} - {""}


def source(what: object) -> str:
    """The file of a thing, given from the documents' folder; "" of what is not written in the package."""
    try:
        path = Path(inspect.getsourcefile(what) or "")  # type: ignore[arg-type]
    except TypeError:
        return ""
    return f"../{path.relative_to(ROOT).as_posix()}" if path.is_relative_to(ROOT / "corticalnet") else ""


def linkcode_resolve(domain: str, info: dict) -> str | None:
    """For sphinx.ext.linkcode: the line where a thing begins; pages of the reference stand in one folder."""
    what = importlib.import_module(info["module"]) if domain == "py" and info["module"] else None
    for part in info["fullname"].split("."):
        what = getattr(what, part, None)
    what = inspect.unwrap(getattr(what, "fget", None) or what)
    path = source(what)
    return f"../{page_of(path)}.html#line-{inspect.getsourcelines(what)[1]}" if path in written() else None


def pages(app: Sphinx) -> Iterator[tuple[str, dict, str]]:
    """A page for each file that is linked to; files are not copied once more as downloads."""
    for path in sorted({Path(path).as_posix() for path in app.env.dlfiles} | written()):
        text = (Path(app.srcdir) / path).read_text(encoding="utf-8")
        title = escape(path.removeprefix("../"))
        shown = app.builder.highlighter.highlight_block(text, "python", lineanchors="line")
        body = f"<h1>{title}</h1>{shown}"
        yield page_of(path), {"title": title, "body": body, "parents": []}, "page.html"
    app.env.dlfiles.clear()


def setup(app: Sphinx) -> dict:
    """Sphinx calls this."""
    app.connect("source-read", name_files)
    app.connect("doctree-resolved", lead_there)
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True}
