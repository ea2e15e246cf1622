"""Tutorials are notebooks, too, that run from top to bottom in a fresh kernel.

Here one of them does, and a page with a command; ``CORTICALNET_TEST_NOTEBOOKS=all`` runs all (a minute of
processor time). What the cells of all print is tested in test_documents.py.
"""

import os
import sys
from pathlib import Path

import pytest

import corticalnet as cn

ROOT = Path(__file__).parents[2]
TUTORIALS = sorted(p for p in (ROOT / "docs/tutorials").glob("*.md") if p.stem != "index")
if os.environ.get("CORTICALNET_TEST_NOTEBOOKS") != "all":
    TUTORIALS = [page for page in TUTORIALS if page.stem == "plasticity_over_time"]


@pytest.fixture
def notebook(monkeypatch):
    pytest.importorskip("jupytext")
    monkeypatch.syspath_prepend(ROOT / "docs/_extensions")
    import notebooks

    return notebooks.notebook


def test_a_page_becomes_cells_without_its_outputs_and_pictures(notebook, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# Title\n\nSee [there](../there.md), [far](https://example.org).\n\n```python\nprint(1)\n```\n\n"
        "```text\n1\n```\n\n![drawn](figures/a.png)\n\n```bash\ncorticalnet list\n```\n\n"
        "<details>\n<summary>Answer</summary>\n\n```python\nprint(2)\n```\n\n</details>\n\nEnd.\n"
    )
    cells = [(cell.cell_type, cell.source) for cell in notebook(page).cells]
    assert cells == [
        ("markdown", "# Title\n\nSee *there*, [far](https://example.org)."),
        ("code", "print(1)"),
        ("code", "%%bash\ncorticalnet list"),
        ("markdown", "**Answer**"),
        ("code", "print(2)"),
        ("markdown", "End."),
    ]
    assert notebook(page) == notebook(page)


@pytest.fixture
def execute(notebook, tmp_path, monkeypatch):
    """Run a page's cells in a kernel of its own, in an empty folder; the cells that ran."""
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")

    def run(page):
        found = notebook(page)
        nbclient.NotebookClient(found, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
        return [cell for cell in found.cells if cell.cell_type == "code"]

    return run


@pytest.mark.slow
def test_cells_of_python_and_commands_run_in_a_kernel(execute, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n```python\nprint(6 * 7)\n```\n\n```bash\ncorticalnet --version\n```\n")
    printed = [cell.outputs[0].text.strip() for cell in execute(page)]
    assert printed == ["42", f"corticalnet {cn.__version__}"]


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_runs_as_a_notebook(page, execute):
    ran = execute(page)
    assert len(ran) > 5
    assert all(cell.execution_count for cell in ran)
