"""The demo's own numbers: equal rules learn equally, and the figures are there."""

from corticalnet import demo


def test_demo_shows_what_it_says(tmp_path):
    rows = {row.rule: row for row in demo.run(epochs=3)}
    assert list(rows) == list(demo.RULES)
    assert rows["backprop"].cosine == 1.0
    for equal in ("z-il", "fa-z-il"):
        assert rows[equal].error < 1e-12
        assert rows[equal].test_accuracy == rows["backprop"].test_accuracy
        assert rows[equal].curve == rows["backprop"].curve
    assert rows["il"].error > 0.01
    assert rows["feedback-alignment"].cosine < 0.99
    assert rows["backprop"].test_accuracy > 0.6
    paths = demo.write(list(rows.values()), tmp_path / "figures")
    assert [p.stat().st_size > 5000 for p in paths] == [True, True]
    assert demo.report(list(rows.values())).count("\n") == len(rows)
