"""A number stands in one place: pages show what docs/results/NAME.json has."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simulations.parts import pages, results
from simulations.parts.results import ResultsError, Row

PAGES = pages.pages()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(results.ROOT)))
def test_pages_show_what_the_results_say(page):
    assert page.read_text() == pages.shown(page.read_text()), "run `make results`"


def test_every_simulation_has_its_results_and_every_table_is_shown():
    found = results.published()
    assert [one.name for one in sorted(found, key=lambda one: one.name)] == results.names()
    text = "".join(page.read_text() for page in PAGES)
    for one in found:
        assert one.question.endswith("?"), one.name
        assert f"| `{one.name}` |" in text
        assert 0 < one.minutes < 24 * 60
        for table in one.tables:
            assert f"<!-- results: {one.name} {table} -->" in text, f"no page shows {one.name}: {table}"
    strays = {p.stem for p in results.RESULTS.glob("*.json")} - set(results.names())
    assert not strays, "results of no simulation"


def test_the_list_of_simulations_waits_for_no_library():
    program = "import sys; from simulations.parts.results import published; print(len(published()))\n"
    program += "print(*[name for name in ('torch', 'numpy', 'matplotlib', 'typer') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    count, loaded = done.stdout.splitlines()
    assert int(count) == len(results.names())
    assert loaded == ""


@pytest.fixture
def two_simulations(tmp_path, monkeypatch):
    """A folder with one simulation, and its results, by hand."""
    header = '"""Is it so?\n\n    python -m simulations.one --seeds 2     2 seeds, 30 s\n"""\n'
    (tmp_path / "one.py").write_text(header)
    table = {
        "columns": ["rule", "test %", "the paper"],
        "rows": [["a", "88.7 ± 4.3 %", "90"], ["b|c", "2", ""]],
    }
    facts = {"group": "learning", "paper": "Me 2020", "deviations": ["None."], "tables": {"all": table}}
    facts["headline"] = {
        "table": "all",
        "what": ["rule"],
        "numbers": [{"ours": ["test %"], "paper": "the paper"}],
        "of": "test",
    }
    (tmp_path / "one.json").write_text(json.dumps(facts))
    monkeypatch.setattr(results, "HERE", tmp_path)
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    return facts


def test_a_simulation_is_read_from_its_header_and_its_results(two_simulations):
    (one,) = results.published()
    assert (one.question, one.command) == ("Is it so?", "python -m simulations.one --seeds 2")
    assert one.minutes == 0.5
    assert one.rows == [Row("test: a", "90", "88.7 %", "4.3"), Row("test: b|c", "", "2")]


def test_a_block_is_written_anew_and_the_rest_of_a_page_is_left(two_simulations):
    page = "before\n<!-- results: one all -->\nold\n<!-- end -->\nafter\n"
    table = "| rule | test % | the paper |\n| --- | --- | --- |\n| a | 88.7 ± 4.3 % | 90 |\n| b\\|c | 2 | |"
    assert pages.shown(page) == page.replace("old", f"\n{table}\n")
    two_simulations["tables"]["all"]["rows"][0][1] = "88.8 ± 4.3 %"
    (results.RESULTS / "one.json").write_text(json.dumps(two_simulations))
    assert "88.8" in pages.shown(pages.shown(page))
    assert pages.shown("<!-- results: one deviations -->\n<!-- end -->").splitlines()[2] == "1. None."
    assert "| Is it so? | `one` | Me 2020 | 30 s |" in pages.shown(
        "<!-- questions: learning -->\n<!-- end -->"
    )


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("results: two all", "unknown simulation 'two'"),
        ("results: one al", "one: unknown table 'al'"),
        ("results: one", "a block is 'results: NAME TABLE'"),
        ("questions: sports", "unknown group 'sports'"),
    ],
)
def test_a_block_that_asks_for_what_is_not_there_is_told(two_simulations, block, said):
    with pytest.raises(ResultsError, match=said):
        pages.shown(f"<!-- {block} -->\n<!-- end -->")


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("one.json", "{", "one.json has no results as they should be"),
        ("one.json", "[]", "one.json has no results as they should be"),
        ("one.json", '{"group": "sports", "paper": "", "tables": {}}', "unknown group 'sports'"),
        ("one.py", '"""Is it so?"""', "the header shows no command with how long it takes"),
    ],
)
def test_what_is_not_as_it_should_be_is_told(two_simulations, file, text, said):
    (results.HERE / file).write_text(text)
    with pytest.raises(ResultsError, match=said):
        results.published()


def test_a_time_is_said_as_people_say_it():
    assert [results.minutes(value) for value in (0.25, 8.0, 1.5, 90)] == ["15 s", "8 min", "90 s", "1.5 h"]


def test_the_command_writes_pages(tmp_path, monkeypatch, two_simulations):
    monkeypatch.setattr(results, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    page = Path(tmp_path / "docs" / "page.md")
    page.write_text("<!-- results: one all -->\n<!-- end -->\n")
    said = []
    pages.main(said.append)
    pages.main(said.append)
    assert said == ["written: docs/page.md"]
    assert "88.7" in page.read_text()


def test_tables_of_a_run_are_published(two_simulations, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    table = {"title": "how many", "columns": ["rule", "test %"], "rows": [["a", "90 ± 1"], ['"b"', "5"]]}
    (folder / "tables.json").write_text(json.dumps([table, table]))
    with pytest.raises(ResultsError, match=r"a name for each table is needed .*'how many', 'how many'"):
        pages.publish("one", folder, ["all"])
    pages.publish("one", folder, ["new", "-"])
    (one,) = results.published()
    assert one.tables == two_simulations["tables"] | {"new": {k: table[k] for k in ("columns", "rows")}}
    assert '   ["a", "90 ± 1"],\n' in (tmp_path / "one.json").read_text()
    assert '   ["\\"b\\"", "5"]\n' in (tmp_path / "one.json").read_text()
    before = (tmp_path / "one.json").read_bytes()
    with pytest.raises(ResultsError, match="the headline names 'the paper', and there is none"):
        pages.publish("one", folder, ["all", "-"])  # which has no such column
    assert (tmp_path / "one.json").read_bytes() == before
    with pytest.raises(ResultsError, match="has no tables of a run"):
        pages.publish("one", tmp_path, ["all"])


@pytest.mark.parametrize("path", sorted(results.HERE.glob("[!_]*.py")), ids=lambda path: path.stem)
def test_headers_hold_no_measured_numbers(path):
    header = path.read_text().split('"""')[1]
    assert not re.search(r"\d ± \d", header), f"{path.stem}: measured numbers stand in docs/results"
    assert "Measured" not in header


def spreads(text):
    """All "mean ± s.d." of a text, also those that a line's end divides."""
    return re.findall(r"\d[\d.,]* ± \d[\d.]*(?<!\.)", re.sub(r"\s*±\s*", " ± ", text))


@pytest.mark.parametrize("page", sorted(Path("docs").rglob("*.md")), ids=str)
def test_what_a_page_says_in_words_stands_in_the_results_too(page):
    known = {number for path in results.RESULTS.glob("*.json") for number in spreads(path.read_text())}
    said = spreads(re.sub(r"<!-- results.*?<!-- end -->", "", page.read_text(), flags=re.DOTALL))
    assert not set(said) - known, "type it in docs/results/NAME.json"
