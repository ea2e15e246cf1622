"""``corticalnet audit``: one rule in full, several side by side, files, and mistakes in one line."""

import json


def test_one_rule_comes_with_what_was_seen(cli):
    said = cli("audit backprop --quick")
    assert said.code == 0, said.err
    assert "leaks: rate of area2" in said.out
    assert "weights of area2->output" in said.out
    assert "two sweeps, not a process in time" in said.out


def test_several_rules_as_two_tables_with_files(cli, place):
    said = cli("audit backprop feedback-alignment --quick --out here")
    assert said.code == 0, said.err
    assert said.out.count("\nfeedback-alignment") == 2
    assert "Song et al. 2020, Table 2, measured" in said.out
    assert (place / "here" / "audit.png").stat().st_size > 10_000
    found = json.loads((place / "here" / "audit.json").read_text())
    assert [one["rule"] for one in found] == ["backprop", "feedback-alignment"]


def test_parameters_and_json(cli):
    said = cli("audit backprop --set feedback_cells=True --quick --json")
    (report,) = json.loads(said.out)["reports"]
    assert report["findings"]["locality"]["mark"] == "yes"


def test_mistakes_in_one_line(cli):
    said = cli("audit zil")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("error: unknown rule 'zil'; did you mean 'z-il'?")
    assert "--set is for one rule" in cli("audit il z-il --set steps=3").err
