"""Is a paper's claim borne out here? A verdict in one word, from numbers that stand in the results.

A claim names cells of a simulation's tables ("88.7 ± 4.3": mean and sample s.d. over seeds) and how they are
judged; α = 0.05 everywhere:

    same      two conditions differ by less than ``margin``: two one-sided t tests (Welch)
    more      the first is above the second: one-sided t test (Welch); so are all neighbours of several
    value     the mean is the paper's ``number`` to within ``margin``, or its 95 % interval covers it
    bound     every cell is at most ``margin`` in size
    beyond    every cell is more than ``margin`` in size
    none      nothing was run: ``why`` says what it takes

    reproduced          it holds, on the paper's own data and budget or as mathematics (``like_paper``)
    order reproduced    it holds, on other data, another network or a smaller budget
    refuted             the opposite holds, by the same test
    open                neither
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Any

from corticalnet.errors import one_of

from .claims import cells_of
from .errors import ResultsError

ALPHA = 0.05
TESTS = ("same", "more", "value", "bound", "beyond", "none")

_NUMBER = re.compile(r"[−+-]?\d[\d,]*(?:\.\d+)?(?:e[−+-]?\d+)?")


@dataclass(frozen=True)
class Measured:
    """A number of a table: mean and sample s.d. over ``seeds``; no s.d. for a single one."""

    mean: float
    sd: float | None
    seeds: int

    @classmethod
    def read(cls, cell: str, seeds: int) -> Measured:
        """Read a cell: "88.7 ± 4.3 %", "✓ 5e-16", "−0.50 ± 0.02".

        Raises:
            ResultsError: there is no number in it.
        """
        found = [float(n.replace("−", "-").replace(",", "")) for n in _NUMBER.findall(cell.split("(")[0])]
        if not found:
            raise ResultsError(f"a claim needs a number, and this cell has none: '{cell}'")
        return cls(found[0], found[1] if "±" in cell else None, seeds)

    @property
    def spread(self) -> tuple[float, float, int]:
        """Return mean, s.d. and seeds, as a t test takes them.

        Raises:
            ResultsError: there is no s.d.
        """
        if self.sd is None or self.seeds < 2:
            raise ResultsError("a test between conditions needs mean ± s.d. of two seeds at least")
        return self.mean, max(self.sd, 1e-12), self.seeds


def judge(
    test: str,
    cells: Sequence[Measured],
    margin: float = 0.0,
    number: float | None = None,
    like_paper: bool = False,
) -> tuple[str, str]:
    """Return the verdict and the statistic that it follows from.

    Args:
        test: one of :data:`TESTS`, as above.
        cells: what was measured.
        margin: of "same", "value", "bound" and "beyond", in units of the cells.
        number: the paper's, of "value".
        like_paper: whether data and budget are the paper's, or cannot matter.

    Raises:
        ResultsError: there is no such test, or it has not the cells that it needs.
    """
    one_of("test of a claim", test, TESTS, ResultsError)
    if test == "none":
        return "open", "not run"
    least = {"same": 2, "more": 2}.get(test, 1)
    if len(cells) < least or (test == "same" and len(cells) > 2):
        raise ResultsError(f"the test '{test}' does not go with {len(cells)} cells")
    holds = "reproduced" if like_paper else "order reproduced"
    if test in ("bound", "beyond"):
        return _sizes(test, cells, margin, holds)
    if test == "value":
        return _value(cells[0], margin, number, holds)
    if test == "same":
        return _same(*cells, margin, holds)
    pairs = [_above(a, b) for a, b in pairwise(cells)]
    against = [_above(b, a) for a, b in pairwise(cells)]
    said = f"Welch's t, largest p {max(pairs):.2g}" if len(pairs) > 1 else f"Welch's t, p {pairs[0]:.2g}"
    if min(against) < ALPHA:
        return "refuted", f"Welch's t, the other way p {min(against):.2g}"
    return (holds if max(pairs) < ALPHA else "open"), said


def _sizes(test: str, cells: Sequence[Measured], margin: float, holds: str) -> tuple[str, str]:
    sizes = [abs(cell.mean) for cell in cells]
    extreme, sign = (max(sizes), "≤") if test == "bound" else (min(sizes), ">")
    if (extreme <= margin) == (test == "bound"):
        return holds, f"{extreme:.2g} {sign} {margin:.2g}"
    return "refuted", f"{extreme:.2g} is not {sign} {margin:.2g}"


def _same(a: Measured, b: Measured, margin: float, holds: str) -> tuple[str, str]:
    """Judge by two one-sided tests that the difference is within the margin."""
    gap = a.mean - b.mean
    below, above = _above(a, b, -margin), _above(b, a, -margin)
    said = f"difference {gap:+.2f}".replace("-", "−")
    beyond = min(_above(a, b, margin), _above(b, a, margin))
    if beyond < ALPHA:
        return "refuted", f"{said}, beyond ± {margin:g} p {beyond:.2g}"
    within = max(below, above)
    return (holds if within < ALPHA else "open"), f"{said}, within ± {margin:g} p {within:.2g}"


def _value(cell: Measured, margin: float, number: float | None, holds: str) -> tuple[str, str]:
    from scipy import stats

    if number is None:
        raise ResultsError("the test 'value' needs the paper's number")
    gap, half = cell.mean - number, 0.0
    if cell.sd is not None and cell.seeds > 1:
        half = float(stats.t.ppf(1 - ALPHA / 2, cell.seeds - 1)) * cell.sd / sqrt(cell.seeds)
    said = f"{gap:+.3g} from the paper's, 95 % interval ± {half:.2g}".replace("-", "−", 1)
    if abs(gap) <= max(margin, half):
        return holds, said
    return ("refuted" if holds == "reproduced" else "open"), said


def _above(a: Measured, b: Measured, by: float = 0.0) -> float:
    """p of Welch's one-sided t test that a − b is more than ``by``."""
    from scipy import stats

    (m, s, n), other = a.spread, b.spread
    test = stats.ttest_ind_from_stats(m - by, s, n, *other, equal_var=False, alternative="greater")
    return float(test.pvalue)


def verdict(tables: Mapping[str, Any], claim: Mapping[str, Any]) -> tuple[str, str]:
    """Return a claim's verdict and statistic, from the tables that it names.

    Raises:
        ResultsError: the claim is not as it should be.
    """
    seeds = claim.get("seeds", 1)
    cells = cells_of(tables, claim)
    each = seeds if isinstance(seeds, list) else [seeds] * len(cells)
    measured = [Measured.read(cell, n) for cell, n in zip(cells, each, strict=True)]
    return judge(
        claim["test"],
        measured,
        claim.get("margin", 0.0),
        claim.get("number"),
        claim.get("like_paper", False),
    )
