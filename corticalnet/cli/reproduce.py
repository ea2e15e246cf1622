"""``corticalnet reproduce``: the papers' tables and figures beside ours, and the runs that make them."""

from __future__ import annotations

import shlex
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from corticalnet import shipped
from corticalnet.cli.app import app
from corticalnet.cli.output import JSON, print_json, print_table, say
from corticalnet.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What is said of a simulation that follows no paper.
_OURS = ("this toolkit", "another version of this toolkit")


def _completed(incomplete: str) -> list[str]:
    return [name for name in simulations().names() if name.startswith(incomplete)]


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def reproduce(
    context: typer.Context,
    name: str | None = typer.Argument(None, help="A simulation to run.", autocompletion=_completed),
    quick: bool = typer.Option(
        False, "--quick", help="Seconds instead of minutes; numbers are no reproduction."
    ),
    everything: bool = typer.Option(False, "--all", help="List questions of this toolkit's own, too."),
    show: bool = typer.Option(
        False, "--show", help="Nothing is run: show the paper's numbers beside ours, and what deviates."
    ),
    as_json: bool = JSON,
) -> None:
    """List what the papers claim, table by table, with the verdict here; run one, or --show what it found.

    What a simulation takes itself (`--seeds`, `--out`, …) may follow its name; `-- --help` shows it.
    """
    known = simulations()
    if name is None:
        if quick or context.args:
            raise SettingError("to run a simulation, give its name: corticalnet reproduce NAME")
        found = [one for one in known.published() if everything or one.paper not in _OURS]
        if as_json:
            print_json([_as_json(one) for one in found])
        elif show:
            _show(found)
        elif everything:
            _index(found)
        else:
            _claims(known, found)
        return
    one = known.read(name)
    if as_json or everything:
        raise SettingError(f"--json and --all list simulations, and do not go with a name ('{name}')")
    if show:
        if quick or context.args:
            raise SettingError("--show runs nothing: leave out --quick and what the simulation takes")
        _show([one])
        return
    module = shipped.simulation(name)
    command = shipped.simulation("parts.common").command
    asked = ["--quick"] if quick else shlex.split(one.command)[3:]
    ran = command(module.run, module.report, module.draw)
    ran([*asked, *context.args], prog_name=f"corticalnet reproduce {name}", standalone_mode=False)
    if one.rows and not {"--help"} & {*context.args}:
        say("\nPublished, of the full run:")
        _show([one])


def simulations() -> Any:
    """Import the module that knows the simulations.

    Raises:
        ModelError: there are none.
    """
    return shipped.simulation("parts.results")


def _claims(known: Any, found: list[Any]) -> None:
    """Print what each paper claims, the verdict, and which simulation has the numbers."""
    named = {one.name: one for one in found}
    listed = known.by_paper(claim for one in found for claim in one.claims)
    for paper, claims in listed.items():
        rows = [
            [one.item, _short(one.says), _short(one.numbers, 24), _short(one.here, 32), one.verdict,
             one.simulation, known.minutes(named[one.simulation].minutes)]
            for one in claims
        ]  # fmt: skip
        print_table(paper, ["", "claim", "the paper", "here", "verdict", "reproduce", "takes"], rows)
        say("")
    every = [claim.verdict for claims in listed.values() for claim in claims]
    counts = ", ".join(f"{every.count(word)} {word}" for word in known.VERDICTS)
    say(f"{len(every)} claims: {counts}.")
    say("NAME --show shows numbers and each deviation; NAME runs it; --all lists the simulations.")


def _short(text: str, most: int = 60) -> str:
    return textwrap.shorten(text, most, placeholder=" …")


def _index(found: list[Any]) -> None:
    """Print a line for each simulation: how many numbers it has, and how many of the paper's beside them."""
    rows = []
    for one in found:
        papers = [row for row in one.rows if row.paper]
        absent = sum(row.ours in ("", "not run") for row in papers)
        time = simulations().minutes(one.minutes)
        rows.append([one.name, one.paper, time, len(papers) - absent, absent, len(one.deviations)])
    print_table("", ["corticalnet reproduce", "after", "takes", "compared", "not run", "deviations"], rows)
    say("NAME --show shows the paper's numbers beside ours and each deviation; NAME runs it.")


def _show(found: list[Any]) -> None:
    minutes = simulations().minutes
    for one in found:
        title = f"{one.paper}: corticalnet reproduce {one.name} ({minutes(one.minutes)})\n{one.question}"
        rows = [
            [row.what, row.paper, f"{row.ours} ± {row.spread}" if row.spread else row.ours]
            for row in one.rows
        ]
        print_table(title, ["", "the paper", "here"], rows)
        for line in _deviations(one.deviations):
            say(line)


def _deviations(deviations: list[str]) -> Iterator[str]:
    if deviations:
        yield "Not as in the paper:"
        for number, text in enumerate(deviations, 1):
            yield textwrap.fill(text, 100, initial_indent=f"  {number}. ", subsequent_indent="     ")
        yield ""


def _as_json(one: Any) -> dict[str, Any]:
    facts = asdict(one)
    return facts | {"figure": str(one.figure) if one.figure else None}
