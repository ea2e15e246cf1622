"""``simulate``: a circuit, a protocol, an engine; back comes one recording."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from corticalnet.circuits import Circuit
from corticalnet.circuits.experiment.recording import Recording, plan_recording
from corticalnet.circuits.experiment.script import Script, compile_protocol
from corticalnet.circuits.schedule import Schedule
from corticalnet.engines.torch_engine import TorchEngine
from corticalnet.engines.torch_engine.weights import Array
from corticalnet.errors import CircuitWarning, EngineError, one_of

if TYPE_CHECKING:
    import xarray as xr


class Engine(Protocol):
    """What every engine can do."""

    @property
    def weights(self) -> dict[str, Array]:
        """Weights by projection, as they are now."""

    def run(
        self, script: Script, recording: Recording, progress: Callable[[int], None] | None = None
    ) -> list[Array]:
        """Run a script from where the last one ended; return what was recorded, track by track."""


def _torch() -> type[Engine]:
    return TorchEngine


def _brian2() -> type[Engine]:
    from corticalnet.engines.brian2_engine import Brian2Engine  # only who asks for it needs Brian2

    return Brian2Engine


#: Engines by name: functions that fetch their class.
ENGINES: dict[str, Callable[[], Callable[..., Engine]]] = {"torch": _torch, "brian2": _brian2}


class Simulator:
    """A circuit on an engine: runs protocols one after another; states and weights go on.

    Args:
        circuit: what to run.
        engine: "torch" or "brian2".
        seed: of states in which cells differ before all time (voltages, dice of Poisson cells).
        options: of the engine: ``precision``, ``device`` (torch); ``target`` (Brian2).

    Raises:
        EngineError: the engine is unknown, not installed, or does not take an option.
    """

    def __init__(self, circuit: Circuit, engine: str = "torch", seed: int = 0, **options: Any) -> None:
        one_of("engine", engine, ENGINES, EngineError)
        self.circuit, self.name, self.options, self.seed = circuit, engine, options, seed
        make = ENGINES[engine]()
        try:
            inspect.signature(make).bind(circuit, seed=seed, **options)
        except TypeError as error:
            raise EngineError(f"engine '{engine}': {error}") from None
        self.engine = make(circuit, seed=seed, **options)
        if options.get("precision") == "float32":
            self._warn_of_rounding()

    @property
    def weights(self) -> dict[str, Array]:
        """Weights by projection, as they are now."""
        return self.engine.weights

    def _warn_of_rounding(self) -> None:
        """A threshold of φ that float32 rounds across (0 means exactly 0, which cells at rest are)."""
        for population in self.circuit.populations:
            threshold = float(getattr(population.cell, "threshold", 0.0))
            if 0 < threshold < 1e-6:
                warnings.warn(
                    f"population '{population.name}': threshold = {threshold:g} is below the rounding of "
                    "float32, so it may never see rest; choose at least 1e-6, or precision='float64'",
                    CircuitWarning,
                    stacklevel=3,
                )
                return

    def run(
        self,
        protocol: Any,
        record: Any = None,
        *,
        every: int = 1,
        last: int | None = None,
        noise: Sequence[Any] = (),
        check: bool = True,
        progress: bool = False,
    ) -> xr.Dataset:
        """Run a protocol and return what was recorded; see :func:`simulate`."""
        script = compile_protocol(self.circuit, protocol, noise, check=check)
        recording = plan_recording(self.circuit, script, record, every, last)
        before = self.weights
        with _bar(script.steps) if progress else nullcontext() as tick:
            arrays = self.engine.run(script, recording, tick)
        dt = self.circuit.dt
        settings = {
            "every": every,
            "last": last,
            "steps": script.steps,
            "batch": script.batch,
            **self.options,
        }
        attrs = {
            "title": self.circuit.name,
            "engine": self.name,
            "dt": dt,
            "seed": self.seed,
            "settings": json.dumps(settings, default=str),
            "events": json.dumps([[step * dt, label] for step, label in script.events]),
            "schedule": " → ".join(Schedule(self.circuit.schedule()).names()),
        }
        return recording.dataset(arrays, before, self.weights, attrs)


def simulator(circuit: Circuit, engine: str = "torch", seed: int = 0, **options: Any) -> Simulator:
    """A circuit on an engine, for more than one protocol; see :class:`Simulator`."""
    return Simulator(circuit, engine, seed, **options)


def simulate(
    circuit: Circuit,
    protocol: Any,
    engine: str = "torch",
    record: Any = None,
    *,
    every: int = 1,
    last: int | None = None,
    noise: Sequence[Any] = (),
    seed: int = 0,
    check: bool = True,
    progress: bool = False,
    **options: Any,
) -> xr.Dataset:
    """Run a circuit through a protocol.

    Args:
        circuit: populations and what joins them.
        protocol: a list of ``Present``, ``Teach``, ``Rest``, ``Stream``.
        engine: "torch" (batches, CPU or GPU) or "brian2" (one sample).
        record: what to record: states ("error"), populations ("area1.phi"), "weights", projections, or
            ``Record`` with ``where`` and ``reduce``; everything, if it is not too much, if not given.
        every: record each so many steps.
        last: keep only the last so many records.
        noise: ``Noise(population, port, sd, seed)``, drawn before the engine starts.
        seed: of states in which cells differ before all time; also noted in the recording.
        check: refuse a protocol that is too short for the error to come down.
        progress: show a bar.
        options: of the engine: ``precision``, ``device`` (torch); ``target`` (Brian2).

    Returns:
        A dataset with dims time (ms), batch, column (of area ...); states by name, and the plastic
        projections' weights before and after; settings, seed and schedule in its attributes.

    Raises:
        ProtocolError: the protocol or the records do not fit the circuit.
        EngineError: the engine is unknown, not installed, or cannot run this.
    """
    return simulator(circuit, engine, seed, **options).run(
        protocol, record, every=every, last=last, noise=noise, check=check, progress=progress
    )


class _bar:
    """A progress bar over steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def __enter__(self) -> Callable[[int], None]:
        from rich.console import Console
        from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

        self._progress = Progress(
            *Progress.get_default_columns()[:2],
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._progress.start()
        task = self._progress.add_task("steps", total=self.steps)
        return lambda done: self._progress.update(task, completed=done)

    def __exit__(self, *error: object) -> None:
        self._progress.stop()
