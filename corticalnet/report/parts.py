"""Parts that pages of training runs share: settings, confusions, network and rule, versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from corticalnet import data
from corticalnet.errors import CorticalnetError
from corticalnet.report.page import Callout, Folded, Lines, PagePart, Section, Table, TableCell, Words
from corticalnet.report.pictures import saved
from corticalnet.report.reading import TrainingRun
from corticalnet.report.words import count, train_command
from corticalnet.tables import percent
from corticalnet.training.result import silence
from corticalnet.training.schemas import RunAbout
from corticalnet.training.settings import Settings

#: A matrix of more classes is a picture.
MOST_CLASSES = 20


def notes(run: TrainingRun, label: str = "") -> list[PagePart]:
    """Return notes about what went wrong, what the model's author says, and what could not be read."""
    before = f"{label}: " if label else ""
    found: list[PagePart] = []
    if run.stopped is not None and run.summary is None:
        found.append(Callout(f"{before}{run.stopped.reason}.", warning=True))
    if run.summary is not None and run.summary.silent:
        found.append(Callout(f"{before}{silence(run.summary.silent)}.", warning=True))
    if run.summary is None and run.holder is not None:
        found.append(Callout(f"{before}{run.holder} is writing this run; write the report again later."))
    elif run.summary is None and run.stopped is None:
        found.append(
            Callout(
                f"{before}The run has not finished. It goes on with: corticalnet train --resume {run.folder}"
            )
        )
    if run.about is not None and run.about.notes:
        found.append(Callout(f"{before}{run.about.notes}"))
    return [*found, *(Callout(f"{before}{remark}") for remark in run.remarks)]


def asked(about: RunAbout) -> list[PagePart]:
    """Tabulate the settings asked for or chosen by the model; the others are folded."""
    usual = {key: field.default for key, field in Settings.model_fields.items()}
    chosen, rest = [], []
    for key, value in {**about.arguments, **about.settings}.items():
        if key in about.arguments:
            chosen.append([key, show(value), "asked for"])
        elif key in usual and value == usual[key]:
            rest.append([key, show(value)])
        else:
            chosen.append([key, show(value), "model file" if about.file else "model"])
    blocks: list[PagePart] = [
        Table("Settings that are not the default", ["setting", "value", "from"], chosen, kind="settings")
        if chosen
        else Words("All settings are the defaults.")
    ]
    if rest:
        table = Table("Settings as they are by default", ["setting", "value"], rows=rest, kind="settings")
        blocks.append(Folded(f"{count(len(rest), 'default')}", [table]))
    return blocks


def show(value: Any) -> str:
    """Format a setting's value as ``--set`` takes it."""
    return value if isinstance(value, str) else repr(value)


def confusion(run: TrainingRun) -> list[PagePart]:
    """Return the confusions of a run and the accuracy of each class, as far as they are known."""
    path = run.folder / "confusion.png"
    if run.confusion is not None:
        return confusion_of(run.confusion.classes, run.confusion.counts, path)
    return [saved(path, "Confusion matrix of the test set.", "")] if path.exists() else []


def confusion_of(
    classes: Sequence[str], counts: Sequence[Sequence[int]], picture: Path | None
) -> list[PagePart]:
    """Tabulate confusions, shaded by the share of the class; many classes get ``picture`` instead."""
    table = np.asarray(counts)
    totals, right = table.sum(1), np.diagonal(table)[: len(classes)]
    header = ["class", *classes, *(f"column {k}" for k in range(len(classes), table.shape[1]))]
    percents = [percent(r / t) if t else "–" for r, t in zip(right.tolist(), totals.tolist(), strict=True)]
    if len(classes) > MOST_CLASSES:
        rows = [[name, total, p] for name, total, p in zip(classes, totals, percents, strict=True)]
        by_class = Table("Accuracy of each class", ["class", "images", "right, %"], rows)
        blocks: list[PagePart] = [Words(_alt(classes, table)), Folded("Accuracy of each class", [by_class])]
        if picture is None or not picture.exists():
            return blocks
        return [saved(picture, _alt(classes, table), "Rows are classes, columns answers."), *blocks]
    rows = []
    for name, line, total, p in zip(classes, table.tolist(), totals.tolist(), percents, strict=True):
        cells = [
            TableCell(
                str(n), n / total if n and total else None, title=f"{name} taken for {answer}: {n} of {total}"
            )
            for n, answer in zip(line, header[1:], strict=True)
        ]
        rows.append([name, *cells, p])
    everything = percent(int(right.sum()) / max(int(totals.sum()), 1))
    footer = [["answers", *(str(n) for n in table.sum(0).tolist()), everything]]
    caption = "Test images of each class (rows) by the network's answer (columns), and the percentage right"
    return [Table(caption, [*header, "right, %"], rows, footer, "matrix"), Words(_alt(classes, table))]


def _alt(classes: Sequence[str], table: np.ndarray) -> str:
    """Describe in words what is seen first in a confusion matrix."""
    wrong = table.copy()
    np.fill_diagonal(wrong, 0)
    total = int(table.sum())
    if not wrong.any():
        return f"All {total} test images are classified correctly."
    row, column = divmod(int(wrong.argmax()), wrong.shape[1])
    answer = classes[column] if column < len(classes) else f"column {column}"
    return (
        f"{int(wrong.sum())} of {total} test images are misclassified. The most frequent confusion is of "
        f"{classes[row]} with {answer} ({int(wrong[row, column])} of {int(table[row].sum())})."
    )


def model_section(about: RunAbout) -> Section:
    """Return the section with network and rule as they print themselves, and the file's docstring."""
    rule = "\n".join(about.equations) or f"{about.rule}\n  {about.rule_parts}"
    blocks: list[PagePart] = [
        Section("Network", [Lines("\n".join(about.network), "The network's areas and synapses")]),
        Section("Learning rule", [Lines(rule, "The learning rule and its equations")]),
    ]
    if about.about:
        blocks.append(Section("What the model file says", [Lines(about.about, "The model file's docstring")]))
    return Section("Model", blocks)


def data_section(about: RunAbout) -> Section:
    """Return the section about the data set, with the digests of its samples."""
    name = str(about.settings.get("data", ""))
    blocks: list[PagePart] = []
    try:
        if name in data.names():
            described = data.describe(name)
            blocks.append(Words(f"{name}: {described.title}. {described.images}. {described.citation}"))
        else:
            blocks.append(Words(name))
    except CorticalnetError:
        blocks.append(Words(name))
    if about.content:
        rows = list(about.content.items())
        blocks.append(Table("Digests of what the run was shown", ["split", "digest"], rows, kind="settings"))
    else:
        blocks.append(Words("The run does not say what identifies its samples."))
    return Section("Data", blocks)


def again_section(about: RunAbout, arguments: Mapping[str, Any], seeds: Sequence[int] | None) -> Section:
    """Return the section with the command that repeats the run, and the versions."""
    command = train_command(about.file, arguments, seeds)
    blocks: list[PagePart]
    if command:
        blocks = [Lines(command, "The command that runs it again")]
    else:
        blocks = [Words("The run was started in Python; no command line repeats it.")]
    if about.sha256 is not None:
        blocks.append(Words(f"The model file {about.file} had the SHA-256 {about.sha256}."))
    periods = [*about.earlier_versions, about.versions]
    keys = dict.fromkeys(key for period in periods for key in period.model_extra or {})
    rows = [[key, *((period.model_extra or {}).get(key) or "–" for period in periods)] for key in keys]
    header = [
        "",
        *("version" if len(periods) == 1 else f"from epoch {period.from_epoch}" for period in periods),
    ]
    return Section("Run it again", [*blocks, Table("Made with", header, rows, kind="settings")])
