"""``corticalnet validate``: is a model's learning in time, and in spikes, what backprop would learn?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

import corticalnet as cn
from corticalnet.cli.app import app
from corticalnet.cli.completion import datasets
from corticalnet.cli.opening import MODEL, MOST_CELLS, MOST_SEED, RULE, open_model, open_weights
from corticalnet.cli.output import JSON, print_json, say
from corticalnet.cli.results import Written, as_figures, as_json_file, try_folder, write
from corticalnet.errors import ProtocolError

#: In ms: a window of more would hold more steps than anybody waits for.
_LONGEST_WINDOW = 1e6


@app.command("validate")
def validate_(
    model: str = MODEL,
    cells: int = typer.Option(100, min=1, max=MOST_CELLS, help="Spiking cells for each column and sign."),
    cell: str = typer.Option("pif", help="Their kind: pif, poisson or lif."),
    window: str | None = typer.Option(
        None, help="In spikes, how long an error is listened to, such as '400 ms'; 200 ms if not given."
    ),
    engine: str = typer.Option("torch", help="torch or brian2."),
    sweep: str | None = typer.Option(
        None, help="Sweep one setting instead: dt, tau, delay, noise (rates), cells or window (spikes)."
    ),
    trials: int = typer.Option(3, min=1, help="Images, each with its lesson, each from the same weights."),
    rule: str | None = RULE,
    data: str = typer.Option(
        "digits", autocompletion=datasets, help="Data set; see `corticalnet data list`."
    ),
    weights: Path | None = typer.Option(
        None, help="Start from the weights of a run (its folder, or a checkpoint)."
    ),
    seed: int = typer.Option(0, min=0, max=MOST_SEED, help="Of weights, voltages, dice and noise."),
    plot: bool = typer.Option(True, "--plot/--no-plot", help="Draw it, if there is a folder for it."),
    out: Path | None = typer.Option(None, help="Folder for validation.json and the figure."),
    sets: list[str] = typer.Option(
        [], "--set", metavar="KEY=VALUE", help="A setting of the model, or a parameter of its rule."
    ),
    as_json: bool = JSON,
) -> None:
    """Run the same trials as a network, in steps, in continuous time, in spikes; compare with backprop.

    For every area and view: the cosine, the ratio of norms, and the relative error of the weight change to
    backprop's, and to the rule's own. Rewarded columns take the action that they expect most of, in all
    views. What a rule has no circuit for is left out, and the reason is said.

    Examples:

    - `corticalnet validate zil_mlp --set hidden=(8,)` — a small network on digits, two minutes

    - `corticalnet validate zil_mlp --set hidden=(8,) --cell lif --cells 300 --out runs/lif`

    - `corticalnet validate zil_mlp --set hidden=(8,) --sweep cells --trials 5 --out runs/cells` — the
      exponent of N

    - `corticalnet validate brainprop_dense --set hidden=(12,8) --set init=0.5` — learning from reward

    - `corticalnet validate my_model.py --rule streaming-fa-z-il --engine brian2 --json`
    """
    import torch

    from corticalnet.audit import figures
    from corticalnet.progress import bars

    listened = _window(window)
    built = open_model(model, sets, rule=rule, data=data, seed=seed, device="cpu")
    open_weights(built, weights)
    if out is not None:
        try_folder(out, "validation.json")
    torch.set_num_threads(1)  # small steps: two threads only wait for each other
    with bars(not as_json, width=24) as shown:
        task = shown.add_task("ranges")

        def tell(name: str, done: int, total: int) -> None:
            shown.update(task, description=name, completed=done, total=total)

        report = cn.validate(
            built,
            trials=trials,
            cells=cells,
            cell=cell,
            window=listened,
            engine=engine,
            sweep=sweep,
            seed=seed,
            progress=tell,
        )
    found: dict[str, Any] = report.to_dict()
    written = Written([])
    if out is not None:
        drawn = as_figures(lambda: figures(report)) if plot else {}
        written = write(out, {**drawn, "validation.json": as_json_file(found)})
    if as_json:
        print_json({**found, "files": [str(path) for path in written.paths]})
    else:
        say(report)
        if written.paths:
            say("\nwritten: " + ", ".join(map(str, written.paths)))
    written.check()


def _window(text: str | None) -> float | None:
    """Read a window in ms, which a number without a unit is too.

    Raises:
        UnitError: it is no time.
        ProtocolError: it is no time to wait for.
    """
    from corticalnet.circuits.quantities import MS, quantity

    if text is None:
        return None
    try:
        window = float(text)
    except ValueError:
        window = quantity(text, MS, "--window")
    if not 0 <= window <= _LONGEST_WINDOW:
        raise ProtocolError(f"--window must be from 0 to {_LONGEST_WINDOW:g} ms, not '{text}'")
    return window
