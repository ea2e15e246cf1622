"""The page of a training run: all of it is there, from the folder's own numbers, whatever state it is in."""

from __future__ import annotations

import json
import shutil
import statistics

import numpy as np
import pytest

import corticalnet as cn
from corticalnet import report
from corticalnet.errors import CheckpointError, TrainingError
from corticalnet.plotting.several_runs import several_learning_curves
from corticalnet.report.reading import read_run
from corticalnet.store import locked
from corticalnet.training import load_model, train
from tests.report.reader import sound


def page(*folders):
    return sound(report.page_of(folders).to_html())


def test_a_finished_run_is_told_whole(runs):
    found = page(runs / "one")
    titles = [text for _, text in found.headings]
    assert titles[0] == "small by z-il on digits"
    for title in ("Learning curves", "Confusion matrix", "First-layer weights", "Learning rule", "Settings"):
        assert title in titles
    summary = json.loads((runs / "one" / "summary.json").read_text())
    assert f"{summary['best_test_accuracy']:.2%}" in found.text
    about = json.loads((runs / "one" / "settings.json").read_text())
    assert str(cn.rule("z-il")) in found.text
    assert "\n".join(about["network"]) in found.text
    assert about["versions"]["torch"] in found.text
    assert about["content"]["train"] in found.text
    assert "1. It is <small>." in found.text
    assert "A <b>note</b> & more." in found.text
    assert len(found.pictures) == 2
    history = [json.loads(line) for line in (runs / "one" / "metrics.jsonl").read_text().splitlines()]
    rows = found.table("Every epoch")
    assert [row[:2] for row in rows[1:]] == [[str(r["epoch"]), f"{r['loss']:.4g}"] for r in history]


def test_the_confusion_table_adds_up(runs):
    counts = [[0] * 10 for _ in range(10)]
    for k in range(10):
        counts[k][k] = k
    counts[3][4] = 1
    (runs / "one" / "confusion.json").write_text(
        json.dumps({"classes": [f"digit {k}" for k in range(10)], "counts": counts})
    )
    found = page(runs / "one")
    rows = found.table("Test images of each class")
    assert rows[4] == ["digit 3", "0", "0", "0", "3", "1", "0", "0", "0", "0", "0", "75.0"]
    assert rows[1][-1] == "–"  # no image of it
    assert rows[-1] == ["answers", *"0123", "5", *"56789", "97.8"]  # 45 of 46
    assert "1 of 46 test images are misclassified" in found.text
    assert "digit 3 with digit 4 (1 of 4)" in found.text


def test_settings_say_who_chose_them_and_defaults_are_folded(runs):
    found = page(runs / "one")
    assert ["lr", "0.3", "asked for"] in found.table("not the default")
    assert ["batch", "16", "model file"] in found.table("not the default")
    assert ["momentum", "0.0"] in found.table("as they are by default")
    assert f"corticalnet train {runs.parent}" not in found.text  # (the copy's file is the first one's)
    assert "small.py --set lr=0.3" in found.text


def test_several_seeds_have_mean_and_standard_deviation(runs):
    found = page(runs / "seeds")
    scores = [
        json.loads((runs / "seeds" / f"seed-{k}" / "summary.json").read_text())["best_test_accuracy"]
        for k in range(3)
    ]
    shown = f"{np.mean(scores):.2%} ± {statistics.stdev(scores):.2%}"
    assert found.table("every seed")[-1][:3] == ["mean ± s.d., n = 3", "", shown]
    assert found.headings[0] == (1, "small by z-il on digits, 3 seeds")
    assert "small.py --set columns=5 --seeds 3" in found.text
    added = found.table("Test images of each class")
    assert sum(int(n) for n in added[-1][1:-1]) == 3 * 80


def test_one_seed_has_no_plus_minus(runs):
    for seed in (1, 2):
        (runs / "seeds" / f"seed-{seed}" / "summary.json").unlink()
    found = page(runs / "seeds")
    assert "±" not in found.text
    assert "1 of 3 seeds finished" in found.text


def test_seeds_that_have_not_begun_are_named(runs):
    import shutil

    shutil.rmtree(runs / "seeds" / "seed-2")
    assert "Not begun: seeds 2." in page(runs / "seeds").text


def test_runs_are_compared_and_what_differs_is_shown(runs):
    found = page(runs / "one", runs / "seeds")
    assert [row[0] for row in found.table("Test accuracy")] == ["run", "one", "seeds"]
    differ = {row[0]: row[1:] for row in found.table("Settings that differ")}
    assert differ == {
        "setting": ["one", "seeds"],
        "lr": ["0.3", "0.1"],
        "columns": ["–", "5"],
        "seed": ["0", "0, 1, 2"],
    }
    assert "batch" in {row[0] for row in found.table("all runs share")}
    assert len(found.pictures) == 1


def test_folders_of_one_name_are_told_apart(runs):
    (runs / "other").mkdir()
    (runs / "one").rename(runs / "other" / "seed-0")
    found = page(runs / "other" / "seed-0", runs / "seeds" / "seed-0")
    assert [row[0] for row in found.table("Test accuracy")[1:]] == ["other/seed-0", "seeds/seed-0"]


def test_an_interrupted_run_says_how_far_it_came(runs):
    for name in ("summary.json", "confusion.json", "curves.png", "weights.png", "confusion.png"):
        (runs / "one" / name).unlink()
    lines = (runs / "one" / "metrics.jsonl").read_text().splitlines()
    (runs / "one" / "metrics.jsonl").write_text("\n".join(lines[:2]) + "\n")
    found = page(runs / "one")
    assert "interrupted after 2 of 3 epochs" in found.text
    assert f"corticalnet train --resume {runs / 'one'}" in found.text
    assert len(found.pictures) == 1
    with locked(runs / "one"):
        assert "running: 2 of 3 epochs done" in page(runs / "one").text


def test_a_run_that_diverged_says_why(runs):
    out = runs / "away"
    with pytest.raises(TrainingError) as error:
        train(load_model(runs / "small.py", lr=1e30), out=out, progress=False)
    found = page(out)
    assert str(error.value) in found.text
    assert "stopped in epoch 1 of 3" in found.text
    assert "No epoch of 3 has been completed" in found.text


def test_areas_that_have_fallen_silent_are_a_warning(runs):
    path = runs / "one" / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"silent": ["V1", "V2"]}))
    assert "Warning no column of V1 and V2 is active" in page(runs / "one").text


@pytest.mark.parametrize(
    ("gone", "damage"),
    [
        *((name, None) for name in ("settings.json", "metrics.jsonl", "summary.json", "confusion.json")),
        ("settings.json", "{"),
        ("metrics.jsonl", '{"epoch": 1}'),
        ("summary.json", "[]"),
        ("confusion.json", "\x00"),
    ],
)
def test_a_file_that_is_gone_or_damaged_is_left_out_and_said(runs, gone, damage):
    path = runs / "one" / gone
    path.unlink()
    if damage is not None:
        path.write_text(damage)
        assert f"{gone} is damaged" in page(runs / "one").text
    page(runs / "one")


def test_runs_of_earlier_versions_lack_what_came_later(runs):
    path = runs / "one" / "settings.json"
    about = json.loads(path.read_text())
    for key in ("about", "equations", "content"):
        del about[key]
    path.write_text(json.dumps(about))
    (runs / "one" / "confusion.json").unlink()
    found = page(runs / "one")
    assert about["rule_parts"] in found.text
    assert len(found.pictures) == 3  # the confusion matrix as it was drawn


def test_a_figure_that_is_none_is_not_taken_in(runs):
    (runs / "one" / "weights.png").write_text("<script>")
    found = page(runs / "one")
    assert "weights.png cannot be shown" in found.text
    assert len(found.pictures) == 1


def test_alignment_is_shown_where_it_was_recorded(runs):
    model = load_model(runs / "small.py", rule="feedback-alignment")
    digits = cn.data.load("digits")
    tracker = cn.analysis.AlignmentTracker(model.rule, *digits.train.batch(slice(0, 32)))
    tracker.measure(model.network, 0)
    tracker.measure(model.network, 1)
    tracker.recording().to_netcdf(runs / "one" / "alignment.nc", engine="h5netcdf")
    found = page(runs / "one")
    first = tracker.recording()["angle"].sel(area="area1").values[0]
    assert ["area1", f"{first:.1f}", f"{first:.1f}"] in found.table("Angle to backprop")
    (runs / "one" / "alignment.nc").write_text("nothing")
    assert "alignment.nc cannot be read" in page(runs / "one").text


@pytest.mark.parametrize("name", ["nothing", "small.py", "."])
def test_a_folder_that_is_no_run_is_refused_in_one_sentence(runs, name):
    with pytest.raises(CheckpointError, match="no run to report") as error:
        report.page_of([runs / name])
    assert "\n" not in str(error.value)


def test_losses_of_different_rules_are_said_to_be_on_different_scales(runs):
    told = "between rules compare scores, not losses"
    assert told not in page(runs / "one", runs / "seeds").text
    path = runs / "one" / "settings.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps(about | {"rule_parts": "Another()"}))
    assert told in page(runs / "one", runs / "seeds").text


def test_losses_of_different_kinds_have_axes_of_their_own(runs):
    about = json.loads((runs / "one" / "settings.json").read_text())
    other = about["rule_parts"].replace("loss='squared'", "loss='cross-entropy'")
    assert other != about["rule_parts"]
    (runs / "other").mkdir()
    for name in ("metrics.jsonl", "settings.json"):
        shutil.copy(runs / "one" / name, runs / "other")
    (runs / "other" / "settings.json").write_text(json.dumps(about | {"rule_parts": other}))
    histories = {name: [read_run(runs / name).history] for name in ("one", "other")}
    losses = {name: read_run(runs / name).loss for name in histories}
    assert losses == {"one": "squared", "other": "cross-entropy"}

    def drawn(losses):
        figure = several_learning_curves(histories, losses)
        return {
            axes.get_title(): [line.get_label() for line in axes.get_lines()]
            for axes in figure.axes
            if axes.get_title().startswith("training: mean loss")
        }

    assert drawn(losses) == {
        "training: mean loss (squared)": ["one"],
        "training: mean loss (cross-entropy)": ["other"],
    }
    assert drawn(None) == drawn(dict.fromkeys(losses, "squared")) == {"training: mean loss": ["one", "other"]}
