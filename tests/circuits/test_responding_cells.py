"""Cells of recurrent backprop, worked by hand."""

from types import SimpleNamespace as Given

import pytest

from corticalnet.circuits.cells.cell import rest_of
from corticalnet.circuits.cells.responding import (
    RelaxingError,
    RelaxingErrorNext,
    RelaxingOutputError,
    Responding,
)


@pytest.mark.parametrize(("drive", "rate", "gain"), [(0.5, 0.25, 1.0), (3.0, 0.5, 0.0), (-1.0, 0.0, 0.0)])
def test_a_column_relaxes_half_way_and_has_no_gain_at_its_bound_or_below_threshold(drive, rate, gain):
    cell = Responding(tau=2.0, activation="relu", bound=1.0, weight=4.0)
    new = cell.predict(rest_of(cell), Given(drive=drive - 0.25, feedback=1.0, error=0.0), 1.0)
    assert new == {"rate": rate, "sent": 4 * rate, "gain": gain}
    assert cell.send(rest_of(cell), Given(error=0.5), 1.0) == {"error": 0.5, "moved": 2.0}


@pytest.mark.parametrize(("kind", "phase"), [(RelaxingError, "compare"), (RelaxingErrorNext, "detect")])
def test_an_error_relaxes_by_the_gain_of_its_column(kind, phase):
    """0.5 + ½ (2 · (0.3 + 0.8 / 4) − 0.5) = 0.75"""
    cell = kind(tau=2.0, weight=4.0)
    now = Given(rate=0.5, sent=2.0)
    assert getattr(cell, phase)(now, Given(drive=0.3, feedback=0.8, gain=2.0), 1.0) == pytest.approx(
        {"rate": 0.75, "sent": 3.0}
    )


@pytest.mark.parametrize(("clamped", "error"), [(1.0, 0.4), (0.0, 0.0)])
def test_an_output_error_is_driven_while_a_teacher_is_there(clamped, error):
    cell, now = RelaxingOutputError(), Given(rate=0.0, sent=0.0, target=1.0, clamped=clamped)
    new = cell.detect(now, Given(drive=0.1, gain=2.0, rate=0.6), 1.0)
    assert new["rate"] == pytest.approx(2.0 * (0.1 + error))
