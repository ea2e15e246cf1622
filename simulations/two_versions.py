"""Is this checkout as fast as another one?

    python -m simulations.two_versions --other ../before      about 1 minute on one core
    python -m simulations.two_versions --quick                this checkout beside itself, about 5 s

Both packages are loaded into one process, each with modules of its own, and take turns: one update by each
rule on two networks, and the steps of a circuit on both engines, recorded in full and hardly at all. One
thread, process time, the first rounds dropped; a ratio is the median over rounds of (this one / the other in
the same round), so less than 1 is faster.

Expected: 1 within the spread that a checkout beside itself shows (two to three per cent).

Next: docs/results/cost.md.
"""

from __future__ import annotations

import importlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import matplotlib.pyplot as plt
import torch
import typer
from rich.progress import track

from corticalnet.errors import CorticalnetError
from corticalnet.plotting.style import styled

from .parts.common import simulation, table

HERE = Path(__file__).parents[1]
RULES = ("backprop", "feedback-alignment", "brainprop", "z-il", "fa-z-il", "il")
CIRCUITS = (
    ("torch", "z-il", 1), ("torch", "z-il", 64), ("torch", "streaming-fa-z-il", 64), ("torch", "il", 64),
    ("torch", "brainprop", 64), ("brian2", "streaming-fa-z-il", 1),
)  # fmt: skip
Work = Callable[[], object]


def run(
    other: Annotated[Path, typer.Option(help="Folder of the other checkout.")] = HERE,
    quick: Annotated[bool, typer.Option("--quick", help="Small and few.")] = False,
    rounds: Annotated[int, typer.Option(help="Rounds that count.")] = 25,
) -> dict:
    """Milliseconds of this checkout and ratios to the other, by what was timed."""
    if not (other / "corticalnet" / "__init__.py").is_file():
        raise CorticalnetError(f"--other must be a folder with a package corticalnet, not '{other}'")
    versions = {"this": Version(HERE), "other": Version(other.resolve())}
    rounds, warm = (2, 1) if quick else (rounds, 3)
    found = {}
    for name, prepare in track(list(_works(quick)), "two versions", transient=True):
        works = {}
        for which, version in versions.items():
            with version.loaded() as cn:
                works[which] = prepare(cn)
        times: dict[str, list[float]] = {which: [] for which in versions}
        for turn in range(rounds + warm):
            for which in sorted(versions, reverse=bool(turn % 2)):  # neither is always the first
                with versions[which].loaded():
                    times[which].append(_timed(works[which]))
        this, its = (times[which][warm:] for which in ("this", "other"))
        ratios = sorted(a / b for a, b in zip(this, its, strict=True))
        found[name] = {
            "ms": 1e3 * statistics.median(this),
            "ratio": statistics.median(ratios),
            "quarter": ratios[len(ratios) // 4],
            "three_quarters": ratios[3 * len(ratios) // 4],
        }
    return {"rounds": rounds, "found": found}


class Version:
    """A checkout's package, with modules of its own.

    Args:
        folder: in which the package is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._modules = str(folder), dict[str, ModuleType]()
        with self.loaded():
            pass

    @contextmanager
    def loaded(self) -> Iterator[Any]:
        """The package, while what it imports late is also its own."""
        others = {name: sys.modules.pop(name) for name in list(sys.modules) if _ours(name)}
        sys.modules.update(self._modules)
        sys.path.insert(0, self._folder)
        try:
            yield importlib.import_module("corticalnet")
        finally:
            sys.path.remove(self._folder)
            self._modules = {name: sys.modules.pop(name) for name in list(sys.modules) if _ours(name)}
            sys.modules.update(others)


def _ours(name: str) -> bool:
    return name.split(".")[0] == "corticalnet"


def _works(quick: bool) -> Iterator[tuple[str, Callable[[Any], Work]]]:
    """What is timed: its name, and what makes it of a package."""
    networks = (((64, 12, 10), 8),) if quick else (((784, 32, 10), 16), ((784, 300, 300, 10), 64))
    for columns, batch in networks:
        for rule in RULES[2:4] if quick else RULES:
            yield f"update, {rule}, {_title(columns, batch)}", _update(rule, columns, batch)
    columns = (64, 12, 10) if quick else (784, 32, 10)
    for engine, rule, batch in CIRCUITS[::5] if quick else CIRCUITS:
        for records in ("all", "little"):
            title = f"steps, {engine}, {rule}, {_title(columns, batch)}, {records} recorded"
            yield title, _steps(engine, rule, columns, batch, records == "all", 20 if quick else 60)


def _title(columns: tuple[int, ...], batch: int) -> str:
    return f"{'-'.join(map(str, columns))} × {batch}"


def _update(rule: str, columns: tuple[int, ...], batch: int) -> Callable[[Any], Work]:
    def prepare(cn: Any) -> Work:
        net, learning = cn.mlp(columns, hidden="tanh", seed=0), cn.rule(rule)
        optimizer = torch.optim.SGD(net.parameters(), lr=1e-5)
        rng = torch.Generator().manual_seed(0)
        x, y = torch.rand(batch, columns[0], generator=rng), torch.arange(batch) % columns[-1]

        def work() -> None:
            for _ in range(5):
                learning.update(net, x, y, optimizer)

        return work

    return prepare


def _steps(
    engine: str, rule: str, columns: tuple[int, ...], batch: int, everything: bool, steps: int
) -> Callable[[Any], Work]:
    def prepare(cn: Any) -> Work:
        net = cn.mlp(columns, hidden="tanh", seed=0, dtype=torch.float64)
        running = cn.simulator(cn.circuit(net, cn.rule(rule), 1e-5), engine)
        x = torch.rand(batch, columns[0], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        record = None if everything else ["output.value"]
        # (.sizes: a recording is put together when somebody looks at it)
        return lambda: running.run([cn.Present(x.numpy(), steps)], record=record).sizes

    return prepare


def _timed(work: Work) -> float:
    """Process time, s."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def report(results: dict) -> str:
    """A row for each thing that was timed."""
    rows = [
        [name, f"{one['ms']:.2f}", f"{one['ratio']:.2f}", f"{one['quarter']:.2f}–{one['three_quarters']:.2f}"]
        for name, one in results["found"].items()
    ]
    return table(["what", "ms, this one", "this / other", "middle half of rounds"], rows)


@styled
def draw(results: dict) -> plt.Figure:
    """Ratios with the middle half of rounds; a line at 1."""
    found = results["found"]
    figure, axes = plt.subplots(figsize=(8, 0.24 * len(found) + 1))
    for row, one in enumerate(found.values()):
        axes.plot([one["quarter"], one["three_quarters"]], [row, row], color="grey", lw=3)
        axes.plot(one["ratio"], row, "k|", ms=10)
    axes.axvline(1, color="black", lw=0.8)
    axes.set_yticks(range(len(found)), list(found), fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("time of this one / of the other")
    return figure


if __name__ == "__main__":
    simulation(run, report, draw)
