"""The API reference: what the list of public names holds, `corticalnet/__init__.pyi`, one room a page.

A page says ``.. room:: network`` and gets the room's docstring, a table of its names, and each name's
docstring: first the names of ``corticalnet`` itself, then those that only the room lists in its ``__all__``.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from pathlib import Path
from types import ModuleType

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

import corticalnet

LIST = Path(corticalnet.__file__).with_name("__init__.pyi")
#: Rooms within rooms whose names are for who writes a cell, a plasticity or a task.
INNER = ("circuits.cells", "circuits.plasticity", "reinforcement.tasks")
#: Of what is said of a class.
OPTIONS = ("   :members:", "   :show-inheritance:")


def rooms() -> dict[str, list[str]]:
    """Each room of the package -> the names of ``corticalnet`` that stand in it."""
    found: dict[str, list[str]] = {room: [] for room in INNER}
    for statement in ast.parse(LIST.read_text()).body:
        if isinstance(statement, ast.ImportFrom):
            names = [alias.name for alias in statement.names]
            if statement.module is None:
                found |= {room: [] for room in names}
            else:
                found[statement.module.split(".")[0]] += names
    return found


def entries(room: str) -> list[str]:
    """The full names that a room's page describes."""
    module, public = importlib.import_module(f"corticalnet.{room}"), rooms()[room]
    shown = [getattr(corticalnet, name) for names in rooms().values() for name in names]
    more = [name for name in listed(module) if not any(getattr(module, name) is thing for thing in shown)]
    return [f"corticalnet.{name}" for name in public] + [f"corticalnet.{room}.{name}" for name in more]


def listed(module: ModuleType) -> list[str]:
    """What a room offers: its ``__all__``, or, of a single file, the public things that are defined there."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    own = (n for n, thing in vars(module).items() if getattr(thing, "__module__", None) == module.__name__)
    return [name for name in own if not name.startswith("_")]


def thing(name: str) -> object:
    """What a full name means."""
    room, _, last = name.rpartition(".")
    return getattr(importlib.import_module(room), last)


def entry(name: str) -> list[str]:
    """The directive that describes a thing: autodoc's, or a constant with the comment above it."""
    what = thing(name)
    if inspect.isclass(what):
        directive = "autoexception" if issubclass(what, BaseException) else "autoclass"
        return [f".. {directive}:: {name}", *OPTIONS, ""]
    if callable(what):
        return [f".. autofunction:: {name}", ""]
    return [f".. py:data:: {name}", "", *(f"   {line}" for line in comment(name)), ""]


def comment(name: str) -> list[str]:
    """The lines ``#: …`` above a constant, wherever in its room that is."""
    room, _, last = name.rpartition(".")
    for module in [m for m in sys.modules if m == room or m.startswith(f"{room}.")]:
        found = ModuleAnalyzer.for_module(module).find_attr_docs().get(("", last))
        if found:
            return found
    return []


class Room(SphinxDirective):
    """``.. room:: NAME``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write the page as a person would, and let Sphinx read that."""
        self.env.note_dependency(str(LIST))
        room = self.arguments[0]
        names = entries(room)
        lines = [f".. automodule:: corticalnet.{room}", "", ".. py:currentmodule:: None", ""]
        lines += [".. autosummary::", "   :nosignatures:", ""]
        lines += [f"   ~{name}" for name in names if callable(thing(name))]
        lines += ["", *(line for name in names for line in entry(name))]
        found = self.parse_text_to_nodes("\n".join(lines))
        for described in (d for node in found for d in node.findall(addnodes.desc)):
            if isinstance(described.parent, addnodes.desc_content):
                for signature in described.findall(addnodes.desc_signature):
                    signature["_toc_name"] = ""  # a page's contents are names, not members
        return found


def import_for_types(_app: Sphinx) -> None:
    """Import what modules import for a type checker alone, so that types are the classes that they name."""
    for room in rooms():
        entries(room)  # imports all that there is to describe
    for name in [name for name in sys.modules if name.startswith("corticalnet.")]:
        for statement in ast.parse(inspect.getsource(sys.modules[name])).body:
            if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
                exec(ast.unparse(statement.body), vars(sys.modules[name]))


def setup(app: Sphinx) -> dict:
    """Sphinx calls this."""
    app.connect("builder-inited", import_for_types)
    app.add_directive("room", Room)
    return {"parallel_read_safe": True}
