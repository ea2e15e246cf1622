"""Names from files and data reach a terminal as text, never as commands to it."""

from __future__ import annotations

import pytest

from corticalnet.errors import printable
from corticalnet.tables import table

#: What it is, as a name may hold it -> as it is shown.
COMMANDS = {
    "clears the screen": ("\x1b[2J", r"\x1b[2J"),
    "title, ended by a bell": ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
    "C1 introducer": ("\x9b31m", r"\x9b31m"),
    "overwrites its line": ("bad\rgood", r"bad\rgood"),
    "two lines": ("cat\nerror: none", r"cat\nerror: none"),
    "Unicode's line end": ("a\u2028b", r"a\u2028b"),
    "turned around": ("a\u202eb", r"a\u202eb"),
    "a byte that is no text": ("a\udcffb", r"a\udcffb"),
    "NUL": ("a\0b", r"a\x00b"),
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_what_a_terminal_would_obey_is_written_out(kind):
    name, shown = COMMANDS[kind]
    assert printable(name) == shown
    shown.encode("ascii")


@pytest.mark.parametrize("name", ["été", "猫", "φ ‖ΔW‖", "T-shirt/top", "a b", r"C:\x1b", "😀"])
def test_text_stays_as_it_is(name):
    assert printable(name) == name


def test_columns_of_tables_are_aligned_by_what_is_shown():
    lines = table(["class", "n\x1b"], [["cat\x1b[1m", 1], ["dog", 20]]).splitlines()
    assert lines == [r"class       n\x1b", r"cat\x1b[1m      1", r"dog            20"]
