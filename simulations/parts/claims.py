"""What papers claim, each beside the numbers here that speak for or against it, and the verdict.

They stand in the results of the simulation that has the numbers (``docs/results/NAME.json``, ``"claims"``);
:mod:`.verdicts` has the tests::

    {"paper": "Pozzi et al. 2020", "item": "Table 1, MNIST dense",
     "says": "BrainProp is as accurate as error-backprop", "numbers": "98.68 ± 0.07; 98.54 ± 0.16 %",
     "data": "MNIST-10k", "test": "same", "margin": 0.5, "seeds": 5,
     "cells": [["mnist", "brainprop_dense", "BrainProp %"], ["mnist", "brainprop_dense", "backprop %"]],
     "verdict": "refuted", "statistic": "difference −1.04, beyond ± 0.5 p 0.002"}

``make results`` writes verdict and statistic where there are none yet, and changes none: numbers that have
come to another verdict fail a test, until somebody who has looked takes the old one out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from corticalnet.errors import one_of

from .errors import ResultsError

#: Papers, as pages and lists have them: the one that a claim is from.
PAPERS = {
    "Pozzi et al. 2020": "BrainProp: attention-gated brain propagation (NeurIPS 2020)",
    "Song et al. 2020": "Z-IL and Fa-Z-IL: can the brain do backpropagation? (NeurIPS 2020)",
    "Lansdell et al. 2019, 2020": "Learning to solve the credit assignment problem (ICLR 2020)",
    "Lillicrap et al. 2020": "Backpropagation and the brain (review), and the talk of 2018",
    "Bartunov et al. 2018": "Assessing the scalability of biologically-motivated learning (NeurIPS 2018)",
}
VERDICTS = ("reproduced", "order reproduced", "refuted", "open")
_NEEDED = ("paper", "item", "says", "numbers", "data", "test")


@dataclass(frozen=True)
class Claim:
    """A claim of a paper's, and what came of it here.

    Attributes:
        paper: one of :data:`PAPERS`.
        item: the table, figure or theorem.
        says: the claim, in a sentence.
        numbers: the paper's, as text.
        here: ours, cell by cell.
        seeds: of each number.
        data: that ours are from.
        verdict: one of :data:`VERDICTS`.
        statistic: that it follows from, or what a run would take.
        simulation: that has the numbers.
    """

    paper: str
    item: str
    says: str
    numbers: str
    here: str
    seeds: str
    data: str
    verdict: str
    statistic: str
    simulation: str


def claims_of(simulation: str, facts: Mapping[str, Any]) -> list[Claim]:
    """Return the claims in a simulation's results, as they stand there.

    Raises:
        ResultsError: one is not as it should be.
    """
    found = []
    for told in facts.get("claims", []):
        for need in (*_NEEDED, "verdict", "statistic"):
            if need not in told:
                raise ResultsError(f"{simulation}: the claim {told.get('says', told)!r} has no '{need}'")
        one_of(f"paper of {simulation}", told["paper"], PAPERS, ResultsError)
        one_of(f"verdict of {simulation}", told["verdict"], VERDICTS, ResultsError)
        here = "; ".join(cells_of(facts["tables"], told)) or "not run"
        seeds = told.get("seeds", 1)
        many = ", ".join(map(str, seeds)) if isinstance(seeds, list) else str(seeds)
        texts = [told[key] for key in ("paper", "item", "says", "numbers")]
        rest = (told["data"], told["verdict"], told.get("why", told["statistic"]), simulation)
        found.append(Claim(*texts, here, many if told.get("cells") else "", *rest))
    return found


def cells_of(tables: Mapping[str, Any], claim: Mapping[str, Any]) -> list[str]:
    """Return the cells that a claim names: ``[table, row, column]``, a row by what its first cells say.

    Raises:
        ResultsError: there is none such, or more than one.
    """
    found = []
    for name, row, column in claim.get("cells", []):
        one_of("table of a claim", name, tables, ResultsError)
        table = tables[name]
        one_of(f"column of '{name}'", column, table["columns"], ResultsError)
        mine = [line for line in table["rows"] if _begins(line, row)]
        if len(mine) != 1:
            raise ResultsError(f"a claim names one row of '{name}', and '{row}' is {len(mine)}")
        found.append(mine[0][table["columns"].index(column)])
    return found


def _begins(line: Sequence[str], row: str) -> bool:
    words = [cell.replace("`", "") for cell in line]
    return any(", ".join(filter(None, words[:k])) == row for k in range(1, len(words) + 1))


def by_paper(claims: Iterable[Claim]) -> dict[str, list[Claim]]:
    """Return the claims of each paper, in the order of :data:`PAPERS`, by table and figure."""
    listed = list(claims)
    order = {paper: [one for one in listed if one.paper == paper] for paper in PAPERS}
    return {paper: sorted(ones, key=lambda one: one.item) for paper, ones in order.items() if ones}
