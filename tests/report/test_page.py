"""Building blocks: what a page is made of is escaped, and it is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from corticalnet import report
from corticalnet.errors import OutputError
from corticalnet.report.page import (
    Callout,
    Folded,
    Lines,
    Page,
    Picture,
    Section,
    Table,
    TableCell,
    Tiles,
    Words,
)
from corticalnet.report.words import train_command
from tests.report.reader import sound

#: What would be obeyed by a browser, or turn the direction of reading, or end a text, were it not escaped.
NASTY = "<b onclick='x'>&amp;\"`\u202e\x00</style>{{ 7 * 7 }}{% raw %}"
SHOWN = "<b onclick='x'>&amp;\"`\\u202e\\x00</style>{{ 7 * 7 }}{% raw %}"


def test_every_text_is_escaped_everywhere():
    blocks = [
        Words(NASTY),
        Callout(NASTY, warning=True),
        Lines(f"first\n{NASTY}", NASTY),
        Tiles([(NASTY, NASTY)]),
        Table(NASTY, [NASTY, "b"], [[NASTY, TableCell(NASTY, 0.5, True, "yes", NASTY)]], [[NASTY, NASTY]]),
        Picture("data:image/png;base64,", f"{NASTY} as seen", NASTY, 3.0),
        Folded(NASTY, [Section(NASTY, [Words(NASTY)])]),
    ]
    html = Page(NASTY, NASTY, NASTY, [Section(NASTY, blocks)], (NASTY, "good"), NASTY).to_html()
    found = sound(html)
    assert "b" not in found.names
    assert found.text.count(SHOWN) == 22
    assert f"first\n{SHOWN}" in found.text
    assert "49" not in found.text


def test_headings_follow_each_other_however_deep():
    deep = Section("two", [Section("three", [Section("four", [Words("end")])]), Section("three again", [])])
    found = sound(Page("k", "one", "s", [deep]).to_html())
    assert [level for level, _ in found.headings] == [1, 2, 3, 4, 3]


def test_a_page_forbids_the_browser_to_fetch_or_run():
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in Page("k", "t", "s", []).to_html()


def test_a_name_of_bytes_that_are_no_text_is_written(tmp_path):
    Page("k", "run\udcff", "s", []).to_html().encode()


def test_the_page_is_in_the_folder_of_its_run_and_written_anew(runs):
    path = report.write([runs / "one"])
    assert path == runs / "one" / "report.html"
    first = path.read_text()
    assert report.write([runs / "one"]) == path
    assert sound(first).headings == sound(path.read_text()).headings
    assert report.write([runs / "one"], runs / "new" / "x.html").exists()
    assert report.write([runs / "one", runs / "seeds"]) == Path("comparison.html")


def test_a_file_that_is_no_report_is_not_replaced(runs):
    mine = runs / "mine.html"
    mine.write_text("mine")
    with pytest.raises(OutputError, match=r"mine\.html is no report"):
        report.write([runs / "one"], mine)
    assert mine.read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_said(runs, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OutputError, match="No space left"):
        report.write([runs / "one"])
    assert not (runs / "one" / "report.html").exists()
    assert not list((runs / "one").glob("*.part"))


@pytest.mark.parametrize(
    ("arguments", "seeds", "command"),
    [
        ({}, None, "corticalnet train '/a b/x.py'"),
        ({"rule": "il", "lr": 0.5}, None, "corticalnet train '/a b/x.py' --rule il --set lr=0.5"),
        ({"seed": 3}, [3, 4], "corticalnet train '/a b/x.py' --seed 3 --seeds 2"),
        ({"seed": 0}, [0], "corticalnet train '/a b/x.py' --seeds 1"),
        ({"seed": 0}, [0, 2], ""),
        ({"name": "1"}, None, "corticalnet train '/a b/x.py' --set 'name='\"'\"'1'\"'\"''"),
        ({"patience": None}, None, "corticalnet train '/a b/x.py' --set patience=None"),
    ],
)
def test_the_command_that_runs_it_again_says_the_same(arguments, seeds, command):
    assert train_command("/a b/x.py", arguments, seeds) == command


def test_a_model_made_in_python_has_no_command():
    assert train_command(None, {}, None) == ""
