"""The documentation's site, built once for all that look at it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the built site. Where several processes test, the first to ask builds it for all."""
    root = Path(__file__).parents[2]
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "site"
    with FileLock(folder.with_suffix(".lock")):
        said = folder.with_suffix(".txt")  # there once Sphinx is done: its warnings
        if not said.is_file():
            command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "docs", str(folder)]
            built = subprocess.run(command, capture_output=True, text=True, cwd=root)
            said.write_text(built.stderr if built.returncode else "")
    assert said.read_text() == ""
    return folder
