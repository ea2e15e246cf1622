"""The page of several seeds of a model: a table with mean ± standard deviation, all curves together."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from corticalnet.report import comparing, parts, training
from corticalnet.report.kinds import Kind, register
from corticalnet.report.page import Callout, Page, PagePart, Section, Table, Tiles
from corticalnet.report.reading import RunGroup, TrainingRun, read_group
from corticalnet.report.words import count, duration, spread


def page(folder: Path) -> Page:
    """Make the page of a folder of several seeds."""
    group = read_group(folder)
    first = group.first
    blocks: list[PagePart] = [
        *_tiles(group),
        *(Callout(remark) for remark in group.remarks),
        *(note for run in group.runs for note in parts.notes(run, run.label)),
        Section("Seeds", [_table(group)]),
        comparing.curves({run.label: [run] for run in group.runs}),
        _confusion(group),
        _weights(first),
    ]
    if first.about is not None and group.about is not None:
        settings = first.about.model_copy(
            update={"settings": {key: v for key, v in first.settings.items() if key != "seed"}}
        )
        blocks += [
            parts.model_section(first.about),
            Section("Settings", parts.asked(settings)),
            parts.data_section(first.about),
            parts.again_section(first.about, group.about.arguments, group.seeds),
        ]
    shown = [block for block in blocks if not isinstance(block, Section) or block.blocks]
    title = f"{first.title}, {count(len(group.seeds or []), 'seed')}"
    return Page("Runs of several seeds", title, _sentence(group), shown, group_status(group), str(folder))


def group_status(group: RunGroup) -> tuple[str, str]:
    """Describe how many of the runs have finished; return that with whether it is good."""
    if group.seeds is None:
        return group.first.status
    done, wanted = len(group.finished), len(group.seeds)
    if done == wanted:
        return ("finished", "good")
    running = any(run.holder for run in group.runs)
    return (f"{'running: ' if running else ''}{done} of {wanted} seeds finished", "doubt")


def _sentence(group: RunGroup) -> str:
    objective = group.first.objective
    if not group.finished:
        return "No seed has finished yet."
    best, last = (spread(group.scores(when), objective) for when in ("best", "last"))
    kind = ", mean ± s.d." if len(group.finished) > 1 else ""
    return (
        f"Test {objective.measure} {best} after the best epoch by validation, {last} after the last "
        f"(n = {len(group.finished)}{kind})."
    )


def _tiles(group: RunGroup) -> list[PagePart]:
    if not group.finished:
        return []
    objective = group.first.objective
    seconds = sum(record["seconds"] for run in group.runs for record in run.history)
    pairs = [
        (f"test {objective.measure}, best epoch", spread(group.scores("best"), objective)),
        (f"test {objective.measure}, last epoch", spread(group.scores("last"), objective)),
        ("seeds finished", f"{len(group.finished)} of {len(group.seeds or [])}"),
        ("time of training", duration(seconds)),
    ]
    return [Tiles(pairs)]


def _table(group: RunGroup) -> Table:
    """Tabulate a row for each seed, and their mean."""
    objective = group.first.objective
    rows = [
        [run.label, run.status[0], *(run.scores(when) for when in ("best", "last")), *_course(run)]
        for run in group.runs
    ]
    header = ["run", "state", "test, best epoch", "test, last epoch", "best epoch", "time"]
    footer = []
    if len(group.finished) > 1:
        scores = [spread(group.scores(when), objective) for when in ("best", "last")]
        footer = [[f"mean ± s.d., n = {len(group.finished)}", "", *scores, "", ""]]
    return Table(f"Test {objective.measure} of every seed", header, rows, footer)


def _course(run: TrainingRun) -> tuple[str, str]:
    """Format which epoch was the best, and how long all took."""
    return f"{run.best_epoch} of {len(run.history)}", duration(sum(r["seconds"] for r in run.history))


def _confusion(group: RunGroup) -> Section:
    """Return the confusions summed over the seeds, if all have the same classes."""
    known = [run for run in group.runs if run.confusion is not None]
    tables = [(run.confusion.classes, run.confusion.counts) for run in known if run.confusion is not None]
    if not tables or any(classes != tables[0][0] for classes, _ in tables):
        return Section("Confusion matrix", [])
    width = max(len(counts[0]) for _, counts in tables)
    total = sum(np.pad(np.asarray(c), ((0, 0), (0, width - len(c[0])))) for _, c in tables)
    title = f"Confusion matrix, added over {count(len(tables), 'seed')}"
    return Section(title, parts.confusion_of(tables[0][0], np.asarray(total).tolist(), None))


def _weights(first: TrainingRun) -> Section:
    """Return the figures of the first seed; those of other seeds are in their folders."""
    weights, answers = training.weights(first), training.answers(first, confusions=False)
    found = [section for section in (weights, answers) if section.blocks]
    return Section(f"Figures of {first.label}", found)


register(Kind("runs of several seeds", ("seeds.json",), page, comparing.page))
