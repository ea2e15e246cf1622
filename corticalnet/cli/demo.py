"""``corticalnet demo``: the main job in about a minute."""

from __future__ import annotations

from pathlib import Path

import typer

from corticalnet.cli.app import app
from corticalnet.cli.opening import MOST_SEED
from corticalnet.cli.output import JSON, print_json, say
from corticalnet.cli.results import as_figures, try_folder, write


@app.command("demo")
def demo_(
    out: Path = typer.Option(Path("figures/demo"), help="Folder for the figures."),
    epochs: int = typer.Option(25, min=1, help="Epochs for every rule."),
    seed: int = typer.Option(0, min=0, max=MOST_SEED, help="Of weights, split and order of the images."),
    as_json: bool = JSON,
) -> None:
    """Train a small network on real digits by six rules, audit three; then run its columns in time.

    A table of what each rule reaches and costs, what three of them need, measured, and figures: learning
    curves, costs, the audit, and of the columns in time the wiring, the traces of every area, φ, and the
    weights as they change.

    Examples:

    - `corticalnet demo`

    - `corticalnet demo --seed 3 --epochs 40 --out my_figures`
    """
    from corticalnet import demo
    from corticalnet.audit import tables
    from corticalnet.progress import bars

    try_folder(out)
    with bars(not as_json, width=20) as shown:
        task = shown.add_task("timing updates", total=epochs * len(demo.RULES))
        rows = demo.run(epochs, seed, lambda name: shown.update(task, advance=1, description=name))
        task = shown.add_task("audit", total=len(demo.AUDITED))
        audited = demo.audits(seed, lambda name: shown.update(task, advance=1, description=f"audit {name}"))
        shown.add_task("columns in time", total=None)
        ran = demo.columns(seed)
    written = write(out, as_figures(lambda: demo.figures(rows, audited, ran)))
    if as_json:
        print_json({**demo.to_dict(rows, audited, ran), "figures": [str(path) for path in written.paths]})
        written.check()
        return
    names = "-".join(map(str, demo.COLUMNS))
    say(f"Digits (1797 real images), network {names}, {epochs} epochs of each rule, seed {seed}\n")
    say(demo.report(rows))
    say("\n" + tables(audited))
    cells, steps = sum(p.n for p in ran.circuit.populations), ran.recording.sizes["time"]
    say(
        f"\nIn time, by streaming Fa-Z-IL: {cells} cells, {steps} steps, 3 images at unknown times, "
        f"{ran.spikes_of_phi} spikes of φ;\nweights changed as by backprop, to {ran.error:.0e}"
    )
    written.check()
    say("\nfigures: " + ", ".join(str(path) for path in written.paths))
    say("next: corticalnet list · corticalnet train --help · docs/tutorials/")
