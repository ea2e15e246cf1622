"""Quick forms of the simulations of feedback that learns by perturbation."""

import pytest

from tests.simulations.test_quick import results


def test_feedback_that_learns_beside_w_is_between_alignment_and_backprop():
    ends = {
        name: {what: values[-1] for what, values in courses[0].items()}
        for name, courses in results("perturbed_feedback_learns")["courses"].items()
    }
    assert max(ends["backprop"]["angle"]) < 1e-3
    for area in (0, 1):
        angles = [ends[name]["angle"][area] for name in ("σ = 0.01", "feedback alignment")]
        assert angles[0] < 0.7 * angles[1]
    assert ends["backprop"]["error"] < ends["σ = 0.01"]["error"] < ends["feedback alignment"]["error"]
    loud = ends["σ = 0.1"]
    assert loud["error"] < ends["feedback alignment"]["error"] < loud["error with noise"]


def test_feedback_finds_weights_as_fast_as_least_squares_can():
    parts = results("feedback_finds_weights")["parts"]
    ends = {
        name: {what: values[-1] for what, values in courses[0].items()}
        for cases in parts.values()
        for name, courses in cases.items()
    }
    ratio = {name: end["gap"][-1] / end["expected"][-1] for name, end in ends.items()}
    for name, value in ratio.items():
        if name.endswith("σ 0.01"):  # a kink does no harm
            assert value == pytest.approx(1, abs=0.3)
            assert max(ends[name]["angle"]) < 6
        else:  # large noise does
            assert value > 2
    narrow, wide = (ends[f"{hidden} linear, σ 0.01"] for hidden in ("10-10-10", "16-20-10"))
    assert max(narrow["gap"]) < 0.25
    assert wide["gap"][0] > (1 - 10 / 20) ** 0.5  # what errors of 10 numbers cannot tell of 20 columns
