"""Bars are for who watches: on the error stream of a terminal, and nowhere else."""

import re

import pytest
from rich.progress import Progress

from corticalnet.progress import bar, bars, downloading


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes any stream for a terminal
    monkeypatch.setenv("COLUMNS", "100")


def test_a_bar_counts_from_where_it_began_and_leaves_stdout_alone(terminal, capsys):
    with bar("steps", 30, begin=100, stay=True) as tick:
        assert tick is not None
        tick(112)
    shown = capsys.readouterr()
    assert re.search(r"(?<!\d)12/30", shown.err)
    assert shown.out == ""


def test_nobody_watches_a_log(capsys):
    with bar("steps", 30) as tick:
        assert tick is None
    with bars() as shown:
        shown.update(shown.add_task("parts", total=3), completed=2)
    assert "".join(capsys.readouterr()) == ""


def test_bars_that_nobody_sees_end_no_line_either(monkeypatch, capsys):
    """As rich did before 14.2, also for bars that are disabled."""
    monkeypatch.setattr(Progress, "stop", lambda self: self.console.print())
    with bars() as shown:
        shown.add_task("parts", total=3)
    assert capsys.readouterr() == ("", "")


def test_bars_can_be_unwanted(terminal, capsys):
    with bar("steps", 30, show=False) as tick:
        assert tick is None
    with bars(False) as shown, downloading(False) as bytes_:
        shown.update(shown.add_task("parts", total=3), completed=2)
        bytes_.add_task("archive", total=10)
    assert capsys.readouterr() == ("", "")
