"""From measurements to marks: where the bars are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from corticalnet.audit.autonomy import CELLS_ALONE, SWEEP, Autonomy
from corticalnet.audit.constraints import Signals, Taught, Transport
from corticalnet.audit.equality import EQUAL, GradientSimilarity
from corticalnet.audit.locality import ROUNDING, Locality
from corticalnet.audit.report import Finding, brief
from corticalnet.audit.settling import Settling


def judge_equality(found: dict[str, GradientSimilarity]) -> Finding:
    """Judge equality: a relative error of at most 1e-6 in every area of every network."""
    worst = max(one.error for one in found.values())
    each = ", ".join(f"{k} {brief(v.error)} (cosine ≥ {v.cosine:.3f})" for k, v in found.items())
    mark = _share({kind: one.equal for kind, one in found.items()})
    detail = f"relative error: {each}"
    there = {kind: one.to_equilibrium for kind, one in found.items() if one.to_equilibrium}
    if there:
        rest = ", ".join(
            f"{k} {brief(error)} (cosine ≥ {cosine:.3f})" for k, (error, cosine) in there.items()
        )
        detail += f"; to the gradient of what it answers: {rest}"
    return Finding("equality", mark, worst, detail)


def judge_locality(found: Locality) -> Finding:
    """Judge locality: nothing leaks, and a rule that nobody watches learns the same."""
    if found.paths > ROUNDING:
        return Finding(
            "locality",
            "no",
            max(found.largest, found.paths),
            f"paths differ by {brief(found.paths)}: what trains is not what was looked at"
            + (f"; leaks: {', '.join(list(found.leaks)[:3])}" if found.leaks else ""),
        )
    if not found.moments:
        return Finding("locality", "none", None, "nothing changed")
    if not found.leaks:
        held = ", ".join(found.states)
        heard = f"; broadcast: {', '.join(found.broadcasts)}" if found.broadcasts else ""
        return Finding(
            "locality", "yes", 0.0, f"{found.checks} disturbances, no leak; cells hold {held}{heard}"
        )
    worst = ", ".join(f"{name} {brief(leak)}" for name, leak in list(found.leaks.items())[:3])
    more = len(found.leaks) - 3
    return Finding(
        "locality", "no", found.largest, f"leaks: {worst}" + (f" and {more} more" if more > 0 else "")
    )


def judge_partial(found: Autonomy) -> Finding:
    """Judge partial autonomy: after a presentation by the equations of learning the change is the rule's."""
    return _settled(found, "partial autonomy", found.settling)


def _settled(found: Autonomy, name: str, settled: dict[str, Settling]) -> Finding:
    if found.reason:
        return _not_in_time(found, name)
    equal = {kind: one.equal for kind, one in settled.items()}
    mark = _share(equal)
    worst = max(one.distance for one in settled.values())
    if mark == "yes":
        detail = f"prediction comes to rest by the equations of learning; {_worst(settled)}"
    else:
        right = ", ".join(kind for kind, good in equal.items() if good)
        detail = (f"only {right}; " if right else "") + _worst(settled)
    moved = [one.before for one in settled.values() if one.before]
    if moved:
        detail += f"; weights had moved by up to {brief(max(moved))} of it before"
    return Finding(name, mark, worst, detail)


def judge_autonomy(found: Autonomy, name: str, condition: str) -> Finding:
    """Judge autonomy: in a stream of unknown timing the weights are those of a twin that learns by sweeps."""
    if found.reason:
        return _not_in_time(found, name)
    distances = found.streams.get(condition, found.streams["nothing"])
    equal = {kind: distance <= EQUAL for kind, distance in distances.items()}
    detail = "distance to the twin: " + ", ".join(f"{k} {brief(v)}" for k, v in distances.items())
    regular = found.streams.get("fixed timing", {})
    counts = [kind for kind, distance in regular.items() if distance <= EQUAL and not equal[kind]]
    if counts:
        detail += f"; equal when every trial lasts the same ({', '.join(counts)}): something counts steps"
    if found.controls:
        detail += f"; has control cells: {', '.join(found.controls)}"
    return Finding(name, _share(equal), max(distances.values()), detail)


def judge_clock(found: Autonomy) -> Finding:
    """Judge clocks: without them the columns still learn what the rule does."""
    if found.reason in CELLS_ALONE:
        return _has_none(found, "clock", found.controls)
    if found.reason:
        return Finding("clock", "none", None, found.reason)
    if not found.controls:
        timed = found.streams["nothing"]
        regular = found.streams.get("fixed timing", {})
        counts = [k for k, v in regular.items() if v <= EQUAL < timed[k]]
        if counts:
            return Finding(
                "clock", "no", max(timed.values()), "no clock is declared, but something counts steps"
            )
        return Finding("clock", "yes", 0.0, "the circuit has no control cell")
    silenced, told = found.own["phases"], found.own.get("everything", found.own["phases"])
    mark = _share({kind: v <= EQUAL for kind, v in silenced.items()})
    detail = f"without its clocks {brief(max(silenced.values()))}, with them {brief(max(told.values()))}"
    if rested := found.own.get("from rest"):
        detail += f", and {brief(max(rested.values()))} if each trial begins at rest"
        if max(rested.values()) <= EQUAL:
            detail += ": columns rest in more than one way, and may stay as the trial before has left them"
    if "clock" not in found.controls:
        detail = "the circuit has no clock; phases told"
    return Finding("clock", mark, max(silenced.values()), detail)


def judge_transport(found: Transport, signals: Signals) -> Finding:
    """Judge weight transport: feedback does not follow the forward weights."""
    moves = found.moves if any(found.moves.values()) else found.copied
    detail = "feedback moves when forward weights are " + ", ".join(
        f"{k} {brief(v)}" for k, v in moves.items()
    )
    used, unfelt = found.largest > ROUNDING, found.null_space
    if not used:
        detail = "feedback stays when forward weights change" if signals.count else "no feedback comes down"
        if unfelt.crowded:
            detail += f"; not tried in the null space of rates, which fill it: {', '.join(unfelt.crowded)}"
    elif not any(moves.values()):
        detail = f"changes below move by {brief(unfelt.largest)} when weights do where no rate feels it"
        if not unfelt.reads:
            detail = f"weights were copied in an earlier trial: {detail}"
    elif moves is found.copied:
        detail = f"weights were copied when the pathway was built: {detail}"
    elif moves["scaled"] <= ROUNDING:
        detail += ": signs only"
    if found.claims is not None and found.claims != used and signals.count:
        detail += "; the pathway claims " + ("transport" if found.claims else "none")
    return Finding("weight transport", "no" if used else "yes", found.largest, detail)


def judge_tying(synapses: float) -> Finding:
    """Judge weight tying: every synapse has a weight of its own; a property of the network."""
    detail = "synapses per weight, in the network" + (": shared by a convolution" if synapses > 1 else "")
    return Finding("weight tying", "yes" if synapses <= 1 else "no", synapses, detail)


def judge_signed(found: Signals) -> Finding:
    """Judge signed feedback: what is sent down is never negative, where rates are not either."""
    if not found.count:
        return Finding("signed feedback", "yes", 0.0, "no feedback comes down")
    detail = f"{found.negative:.0%} of {found.count} states that are sent are negative"
    if found.negative:
        return Finding(
            "signed feedback", "no", found.negative, f"{detail}, by {', '.join(found.negative_from)}"
        )
    return Finding("signed feedback", "yes", 0.0, f"{detail}, {found.positive:.0%} positive")


def judge_phases(found: Autonomy) -> Finding:
    """Judge phases: no column receives the phase (a clock may tell synapses when to learn)."""
    if found.reason == SWEEP:
        return Finding("phases", "no", None, "a sweep up, then a sweep down")
    if found.reason in CELLS_ALONE:
        return _has_none(found, "phases", found.phase_cells)
    if found.phase_cells:
        names, away = ", ".join(f"'{name}'" for name in found.phase_cells), max(found.own["phases"].values())
        detail = f"{names} tells columns which phase it is; untold, they are {brief(away)} away from the rule"
        return Finding("phases", "no", away, detail)
    return _settled(found, "phases", found.untold)


def judge_teacher(found: Taught) -> Finding:
    """Judge the teacher: the change does not depend on which wrong class is the target."""
    if found.any <= ROUNDING:
        return Finding("teacher", "yes", 0.0, "learns without any target")
    if not found.lessons:
        return Finding("teacher", "none", None, "all answers were right")
    detail = f"change moves if another wrong class is the target ({found.lessons} wrong answers)"
    if found.wrong <= ROUNDING:
        return Finding("teacher", "yes", found.wrong, "right or wrong is all that it is told")
    return Finding("teacher", "no", found.wrong, detail)


def _share(holds: Mapping[str, bool]) -> str:
    return "yes" if all(holds.values()) else "some" if any(holds.values()) else "no"


def _has_none(found: Autonomy, name: str, cells: Sequence[str]) -> Finding:
    """Judge columns by the control cells that they have, where nothing else is measured."""
    has = f"has control cells: {', '.join(cells)}" if cells else "no control cell in their circuit"
    return Finding(name, "no" if cells else "yes", float(len(cells)), f"{found.reason}; {has}")


def _not_in_time(found: Autonomy, name: str) -> Finding:
    return Finding(name, "no" if found.reason == SWEEP else "none", None, found.reason)


def _worst(settled: dict[str, Settling]) -> str:
    kind = max(settled, key=lambda k: settled[k].distance)
    one = settled[kind]
    coming = ", still coming to rest" if one.coming and not one.equal else ""
    return (
        f"{kind}: distance {brief(one.distance)} after {one.steps} steps, "
        f"errors up to {brief(one.rest)} left{coming}"
    )
