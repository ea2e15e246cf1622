"""``corticalnet autonomy``: can a model's columns do without a clock, and without being told the phase?"""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from corticalnet.cli.app import app
from corticalnet.cli.completion import datasets, rules
from corticalnet.cli.opening import MODEL, MOST_SEED, finite, open_images, open_model, open_weights
from corticalnet.cli.output import JSON, print_json, print_table, say
from corticalnet.cli.results import as_figures, as_json_file, try_folder, write
from corticalnet.errors import CircuitWarning, ProtocolError
from corticalnet.tables import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    import corticalnet as cn
    from corticalnet.audit import Detection, StreamReport

    Found = dict[str, dict[str, dict[int, Detection]]]

SILENCES, PRECISIONS = (1, 2, 3, 4, 8, 16), ("float32", "float64")
#: Who runs in the stream: name -> detector, and whether the teacher is announced.
STREAMS = {
    "streaming φ": ("streaming", False),
    "paper's φ": ("paper", False),
    "paper's φ, told": ("paper", True),
}


@app.command("autonomy")
def autonomy_(
    model: str = MODEL,
    data: str = typer.Option(
        "digits", autocompletion=datasets, help="Data set; see `corticalnet data list`."
    ),
    rule: str | None = typer.Option(
        None, autocompletion=rules, help="Its teacher and feedback are used; the trigger is φ."
    ),
    weights: Path | None = typer.Option(
        None, help="Start from the weights of a run (its folder, or a checkpoint)."
    ),
    trials: int = typer.Option(30, min=1, help="Trials of the stream."),
    samples: int = typer.Option(200, min=1, help="Test images for detection, side by side."),
    lr: float = typer.Option(0.1, min=0.0, callback=finite, help="Learning rate in the stream."),
    seed: int = typer.Option(0, min=0, max=MOST_SEED, help="Of weights, images and timing."),
    out: Path | None = typer.Option(None, help="Folder of figure and JSON; under runs/ if not given."),
    overwrite: bool = typer.Option(False, help="Replace results that are there."),
    sets: list[str] = typer.Option([], "--set", metavar="KEY=VALUE", help="A setting of the model."),
    as_json: bool = JSON,
) -> None:
    """Measure a model's autonomy: does φ alone know when each column must learn?

    Detection: each image is shown, then its teacher comes. A φ cell is right if it fires once, when its
    error arrives, and at no other step; a sample is right if all its φ cells are; an update, if its cosine
    with backprop's is at least 0.99. t_d is for how many steps an error must have been silent (Song et al.
    2020, Table 3). The paper's φ is told that the prediction phase is over.

    Stream: images and teachers come and go at random, unknown times, and weights change throughout. After
    each trial: how far the weights are from those of a twin that backprop trains with the same lessons.

    Examples:

    - `corticalnet autonomy zil_mlp` — untrained, on digits, half a minute

    - `corticalnet autonomy zil_mlp --set activation=relu` — where the paper's φ fires late

    - `corticalnet autonomy zil_mlp --data fashion-mnist --weights runs/my_run --samples 500`

    - `corticalnet autonomy my_model.py --rule feedback-alignment --trials 100 --json`
    """
    import torch

    from corticalnet.audit import autonomy_in_a_stream, detection_by_silence, with_detector
    from corticalnet.audit.detection import DETECTORS
    from corticalnet.columns.registry import column_model
    from corticalnet.progress import bar

    built = open_model(model, sets, rule=rule, data=data, seed=seed, device="cpu")
    column_model(with_detector(built.rule, "paper"))
    folder = out or Path("runs") / _folder(built, seed)
    if os.path.exists(folder / "autonomy.json") and not overwrite:
        raise ProtocolError(f"{folder} holds results already; give another --out, or --overwrite")
    open_weights(built, weights)
    images = open_images(built)
    for what, wanted, there in (("trials", trials, images.train), ("samples", samples, images.test)):
        if wanted > len(there):
            raise ProtocolError(f"{images.name} has {len(there)} images for {what}, but {what} = {wanted}")
    try_folder(folder, "autonomy.json", "autonomy.png")
    torch.set_num_threads(1)  # small steps: two threads only wait for each other
    runs = len(DETECTORS) * len(PRECISIONS) * len(SILENCES)
    objective = built.settings.objective
    x, y = objective.batch(images.test, slice(0, samples), torch.float64)
    with bar("detection", runs) as tick:
        found = detection_by_silence(built.network, built.rule, x, y, SILENCES, PRECISIONS, progress=tick)
    x, y = objective.batch(images.train, slice(0, trials), torch.float64)
    streams = {}
    for name, (detector, announced) in STREAMS.items():
        with bar(f"stream, {name}", trials) as tick:
            streams[name] = autonomy_in_a_stream(
                built.network,
                with_detector(built.rule, detector),
                trials=trials,
                seed=seed,
                learning_rate=lr,
                stimuli=x,
                targets=y,
                announced=announced,
                progress=tick,
            )
        away = [k + 1 for k, distance in enumerate(streams[name].distances) if not math.isfinite(distance)]
        if away:
            warnings.warn(
                f"stream, {name}: numbers ran away in trial {away[0]}; a smaller --lr may help",
                CircuitWarning,
                stacklevel=1,
            )
    results = {
        "model": built.name,
        "data": images.name,
        "rule": built.rule.name,
        "samples": samples,
        "seed": seed,
        "detection": {
            name: {p: {str(t): one.to_dict() for t, one in row.items()} for p, row in rows.items()}
            for name, rows in found.items()
        },
        "streams": {name: report.to_dict() for name, report in streams.items()},
    }
    drawn = as_figures(lambda: {"autonomy": _draw(found, streams)})
    written = write(folder, {"autonomy.json": as_json_file(results), **drawn})
    if as_json:
        figures = [str(path) for path in written.paths if path.name in drawn]
        print_json({**results, "out": str(folder), "figures": figures})
    else:
        _report(built, samples, found, streams)
        if not written.trouble:
            say(f"all numbers and a figure: {folder}")
    written.check()


def _report(built: cn.Model, samples: int, found: Found, streams: dict[str, StreamReport]) -> None:
    header = ["φ", "precision", "right, %", *(f"t_d = {silence}" for silence in SILENCES)]
    rows = []
    for name, precisions in found.items():
        for precision, row in precisions.items():
            for what, value in _counts().items():
                rows.append([name, precision, what, *(percent(value(row[t])) for t in SILENCES)])
    print_table(f"Detection: {built.name} on {built.settings.data}, {samples} samples", header, rows)
    rows = [
        [str(k + 1), *(f"{report.distances[k]:.1e}" for report in streams.values())]
        for k in range(len(next(iter(streams.values())).distances))
    ]
    print_table("Stream: ‖W − W twin‖ / ‖W twin − W(0)‖ after each trial", ["trial", *streams], rows)


def _counts() -> dict[str, Callable[[Detection], float]]:
    return {
        "of cells": lambda one: one.cells,
        "of samples": lambda one: one.samples,
        "of updates": lambda one: one.good,
    }


def _draw(found: Found, streams: dict[str, StreamReport]) -> Figure:
    success = {
        f"{name}, {precision}": {silence: one.samples for silence, one in row.items()}
        for name, precisions in found.items()
        for precision, row in precisions.items()
    }
    from corticalnet.plotting.autonomy import autonomy  # matplotlib is slow to import

    return autonomy(success, {name: report.distances for name, report in streams.items()})


def _folder(model: cn.Model, seed: int) -> str:
    words = ["autonomy", model.name, model.rule.name, model.settings.data, f"seed{seed}"]
    return re.sub(r"[^\w.-]+", "_", "-".join(words))
