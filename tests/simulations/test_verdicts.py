"""Verdicts: scipy's tests on raw numbers as the oracle, cells read by hand, and all that are committed."""

import json

import numpy as np
import pytest
from scipy import stats

from simulations.parts import pages, results
from simulations.parts.claims import PAPERS, cells_of
from simulations.parts.results import ResultsError
from simulations.parts.verdicts import Measured, judge, verdict

DRAW = np.random.default_rng(0)


def measured(values):
    return Measured(float(np.mean(values)), float(np.std(values, ddof=1)), len(values))


@pytest.mark.parametrize("name", results.names())
def test_committed_verdicts_are_those_of_the_committed_numbers(name):
    facts = json.loads((results.RESULTS / f"{name}.json").read_text())
    for claim in facts.get("claims", []):
        word, statistic = verdict(facts["tables"], claim)
        assert claim["verdict"] == word, f"{claim['says']}: {statistic}"
        assert claim["statistic"] == statistic, claim["says"]


def test_every_paper_has_claims_on_a_page_of_its_own():
    claims = [claim for one in results.published() for claim in one.claims]
    assert {claim.paper for claim in claims} == {*PAPERS}
    text = "".join(path.read_text() for path in (results.ROOT / "docs" / "papers").glob("*.md"))
    for paper in PAPERS:
        assert f"<!-- claims: {paper} -->" in text


@pytest.mark.parametrize("shift", [-2.0, -0.3, 0.0, 0.3, 2.0])
def test_more_is_welchs_one_sided_test(shift):
    a, b = DRAW.normal(shift, 1.0, 5), DRAW.normal(0.0, 0.5, 4)
    p = stats.ttest_ind(a, b, equal_var=False, alternative="greater").pvalue
    word, said = judge("more", [measured(a), measured(b)])
    expected = "order reproduced" if p < 0.05 else "refuted" if p > 0.95 else "open"
    assert word == expected
    assert f"{min(p, 1 - p) if word == 'refuted' else p:.2g}" in said
    assert judge("more", [measured(a), measured(b)], like_paper=True)[0] == expected.removeprefix("order ")


def test_several_are_in_order_if_all_neighbours_are():
    high, mid, low = (Measured(m, 0.1, 5) for m in (3.0, 2.0, 1.0))
    assert judge("more", [high, mid, low])[0] == "order reproduced"
    assert judge("more", [high, low, mid])[0] == "refuted"
    assert judge("more", [high, mid, Measured(1.99, 0.1, 5)])[0] == "open"


@pytest.mark.parametrize(("gap", "word"), [(0.0, "order reproduced"), (0.9, "open"), (3.0, "refuted")])
def test_same_is_two_one_sided_tests(gap, word):
    """By the intervals: the 90 % interval within ± 1 is the same; the difference above 1 by one test, not."""
    a = Measured(gap, 0.2, 5)
    b = Measured(0.0, 0.3, 5)
    error = np.sqrt(0.2**2 / 5 + 0.3**2 / 5)
    dof = error**4 / ((0.2**2 / 5) ** 2 / 4 + (0.3**2 / 5) ** 2 / 4)
    half = stats.t.ppf(0.95, dof) * error
    by_interval = "order reproduced" if gap + half < 1 else "refuted" if gap - half > 1 else "open"
    assert judge("same", [a, b], margin=1.0)[0] == judge("same", [b, a], margin=1.0)[0] == word == by_interval


def test_a_value_is_within_a_margin_or_an_interval():
    """Mean 10, s.d. 1, 4 seeds: t(3) = 3.182, so the interval is ± 1.591."""
    cell = Measured(10.0, 1.0, 4)
    assert judge("value", [cell], number=11.59)[0] == "order reproduced"
    assert judge("value", [cell], number=11.6)[0] == "open"
    assert judge("value", [cell], number=11.6, like_paper=True)[0] == "refuted"
    assert judge("value", [cell], number=12.0, margin=2.0, like_paper=True)[0] == "reproduced"


def test_bounds_are_of_sizes():
    cells = [Measured(-3.0, None, 1), Measured(2.0, None, 1)]
    assert judge("bound", cells, margin=3.0, like_paper=True) == ("reproduced", "3 ≤ 3")
    assert judge("bound", cells, margin=3.0) == ("order reproduced", "3 ≤ 3")
    assert judge("bound", cells, margin=2.5) == ("refuted", "3 is not ≤ 2.5")
    assert judge("beyond", cells, margin=1.0, like_paper=True)[0] == "reproduced"
    assert judge("beyond", cells, margin=2.0) == ("refuted", "2 is not > 2")
    assert judge("none", []) == ("open", "not run")


@pytest.mark.parametrize(
    ("cell", "mean", "sd"),
    [
        ("88.7 ± 4.3 %", 88.7, 4.3),
        ("✓ 5e-16", 5e-16, None),
        ("−0.50 ± 0.02", -0.5, 0.02),
        ("93.9 (91.4 to 96.4)", 93.9, None),
        ("1,000 ± 3", 1000.0, 3.0),
        ("7.2 ± 1.6, 3.2 ± 0.2", 7.2, 1.6),
    ],
)
def test_cells_are_read_as_they_are_shown(cell, mean, sd):
    assert Measured.read(cell, 3) == Measured(mean, sd, 3)


TABLES = {
    "all": {"columns": ["net", "rule", "%"], "rows": [["`a`", "", "1"], ["b", "x", "2"], ["b", "y", "no"]]}
}


@pytest.mark.parametrize(("row", "cell"), [("a", "1"), ("b, x", "2"), ("b, y", "no")])
def test_a_row_is_what_its_first_cells_say(row, cell):
    assert cells_of(TABLES, {"cells": [["all", row, "%"]]}) == [cell]


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ({"test": "bound", "cells": [["al", "a", "%"]]}, "unknown table of a claim 'al'"),
        ({"test": "bound", "cells": [["all", "a", "percent"]]}, "unknown column of 'all' 'percent'"),
        ({"test": "bound", "cells": [["all", "b", "%"]]}, "'b' is 2"),
        ({"test": "bound", "cells": [["all", "b, y", "%"]]}, "has none: 'no'"),
        ({"test": "bond", "cells": []}, "unknown test of a claim 'bond'"),
        ({"test": "more", "cells": [["all", "a", "%"]]}, "does not go with 1 cells"),
        ({"test": "more", "cells": [["all", "a", "%"], ["all", "b, x", "%"]]}, "two seeds at least"),
        ({"test": "value", "cells": [["all", "a", "%"]]}, "needs the paper's number"),
    ],
)
def test_what_is_no_claim_is_told(claim, said):
    with pytest.raises(ResultsError, match=said):
        verdict(TABLES, claim)


def test_a_changed_verdict_is_not_written_over(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(results, "ROOT", tmp_path)
    claim = {"says": "it is small", "test": "bound", "margin": 1, "cells": [["all", "a", "%"]]}
    (tmp_path / "one.json").write_text(json.dumps({"tables": TABLES, "claims": [claim]}))
    pages.judge(lambda _: None)
    (found,) = json.loads((tmp_path / "one.json").read_text())["claims"]
    assert (found["verdict"], found["statistic"]) == ("order reproduced", "1 ≤ 1")
    changed = {"all": {**TABLES["all"], "rows": [["a", "", "5"]]}}
    (tmp_path / "one.json").write_text(json.dumps({"tables": changed, "claims": [found]}))
    with pytest.raises(ResultsError, match="'it is small' was 'order reproduced' and is 'refuted' now"):
        pages.judge(lambda _: None)
