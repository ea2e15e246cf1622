"""What simulations found, typed once: the numbers stand in ``docs/results/NAME.json``.

``published()`` has them, with what stands in each simulation's header. This is what pages show
(``simulations/parts/pages.py``) and `corticalnet reproduce` lists. Nothing here waits for torch: a header is
read, not run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corticalnet.errors import unknown

from .claims import VERDICTS as VERDICTS
from .claims import Claim, claims_of
from .claims import by_paper as by_paper
from .errors import ResultsError

#: The folder of simulations, and the one that has it.
HERE = Path(__file__).resolve().parents[1]
ROOT = HERE.parent
#: Where results are: in a checkout beside the pages that show them, in a wheel with the simulations.
RESULTS = next((path for path in (ROOT / "docs" / "results", HERE / "results") if path.is_dir()), HERE)
#: What is asked about, in the order of pages.
GROUPS = (
    "learning",
    "feedback",
    "predictive_coding",
    "energies",
    "dendrites",
    "reward",
    "circuits",
    "spikes",
    "cost",
)

_COMMAND = re.compile(r"^ {4}(python -m simulations\.\w+.*?)(?: {2,}(.*))?$", re.MULTILINE)
_MINUTES = re.compile(r"(\d+(?:\.\d+)?) (s|min|minutes?|h)\b")
_SPREAD = re.compile(r"^(.*?) ± ([\d.e+−-]+)(.*)$")


@dataclass(frozen=True)
class Row:
    """One number of the paper's beside ours, as text; what is not known is empty.

    Attributes:
        what: was measured.
        paper: what the paper says.
        ours: the mean, with its unit.
        spread: over seeds (sample standard deviation); empty for a single one.
    """

    what: str
    paper: str
    ours: str
    spread: str = ""


@dataclass(frozen=True)
class Published:
    """A simulation, and what it found.

    Attributes:
        name: of the simulation.
        question: that it asks.
        group: one of :data:`GROUPS`.
        paper: whose table or figure it is after; "this toolkit" where it has none.
        command: of the full run.
        minutes: that it takes on one core.
        rows: the numbers that matter most.
        deviations: what is not as in the paper.
        figure: a picture of it, if there is one.
        claims: of papers, with the verdict here.
        tables: all numbers, by the table's name: ``{"columns": [...], "rows": [[...], ...]}``.
    """

    name: str
    question: str
    group: str
    paper: str
    command: str
    minutes: float
    rows: list[Row] = field(default_factory=list)
    deviations: list[str] = field(default_factory=list)
    figure: Path | None = None
    tables: dict[str, dict] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)


def names() -> list[str]:
    """All simulations."""
    return sorted(path.stem for path in HERE.glob("[!_]*.py"))


def published() -> list[Published]:
    """All simulations with what they found, group by group.

    Raises:
        ResultsError: a header or a file of results is not as it should be.
    """
    found = [read(name) for name in names()]
    return sorted(found, key=lambda one: (GROUPS.index(one.group), one.name))


def read(name: str) -> Published:
    """One simulation.

    Raises:
        ResultsError: there is none of that name, or its header or results are not as they should be.
    """
    if name not in names():
        raise ResultsError(unknown("simulation", name, names()))
    question, command, minutes = header(HERE / f"{name}.py")
    path = RESULTS / f"{name}.json"
    try:
        facts = json.loads(path.read_text())
        group, paper, tables = facts["group"], facts["paper"], facts["tables"]
        if group not in GROUPS:
            raise ResultsError(f"{path}: {unknown('group', group, GROUPS)}")
        rows, claims = rows_of(facts, path), claims_of(name, facts)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{path} has no results as they should be: {error!r}") from error
    figure = ROOT / "docs" / "figures" / f"{name}.png"
    return Published(
        name, question, group, paper, command, minutes, rows, facts.get("deviations", []),
        figure if figure.is_file() else None, tables, claims,
    )  # fmt: skip


def header(path: Path) -> tuple[str, str, float]:
    """A simulation's question, its full run's command, and the minutes that this takes.

    A header begins with the question, in a line of its own; its first command is the full run, and behind it
    stands what that is and how long it takes.

    Raises:
        ResultsError: something of this is not there.
    """
    _, text, *_ = [*path.read_text().split('"""', 2), "", ""]  # (a parser would take a second for all)
    command = _COMMAND.search(text)
    time = _MINUTES.search(command[2] or "") if command else None
    if not command or not time:
        raise ResultsError(f"{path}: the header shows no command with how long it takes ('3 seeds, 5 min')")
    minutes = float(time[1]) * {"s": 1 / 60, "m": 1, "h": 60}[time[2][0]]
    return text.partition("\n")[0], command[1].strip(), minutes


def rows_of(facts: Mapping[str, Any], path: Path) -> list[Row]:
    """The numbers that matter most: typed as they are, or what the headline names.

    Raises:
        ResultsError: the headline names a table or column that is not there.
    """
    try:
        typed = [Row(*row) for row in facts.get("rows", [])]
        headlines = facts.get("headline", [])
        named = headlines if isinstance(headlines, list) else [headlines]
        return typed + [row for headline in named for row in _rows(facts["tables"], headline)]
    except KeyError as error:
        raise ResultsError(f"{path}: the headline names {error}, and there is none") from error


def _rows(tables: Mapping[str, dict], headline: Mapping[str, Any]) -> list[Row]:
    """What a headline names: of which table, in which columns, and of which rows only.

    The paper's number stands in a column of its own, or in one row for all (``paper_row``).
    """
    table = tables[headline["table"]]
    lines = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    first = table["columns"][0]
    papers = next((line for line in lines if line[first] == headline.get("paper_row")), {})
    found, wanted = [], headline.get("only")
    labels = [_label(line, headline["what"]) for line in lines]
    for missing in {*(wanted or ())} - {*labels}:
        raise KeyError(missing)
    for label, line in zip(labels, lines, strict=True):
        if line is papers or (wanted and label not in wanted):
            continue
        for number in headline["numbers"]:
            columns = [column for column in number["ours"] if line[column]]
            if columns:
                column = columns[0]
                of = [headline["of"]] if "of" in headline else []
                several = [column] if len(headline["numbers"]) > 1 else []
                what = ": ".join([*of, ", ".join([label, *several])])
                paper = line[number["paper"]] if "paper" in number else papers.get(column, "")
                found.append(Row(what, paper, *_apart(line[column])))
    return found


def _label(line: Mapping[str, str], columns: Sequence[str]) -> str:
    return ", ".join(filter(None, (line[column] for column in columns))).replace("`", "")


def _apart(number: str) -> tuple[str, str]:
    """ "88.7 ± 4.3 %" as "88.7 %" and "4.3"."""
    parts = _SPREAD.match(number) if number.count("±") == 1 else None
    return (parts[1] + parts[3], parts[2]) if parts else (number, "")


def minutes(value: float) -> str:
    """A time as people say it.

    >>> minutes(0.25), minutes(8.0), minutes(90)
    ('15 s', '8 min', '1.5 h')
    """
    if value < 2 and value != 1:
        return f"{60 * value:.0f} s"
    return f"{value:g} min" if value < 60 else f"{value / 60:g} h"
