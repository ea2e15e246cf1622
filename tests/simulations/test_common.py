"""What all simulations share: where results go, and how means are written."""

import inspect
import json
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from corticalnet.errors import OutputError
from simulations.parts import common
from simulations.parts.common import command, plus_minus, table


def run(seeds: int = 3, quick: bool = False) -> dict:
    """Nothing is computed."""
    return {"seeds": 1 if quick else seeds}


def report(results):
    return table(["seeds"], [[results["seeds"]]], "how many")


def test_a_quick_run_overwrites_no_full_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    work = command(run, report, lambda results: plt.figure())
    for arguments in ([], ["--quick"]):
        work(arguments, standalone_mode=False)
    plt.close("all")
    said = capsys.readouterr().out
    assert said.count("--quick shows that it runs: its numbers are no reproduction.") == 1
    full, quick = Path("figures/test_common"), Path("figures/test_common/quick")
    assert json.loads((full / "results.json").read_text()) == {"seeds": 3}
    assert json.loads((quick / "results.json").read_text()) == {"seeds": 1}
    for folder, seeds in ((full, "3"), (quick, "1")):
        tables = json.loads((folder / "tables.json").read_text())
        assert tables == [{"title": "how many", "columns": ["seeds"], "rows": [[seeds]]}]
        assert (folder / "figure.png").stat().st_size > 1000


def test_results_go_where_they_are_asked_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command(run, report, lambda results: plt.figure())(["--quick", "--out", "here"], standalone_mode=False)
    plt.close("all")
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_a_folder_that_cannot_be_written_to_is_told_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    work = command(lambda quick=False: pytest.fail("it worked"), report, lambda results: plt.figure())
    with pytest.raises(OutputError, match="file"):
        work(["--out", str(tmp_path / "file" / "below")], standalone_mode=False)


def test_one_value_has_no_spread():
    assert plus_minus([1.5]) == "1.50"
    assert plus_minus([1.0, 2.0]) == "1.50 ± 0.71"
    assert plus_minus([1.0, 1.0], 0) == "1 ± 0"


@pytest.mark.parametrize("name", ["prediction_diverges", "inference_relaxes", "divergence"])
def test_no_simulation_writes_a_mean_in_its_own_way(name):
    text = Path(inspect.getfile(common)).parents[1].joinpath(f"{name}.py").read_text()
    assert "} ± {" not in text
