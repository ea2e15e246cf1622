"""The house: who may import whom, no circles, no long files. Read from the source, nothing is run."""

import ast
import functools
import itertools
from pathlib import Path

import pytest

from tests.source import parsed

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "corticalnet"

#: Floors from the ground up. A room imports from itself and from floors below, never sideways or up.
#: "" is the package's own list of public names.
FLOORS = [
    ["errors", "about"],
    ["checks", "compare", "progress", "seeds", "shipped", "store"],
    ["activations", "replay", "tables"],
    ["network", "data", "circuits", "reinforcement"],
    ["rules", "experiment"],
    ["columns", "recordings"],
    ["plotting"],
    ["engines", "training"],
    ["analysis", "formats"],
    ["audit"],
    ["report"],
    [""],
    ["demo"],
    ["cli"],
    ["__main__"],
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def module(path, root=ROOT):
    """Dotted name of a source file."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def lazy(stub, package):
    """Names that a package's stub promises, and the modules that are imported when one is asked for."""
    statements = [node for node in ast.parse(stub).body if isinstance(node, ast.ImportFrom)]
    return {
        f"{package}.{alias.name}": f"{package}.{node.module or alias.name}"
        for node in statements
        for alias in node.names
    }


LAZY = {}
for _path in PACKAGE.rglob("__init__.pyi"):
    LAZY |= lazy(_path.read_text(), module(_path))


def imports(tree, name, package, everywhere=True, known=FILES, later=LAZY):
    """Modules that a source file imports; with ``everywhere`` those inside functions too.

    A name that a package imports when it is asked for is imported by who asks.
    """
    found = set()
    todo = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            # ("import corticalnet" alone runs nothing: the package is there before any of its modules)
            found |= {alias.name for alias in node.names} - {"corticalnet"}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = name.split(".")[: len(name.split(".")) - node.level + package]
                base = ".".join([*parents, *([base] if base else [])])
            below = {f"{base}.{alias.name}" for alias in node.names}
            found |= (below & known.keys()) | ({base} if below - known.keys() else set())
            found |= {later[name] for name in below & later.keys()}
        elif everywhere or not (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
        ):
            todo += [*ast.iter_child_nodes(node)] if everywhere else _statements(node)
    return found


def _statements(node):
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt | ast.ExceptHandler)]


@functools.cache
def graph(everywhere):
    """What each file of the package imports, anywhere or before its first function runs."""
    return {
        name: imports(parsed(path), name, path.name == "__init__.py", everywhere)
        for name, path in FILES.items()
    }


def room(name):
    """The file or folder of corticalnet that a module is in; "" for the package itself, None outside."""
    top, _, rest = name.partition(".")
    return rest.split(".")[0] if top == "corticalnet" else None


def inside(name):
    return [other for other in graph(everywhere=True)[name] if room(other) is not None]


def importing(*libraries, but=lambda name: False):
    """Files that import one of some libraries, others than those that may."""
    everything = graph(everywhere=True)
    return [
        name
        for name in FILES
        if not but(name) and any(other.split(".")[0] in libraries for other in everything[name])
    ]


def circle(edges):
    """Modules that import each other in a circle; an empty list if there are none."""
    done = set()

    def walk(name, way):
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for other in sorted(edges.get(name, ())):
            if found := walk(other, [*way, name]):
                return found
        done.add(name)
        return []

    return next(filter(None, (walk(name, []) for name in sorted(edges))), [])


def test_every_room_has_a_floor():
    rooms = {room(name) for name in FILES if room(name)}
    assert not rooms - set(FLOOR), f"a new room gets a floor in {Path(__file__).name}"


def test_imports_only_from_floors_below():
    wrong = [
        f"{name} imports {other}, which is not on a floor below"
        for name in FILES
        if (here := room(name))
        for other in inside(name)
        if (there := room(other)) != here and FLOOR[there] >= FLOOR[here]
    ]
    assert not wrong, "\n".join(wrong)


def test_the_library_knows_neither_models_nor_simulations_nor_tests():
    assert not importing("models", "simulations", "tests")


def test_only_engines_import_brian2():
    assert not importing("brian2", but=lambda name: room(name) == "engines")


def test_only_one_file_makes_progress_bars():
    assert not importing("rich", but=lambda name: name == "corticalnet.progress")


def test_rules_and_circuits_import_no_engines():
    wrong = [
        name
        for name in FILES
        if room(name) in ("rules", "circuits", "experiment", "columns")
        if any(room(other) == "engines" for other in inside(name))
    ]
    assert not wrong


@pytest.mark.parametrize("path", sorted((ROOT / "models").rglob("*.py")), ids=lambda p: p.stem)
def test_models_ask_no_questions(path):
    tree = ast.parse(path.read_text())
    assert not any(name.split(".")[0] == "simulations" for name in imports(tree, module(path), 0))


def test_modules_import_each_other_in_no_circle_not_even_for_types():
    assert circle(graph(everywhere=True)) == []


def begins_with(*names):
    """All modules that are imported before the first function of some modules runs."""
    reached, todo = set(), list(names)
    while todo:
        name = todo.pop()
        above = [".".join(name.split(".")[:k]) for k in range(1, name.count(".") + 1)]
        new = {name, *above, *graph(everywhere=False).get(name, ())} - reached
        reached |= new
        todo += new
    return reached


#: What draws, reads recordings, works with formulas, runs circuits elsewhere.
INK = {"matplotlib", "xarray", "pandas", "sympy", "sklearn", "brian2", "scipy"}


def test_the_package_and_its_command_line_begin_without_ink_and_without_torch():
    """torch takes more than a second to import, what is drawn with most of one; help needs neither."""
    reached = begins_with("corticalnet", "corticalnet.cli")
    assert {"corticalnet.cli.simulate", "corticalnet.rules.catalogue"} <= reached
    assert not {name.split(".")[0] for name in reached} & {*INK, "torch"}


def test_training_begins_without_ink():
    reached = begins_with(*(name for name in FILES if room(name) == "training"))
    assert {"corticalnet.training.loop", "corticalnet.rules.base", "torch"} <= reached
    assert not {name.split(".")[0] for name in reached} & INK


def test_nobody_waits_for_scikit_learn_but_who_classifies_recordings():
    """Its digits are read as they lie there: importing it costs as much as some epochs on them."""
    assert importing("sklearn") == ["corticalnet.analysis.identification"]
    reached = begins_with("corticalnet.analysis.identification")
    assert "sklearn" not in {name.split(".")[0] for name in reached}


def test_no_long_file():
    lines = {name: len(path.read_text().splitlines()) for name, path in FILES.items()}
    long = [f"{name} has {count} lines; 300 are enough" for name, count in lines.items() if count > 300]
    assert not long, "\n".join(long)


def test_the_reader_sees_every_kind_of_import():
    """These tests read source; here is source that they must see through."""
    source = """
import corticalnet.engines.step as s
from . import tables
from .rule import Rule
from corticalnet import wiring, Area
from corticalnet.training import Model
if TYPE_CHECKING:
    from corticalnet.audit import report
try:
    import brian2
except ImportError:
    from corticalnet import plain
def later():
    from corticalnet.cli import main
"""
    known = dict.fromkeys(["corticalnet.wiring", "corticalnet.rules.tables", "corticalnet.cli.main"])
    later = lazy("from . import wiring as wiring\nfrom .model import Model as Model", "corticalnet.training")
    assert later["corticalnet.training.wiring"] == "corticalnet.training.wiring"
    found = imports(ast.parse(source), "corticalnet.rules.z_il", 0, True, known, later)
    at_once = {"corticalnet.engines.step", "corticalnet.rules.tables", "corticalnet.rules.rule"}
    at_once |= {"corticalnet.wiring", "corticalnet", "brian2"}
    at_once |= {"corticalnet.training", "corticalnet.training.model"}
    assert found == at_once | {"corticalnet.audit", "corticalnet.cli.main"}
    assert imports(ast.parse(source), "corticalnet.rules.z_il", 0, False, known, later) == at_once
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}}) == []
    assert all(a != b for a, b in itertools.combinations(itertools.chain(*FLOORS), 2))
