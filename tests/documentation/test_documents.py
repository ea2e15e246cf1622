"""Documents run: every Python block, in order, file by file; every link leads somewhere; no word too many."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import corticalnet as cn
from corticalnet.circuits.cells import Cell
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.columns import registry
from corticalnet.data import catalogue as sets
from corticalnet.rules import catalogue
from corticalnet.training import load_model, train
from tests import own
from tests.documentation import outputs

DOCUMENTS = [Path("README.md"), Path("CONTRIBUTING.md"), *sorted(Path(".").glob("*/**/*.md"))]
DOCUMENTS = [
    p for p in DOCUMENTS if not p.parts[0].startswith(".") and p.parts[0] not in ("runs", "figures", "build")
]


def blocks(path, language="python"):
    """The text of the fenced blocks of a document in one language ("" for none)."""
    return [block.text for block in outputs.blocks(path, language)]


@pytest.fixture(autouse=True)
def _rules_as_before(monkeypatch):
    monkeypatch.setattr(catalogue, "_RULES", dict(catalogue._RULES))
    monkeypatch.setattr(sets, "CATALOGUE", dict(sets.CATALOGUE))
    monkeypatch.setattr(registry, "_models", dict(registry._models))


def running():
    """Documents that have something to run; tutorials take their time."""
    for path in DOCUMENTS:
        if outputs.blocks(path, *outputs.RUN):
            slow = [pytest.mark.slow] if path.parent.name == "tutorials" else []
            yield pytest.param(path, marks=slow, id=str(path))


@pytest.mark.parametrize("path", list(running()))
def test_blocks_run_and_print_what_is_shown(path, tmp_path):
    drawn = outputs.pictures(path) if path.parent.name in ("tutorials", "how_to") else []
    draws = path.parent.name == "tutorials" or drawn  # others show pictures that simulations have drawn
    folder = tmp_path if draws or path.parent.name == "formats" else Path.cwd()  # (these write files)
    for block, printed, shown in outputs.run(path, folder):
        if shown is not None:
            where = f"{path}:{block.start + 1}"
            assert outputs.agree(shown.text, printed), f"{where} shows\n{shown.text}\nbut prints\n{printed}"
    assert [name for name in drawn if not (folder / name).is_file()] == []


def test_the_documented_model_trains(tmp_path):
    source, *_ = blocks(Path("docs/how_to/model.md"))
    path = tmp_path / "my_model.py"
    path.write_text(source)
    model = load_model(path, rule="streaming-fa-z-il", channels=4, epochs=1, data="digits")
    assert model.rule.name == "streaming-fa-z-il"
    assert model.network.areas["V1"].shape[0] == 4
    assert train(model, progress=False).history[0]["loss"] > 0


def test_the_documented_rule_works_with_every_trigger():
    names: dict = {}
    for block in blocks(Path("docs/how_to/feedback_pathway.md")):
        exec(block, names)
    net = cn.mlp([6, 5, 4], "tanh", dtype=torch.float64)
    x, y = torch.rand(3, 6, dtype=torch.float64), torch.tensor([0, 1, 2])
    changes = []
    for trigger in ("backprop", "z-il", "streaming-fa-z-il"):
        sparse = names["Sparse"](0.5)
        torch.manual_seed(0)
        cn.rule(trigger, feedback=sparse).learn(net, x, y)
        changes.append(net.links[0].weight.grad.clone())
    assert torch.equal(changes[0], changes[1])
    assert torch.equal(changes[0], changes[2])


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), f"{path}: {target}"


def test_the_shown_commands_exist():
    """Every `corticalnet …` line in a document parses as far as its options' names."""
    shown = {
        line.split("#")[0].strip()
        for p in DOCUMENTS
        for b in blocks(p, "") + blocks(p, "bash")
        for line in b.splitlines()
    }
    commands = {line.split()[1] for line in shown if line.startswith("corticalnet ")}
    text = subprocess.run(
        [sys.executable, "-m", "corticalnet", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert commands
    assert all(f" {command} " in text for command in commands)


def test_who_cites_cites_this_version():
    assert f"\nversion: {cn.__version__}\n" in Path("CITATION.cff").read_text()


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_lines_of_text_are_wrapped_at_120(path):
    """Outside code, tables, and a picture or link that cannot be broken."""
    code = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        code ^= line.lstrip().startswith("```")
        assert code or len(line) <= 120 or line.startswith(("|", "![")), (
            f"{path}:{number}: {len(line)} characters"
        )


def test_parts_of_ones_own_are_found_by_the_tests_that_the_how_to_pages_name():
    for page in ("rule", "feedback_pathway", "trigger", "column_model", "cell", "plasticity"):
        first, *_ = blocks(Path(f"docs/how_to/{page}.md"))
        exec(first, {})
    rules = {"my-target-propagation", "sparse-feedback", "bounded-errors", "delta-rule"}
    assert rules == set(own.rules())
    assert "Adapting" in {kind.__name__ for kind in own.kinds(Cell)}
    assert "Oja" in {kind.__name__ for kind in own.kinds(Plasticity)}
