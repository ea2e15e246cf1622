"""Quick form of the simulation of feedback in convolutions."""

import pytest

from tests.simulations.test_quick import results


@pytest.mark.slow
def test_a_mirror_does_in_convolutions_what_fixed_random_feedback_does_not():
    arms = {name: runs[0] for name, runs in results("feedback_in_convolutions")["arms"].items()}
    angles = {name: run["angle"][-1] for name, run in arms.items()}
    assert {name: len(look) for name, look in angles.items()} == dict.fromkeys(arms, 4)
    assert all(look[-1] < 0.1 for look in angles.values())  # the output's own error is exact
    assert max(angles["backprop"]) < 0.1
    assert max(angles["weight mirror"]) < 10 < 40 < min(angles["fixed random"][:-1])
    assert max(angles["weight mirror"]) < max(angles["Kolen–Pollack"]) < max(angles["fixed random"])
    gaps = {name: [max(look) for look in run["gap"]] for name, run in arms.items()}
    assert gaps["weight mirror"][-1] < gaps["Kolen–Pollack"][-1] < gaps["Kolen–Pollack"][0]
    ends = {name: run["test"] for name, run in arms.items()}
    assert ends["backprop"] > 0.95
    for name in ("weight mirror", "Kolen–Pollack"):
        assert ends[name] > ends["fixed random"] + 0.03
