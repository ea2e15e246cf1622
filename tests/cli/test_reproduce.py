"""`corticalnet reproduce` lists what is published and runs it by name."""

import json
import subprocess
import sys

import pytest

from corticalnet import shipped
from corticalnet.cli import main
from simulations.parts.results import published


def said(capsys, *arguments):
    """Exit status, stdout and stderr of a command."""
    with pytest.raises(SystemExit) as left:
        main(["reproduce", *arguments])
    return left.value.code, *capsys.readouterr()


def test_every_table_and_figure_of_the_papers_is_listed(capsys):
    code, out, _ = said(capsys, "--show")
    assert code == 0
    for where in ("Pozzi et al. 2020, Tables 1–2", "Pozzi et al. 2020, Fig. 5", "Song et al. 2020, Table 3"):
        assert f"{where}: corticalnet reproduce " in out
    assert "Lansdell et al. 2019, Fig. 2: corticalnet reproduce perturbed_feedback_learns (25 min)" in out
    (line,) = (line for line in out.splitlines() if line.startswith("test error %: backprop "))
    assert line.split()[-4:] == ["2.65", "13.34", "±", "0.28"]
    assert "Not as in the paper:\n  1. Fashion-MNIST" in out
    (line,) = (line for line in out.splitlines() if "he_residual, 20 layers" in line)
    assert line.split()[-4:] == ["8.75", "(error)", "not", "run"]
    assert "reproduce recording_cost" not in out
    assert "reproduce recording_cost" in said(capsys, "--all", "--show")[1]


def test_claims_are_listed_with_their_verdicts(capsys):
    code, out, _ = said(capsys)
    claims = [claim for one in published() for claim in one.claims]
    assert code == 0
    for paper in {claim.paper for claim in claims}:
        assert paper in out.splitlines()
    (line,) = (line for line in out.splitlines() if "perturbed feedback beats backprop" in line)
    assert line.split()[-4:] == ["refuted", "autoencoder", "35", "min"]
    assert f"{len(claims)} claims: " in out


def test_the_index_has_a_line_for_each(capsys):
    code, out, _ = said(capsys, "--all")
    lines = out.splitlines()
    assert code == 0
    assert len(lines) == len(published()) + 3
    assert [line.split()[0] for line in lines[1:-2]] == [one.name for one in published()]
    (line,) = (line for line in lines if line.startswith("perturbed_feedback_learns "))
    assert "Lansdell et al. 2019, Fig. 2" in line
    assert "25 min" in line
    assert "recording_cost" not in said(capsys)[1]
    (residual,) = (one for one in published() if any("not run" in row.ours for row in one.rows))
    (line,) = (line for line in lines if line.startswith(f"{residual.name} "))
    papers = [row for row in residual.rows if row.paper]
    absent = sum(row.ours == "not run" for row in papers)
    assert line.split()[-3:] == [str(len(papers) - absent), str(absent), str(len(residual.deviations))]


def test_one_is_shown_without_a_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = said(capsys, "class_discovery", "--show")
    assert code == 0
    assert out.startswith("Pozzi et al. 2020, Fig. 5: corticalnet reproduce class_discovery (6 min)")
    assert "the paper" in out
    assert not (tmp_path / "figures").exists()


def test_programs_are_told_the_same(capsys):
    code, out, _ = said(capsys, "--json", "--all")
    listed = json.loads(out)
    assert code == 0
    assert [one["name"] for one in listed] == [one.name for one in published()]
    assert all(
        {"question", "paper", "command", "minutes", "rows", "deviations"} <= one.keys() for one in listed
    )


def test_the_list_waits_for_no_library():
    program = "import sys\nfrom contextlib import suppress\nfrom corticalnet.cli import main\n"
    program += "with suppress(SystemExit): main(['reproduce'])\n"
    program += "print(*[name for name in ('torch', 'numpy', 'matplotlib') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_a_simulation_runs_by_name(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = said(capsys, "plasticity_over_time", "--quick")
    assert code == 0
    assert "its numbers are no reproduction" in out
    assert "the paper" in out.partition("Published, of the full run:")[2]
    quick = tmp_path / "figures" / "plasticity_over_time" / "quick"
    assert sorted(path.name for path in quick.iterdir()) == ["figure.png", "results.json", "tables.json"]
    (table,) = json.loads((quick / "tables.json").read_text())
    assert [row[0] for row in table["rows"]] == ["into output", "into area2", "into area1"]


def test_a_full_run_has_the_options_of_its_published_command(capsys, monkeypatch):
    accuracy_table, common = (shipped.simulation(name) for name in ("accuracy_table", "parts.common"))
    asked = {}
    monkeypatch.setattr(accuracy_table, "run", lambda epochs=0, batch=0, halve_every=0: 1 / 0)

    def command(run, report, draw):
        def work(arguments, **options):
            asked[options["prog_name"]] = arguments

        return work

    monkeypatch.setattr(common, "command", command)
    assert said(capsys, "accuracy_table", "--seeds", "2")[0] == 0
    expected = ["--epochs", "26", "--batch", "32", "--halve-every", "10", "--seeds", "2"]
    assert asked == {"corticalnet reproduce accuracy_table": expected}


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["acuracy_table"], 1, "unknown simulation 'acuracy_table'; did you mean 'accuracy_table'?"),
        (["--quick"], 1, "give its name: corticalnet reproduce NAME"),
        (["--seeds", "3"], 1, "unknown simulation '--seeds'"),
        (["plasticity_over_time", "--json"], 1, "--json and --all list simulations"),
        (["plasticity_over_time", "--quick", "--sedes", "3"], 2, "--sedes"),
        (["plasticity_over_time", "--quick", "--seeds", "many"], 2, "Invalid value for '--seeds'"),
        (["plasticity_over_time", "--seeds", "0"], 1, "'seeds' is 0: at least 1 is needed"),
        (["plasticity_over_time", "--quick", "--rule", "z-ill"], 1, "unknown rule 'z-ill'"),
    ],
)
def test_mistakes_are_told_in_one_line(capsys, arguments, code, told):
    status, _, err = said(capsys, *arguments)
    assert status == code
    assert told in err
    assert err.count("\n") == 1


def test_no_simulations_are_told(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("corticalnet.about.FOLDER", tmp_path / "corticalnet")
    status, _, err = said(capsys)
    assert (status, err.count("\n")) == (1, 1)
    assert "there are no simulations" in err


def test_what_a_simulation_takes_is_shown(capsys):
    code, out, _ = said(capsys, "plasticity_over_time", "--", "--help")
    assert code == 0
    assert "--seeds" in out
    assert "When does each synapse" in out
