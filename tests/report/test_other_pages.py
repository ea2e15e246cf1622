"""Pages of audit, autonomy, validate and simulate, from what the commands leave in their folders."""

from __future__ import annotations

import json
import math

import pytest

from corticalnet import report
from corticalnet.audit.report import PROPERTIES
from corticalnet.errors import CheckpointError
from tests.report.reader import sound


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    command = {"command": ["corticalnet", "audit", "a b"], "versions": {"torch": "2.9", "commit": None}}
    (folder / "command.json").write_text(json.dumps(command))
    return folder


def png(path):
    from matplotlib.figure import Figure

    Figure(figsize=(4, 2)).savefig(path, dpi=150)


def audit(place, name="audit", rule="z-il"):
    findings = {key: {"mark": "yes", "number": 3e-16, "detail": f"about {key}"} for key in PROPERTIES}
    findings["clock"] = {"mark": "none", "number": None, "detail": "<cannot>"}
    found = {"rule": rule, "network": "a network", "findings": findings, "evidence": {}}
    return write(place / name, audit=[found])


def autonomy(place):
    detected = {"cells": 1.0, "samples": 0.5, "good": 0.9996, "missed": 0.0}
    detection = {"paper": {"float32": {"1": detected, "2": detected}}}
    streams = {
        "streaming": {"announced": False, "distances": [1e-16, 3e-15, 2e-15]},
        "paper": {"announced": True, "distances": [0.5, None, None]},
    }
    head = {"model": "m", "data": "digits", "rule": "z-il", "samples": 40, "seed": 7}
    return write(place / "autonomy", autonomy={**head, "detection": detection, "streams": streams})


def compared(cosine, ratio, error):
    return {
        area: {"cosine": cosine, "ratio": ratio, "error": error, "own": None} for area in ("area1", "all")
    }


def validation(place):
    views = [
        {
            "view": "steps",
            "left out": None,
            "seconds": 1.5,
            "trials": [compared(0.8, 1, 0.1), compared(0.6, 4, 0.001)],
        },
        {"view": "spikes", "left out": "there is no circuit", "seconds": 0.0, "trials": []},
    ]
    found = {"name": "m by z-il", "areas": ["area1"], "views": views, "sweep": None}
    folder = write(place / "validation", validation=found)
    png(folder / "views.png")
    return folder


def sweep(place):
    swept = {
        "name": "dt",
        "values": [1.0, 2.0],
        "trials": [[compared(1, 1, 1e-3), compared(1, 1, 1e-5)], [compared(1, 1, 4e-4)]],
        "laws": {"area1": {"scale": 1.0, "exponent": 2.004, "spread": 0.1}, "all": None},
    }
    return write(
        place / "sweep", validation={"name": "m by z-il", "areas": ["area1"], "views": [], "sweep": swept}
    )


def simulation(place):
    about = {
        "title": "m by z-il, <in time>",
        "engine": "torch",
        "trials": 2,
        "steps": 1234,
        "cells": 17,
        "seconds": 61.0,
        "relative_change": {"input->area1": 0.0123, "area1->output": None},
        "first_trial": "regime:\n backprop-like",
        "circuit": ["population", "area1  5"],
    }
    folder = write(place / "simulation", simulation=about)
    for name in ("traces", "wiring"):
        png(folder / f"{name}.png")
    return folder


def page(*folders):
    return sound(report.page_of(folders).to_html())


def test_an_audit_is_a_table_of_marks_and_what_was_seen(tmp_path):
    found = page(audit(tmp_path))
    song = found.table("A row for each rule")
    assert song[1][0] == "z-il"
    assert "✓ 3e-16" in song[1]
    assert ["no clock", "–", "<cannot>"] in found.table("On a network")
    assert "corticalnet audit 'a b'" in found.text
    assert ["torch", "2.9"] in found.table("Made with")


def test_audits_of_several_folders_are_one_table(tmp_path):
    found = page(audit(tmp_path, "a"), audit(tmp_path, "b", "il"), audit(tmp_path, "c", "il"))
    assert [row[0] for row in found.table("A row for each rule")[1:]] == ["z-il", "il", f"il ({tmp_path}/c)"]


def test_autonomy_is_detection_and_streams(tmp_path):
    found = page(autonomy(tmp_path))
    assert ["paper", "float32", "of updates", "99.9", "99.9"] in found.table("Percentage right")
    streams = found.table("twin‖ /")
    assert streams[1:] == [["streaming", "no", "2.0e-15", "3.0e-15"], ["paper", "yes", "∞", "∞"]]
    assert "Stream, paper: numbers ran away in trial 2." in found.text
    assert len(found.pictures) == 1


def test_a_validation_has_means_over_trials(tmp_path):
    found = page(validation(tmp_path))
    rows = found.table("Weight changes beside backprop's")
    # mean of 0.8 and 0.6; geometric means of 1 and 4, and of 0.1 and 0.001
    assert rows[1] == ["steps", "area1", "0.70000", "2.0000", "0.01", "–", ""]
    assert rows[2][-1] == "1.5 s"
    assert "Left out: spikes: there is no circuit." in found.text
    assert len(found.pictures) == 1


def test_a_sweep_has_errors_and_its_exponent(tmp_path):
    found = page(sweep(tmp_path))
    rows = found.table("over dt")
    assert rows[0] == ["area", "1", "2", "exponent"]
    assert rows[1] == ["area1", f"{math.sqrt(1e-3 * 1e-5):.0e}", "4e-04", "2.00"]
    assert rows[2][-1] == "–"


def test_a_simulation_is_its_figures_and_its_circuit(tmp_path):
    found = page(simulation(tmp_path))
    titles = [text for _, text in found.headings]
    assert titles[:3] == ["m by z-il, <in time>", "Traces", "Wiring"]
    assert "regime:\n backprop-like" in found.text
    assert ["input->area1", "0.0123"] in found.table("Change of the weights")
    assert "1 min 1 s" in found.text


def test_a_simulation_of_an_earlier_version_shows_its_figures(tmp_path):
    folder = simulation(tmp_path)
    for name in ("simulation.json", "command.json"):
        (folder / name).unlink()
    (folder / "recording.nc").write_bytes(b"never read")
    found = page(folder)
    assert "simulation.json is not there" in found.text
    assert "does not say by which command" in found.text
    assert len(found.pictures) == 2


@pytest.mark.parametrize("make", [audit, autonomy, validation, simulation])
def test_a_damaged_file_is_told_in_one_sentence(tmp_path, make):
    folder = make(tmp_path)
    (folder / f"{make.__name__}.json").write_text('{"rule": 1}')
    with pytest.raises(CheckpointError, match=rf"{make.__name__}\.json is damaged") as error:
        report.page_of([folder])
    assert "\n" not in str(error.value)


def test_a_damaged_command_is_left_out(tmp_path):
    folder = autonomy(tmp_path)
    (folder / "command.json").write_text("[]")
    assert "command.json is damaged" in page(folder).text


def test_a_folder_of_several_results_shows_them_all(tmp_path, runs):
    audit(runs, "one")
    found = page(runs / "one")
    titles = [text for _, text in found.headings]
    assert titles[0] == f"Results in {runs / 'one'}"
    assert {"small by z-il on digits", "Audit of z-il"} <= set(titles)
    found = page(autonomy(tmp_path), validation(tmp_path))
    assert found.headings[0] == (1, "2 folders of results")
