"""Which learning rule is local, autonomous, equal to backprop, and free of weight transport?

    python -m simulations.audit_table                    all rules, 3 seeds, 15 min
    python -m simulations.audit_table --rules z-il       one of them
    python -m simulations.audit_table --quick            three rules, one seed, about 5 s

Song et al. 2020, Table 2, and the constraints of Lillicrap's talk. Every rule goes through one protocol
(docs/audit.md): small dense networks of 2 to 5 links with sigmoid, tanh and ReLU, in float64. Nothing is
looked up by name. Numbers are the worst over seeds; where marks differ between seeds it is ~.

Expected (Song et al., Table 2): backprop is equal and nothing else; IL is local and partially autonomous;
Z-IL is equal too; Fa-Z-IL all four. Of the talk's constraints targets and phases break none for signs: what
comes down is activity.

Next: corticalnet/audit/locality.py.
"""

from __future__ import annotations

from typing import Annotated

import typer
from matplotlib.figure import Figure
from rich.progress import track

import corticalnet as cn
from corticalnet.audit import SONG, TALK, Finding, Report, figure, tables
from corticalnet.audit.report import SONG_TITLE, TALK_TITLE
from corticalnet.errors import RuleError, one_of
from corticalnet.plotting.style import styled

from .parts.common import simulation, table

#: What the number of each column counts, and up to where it is ✓.
NUMBERS = {
    "equality": "distance of the change, 1e-6",
    "locality": "largest leak, 1e-12",
    "partial autonomy": "distance of the change when nobody tells the phase, 1e-5",
    "autonomy, phases told": "distance of the weights in a stream, phases told, no clock, 1e-6",
    "autonomy": "the same, nothing told, 1e-6",
    "weight transport": "move of the feedback when weights change, 1e-12",
    "weight tying": "synapses per weight, 1",
    "signed feedback": "share of what is sent down that is negative, 0",
    "phases": "distance when nobody tells the phase (φ neither), 1e-5",
    "clock": "distance when clocks are silent, 1e-6",
    "teacher": "move of the change when another wrong class is the target, 1e-12",
}
#: Rules of two phases whose circuits find them by φ: beside those that are told.
DETECTED = {
    f"{name}, φ": (name, {"phases": "detected"})
    for name in ("contrastive-hebbian", "generec", "equilibrium-propagation")
}
QUICK = ("backprop", "z-il", "streaming-fa-z-il")


def run(
    quick: Annotated[
        bool, typer.Option("--quick", help="Three rules, one seed, one network of a kind.")
    ] = False,
    rules: Annotated[
        str, typer.Option(help="Names with semicolons between them; all if none is given.")
    ] = "",
    seeds: Annotated[int, typer.Option(help="Audits of each rule.")] = 3,
) -> dict:
    """Audit every rule, once for each seed."""
    every = (*cn.list_rules(), *DETECTED)
    names = tuple(rules.split(";")) if rules else QUICK if quick else every
    for name in names:
        one_of("rule", name, every, RuleError)
    chosen = [(name, seed) for name in names for seed in range(1 if quick else seeds)]
    found: dict[str, list[dict]] = {name: [] for name in names}
    for name, seed in track(chosen, "auditing", transient=True):
        kind, parameters = DETECTED.get(name, (name, {}))
        found[name].append(cn.audit_rule(cn.rule(kind, **parameters), seed=seed, quick=quick).to_dict())
    return {"rules": found}


def together(name: str, audits: list[dict]) -> Report:
    """One report of several seeds: their common mark ("some" if they differ), and the largest number."""
    findings = []
    for key in audits[0]["findings"]:
        each = [audit["findings"][key] for audit in audits]
        marks = {one["mark"] for one in each}
        worst = max(each, key=lambda one: -1.0 if one["number"] is None else one["number"])
        mark = marks.pop() if len(marks) == 1 else "some"
        findings.append(Finding(key, mark, worst["number"], worst["detail"]))
    return Report(name, audits[0]["network"], tuple(findings), {})


def reports(results: dict) -> list[Report]:
    """One for each rule."""
    return [together(name, audits) for name, audits in results["rules"].items()]


def report(results: dict) -> str:
    """What was seen, rule by rule; and both tables, which are written with a row of what is counted."""
    found = reports(results)
    for properties, title in ((SONG, SONG_TITLE), (TALK, TALK_TITLE)):
        rows = [[one.rule, *(one[key].short for key in properties)] for one in found]
        counts = ["*number, bar*", *(f"*{NUMBERS[key]}*" for key in properties)]
        table(["rule", *properties.values()], [*rows, counts], title)
    return "\n\n".join([*map(str, found), tables(found)])


@styled
def draw(results: dict) -> Figure:
    """Marks with numbers."""
    return figure(reports(results))


if __name__ == "__main__":
    simulation(run, report, draw)
