"""``corticalnet audit``: what learning rules really do, measured."""

from __future__ import annotations

from pathlib import Path

import typer

import corticalnet as cn
from corticalnet.cli import completion
from corticalnet.cli.app import app
from corticalnet.cli.opening import MOST_SEED, parse_sets
from corticalnet.cli.output import JSON, print_json, say
from corticalnet.cli.results import Written, as_figures, as_json_file, try_folder, write
from corticalnet.errors import RuleError


@app.command("audit")
def audit_(
    names: list[str] = typer.Argument(
        None, autocompletion=completion.rules, metavar="RULE", help="Rules; all if none is named."
    ),
    sets: list[str] = typer.Option([], "--set", metavar="KEY=VALUE", help="A parameter of the rule."),
    seed: int = typer.Option(0, min=0, max=MOST_SEED, help="Of networks, inputs and timing."),
    quick: bool = typer.Option(False, "--quick", help="One network of each kind instead of several."),
    out: Path | None = typer.Option(None, help="Folder for audit.json and audit.png."),
    as_json: bool = JSON,
) -> None:
    """Measure what rules claim: equality to backprop, locality, autonomy, and what their feedback asks for.

    Every mark has its number behind it: ✓ holds, ~ holds for some networks, ✗ does not hold, – cannot be
    asked. One rule comes with what was seen; several come as two tables, Song et al. 2020, Table 2, and the
    constraints of Lillicrap's talk. What the numbers are: docs/audit.md.

    Examples:

    - `corticalnet audit z-il` — a few seconds

    - `corticalnet audit` — all rules, about a minute

    - `corticalnet audit fa-z-il --set gate=prediction --set silence=1`

    - `corticalnet audit backprop --set feedback_cells=True` — local, if columns can hold feedback

    - `corticalnet audit --json --out runs/audit`
    """
    import torch

    from corticalnet.audit import PARTS, Report, figure, tables
    from corticalnet.progress import bars

    parameters, chosen = parse_sets(sets), list(names or cn.list_rules())
    if parameters and len(chosen) > 1:
        raise RuleError(f"--set is for one rule, not for {len(chosen)}: {', '.join(chosen)}")
    rules = [cn.rule(name, **parameters) for name in chosen]
    if out is not None:
        try_folder(out, "audit.json", "audit.png")
    torch.set_num_threads(1)  # small networks: two threads only wait for each other
    reports: list[Report] = []
    with bars(not as_json, width=36) as shown:
        task = shown.add_task("equality", total=len(rules) * len(PARTS))
        for rule in rules:

            def step(part: str, name: str = rule.name) -> None:
                after = PARTS[(PARTS.index(part) + 1) % len(PARTS)]
                shown.update(task, advance=1, description=f"{name}: {after}")

            reports.append(cn.audit_rule(rule, seed=seed, quick=quick, progress=step))
    found = [report.to_dict() for report in reports]
    written = Written([])
    if out is not None:
        written = write(
            out, {**as_figures(lambda: {"audit": figure(reports)}), "audit.json": as_json_file(found)}
        )
    if as_json:
        print_json({"reports": found, "files": [str(path) for path in written.paths]})
    else:
        say(reports[0] if len(reports) == 1 else tables(reports))
        if written.paths:
            say("\nwritten: " + ", ".join(map(str, written.paths)))
    written.check()
