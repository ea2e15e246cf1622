"""Pages show what simulations found, between markers, and a full run's tables are published here.

    python -m simulations.parts.pages                          every table into the pages (`make results`)
    python -m simulations.parts.pages NAME FOLDER TABLE …      first publishes the tables of a full run

A page says which table it shows, and where it ends::

    <!-- results: delayed_xor feedback -->
    <!-- end -->

Instead of a table's name, ``deviations`` shows what is not as in the paper; ``questions: GROUP`` instead of
``results: …`` shows which simulations there are, ``claims: PAPER`` what a paper claims, with the verdicts.
Claims without a verdict are given theirs first (:mod:`.verdicts`).
"""

from __future__ import annotations

import json
import platform
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from corticalnet.errors import CorticalnetError, unknown
from corticalnet.store import write_whole

from . import results
from .claims import PAPERS, VERDICTS, by_paper
from .results import GROUPS, Published, ResultsError, minutes, published, read
from .verdicts import verdict

_BLOCK = re.compile(r"<!-- (results|questions|claims): (.*?) -->\n.*?<!-- end -->", re.DOTALL)


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as Markdown has it."""
    lines = [columns, ["---"] * len(columns), *rows]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells).replace("|  |", "| |")


def shown(page: str) -> str:
    """A page's text with every block between markers as the results have it.

    Raises:
        ResultsError: a block asks for something that is not there.
    """
    return _BLOCK.sub(lambda found: _block(found[1], found[2].split()), page)


def _block(kind: str, words: list[str]) -> str:
    try:
        if kind == "claims":
            content = _claims(" ".join(words))
        elif kind == "questions":
            (group,) = words
            content = _questions(group)
        else:
            name, what = words
            content = _of(read(name), what)
    except ValueError:
        raise ResultsError(f"a block is 'results: NAME TABLE' or 'questions: GROUP', not {words}") from None
    return f"<!-- {kind}: {' '.join(words)} -->\n\n{content}\n\n<!-- end -->"


def _questions(group: str) -> str:
    if group not in GROUPS:
        raise ResultsError(unknown("group", group, GROUPS))
    rows = [
        [one.question, f"`{one.name}`", one.paper, minutes(one.minutes)]
        for one in published()
        if one.group == group
    ]
    return markdown(["question", "simulation", "after", "takes"], rows)


def _claims(paper: str) -> str:
    """What a paper claims, with the verdicts; or how many of each there are, of all papers ("all")."""
    found = by_paper(claim for one in published() for claim in one.claims)
    if paper == "all":
        rows = [
            [name, PAPERS[name], *(str(sum(one.verdict == word for one in ones)) for word in VERDICTS)]
            for name, ones in found.items()
        ]
        return markdown(["paper", "", *VERDICTS], rows)
    if paper not in found:
        raise ResultsError(unknown("paper with claims", paper, found))
    rows = [
        [one.item, one.says, one.numbers, one.here, one.seeds, one.data, f"**{one.verdict}**", one.statistic,
         f"`{one.simulation}`"]
        for one in found[paper]
    ]  # fmt: skip
    head = ["", "claim", "the paper", "here", "seeds", "data", "verdict", "by", "simulation"]
    return markdown(head, rows)


def _of(one: Published, what: str) -> str:
    if what == "deviations":
        return "\n".join(f"{k}. {text}" for k, text in enumerate(map(_wrapped, one.deviations), 1))
    if what not in one.tables:
        raise ResultsError(f"{one.name}: {unknown('table', what, [*one.tables, 'deviations'])}")
    return markdown(one.tables[what]["columns"], one.tables[what]["rows"])


def _wrapped(text: str) -> str:
    """An item of a list in lines of at most 120 characters."""
    return textwrap.fill(text, 120 - 3, subsequent_indent="   ", break_on_hyphens=False)


def pages() -> list[Path]:
    """The pages that show results."""
    found = [
        results.ROOT / "README.md",
        results.HERE / "README.md",
        *sorted((results.ROOT / "docs").rglob("*.md")),
    ]
    return [path for path in found if path.is_file() and _BLOCK.search(path.read_text())]


def publish(name: str, folder: Path, called: Sequence[str]) -> None:
    """Put the tables of a full run into a simulation's results.

    Args:
        name: of the simulation.
        folder: where the run has written ``tables.json``.
        called: what each table is called, in their order; "-" leaves one out.

    Raises:
        ResultsError: there is no such run or simulation, there are not so many names, or the numbers that
            matter most are not in the tables any more.
    """
    read(name)
    path = results.RESULTS / f"{name}.json"
    try:
        tables = json.loads((folder / "tables.json").read_text())
    except (OSError, ValueError) as error:
        raise ResultsError(f"{folder} has no tables of a run: {error}") from error
    if len(called) != len(tables):
        titles = ", ".join(f"'{table['title']}'" for table in tables)
        raise ResultsError(f"a name for each table is needed ('-' leaves it out): {titles}")
    facts = json.loads(path.read_text())
    facts["measured"] = {"torch": version("torch"), "python": ".".join(platform.python_version_tuple()[:2])}
    for key, table in zip(called, tables, strict=True):
        if key != "-":
            facts["tables"][key] = {"columns": table["columns"], "rows": table["rows"]}
    results.rows_of(facts, path)
    write_json(path, facts)


def write_json(path: Path, facts: dict) -> None:
    """Results as a file that can be read: a row of a table in a line."""
    text = json.dumps(facts, indent=1, ensure_ascii=False)
    word = r'"(?:[^"\\]|\\.)*"'
    text = re.sub(rf"\[\n\s+{word}(?:,\n\s+{word})*\n\s+\]", lambda row: _line(row[0]), text)
    write_whole(path, f"{text}\n")


def _line(row: str) -> str:
    return json.dumps(json.loads(row), ensure_ascii=False)


def judge(say: Callable[[str], object] = print) -> None:
    """Write verdict and statistic of every claim that has none; the statistic of others, if it has changed.

    Raises:
        ResultsError: numbers have come to another verdict than the one that stands there.
    """
    for path in sorted(results.RESULTS.glob("*.json")):
        facts = json.loads(path.read_text())
        before = json.dumps(facts)
        for claim in facts.get("claims", []):
            word, statistic = verdict(facts["tables"], claim)
            if claim.setdefault("verdict", word) != word:
                raise ResultsError(
                    f"{path.name}: '{claim['says']}' was '{claim['verdict']}' and is '{word}' now "
                    f"({statistic}); look why, then take out the old verdict"
                )
            claim["statistic"] = statistic
        if json.dumps(facts) != before:
            write_json(path, facts)
            say(f"written: {path.relative_to(results.ROOT)}")


def main(say: Callable[[str], object] = print) -> None:
    """Judge what has no verdict, and write every block of every page anew."""
    judge(say)
    for path in pages():
        before = path.read_text()
        if (after := shown(before)) != before:
            path.write_text(after)
            say(f"written: {path.relative_to(results.ROOT)}")


if __name__ == "__main__":
    try:
        if len(sys.argv) > 2:
            publish(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
        main()
    except CorticalnetError as mistake:
        sys.exit(f"error: {mistake}")
