"""The page of one training run."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from corticalnet.report import comparing, parts
from corticalnet.report.kinds import Kind, register
from corticalnet.report.page import Callout, Folded, Page, PagePart, Section, Table, Tiles
from corticalnet.report.pictures import drawn, saved
from corticalnet.report.reading import TrainingRun, read_run
from corticalnet.report.words import count, day, duration


def page(folder: Path) -> Page:
    """Make the page of a run's folder."""
    run = read_run(folder)
    sections = [curves(run), answers(run), weights(run), alignment(run)]
    if run.about is not None:
        sections += [
            parts.model_section(run.about),
            Section("Settings", parts.asked(run.about)),
            parts.data_section(run.about),
            parts.again_section(run.about, run.about.arguments, None),
        ]
    return Page(
        "Training run",
        run.title,
        sentence(run),
        [*tiles(run), *parts.notes(run), *(section for section in sections if section.blocks)],
        run.status,
        where(run),
    )


def where(run: TrainingRun) -> str:
    """Format the folder, and when it was last written."""
    files = [path for path in (run.folder / "metrics.jsonl", run.folder / "settings.json") if path.exists()]
    return f"{run.folder}{f', last written {day(files[0])}' if files else ''}"


def sentence(run: TrainingRun) -> str:
    """Write the sentence that says what came out, or how far the run is."""
    measure, done = run.objective.measure, len(run.history)
    if run.summary is not None:
        best, last = run.scores("best"), run.scores("last")
        early = ", earlier than the most epochs it could have had" if done < run.epochs else ""
        return (
            f"Test {measure} {best} after the best epoch by validation ({run.summary.best_epoch}), "
            f"{last} after the last ({done}){early}."
        )
    if not run.history:
        return f"No epoch of {run.epochs or 'the run'} has been completed, so there are no results."
    score = run.history[-1][run.objective.validation]
    held_out = "" if score is None else f"; validation {measure} {run.objective.format_score(score)}"
    return (
        f"{count(done, 'epoch')} of {run.epochs} completed{held_out}. The test set is used once, at the end."
    )


def tiles(run: TrainingRun) -> list[PagePart]:
    """Return the few numbers that matter."""
    if not run.history:
        return []
    measure, best = run.objective.measure, run.best_epoch
    score = run.history[best - 1][run.objective.validation]
    pairs = [
        (f"test {measure}, best epoch", run.scores("best")),
        (f"validation {measure}, best epoch", "–" if score is None else run.objective.format_score(score)),
        ("best epoch", f"{best} of {len(run.history)}"),
        ("time of training", duration(sum(record["seconds"] for record in run.history))),
    ]
    return [Tiles(pairs)]


def curves(run: TrainingRun) -> Section:
    """Draw loss and scores over epochs."""
    from corticalnet import plotting  # matplotlib is slow to import

    if not run.history:
        return Section("Learning curves", [])
    objective, history = run.objective, run.history
    figure = plotting.learning_curves(history, objective.measure, objective.validation, run.best_epoch)
    first, last = history[0], history[-1]
    alt = (
        f"Training loss goes from {first['loss']:.3g} to {last['loss']:.3g} in {count(len(history), 'epoch')}"
    )
    if last[objective.validation] is not None:
        alt += (
            f", validation {objective.measure} from {objective.format_score(first[objective.validation])} to "
            f"{objective.format_score(last[objective.validation])}"
        )
    caption = (
        "Of each epoch: means over the training samples as they were learned, and held-out images after it."
    )
    if run.summary is not None:
        caption += (
            f" The test set is used once: {objective.measure} {run.scores('best')} after the best epoch."
        )
    table = Folded("Numbers of every epoch", [_by_epoch(history)])
    return Section("Learning curves", [drawn(figure, f"{alt}.", caption), table])


def _by_epoch(history: list[dict[str, Any]]) -> Table:
    columns = [
        key
        for key in ("loss", "accuracy", "reward", "validation_accuracy", "validation_loss", "lr", "seconds")
        if any(record.get(key) is not None for record in history)
    ]
    rows = [[str(record["epoch"]), *(_number(record[key]) for key in columns)] for record in history]
    return Table("Every epoch", ["epoch", *(key.replace("_", " ") for key in columns)], rows)


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.4g}"


def answers(run: TrainingRun, confusions: bool = True) -> Section:
    """Return the confusion matrix, if wanted, or reconstructions."""
    path = run.folder / "reconstructions.png"
    if run.objective.picture == "reconstructions":
        alt = "Test images in the upper row, the network's answers to them in the lower."
        caption = "Test images, and what the best epoch's network made of them."
        return Section("Reconstructions", [saved(path, alt, caption)] if path.exists() else [])
    return Section("Confusion matrix", parts.confusion(run) if confusions else [])


def weights(run: TrainingRun) -> Section:
    """Return the section with the first layer's weights."""
    path = run.folder / "weights.png"
    alt = "Weights of the first link, a small image for each column: red is positive, blue negative."
    caption = "Each image shows the weights from the input to one column of the first area."
    return Section("First-layer weights", [saved(path, alt, caption)] if path.exists() else [])


def alignment(run: TrainingRun) -> Section:
    """Return the section about alignment with backprop, if that was recorded."""
    path = run.folder / "alignment.nc"
    if not path.exists():
        return Section("Alignment with backprop", [])
    import xarray as xr

    from corticalnet import plotting

    try:
        with xr.open_dataset(path, engine="h5netcdf") as data:
            data.load()
        figure = plotting.alignment(data)
        angles = {str(area): data["angle"].sel(area=area).values for area in data["area"].values}
        rows = [[area, f"{row[0]:.1f}", f"{row[-1]:.1f}"] for area, row in angles.items()]
    except Exception as error:  # (a file of any content)
        return Section("Alignment with backprop", [Callout(f"{path.name} cannot be read: {error}.")])
    last = ", ".join(f"{area} {angle}°" for area, _, angle in rows)
    caption = "0° is backprop's direction, 90° none in particular."
    table = Table("Angle to backprop's change, in degrees", ["area", "first", "last"], rows)
    picture = drawn(figure, f"Angles to backprop over training; at the end {last}.", caption)
    return Section("Alignment with backprop", [picture, table])


register(Kind("training run", ("settings.json", "metrics.jsonl", "last.safetensors"), page, comparing.page))
