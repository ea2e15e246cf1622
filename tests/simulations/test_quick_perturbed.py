"""Quick forms of the simulations of feedback that learns by perturbation."""

import pytest

from tests.simulations.test_quick import results


@pytest.mark.slow
def test_feedback_that_learns_beside_w_is_between_alignment_and_backprop():
    """Errors are summed over learning from 400 updates on: at the end of so short a run all are near.

    Ratios: backprop / σ 0.84 ± 0.04, σ / alignment 0.60 ± 0.13; noise adds 28 ± 1 points. Angles are 0.46 ±
    0.06 (area 1) and 0.33 ± 0.12 (area 2) of alignment's. (4 seeds.)
    """
    courses = {name: runs[0] for name, runs in results("perturbed_feedback_learns")["courses"].items()}
    ends = {name: {what: values[-1] for what, values in one.items()} for name, one in courses.items()}
    assert max(ends["backprop"]["angle"]) < 1e-3
    for area in (0, 1):
        angles = [ends[name]["angle"][area] for name in ("σ = 0.01", "feedback alignment")]
        assert angles[0] < 0.7 * angles[1]
    error = {name: sum(one["error"][2:]) for name, one in courses.items()}
    for sigma in ("σ = 0.01", "σ = 0.1"):
        assert error["backprop"] < error[sigma] < error["feedback alignment"]
    assert ends["σ = 0.1"]["error"] + 10 < ends["σ = 0.1"]["error with noise"]


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
