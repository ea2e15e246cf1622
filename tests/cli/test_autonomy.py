"""``corticalnet autonomy``: what it measures, writes and says, and what it says of mistakes."""

import json

import pytest


@pytest.fixture
def found(cli, place):
    said = cli("autonomy small --rule z-il --samples 12 --trials 4 --seed 3 --out here --json")
    assert said.code == 0, said.err
    return json.loads(said.out)


def test_gated_detectors_are_autonomous_and_the_papers_is_not(found, place):
    """One ReLU area: told the phase, the paper's φ is right in a trial (with t_d > 1; no area below moves and
    makes it late), but in a stream, and told nothing, it learns from what comes and goes."""
    for name, precisions in found["detection"].items():
        for silence, one in precisions["float64"].items():
            assert (one["samples"] == 1) == (name != "paper" or int(silence) > 1), (name, silence)
            assert len(one["cosines"]) == 12
    streams = {name: report["worst"] for name, report in found["streams"].items()}
    assert streams["streaming φ"] < 1e-10
    assert streams["paper's φ"] > 0.1
    assert len(found["streams"]["streaming φ"]["distances"]) == 4
    written = json.loads((place / "here" / "autonomy.json").read_text())
    assert written["streams"] == found["streams"]
    assert (place / "here" / "autonomy.png").stat().st_size > 10_000


def test_tables(cli):
    said = cli("autonomy small --rule feedback-alignment --samples 5 --trials 2 --out there")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    streaming = next(line for line in lines if line.startswith("streaming") and "of samples" in line)
    assert streaming.split()[-6:] == ["100"] * 6
    assert sum(line.split()[:1] in (["1"], ["2"]) for line in lines) == 2
    again = cli("autonomy small --samples 5 --trials 2 --out there")
    assert again.code == 1
    assert again.err == "error: there holds results already; give another --out, or --overwrite\n"


@pytest.mark.filterwarnings("always::corticalnet.errors.CircuitWarning")
def test_streams_that_run_away_are_said(cli):
    said = cli("autonomy small --rule z-il --samples 2 --trials 3 --lr 1e150 --out here --json")
    assert said.code == 0, said.err
    json.loads(said.out)
    assert "warning: stream, streaming φ: numbers ran away in trial 2; a smaller --lr may help" in said.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--samples 61", "digits has 60 images for samples, but samples = 61"),
        ("--samples 9 --trials 99", "digits has 60 images for trials, but trials = 99"),
        ("--samples 9 --rule brainprop", "or a Teacher"),
        ("--samples 9 --rule direct-feedback-alignment", "needs feedback that comes down link by link"),
        ("--data digitz", "did you mean 'digits'?"),
    ],
)
def test_mistakes_are_one_line(cli, options, message):
    said = cli(f"autonomy small {options}")
    assert said.code == 1
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert message in said.err
