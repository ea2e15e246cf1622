"""The page of several training runs side by side: curves together, results, and the settings that differ."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from corticalnet.report import parts
from corticalnet.report.page import Callout, Folded, Lines, Page, PagePart, Section, Table, TableCell, Words
from corticalnet.report.pictures import drawn
from corticalnet.report.reading import RunGroup, TrainingRun, read_group
from corticalnet.report.words import count, duration, spread, train_command

_PARTS, _DIGEST = "parts of the rule", "digest of the training data"


def page(folders: Sequence[Path]) -> Page:
    """Make one page of several runs, or groups of runs."""
    groups = [read_group(folder, label) for folder, label in zip(folders, labels(folders), strict=True)]
    notes: list[PagePart] = []
    for group in groups:
        notes += [Callout(f"{group.label}: {remark}") for remark in group.remarks]
        for run in group.runs:
            name = group.label if group.seeds is None else f"{group.label}, {run.label}"
            notes += parts.notes(run, name)
    title = f"{count(len(groups), 'run')} side by side"
    blocks = [
        Section("Results", [_table(groups), *notes]),
        curves({group.label: group.runs for group in groups}),
        Section("Settings", _settings(groups)),
        Section("Networks and rules", _models(groups)),
        _commands(groups),
    ]
    shown = [block for block in blocks if block.blocks]
    return Page("Comparison of training runs", title, _sentence(groups), shown)


def labels(folders: Sequence[Path]) -> list[str]:
    """Return labels that tell folders apart: their last parts, as many as needed."""
    places = [Path(os.path.abspath(folder)) for folder in folders]
    for depth in range(1, max(len(place.parts) for place in places) + 1):
        names = ["/".join(place.parts[-depth:]) for place in places]
        if len(set(names)) == len(names):
            return names
    return [f"{name} ({number})" for number, name in enumerate(names, 1)]


def curves(runs: Mapping[str, Sequence[TrainingRun]]) -> Section:
    """Draw the learning curves of all runs in one figure."""
    from corticalnet.plotting.several_runs import several_learning_curves

    histories = {name: [run.history for run in group if run.history] for name, group in runs.items()}
    histories = {name: group for name, group in histories.items() if group}
    if not histories:
        return Section("Learning curves", [])
    ends = "; ".join(f"{name} {group[0][-1]['loss']:.3g}" for name, group in histories.items())
    several = any(len(group) > 1 for group in histories.values())
    caption = "Thin lines are seeds, thick ones their mean." if several else "One line for each run."
    rules = {run.about.rule_parts for group in runs.values() for run in group if run.about is not None}
    if len(rules) > 1:
        caption += " Each loss is that of its own rule: between rules compare scores, not losses."
    losses = {name: group[0].loss for name, group in runs.items() if name in histories}
    alt = f"Learning curves of {', '.join(histories)}. Training loss at the end: {ends}."
    return Section("Learning curves", [drawn(several_learning_curves(histories, losses), alt, caption)])


def _sentence(groups: Sequence[RunGroup]) -> str:
    """Write the sentence that says which run is best, where they can be compared."""
    done = [group for group in groups if group.finished]
    measures = {group.first.objective.measure for group in done}
    if len(done) < 2 or len(measures) > 1:
        return f"{len(done)} of {len(groups)} have results."
    objective = done[0].first.objective
    best = done[0]
    for group in done[1:]:
        if objective.better(_mean(group), _mean(best)):
            best = group
    return (
        f"{best.label} has the best test {objective.measure}: {spread(best.scores('best'), objective)} after "
        "the best epoch by validation."
    )


def _mean(group: RunGroup) -> float:
    scores = group.scores("best")
    return sum(scores) / len(scores)


def _table(groups: Sequence[RunGroup]) -> Table:
    """Tabulate the results, a row for each run."""
    rows = []
    for group in groups:
        first, objective = group.first, group.first.objective
        scores = [
            spread(values, objective) if (values := group.scores(when)) else "–" for when in ("best", "last")
        ]
        epochs = ", ".join(dict.fromkeys(f"{len(run.history)}" for run in group.runs))
        seconds = sum(record["seconds"] for run in group.runs for record in run.history)
        model = "–" if first.about is None else first.about.model or "–"
        rule = "–" if first.about is None else first.about.rule
        several = len(group.finished) if group.seeds is not None else 1
        state = group.first.status[0] if group.seeds is None else f"{several} of {len(group.seeds)} seeds"
        rows.append(
            [
                group.label,
                model,
                rule,
                str(first.settings.get("data", "–")),
                *scores,
                epochs,
                duration(seconds),
                state,
            ]
        )
    measures = dict.fromkeys(group.first.objective.measure for group in groups)
    several = any(len(group.finished) > 1 for group in groups)
    caption = f"Test {' or '.join(measures)}{', mean ± s.d. over seeds' if several else ''}"
    header = [
        "run",
        "model",
        "rule",
        "data",
        "test, best epoch",
        "test, last epoch",
        "epochs",
        "time",
        "state",
    ]
    return Table(caption, header, rows)


def _settings(groups: Sequence[RunGroup]) -> list[PagePart]:
    """Tabulate the settings that differ, and, folded, those that do not."""
    known = [group for group in groups if group.first.about is not None]
    if len(known) < 2:
        return []
    columns = [_all_settings(group) for group in known]
    keys = dict.fromkeys(key for column in columns for key in column)
    differ: list[list[Any]] = []
    same: list[list[str]] = []
    for key in keys:
        values = [column.get(key, "–") for column in columns]
        if (key == _PARTS and len({column["rule"] for column in columns}) > 1) or "" in values:
            continue  # other rules have other parts, and earlier versions did not write all of it down
        if len(set(values)) > 1:
            differ.append([key, *(TableCell(value, marked=value != values[0]) for value in values)])
        else:
            same.append([key, values[0]])
    header = ["setting", *(group.label for group in known)]
    caption = "Settings that differ; what is not as in the first run is highlighted"
    blocks: list[PagePart] = [
        Table(caption, header, differ, kind="settings") if differ else Words("All settings are the same.")
    ]
    if same:
        table = Table("Settings that all runs share", ["setting", "value"], same, kind="settings")
        blocks.append(Folded(f"{count(len(same), 'setting')} in common", [table]))
    return blocks


def _all_settings(group: RunGroup) -> dict[str, str]:
    about = group.first.about
    assert about is not None
    found = {"model": about.model, "rule": about.rule, _PARTS: about.rule_parts}
    found |= {key: parts.show(value) for key, value in {**about.arguments, **about.settings}.items()}
    if group.seeds is not None:
        found["seed"] = ", ".join(map(str, group.seeds))
    return found | {_DIGEST: about.content.get("train", "")}


def _models(groups: Sequence[RunGroup]) -> list[PagePart]:
    """List every network and rule once, with the runs that have it."""
    found: dict[str, list[str]] = {}
    for group in groups:
        about = group.first.about
        if about is not None:
            rule = "\n".join(about.equations) or f"{about.rule}\n  {about.rule_parts}"
            found.setdefault("\n".join([*about.network, "", rule]), []).append(group.label)
    return [
        Section(", ".join(names), [Lines(text, "The network's areas and synapses, and the rule's equations")])
        for text, names in found.items()
    ]


def _commands(groups: Sequence[RunGroup]) -> Section:
    """List the commands that run each of them again."""
    rows = []
    for group in groups:
        about = group.about or group.first.about
        if about is not None and (command := train_command(about.file, about.arguments, group.seeds)):
            rows.append(f"# {group.label}\n{command}")
    return Section(
        "Run them again", [Lines("\n\n".join(rows), "Commands that run them again")] if rows else []
    )
