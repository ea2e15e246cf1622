"""Pages in headless Chromium: no console error, every picture there, nothing fetched, wide and narrow."""

from __future__ import annotations

import pytest

from corticalnet import report
from tests.report.test_other_pages import audit, autonomy, simulation, sweep, validation


@pytest.mark.parametrize("names", [["one"], ["seeds"], ["one", "seeds"]])
def test_pages_of_training_runs_are_whole_on_screens_and_phones(browser, runs, names):
    path = report.write([runs / name for name in names], runs / "page.html")
    assert browser.faults(path) == []
    assert browser.faults(path, width=390) == []


@pytest.mark.parametrize("make", [audit, autonomy, validation, sweep, simulation])
def test_pages_of_other_results_are_whole_on_screens_and_phones(browser, tmp_path, make):
    path = report.write([make(tmp_path)], tmp_path / "page.html")
    assert browser.faults(path) == []
    assert browser.faults(path, width=390) == []


def test_a_page_is_dark_where_the_reader_wishes_it(browser, runs):
    with browser.open(report.write([runs / "seeds"], runs / "page.html")) as page:
        colours = []
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.emulate_media(color_scheme="light")
    light, dark = (sum(map(int, colour.strip("rgb()").split(","))) for colour in colours)
    assert light > 600
    assert dark < 150


def test_print_shows_what_is_folded(browser, runs):
    with browser.open(report.write([runs / "seeds"], runs / "page.html")) as page:
        seen = "document.querySelector('details table').checkVisibility()"
        before = page.evaluate(seen)
        page.emulate_media(media="print")
        after = page.evaluate(seen)
        page.emulate_media(media="screen")
    assert (before, after) == (False, True)
