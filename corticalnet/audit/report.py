"""Reports: marks with the numbers behind them, for one rule and side by side for several.

✓ holds    ~ holds for some networks    ✗ does not hold    – cannot be asked
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from corticalnet.errors import RuleError, one_of
from corticalnet.tables import table

GLYPHS = {"yes": "✓", "some": "~", "no": "✗", "none": "–"}

#: Properties of Song et al. 2020, Table 2; full autonomy twice, as the paper means it and without any signal.
SONG = {
    "equality": "equals backprop",
    "locality": "local",
    "partial autonomy": "partial autonomy",
    "autonomy, phases told": "full autonomy (Song)",
    "autonomy": "full autonomy (nothing told)",
}
#: Constraints of Lillicrap's talk, so worded that ✓ is what the talk asks for.
TALK = {
    "weight transport": "no weight transport",
    "weight tying": "no weight tying",
    "signed feedback": "no signed feedback",
    "phases": "no separate phases",
    "clock": "no clock",
    "teacher": "no teacher",
}
PROPERTIES = {**SONG, **TALK}
SONG_TITLE = "Song et al. 2020, Table 2, measured"
TALK_TITLE = "Constraints of Lillicrap's talk, measured"


@dataclass(frozen=True)
class Finding:
    """One property of one rule.

    Attributes:
        name: of the property, a key of :data:`PROPERTIES`.
        mark: "yes" (holds), "some" (for some networks), "no", or "none" (cannot be asked).
        number: what was measured; None if nothing could be.
        detail: what the number is, and what else was seen.
    """

    name: str
    mark: str
    number: float | None
    detail: str

    @property
    def short(self) -> str:
        """Return mark and number as text."""
        return f"{GLYPHS[self.mark]} {brief(self.number)}".rstrip()


@dataclass(frozen=True)
class Report:
    """What was measured of one rule.

    Attributes:
        rule: its name.
        network: what it was tried on, in words.
        findings: one for each property.
        evidence: all numbers, as JSON can hold them.
    """

    rule: str
    network: str
    findings: tuple[Finding, ...]
    evidence: dict[str, Any]

    def __getitem__(self, name: str) -> Finding:
        """Return the finding of a property, by its key.

        Raises:
            RuleError: unknown property.
        """
        found = {finding.name: finding for finding in self.findings}
        one_of("property", name, found, RuleError)
        return found[name]

    def to_dict(self) -> dict[str, Any]:
        """Describe the report as data for JSON; numbers that are not finite become None."""
        findings = {f.name: {"mark": f.mark, "number": f.number, "detail": f.detail} for f in self.findings}
        tidy: dict[str, Any] = finite(
            {"rule": self.rule, "network": self.network, "findings": findings, "evidence": self.evidence}
        )
        return tidy

    def __str__(self) -> str:
        rows = [[PROPERTIES[f.name], f.short, f.detail] for f in self.findings]
        return table(["property", "measured", "what was seen"], rows, f"{self.rule}, on {self.network}")


def side_by_side(reports: Sequence[Report], properties: dict[str, str], title: str = "") -> str:
    """Tabulate rules × properties, every mark with its number."""
    rows = [[report.rule, *(report[name].short for name in properties)] for report in reports]
    return table(["rule", *properties.values()], rows, title)


def tables(reports: Sequence[Report]) -> str:
    """Tabulate the findings as Song's Table 2 and the talk's list."""
    return "\n\n".join(
        [
            side_by_side(reports, SONG, SONG_TITLE),
            side_by_side(reports, TALK, TALK_TITLE),
        ]
    )


def brief(number: float | None) -> str:
    """Format a number in few characters: 0, 0.53, 4.6, 120, 3e-16."""
    if number is None:
        return ""
    if not math.isfinite(number):
        return "∞"
    if number == 0 or 0.01 <= abs(number) < 100:
        return f"{number:.2g}"
    return f"{number:.0f}" if 100 <= abs(number) < 10_000 else f"{number:.0e}"


def finite(value: Any) -> Any:
    """Copy dictionaries and lists so that what is not finite is None."""
    if isinstance(value, dict):
        return {str(key): finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
