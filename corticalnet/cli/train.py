"""``corticalnet train``: train a model, or go on with a run."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

import corticalnet as cn
from corticalnet.cli.app import app
from corticalnet.cli.completion import models
from corticalnet.cli.opening import DATA, MODEL_HELP, MOST_SEEDS, RULE, parse_sets
from corticalnet.cli.output import JSON, print_json, say
from corticalnet.errors import CheckpointError, SettingError
from corticalnet.store import expanded, read_json

if TYPE_CHECKING:
    from corticalnet.training.schemas import RunAbout, SeedsAbout


@app.command("train")
def train_(
    model: str | None = typer.Argument(None, autocompletion=models, help=MODEL_HELP),
    data: str | None = DATA,
    data_folder: Path | None = typer.Option(None, help="Folder to read the data set from."),
    rule: str | None = RULE,
    seed: int | None = typer.Option(None, help="Of weights, order of the data and chance."),
    seeds: int | None = typer.Option(
        None, min=1, max=MOST_SEEDS, help="Run this many seeds; report mean ± s.d."
    ),
    epochs: int | None = typer.Option(None, help="How often the training set is seen."),
    lr: float | None = typer.Option(None, help="Learning rate of the first epoch."),
    optimizer: str | None = typer.Option(None, help="sgd, adam, adamw or rmsprop."),
    momentum: float | None = typer.Option(None, help="Of sgd and rmsprop."),
    weight_decay: float | None = typer.Option(None, help="Of the weights of links."),
    schedule: str | None = typer.Option(
        None, help="Of the learning rate, torch's: CosineAnnealingLR, 'StepLR(step_size=10, gamma=0.5)', …"
    ),
    device: str | None = typer.Option(None, help="auto, cpu or cuda."),
    precision: str | None = typer.Option(None, help="float32, float64, tf32 or bfloat16."),
    out: Path | None = typer.Option(None, help="Folder of the run; under runs/ if not given."),
    resume: Path | None = typer.Option(None, help="Go on with the run in this folder."),
    other_versions: bool = typer.Option(
        False, help="Resume though versions, threads or device differ: other bits may come out."
    ),
    sets: list[str] = typer.Option(
        [],
        "--set",
        metavar="KEY=VALUE",
        help="A setting of model or training, or else a parameter of the rule; docs/training.md lists them.",
    ),
    as_json: bool = JSON,
) -> None:
    """Train a model; the folder of the run gets settings, metrics, figures and checkpoints.

    Where TensorBoard is installed it gets scalars, too: `tensorboard --logdir runs`.

    Examples:

    - `corticalnet train zil_mlp` — the model as its file says

    - `corticalnet train brainprop_dense --data digits --rule z-il --epochs 5` — by another rule

    - `corticalnet train my_model.py --set columns=64 --lr 0.05 --seeds 3` — a file of your own

    - `corticalnet train zil_mlp --rule z-il --set feedback=random` — a parameter of the rule

    - `corticalnet train my_model.py --optimizer sgd --momentum 0.9 --schedule CosineAnnealingLR`

    - `corticalnet train --resume runs/zil_mlp-z-il-digits-seed0` — go on with a run that was stopped

    - `corticalnet train --resume DIR --epochs 60` — go on for longer

    - `corticalnet train my_model.py --resume DIR` — go on though the model file has changed or moved

    - `torchrun --nproc-per-node 2 -m corticalnet train zil_mlp` — two processes share every batch
    """
    named = {
        "data": data,
        "data_folder": None if data_folder is None else str(expanded(data_folder).resolve()),
        "rule": rule,
        "seed": seed,
        "epochs": epochs,
        "lr": lr,
        "optimizer": optimizer,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "schedule": schedule,
        "device": device,
        "precision": precision,
    }
    settings = parse_sets(sets) | {key: value for key, value in named.items() if value is not None}
    if resume is not None:
        if out is not None or seeds is not None:
            raise SettingError(
                "--resume goes on with the folder and the seeds of a run; leave out --out and --seeds"
            )
        job = _resumed(resume, model, settings, other_versions)
    elif model is not None:
        job = _new(model, settings, seeds, out)
    else:
        raise typer.BadParameter("name a model, or a folder with --resume", param_hint="MODEL")
    result = _run(job)
    if int(os.environ.get("RANK", "0")):
        return  # (of several processes the first one speaks)
    if as_json:
        print_json(result.to_dict())
    else:
        say(f"{result}\nsettings, metrics, figures and checkpoints: {job.out}")
        say(f"a page of it: {shlex.join(['corticalnet', 'report', str(job.out)])}")


@dataclass(frozen=True)
class Job:
    """What one call of the command is to do; ``seeds`` is None for a single run."""

    load: Callable[..., cn.Model]
    settings: dict[str, Any]
    seeds: list[int] | None
    out: Path
    resume: bool = False
    other_versions: bool = False


def _new(model: str, settings: dict[str, Any], seeds: int | None, out: Path | None) -> Job:
    """Plan a new run: seeds count from the model's own, and the folder is named after all of it."""
    load = partial(cn.training.load_model, model)
    if seeds is None and out is not None:
        return Job(load, settings, None, out)
    built = load(**settings)
    first = built.settings.seed
    wanted = None if seeds is None else list(range(first, first + seeds))
    words = [
        built.name,
        built.rule.name,
        built.settings.data,
        f"seed{first}" if seeds is None else f"seeds{seeds}",
    ]
    name = re.sub(r"[^\w.-]+", "_", "-".join(words))
    return Job(load, settings, wanted, out or Path("runs") / name)


def _resumed(folder: Path, model: str | None, settings: dict[str, Any], other_versions: bool) -> Job:
    """Plan to resume a run, or runs of several seeds, from its folder; ``settings`` are added.

    Raises:
        CheckpointError: there is no run in the folder, or it came from no model file.
    """
    from corticalnet.training.model_file import load_again
    from corticalnet.training.run_folder import RunFolder
    from corticalnet.training.schemas import RunAbout, SeedsAbout

    run = RunFolder(folder)
    about: RunAbout | SeedsAbout | None = None
    if run.seeds.exists():
        about = read_json(run.seeds, SeedsAbout, CheckpointError)
    else:
        run.check(resume=True)
        if run.settings.exists():
            about = read_json(run.settings, RunAbout, CheckpointError)
    if isinstance(about, SeedsAbout) and "seed" in settings:
        raise SettingError(f"the runs in {folder} have the seeds {about.seeds}; leave out --seed")
    load: Callable[..., cn.Model]
    if model is not None:
        load = partial(cn.training.load_model, model)
    elif about is not None:
        load = partial(load_again, about, folder)
    else:
        raise CheckpointError(
            f"{run.settings} is gone; to go on from {run.last.name}, name the model and its settings: "
            f"corticalnet train MODEL --resume {folder}"
        )
    return Job(
        load,
        ({} if about is None else about.arguments) | settings,
        about.seeds if isinstance(about, SeedsAbout) else None,
        folder,
        resume=True,
        other_versions=other_versions,
    )


def _run(job: Job) -> cn.training.Result | cn.training.SeedsResult:
    how: dict[str, Any] = {"out": job.out, "resume": job.resume, "other_versions": job.other_versions}
    try:
        if job.seeds is None:
            return cn.training.train(job.load(**job.settings), **how)
        settings = {key: value for key, value in job.settings.items() if key != "seed"}
        return cn.training.run_seeds(lambda seed: job.load(**settings, seed=seed), job.seeds, **how)
    except KeyboardInterrupt:
        from corticalnet.training.run_folder import RunFolder

        run = RunFolder(job.out)
        begun = run.seeds.exists() or run.settings.exists()
        what = f"continue with --resume {job.out}" if begun else "nothing was done yet"
        typer.echo(f"interrupted; {what}", err=True)
        raise typer.Exit(130) from None
