"""Runs the quick tests on every Python and every version that is promised; prints a line for each.

    make matrix                                          # every row, each in an environment of its own
    make matrix ROWS="lowest no-brian2"                  # some
    make matrix PYTHONS="python3.12 /opt/3.13/bin/python3"

A row for each of PYTHONS, with the versions of constraints.txt; ``lowest`` is the first of PYTHONS with
the versions of constraints-lowest.txt, the floors of pyproject.toml; ``no-brian2`` is the first without
Brian2. A Python that is not there fails: nothing was tested.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACE = ROOT / "build" / "matrix"


def version(python: str) -> str | None:
    """ "3.12", or None if no such Python runs."""
    say = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.run([python, "-c", say], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def rows(pythons: list[str]) -> dict[str, tuple[str, str, str]]:
    """Of each row the Python, the constraints and the extras."""
    found = {version(one) or one: (one, "constraints.txt", "dev,brian2") for one in pythons}
    found["lowest"] = pythons[0], "constraints-lowest.txt", "dev,brian2"
    found["no-brian2"] = pythons[0], "constraints.txt", "dev"
    return found


def test(name: str, python: str, constraints: str, extras: str, tests: list[str]) -> tuple[bool, list[str]]:
    """Whether a row passed, and what to show of it."""
    if version(python) is None:
        return False, [f"{python} does not run here; name others with PYTHONS"]
    home = PLACE / name
    own = home / "bin" / "python"
    package = f"{ROOT}[{extras}]"
    steps = [
        [python, "-m", "venv", home],
        [own, "-m", "pip", "install", "--quiet", "--constraint", ROOT / constraints, "--editable", package],
        [own, "-m", "pytest", "--tb=short", "-p", "no:cacheprovider", *tests],
    ]
    for command in steps[own.exists() :]:
        with (PLACE / f"{name}.log").open("w") as log:
            done = subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        lines = (PLACE / f"{name}.log").read_text().splitlines()
        if done.returncode:
            return False, [line for line in lines if line.startswith(("FAILED", "ERROR"))] or lines[-5:]
    return True, lines[-1:]


def main() -> int:
    """The number of rows that failed."""
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("--pythons", default="python3.11 python3.12 python3.13", help="lowest first")
    told.add_argument("--rows", default="", help="those to run; all")
    told.add_argument("--tests", default="--quick -n 2", help="what pytest is given")
    given = told.parse_args()
    known = rows(shlex.split(given.pythons))
    if unknown := set(given.rows.split()) - set(known):
        told.error(f"unknown rows {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    PLACE.mkdir(parents=True, exist_ok=True)
    os.environ.pop("PYTHONPATH", None)  # each row tests what it has installed
    failed = 0
    for name in given.rows.split() or known:
        begin = time.monotonic()
        passed, lines = test(name, *known[name], shlex.split(given.tests))
        failed += not passed
        print(f"{name:12} {'passed' if passed else 'failed'} ({time.monotonic() - begin:.0f} s)", flush=True)
        for line in lines:
            print(f"    {line}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(min(main(), 1))
