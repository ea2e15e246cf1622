"""The front door: what `import corticalnet` loads, and what it promises."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import corticalnet as cn

HEAVY = ["torch", "matplotlib", "xarray", "pandas", "sympy", "scipy", "sklearn", "brian2", "pydantic", "rich"]


def loaded_by(program):
    """Which of the heavy libraries a program of its own has loaded at its end."""
    found = f"{program}\nimport sys\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, check=True).stdout


def test_the_package_alone_loads_nothing():
    assert loaded_by("import corticalnet").split() == []


def test_a_network_and_its_rule_load_torch_alone():
    program = "import corticalnet as cn; net, rule = cn.mlp([4, 3, 2]), cn.rule('fa-z-il'); print(rule)"
    assert loaded_by(program).splitlines()[-1].split() == ["torch"]


#: Runs commands one after another, in one process, and says after each what it had to load.
COMMANDS = """
import contextlib, io, os, sys
from corticalnet.cli import app, main
from typer.main import get_command

def calls(command, *names):
    yield [*names, "--help"]
    for name, below in getattr(command, "commands", {}).items():
        yield from calls(below, *names, name)

for call in [*calls(get_command(app)), ["list"], ["list", "--json"], ["data", "list"], ["--version"]]:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        main(call)
    print(*call, ":", len(shown.getvalue()), *(name for name in HEAVY if name in sys.modules))

os.environ |= {"_CORTICALNET_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "corticalnet train z --rule "}
shown = io.StringIO()
with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
    main([])
print("completion", ":", len(shown.getvalue()), *(name for name in HEAVY if name in sys.modules))
"""


def test_help_and_lists_are_shown_without_torch():
    heavy = [name for name in HEAVY if name not in ("rich", "pydantic")]  # (these are fast)
    program = f"HEAVY = {heavy}\n{COMMANDS}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = dict(line.split(" : ") for line in done.stdout.splitlines())
    assert {"--help", "train --help", "data fetch --help", "list", "completion"} <= loaded.keys()
    for command, (length, *names) in ((c, found.split()) for c, found in loaded.items()):
        assert names == [], f"corticalnet {command} loads {names}"
        assert int(length) > (10 if command == "--version" else 200), f"corticalnet {command} says little"


@pytest.mark.parametrize("room", sorted(p.name for p in Path("corticalnet").iterdir() if p.is_dir()))
def test_no_public_name_shadows_a_room(room):
    assert room not in cn.__all__


def test_all_public_names_are_told_by_dir_and_there():
    assert set(cn.__all__) <= set(dir(cn))
    assert all(getattr(cn, name) is not None for name in cn.__all__)


def test_rooms_are_reached_as_attributes():
    names = [alias.name for alias in ast.parse(Path("corticalnet/__init__.pyi").read_text()).body[0].names]
    program = "import corticalnet as cn\n" + "\n".join(
        f"assert cn.{n}.__name__.endswith('{n}')" for n in names
    )
    assert "rules" in names
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such"):
        _ = cn.no_such
