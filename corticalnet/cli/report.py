"""``corticalnet report``: one page of a run, or of several side by side."""

from __future__ import annotations

from pathlib import Path

import typer

from corticalnet.cli.app import app
from corticalnet.cli.completion import runs
from corticalnet.cli.output import JSON, print_json, say
from corticalnet.store import expanded


@app.command("report")
def report_(
    folders: list[Path] = typer.Argument(
        ..., metavar="RUN", autocompletion=runs, help="Folders that train, audit, … have written."
    ),
    out: Path | None = typer.Option(
        None,
        help="The page's file; RUN/report.html if not given, for several runs ./comparison.html.",
    ),
    browse: bool = typer.Option(False, "--open", help="Open the page in the browser."),
    as_json: bool = JSON,
) -> None:
    """Write a page of a run: one HTML file to look at, to print, to send to a colleague.

    It shows what was asked for, learning curves, the confusion matrix, first-layer weights, mean ± s.d. over
    seeds, network and rule with their equations, data, versions, and the command that runs it again. Several
    runs are compared: their curves in one figure, a table of their results, and the settings that differ.

    Folders of audit, autonomy, validate and simulate are recognised, too. A run may be unfinished, or go on
    right now: the page says how far it came. Nothing is executed, and the page loads nothing from elsewhere.

    Examples:

    - `corticalnet report runs/zil_mlp-z-il-digits-seed0` — the page is report.html in that folder

    - `corticalnet report runs/z-il runs/feedback-alignment --out compared.html --open` — side by side

    - `corticalnet report runs/zil_mlp-z-il-digits-seeds3` — the runs of three seeds, mean ± s.d.
    """
    from corticalnet import report

    path = report.write([expanded(folder) for folder in folders], None if out is None else expanded(out))
    if as_json:
        print_json({"report": str(path), "runs": [str(folder) for folder in folders]})
    else:
        say(f"report: {path}")
    if browse:
        import webbrowser

        if not webbrowser.open(path.resolve().as_uri()):
            typer.echo("no browser could be opened here", err=True)
