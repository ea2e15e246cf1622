"""Parts of one's own: ``pytest -p my_part`` imports their file, and tests of each kind find them here."""

import corticalnet as cn
from corticalnet.rules import catalogue, rows


def rules():
    """Names of rules that somebody has registered beside the catalogue's own."""
    return [name for name in cn.list_rules() if not _of_the_package(catalogue._RULES[name])]


def _of_the_package(entry):
    part = getattr(entry, "trigger", None) or getattr(entry, "make", None)
    return isinstance(part, rows.Public)


def kinds(base):
    """Classes of cells, or of plasticity, that stand neither in the package nor in its tests."""
    return [
        kind for kind in base.kinds.values() if kind.__module__.split(".")[0] not in ("corticalnet", "tests")
    ]
