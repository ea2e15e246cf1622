"""Examples in docstrings run, and everything public says what it is."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import corticalnet as cn
from corticalnet.rules import catalogue

#: Extras that need not be installed.
OPTIONAL = {"brian2", "tensorboard", "xarray"}
#: Modules that import without a package that their examples need.
EXAMPLES_NEED = {"corticalnet.engines.brian2_script": "brian2"}
MODULES = sorted(
    m.name for m in pkgutil.walk_packages(cn.__path__, "corticalnet.") if not m.name.endswith("__main__")
)


def load(name):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in OPTIONAL:
            pytest.skip(f"needs {error.name}")
        raise


@pytest.mark.parametrize("name", ["corticalnet", *MODULES])
def test_examples(name, tmp_path, monkeypatch):
    if name in EXAMPLES_NEED:
        pytest.importorskip(EXAMPLES_NEED[name])
    monkeypatch.chdir(tmp_path)  # an example may write files
    monkeypatch.setattr(catalogue, "_RULES", dict(catalogue._RULES))  # or register a rule
    module = load(name)
    results = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert results.failed == 0, f"{results.failed} of {results.attempted} examples in {name} failed"
    assert (module.__doc__ or "").strip()


def test_there_are_examples():
    """The run above is worth nothing if it finds none."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    counts = {
        name: sum(len(test.examples) for test in finder.find(load(name)))
        for name in (
            "corticalnet.network.network",
            "corticalnet.network.from_torch.areas",
            "corticalnet.rules.catalogue",
        )
    }
    assert all(counts.values()), counts


@pytest.mark.parametrize("name", cn.__all__)
def test_what_is_public_has_a_docstring(name):
    thing = getattr(cn, name)
    if not (inspect.isclass(thing) or inspect.isroutine(thing)):
        pytest.skip("a value")
    assert (thing.__doc__ or "").strip(), f"corticalnet.{name} says nothing"
    if inspect.isclass(thing):
        own = [n for n, member in vars(thing).items() if inspect.isfunction(member) and not n.startswith("_")]
        assert all(inspect.getdoc(getattr(thing, n)) for n in own)
    if inspect.isclass(thing) or inspect.isroutine(thing):
        assert doctest.DocTestParser().get_examples(thing.__doc__), f"corticalnet.{name} shows no example"


def test_the_list_of_public_names_is_sorted_out():
    assert len(set(cn.__all__)) == len(cn.__all__)
    assert all(hasattr(cn, name) for name in cn.__all__)
