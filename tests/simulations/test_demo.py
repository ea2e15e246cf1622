"""The demo's own numbers: equal rules learn equally, and the figures are there."""

import pytest

from corticalnet import demo, plotting


@pytest.mark.slow
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
    ran = demo.columns()
    assert ran.error < 1e-12
    assert ran.spikes_of_phi > 3 * 10  # every column of the output, and more, in every trial
    audited = {report.rule: report for report in demo.audits()}
    assert [audited[name]["locality"].mark for name in demo.AUDITED] == ["no", "yes", "yes"]
    assert [audited[name]["autonomy"].mark for name in demo.AUDITED] == ["no", "no", "yes"]
    paths = plotting.save(
        demo.figures(list(rows.values()), list(audited.values()), ran), tmp_path / "figures"
    )
    names = ["learning_curves", "cost_and_likeness", "audit", "wiring", "traces", "raster", "weights"]
    assert [p.stem for p in paths] == names
    assert all(p.stat().st_size > 5000 for p in paths)
    assert demo.report(list(rows.values())).count("\n") == len(rows)
