"""The suite's own manners: what is long is marked, what is quick is few, what is promised is tested."""

import gc
import itertools
import re
import tomllib
from pathlib import Path

import pytest

from tests.covering import every_two

BURNING = """
import time
import pytest

def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

@pytest.fixture(scope="module")
def dear():
    burn(0.15)

@pytest.fixture(scope="module")
def cheap():
    pass

def test_long():
    burn(0.15)

def test_waits():
    time.sleep(0.15)

@pytest.mark.slow
def test_first(dear):
    pass

def test_second(dear, cheap):
    pass

def test_neither(cheap):
    pass

@pytest.mark.slow
def test_marked():
    burn(0.15)
"""


@pytest.fixture
def run(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\nmarkers = slow: more than two seconds")

    def call(source, *options):
        pytester.makepyfile(source)
        plugins = ["-p", "tests.cpu_times", "-p", "tests.quick", "-p", "no:cacheprovider", "--cpu-limit=0.1"]
        return pytester.runpytest_inprocess(*plugins, *options)

    gc.disable()  # to look through all that the whole suite holds takes longer than a test may here
    yield call
    gc.enable()


def failed(done):
    return {re.search(r"::(\w+)", line)[1] for line in done.outlines if line.startswith("FAILED")}


def test_what_takes_long_and_is_not_marked_fails_also_for_a_shared_fixture(run):
    done = run(BURNING)
    assert failed(done) == {"test_long", "test_second"}
    assert sum("mark it slow, or make it faster" in line for line in done.outlines) >= 2


def test_the_verdict_does_not_depend_on_which_test_comes_first(run):
    assert failed(run(BURNING, "-k", "second or neither")) == {"test_second"}


def test_quick_has_nothing_slow_and_of_many_cases_a_few_which_are_always_the_same(run):
    source = """
import pytest

@pytest.mark.parametrize("a", range(9))
@pytest.mark.parametrize("b", range(9))
def test_many(a, b):
    pass

@pytest.mark.parametrize("a", range(4))
def test_few(a):
    pass

@pytest.mark.slow
def test_slow():
    pass
"""
    everything, quick, again = (
        [line.split()[0] for line in run(source, "-v", *more).outlines if "PASSED" in line]
        for more in ([], ["--quick"], ["--quick"])
    )
    assert len(everything) == 86
    many = [re.search(r"\[(\d+)-(\d+)\]", name).groups() for name in quick if "::test_many" in name]
    assert 3 <= len(many) <= 16
    assert len({b for b, _ in many}) > 2 < len({a for _, a in many})
    assert sum("::test_few" in name for name in quick) == 4
    assert not any("::test_slow" in name for name in quick)
    assert again == quick


ROOT = Path(__file__).parents[1]


def floors():
    """The lowest version of every requirement, on the lowest Python."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    told = [
        *project["dependencies"],
        *(one for more in project["optional-dependencies"].values() for one in more),
    ]
    found = {}
    for requirement in told:
        name, _, rest = requirement.partition(">=")
        if rest and ">= '3.12'" not in rest:
            found[name] = re.match(r"[\d.]+", rest)[0]
    return found


def test_the_lowest_versions_that_are_promised_are_those_that_the_matrix_tests():
    lines = (ROOT / "constraints-lowest.txt").read_text().splitlines()
    assert dict(line.split("==") for line in lines if not line.startswith("#")) == floors()


@pytest.mark.parametrize(
    ("sizes", "few"),
    [
        ((2, 5), 10),
        ((6, 15, 3), 90),
        ((3, 4, 2, 2), 12),
        ((2, 2, 2, 2), 6),
        ((7, 9, 12), 108),
        ((1, 3, 2), 6),
        ((8, 3, 2, 2), 24),
    ],
)
def test_few_cases_are_few_and_every_two_values_meet_in_one(sizes, few):
    axes = [[f"{name}{k}" for k in range(size)] for name, size in zip("abcd", sizes, strict=False)]
    cases = every_two(*axes)
    assert len(set(cases)) == len(cases) == few
    for (a, one), (b, two) in itertools.combinations(enumerate(axes), 2):
        assert {(case[a], case[b]) for case in cases} == {*itertools.product(one, two)}
