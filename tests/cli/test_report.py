"""``corticalnet report``, on what the other commands leave."""

from __future__ import annotations

import json
import os

import pytest

from corticalnet.cli.completion import runs
from tests.report.reader import sound


def test_a_training_says_how_to_get_a_page_of_it_and_the_page_is_there(cli, place):
    done = cli("train small --out", "my runs/a b")
    assert "corticalnet report 'my runs/a b'" in done.out
    done = cli("report", "my runs/a b")
    assert (done.code, done.out) == (0, "report: my runs/a b/report.html\n")
    assert "small by backprop" in sound((place / "my runs/a b/report.html").read_text()).headings[0][1]


def test_an_interrupted_and_a_resumed_run_are_reported(cli, place, monkeypatch):
    def interrupt(*arguments, **more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("corticalnet.training.loop.run_epoch", interrupt)
        assert cli("train small --out here").code == 130
    assert "No epoch of 2 has been completed" in _text(cli, place)
    assert cli("train --resume here").code == 0
    assert "finished" in _text(cli, place)


def _text(cli, place):
    assert cli("report here").code == 0
    return sound((place / "here" / "report.html").read_text()).text


def test_json_says_where_the_page_is(cli):
    cli("train small --out here")
    done = cli("report here --json --out new/page.html")
    assert json.loads(done.out) == {"report": "new/page.html", "runs": ["here"]}


@pytest.mark.parametrize("what", ["nowhere", "models", "models/small.py", ""])
def test_a_folder_that_is_no_run_is_one_line(cli, what):
    done = cli("report", what)
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert done.err.startswith("error: there is no run to report in")


def test_another_file_is_not_overwritten(cli, place):
    cli("train small --out here")
    before = (place / "models" / "small.py").read_text()
    done = cli("report here --out models/small.py")
    assert (done.code, "would be lost" in done.err) == (1, True)
    assert (place / "models" / "small.py").read_text() == before


def test_the_browser_is_opened_on_request(cli, place, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or False)
    cli("train small --out here")
    done = cli("report here --open")
    assert opened == [(place / "here" / "report.html").as_uri()]
    assert (done.code, done.err) == (0, "no browser could be opened here\n")


def test_a_simulation_is_reported_with_the_command_that_made_it(cli, place):
    command = "simulate small --rule z-il --data digits --trials 1 --no-plot --out here --set columns=3"
    assert cli(command).code == 0
    text = _text(cli, place)
    assert "small by z-il" in text
    assert "No figures were drawn." in text
    assert f"corticalnet {command}" in text
    said = json.loads((place / "here" / "command.json").read_text())
    assert {"corticalnet", "torch", "device"} <= said["versions"].keys()


def test_folders_of_runs_are_completed(place):
    for name in ("runs/one", "runs/two", "runs/empty", "other"):
        os.makedirs(name)
    for name in ("runs/one", "runs/two", "other"):
        (place / name / "settings.json").write_text("{}")
    assert runs("") == ["runs/one", "runs/two"]
    assert runs("runs/o") == ["runs/one"]
    assert runs("o") == ["other"]
    assert runs("nowhere/x") == []
