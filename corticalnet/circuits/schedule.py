"""The step contract: what happens in one step, in which order. Both engines obey it.

All messages of a step are computed from one state, and weights change last: feedback that is on its way
has been carried by the old weights. In the phase that delivers a port (a cell says which: ``ports =
{"drive": "predict"}``), the port is summed first and cells act after it. Brian2's own order (sums before
their sources are up to date, plasticity by name) gives another answer without a word, so the engine gives
every object its phase.

Wires within a column are read at once, in whatever phase the reader acts. What projections and broadcasts
bring to a port that no phase delivers (``{"gate": ""}``) is received at the end of the phase in which the
sender acts (the last one, if there are several).
"""

from __future__ import annotations

from dataclasses import dataclass

from corticalnet.tables import table


@dataclass(frozen=True)
class Phase:
    """One phase of a step.

    Attributes:
        name: also the name of the method with which cells act in it.
        what: one sentence.
    """

    name: str
    what: str


PHASES: tuple[Phase, ...] = (
    Phase("deliver", "stimuli, teachers and noise reach their cells"),
    Phase("move", "value cells move, by the messages of the last step"),
    Phase("fire", "rates follow their values"),
    Phase("predict", "what comes up is summed, weight × rate; prediction cells take it over"),
    Phase("compare", "error cells compare values with predictions"),
    Phase("detect", "φ cells look for errors that leave rest; clocks count"),
    Phase("send", "error cells decide what they pass down"),
    Phase("feedback", "what comes down is summed, weight × error, through the old weights"),
    Phase("learn", "weights change"),
    Phase("record", "what was asked for is written down"),
)


class Schedule(tuple[Phase, ...]):
    """The phases in order; prints itself as a table."""

    def names(self) -> list[str]:
        """Return the names of the phases in order."""
        return [phase.name for phase in self]

    def __str__(self) -> str:
        rows = [[str(k), phase.name, phase.what] for k, phase in enumerate(self, start=1)]
        return table(["", "phase", "what happens"], rows)


SCHEDULE = Schedule(PHASES)
