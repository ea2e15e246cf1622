"""What takes long is marked ``slow``: CPU time of each test, with its children and fixtures that it shares.

CPU time, and not the clock on the wall: a busy machine makes a test wait, which is no fault of the test. A
shared fixture counts for each test that uses it, whichever came first; so the verdict does not depend on
order or selection.

``pytest --cpu-times=30`` shows the thirty dearest test functions, parametrisations added up.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict

import pytest

#: Seconds of CPU time above which an unmarked test fails. What takes more than two on a quiet machine is
#: to be marked; the rest is for slower and busier machines, and for whoever is first to import a library.
LIMIT = 8.0


def cpu_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    ended = os.times()
    return time.process_time() + ended.children_user + ended.children_system


def pytest_addoption(parser):
    parser.addoption(
        "--cpu-limit", type=float, default=LIMIT, metavar="S", help="that an unmarked test may take"
    )
    parser.addoption("--cpu-times", type=int, metavar="N", help="show the N dearest test functions")


class Times:
    """CPU time of shared fixtures by node and name, and of the test that runs, without theirs."""

    def __init__(self, limit: float):
        self.limit = limit
        self.shared: dict[tuple[str, str], float] = {}
        self.own = 0.0

    def of(self, item) -> float:
        """What a test would take alone."""
        names = [(node.nodeid, name) for node in item.listchain() for name in item.fixturenames]
        return self.own + sum(self.shared.get(name, 0.0) for name in names)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item):
        self.own = 0.0
        begin = cpu_seconds()
        try:
            return (yield)
        finally:
            self.own += cpu_seconds() - begin

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        if fixturedef.scope == "function":
            return (yield)
        begin, own = cpu_seconds(), self.own
        try:
            return (yield)
        finally:
            spent = cpu_seconds() - begin
            within = own - self.own  # (fixtures that this one has set up are already taken off)
            self.shared[request.node.nodeid, fixturedef.argname] = spent - within
            self.own = own - spent

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        begin = cpu_seconds()
        try:
            result = yield
        finally:
            self.own += cpu_seconds() - begin
            seconds = self.of(item)
            item.user_properties += [("cpu", round(seconds, 3)), ("own_cpu", round(self.own, 3))]
        if seconds > self.limit and not item.get_closest_marker("slow"):
            pytest.fail(f"took {seconds:.1f} s of CPU time: mark it slow, or make it faster", pytrace=False)
        return result


def pytest_configure(config):
    config.pluginmanager.register(Times(config.getoption("--cpu-limit")), "cpu_times")


def pytest_terminal_summary(terminalreporter, config):
    number = config.getoption("--cpu-times")
    if not number:
        return
    times: dict[str, list[float]] = defaultdict(list)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                times[report.nodeid.partition("[")[0]].append(dict(report.user_properties)["own_cpu"])
    terminalreporter.section("CPU seconds, tests, function")
    for name, found in sorted(times.items(), key=lambda item: -sum(item[1]))[:number]:
        terminalreporter.write_line(f"{sum(found):7.1f} {len(found):5} {name}")
