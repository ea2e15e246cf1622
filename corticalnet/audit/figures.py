"""Figures of an audit and of a validation: which numbers are drawn; plotting draws them.

matplotlib is slow to import, so it is imported when something is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from corticalnet.audit.comparison import ALL
from corticalnet.audit.report import GLYPHS, PROPERTIES, SONG, SONG_TITLE, TALK, TALK_TITLE, Report, brief
from corticalnet.audit.sweeps import ParameterSweep
from corticalnet.audit.validation import Validation

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(reports: Sequence[Report]) -> Figure:
    """Draw both tables of an audit, Song's and the talk's, as one figure."""
    from corticalnet.plotting.marks import marks

    rows = {
        report.rule: {PROPERTIES[f.name]: (f.mark, GLYPHS[f.mark], brief(f.number)) for f in report.findings}
        for report in reports
    }
    return marks(rows, [(SONG_TITLE, list(SONG.values())), (TALK_TITLE, list(TALK.values()))])


def figures(report: Validation) -> dict[str, Figure]:
    """Draw "views", if views were run, and ``sweep_of_…``, if a setting was swept; by name."""
    from corticalnet.plotting.validation import by_view

    found: dict[str, Figure] = {}
    if report.views:
        views = {
            one.view: {
                area: [(c.cosine, c.ratio, c.error) for c in (trial[area] for trial in one.trials)]
                for area in (report.areas if one.trials else ())
            }
            for one in report.views
        }
        found["views"] = by_view(views, f"{report.name}: weight changes beside backprop's")
    if report.sweep is not None:
        found[f"sweep_of_{report.sweep.name}"] = _sweep(report.sweep, report.name)
    return found


def _sweep(sweep: ParameterSweep, name: str) -> Figure:
    """Draw errors, and cosines, area by area."""
    from corticalnet.plotting.validation import over_setting

    areas = [area for area in sweep.areas if area != ALL]
    laws = {area: (law.scale, law.exponent) for area in areas if (law := sweep.power_law(area))}
    errors = {area: sweep.errors(area) for area in areas}
    cosines = {area: sweep.cosine(area) for area in areas}
    return over_setting(sweep.values, errors, cosines, laws, sweep.label, name)
