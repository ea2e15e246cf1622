"""``pytest --quick``: what a developer runs. Nothing ``slow``, no whole simulation, of many cases a few.

Which ones is settled by their names: the same in every run, spread over all that a test is parametrised by.
Each case runs in `make test`.
"""

from __future__ import annotations

import zlib
from collections import Counter

#: A test with more cases than this runs a share of them, and always its first.
CASES, SHARE = 4, 12
#: Folders of tests whose subject is a whole program.
WHOLE = ("simulations", "report")


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="nothing slow, and of many cases a few")


def pytest_ignore_collect(collection_path, config):
    """Folders that are left out are not even imported."""
    return True if config.getoption("--quick") and collection_path.name in WHOLE else None


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--quick"):
        return
    cases = Counter(item.nodeid.partition("[")[0] for item in items)
    seen: set[str] = set()
    kept, left = [], []
    for item in items:
        test = item.nodeid.partition("[")[0]
        few = cases[test] <= CASES or test not in seen or not zlib.crc32(item.nodeid.encode()) % SHARE
        keep = few and not item.get_closest_marker("slow")
        seen.add(test)
        (kept if keep else left).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left)
