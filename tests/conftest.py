"""What all tests share: one thread, a fixed seed, no display.

``CORTICALNET_TEST_SEED=n`` adds n to every seed, ``CORTICALNET_TEST_THREADS=n`` gives torch n threads.
"""

import gc
import importlib.util
import os
import sys

os.environ.setdefault("MPLBACKEND", "Agg")
# Long runs compile their steps: what one run of the suite has compiled, the next need not.
os.environ.setdefault("CORTICALNET_CACHE", os.path.join(os.path.dirname(__file__), "..", "build", "cache"))

from collections.abc import Iterator

import pytest
import torch

from corticalnet.errors import EngineError
from tests.browser import Browser, launched
from tests.seeds import shifted

# What is imported and collected is kept: to look through it for garbage again and again costs two seconds.
gc.disable()

# Each worker rewrites every test's asserts, in five seconds, unless it finds what another run has written.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

pytest_plugins = ["pytester", "tests.cpu_times", "tests.quick", "tests.compiling"]

torch.set_num_threads(int(os.environ.get("CORTICALNET_TEST_THREADS", "1")))
BRIAN2 = importlib.util.find_spec("brian2") is not None
SHIFT = int(os.environ.get("CORTICALNET_TEST_SEED", "0"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop():
    """Libraries and tests are no garbage: Brian2 looks for some before each run, half a second each time."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    if not SHIFT or item.get_closest_marker("own_seed"):
        return (yield)
    with shifted(SHIFT):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Who needs Brian2 is skipped where there is none: the engine says it is not there."""
    try:
        return (yield)
    except EngineError as error:
        if BRIAN2 or "corticalnet[brian2]" not in str(error):
            raise
        pytest.skip("could not import 'brian2'")


@pytest.fixture(autouse=True)
def _seed(request) -> None:
    """As torch.manual_seed, without what that remembers of each call for CUDA's generators."""
    own = request.node.get_closest_marker("own_seed")
    torch.default_generator.manual_seed(20201206 + (0 if own else SHIFT))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium (tests/browser.py), for a module's tests: beside it no other event loop can run."""
    with launched() as found:
        yield found
