"""Plain-text tables: networks, rules and reports print themselves with these."""

from __future__ import annotations

import math
from collections.abc import Sequence

from corticalnet.errors import printable


def table(header: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> str:
    """Align columns; numbers go to the right. Control characters in cells are written out.

    >>> print(table(["area", "columns"], [["input", 784], ["output", 10]]))
    area    columns
    input       784
    output       10
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    header = [printable(cell) for cell in header]
    widths = [max(len(line[k]) for line in [header, *cells]) for k in range(len(header))]
    right = [all(_numeric(row[k]) for row in cells) and bool(cells) for k in range(len(header))]

    def line(row: Sequence[str]) -> str:
        parts = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True))
        return "  ".join(parts).rstrip()

    lines = [line(header), *(line(row) for row in cells)]
    return "\n".join([title, *lines] if title else lines)


def percent(fraction: float) -> str:
    """Format a fraction in percent, with a decimal that never rounds up to 100.

    >>> percent(0.99996), percent(1.0), percent(0.934)
    ('99.9', '100', '93.4')
    """
    return "100" if fraction == 1 else f"{math.floor(1000 * fraction + 1e-9) / 10:.1f}"


def _numeric(cell: str) -> bool:
    return cell[:1].isdigit() or cell[:1] in "-–" or cell == ""
