"""Which rule made a recording: numbers by hand, and a classifier judged on what it has not seen."""

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.analysis.identification import OBSERVABLES, RuleIdentifier, observables
from corticalnet.errors import RuleError


def test_observables_of_two_stimuli_and_two_cells_by_hand():
    before, after = np.array([[1.0, 0.0], [1.0, 2.0]]), np.array([[3.0, 0.0], [1.0, 0.0]])
    found = observables({"v1": np.stack([before, after])})
    assert len(found) == 2 * len(OBSERVABLES)
    assert found["v1.mean.0"] == 1.0
    assert found["v1.tuning.0"] == 0.5  # s.d. over stimuli: 0 and 1
    assert found["v1.tuning.1"] == 0.5  # 1 and 0
    assert found["v1.diversity.0"] == 0.0  # both cells have mean 1
    assert found["v1.diversity.1"] == 1.0  # means 2 and 0
    assert found["v1.sparseness.0"] == pytest.approx(1 - (1 + 0.5) / 2)  # 1²/1 and 1²/2
    assert found["v1.dimension.0"] == pytest.approx(1.0)  # two stimuli differ along one line
    assert found["v1.change.1"] == pytest.approx(np.sqrt(4 + 4) / np.sqrt(6))
    assert found["v1.speed.1"] == found["v1.change.1"]
    assert found["v1.change.0"] == 0.0


def test_dimension_counts_directions_that_vary_alike():
    stimuli = np.vstack([np.eye(4), -np.eye(4)])
    assert observables({"a": stimuli[None]})["a.dimension.0"] == pytest.approx(4.0)


def test_geometry_asks_whether_the_same_stimuli_are_alike():
    rng = np.random.default_rng(0)
    before = rng.normal(size=(6, 5))
    turned = before @ np.linalg.qr(rng.normal(size=(5, 5)))[0]  # other cells, the same geometry
    found = observables({"a": np.stack([before, turned, rng.normal(size=(6, 5))])})
    assert found["a.geometry.1"] == pytest.approx(1.0)
    assert abs(found["a.geometry.2"]) < 0.9


def recordings(shift, count=20, seed=0):
    rng = np.random.default_rng(seed)
    made = [rng.normal(size=(3, 8, 4)) * (1 + shift * np.arange(3))[:, None, None] for _ in range(count)]
    return [observables({"area1": one}) for one in made]


def test_what_differs_is_told_apart_and_what_does_not_is_left_to_chance():
    groups = [*range(20)] * 2
    same = RuleIdentifier().held_out(
        recordings(0.0) + recordings(0.0, seed=1), ["a"] * 20 + ["b"] * 20, groups
    )
    other = RuleIdentifier().held_out(
        recordings(0.0) + recordings(1.0, seed=1), ["a"] * 20 + ["b"] * 20, groups
    )
    assert other.accuracy > 0.9
    assert abs(same.accuracy - same.chance) < 0.35  # 4.4 s.d. of 40 guesses
    np.testing.assert_allclose(other.confusion.sum(1), 1.0)
    assert other.accuracy == pytest.approx(np.diag(other.confusion).mean())
    assert [pair[:2] for pair in other.mistaken] in ([], [("a", "b")], [("b", "a")], [("a", "b"), ("b", "a")])
    assert "by chance 50%" in str(other)


def test_groups_are_held_out_whole():
    """Recordings that name their own group and nothing else tell nothing about a group not seen."""
    rng = np.random.default_rng(0)
    rules, groups, rows = [], [], []
    for group in range(10):
        for _ in range(4):
            rule = "ab"[group % 2]
            rules.append(rule)
            groups.append(group)
            rows.append({f"is.{k}": float(k == group) + 0.01 * rng.normal() for k in range(10)})
    assert RuleIdentifier().held_out(rows, rules, groups).accuracy < 0.75
    model = RuleIdentifier().fit(rows, rules)
    assert model.identify(rows[0])["a"] > 0.5 > model.identify(rows[4])["a"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: observables({"a": np.ones((2, 3))}), r"have shape \(2, 3\); it must be"),
        (lambda: observables({"a": np.full((1, 2, 2), np.nan)}), "observables: rates of 'a'"),
        (lambda: RuleIdentifier(0), "penalty must be a number above 0, not 0"),
        (lambda: RuleIdentifier().identify({"x": 1.0}), "it knows no rule yet"),
        (lambda: RuleIdentifier().fit([{"x": 1.0}], ["a"]), "of at least two rules"),
        (lambda: RuleIdentifier().fit([{"x": 1.0}, {"y": 1.0}], ["a", "b"]), "'x' is measured in some"),
        (lambda: RuleIdentifier().held_out([{"x": 1.0}] * 2, ["a", "b"], [0, 0]), "of at least two"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_a_sentence(wrong, message):
    with pytest.raises(RuleError, match=message):
        wrong()


def test_the_names_are_public():
    assert cn.analysis.RuleIdentifier is RuleIdentifier
