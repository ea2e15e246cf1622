"""``corticalnet audit``: what learning rules really do, measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

import corticalnet as cn
from corticalnet.cli import completion
from corticalnet.cli.app import app
from corticalnet.cli.opening import MOST_SEED, parse_sets
from corticalnet.cli.output import JSON, print_json, say
from corticalnet.cli.results import Written, as_figures, as_json_file, try_folder, write
from corticalnet.errors import RuleError
from corticalnet.training.finding import is_path

if TYPE_CHECKING:
    from corticalnet.rules.base import LearningRule


@app.command("audit")
def audit_(
    names: list[str] = typer.Argument(
        None,
        autocompletion=completion.rules,
        metavar="RULE|MODEL.py",
        help="Rules, or a model file for its rule; all rules if none is named.",
    ),
    rules: list[str] = typer.Option(
        [], "--rule", autocompletion=completion.rules, help="A rule, which the model file may register."
    ),
    sets: list[str] = typer.Option(
        [],
        "--set",
        metavar="KEY=VALUE",
        help="A parameter of the rule; of the model where a file chooses it.",
    ),
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

    - `corticalnet audit my_model.py` — the rule of a model file

    - `corticalnet audit my_model.py --rule my-rule` — a rule that it registers

    - `corticalnet audit --json --out runs/audit`
    """
    import torch

    from corticalnet.audit import PARTS, Report, figure, tables
    from corticalnet.progress import bars

    audited = _rules(names or [], rules, parse_sets(sets))
    if out is not None:
        try_folder(out, "audit.json", "audit.png")
    torch.set_num_threads(1)  # small networks: two threads only wait for each other
    reports: list[Report] = []
    with bars(not as_json, width=36) as shown:
        task = shown.add_task("equality", total=len(audited) * len(PARTS))
        for rule in audited:

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


def _rules(names: list[str], named: list[str], parameters: dict[str, Any]) -> list[LearningRule]:
    """Return the rules that are meant; model files are run first, for they may register some.

    Raises:
        ModelError, RuleError, SettingError: a file or a rule is not there, or does not take a setting.
    """
    from corticalnet.training.model_file import load_model, run_model_file

    files = [name for name in names if is_path(name)]
    chosen = [*(name for name in names if name not in files), *named]
    count = len(chosen) + (0 if named else len(files)) or len(cn.list_rules())
    if parameters and count > 1:
        what = ", ".join(chosen or files or cn.list_rules())
        raise RuleError(f"--set is for one rule, not for {count}: {what}")
    if named:
        for file in files:
            run_model_file(file)
    built = [] if named else [load_model(file, **parameters).rule for file in files]
    if not built and not chosen:
        chosen = list(cn.list_rules())
    return [*built, *(cn.rule(name, **parameters) for name in chosen)]
