"""The simulator: a circuit on an engine, one continuous experiment however it is cut into runs.

running = cn.simulator(circuit)
running.run([Present(x, steps=6)])                  look at what the columns chose,
action = running.read("output.action.action")       and then
running.run([Reinforce(y, steps=9)])                time, inputs, noise and records go on

The same in one run, as a closed loop:

def experiment(running):
    for x, y in trials:
        yield Present(x, steps=6)
        action = running.read("output.action.action")
        yield Reinforce(y, steps=9)

data = running.run(experiment)
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits import Circuit
from corticalnet.engines.joining import Parts
from corticalnet.engines.run_plan import RunPlan, until
from corticalnet.engines.running import Running
from corticalnet.engines.snapshot import About, Snapshot, digest, fitting, held_patterns
from corticalnet.engines.stepping import Diverged
from corticalnet.engines.trouble import explain
from corticalnet.errors import CircuitWarning, ProtocolError, SimulationError, one_of, unknown
from corticalnet.experiment.compiled import CompiledProtocol, Held, is_protocol
from corticalnet.progress import bar
from corticalnet.recordings.recording import Recording
from corticalnet.recordings.variables import RecordedVariable, variables_of_cells, variables_of_synapses

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]
DIVERGED = ("stop", "warn", "ignore")


class Simulator(Running):
    """A circuit on an engine: runs protocols one after another; states, inputs, time and weights go on.

    Args:
        circuit: what to run.
        engine: "torch" or "brian2".
        seed: of noise, and of states in which cells differ before all time (voltages, dice of Poisson cells).
        batch: samples that run side by side; as the first stimuli have them if not given.
        options: of the engine: ``precision``, ``device``, ``compiled`` (torch); ``target`` (Brian2).

    Raises:
        EngineError: the engine is unknown, not installed, or does not take an option.
        ProtocolError: an impossible seed or batch.

    >>> import corticalnet as cn
    >>> running = Simulator(cn.circuit(cn.mlp([2, 3, 2]), cn.rule("z-il")))
    >>> data = running.run([cn.Present([[0.0, 1.0]], steps=6)], record=["value"])
    >>> running.time
    6.0
    """

    def __init__(
        self,
        circuit: Circuit,
        engine: str = "torch",
        seed: int = 0,
        *,
        batch: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(circuit, engine, seed, batch, options)
        if options.get("precision") == "float32":
            self._warn_of_rounding()

    # What users see ----------------------------------------------------------------------------
    @property
    def time(self) -> float:
        """Return the simulated time, in ms."""
        return self.step * float(self.circuit.dt)

    @property
    def batch(self) -> int:
        """Return the number of samples that run side by side (1 if none were asked for or shown yet)."""
        return self._held.batch or self._asked or 1

    def read(self, what: str) -> Array:
        """Read a present state: of a population ``[batch, cells]``, of synapses ``[batch, post, pre]``.

        Args:
            what: "population.state" ("area1.value.rate"), or a population for the state that it sends;
                "projection.state" ("input->area1.trace") of synapses (``[batch, synapses]`` if they are not
                all to all).

        Raises:
            ProtocolError: there is no such state.
        """
        if not isinstance(what, str) or what not in self._variables:
            raise ProtocolError(
                unknown("state", what, dict.fromkeys(variable.name for variable in self._variables.values()))
            )
        return self.engine.read(self._variables[what])

    @cached_property
    def _variables(self) -> dict[str, RecordedVariable]:
        """Return all variables that can be read, by name."""
        found = {variable.name: variable for variable in variables_of_cells(self.circuit)}
        found |= {p.name: RecordedVariable(p.name, p.cell.sends) for p in self.circuit.populations}
        return found | {t.name: t for t in variables_of_synapses(self.circuit) if t.name not in found}

    def reset(self, weights: bool = False) -> None:
        """Reset time to 0 and all states to rest, without inputs; another batch may follow.

        Args:
            weights: whether weights become those of the circuit again; otherwise they stay as they are.
        """
        self._held = Held()
        self.engine.reset(self._asked or 1)
        if weights:
            self.engine.set_weights(self.circuit.weights)

    # Running -----------------------------------------------------------------------------------
    def run(
        self,
        protocol: Any,
        record: Any = None,
        *,
        every: int = 1,
        last: int | None = None,
        noise: Sequence[Any] = (),
        check: bool = True,
        diverged: str = "stop",
        progress: bool = False,
        to: str | Path | None = None,
    ) -> xr.Dataset:
        """Run a protocol from where the last one ended; return the recording (see :func:`simulate`).

        Two runs are one longer run: inputs stay as they were left, noise goes on, and the recordings joined
        (:func:`corticalnet.join`) are that of the longer run.

        Raises:
            ProtocolError: the protocol or the records do not fit the circuit, or it is of another batch than
                what has run so far (:meth:`reset` begins anew).
            SimulationError: a number is no longer finite.
        """
        one_of("choice for diverged", diverged, DIVERGED, ProtocolError)
        plan = RunPlan(self, record, every, last, noise, check, to is not None)
        taken = Parts(self, last, to)
        if is_protocol(protocol):
            parts: Iterator[tuple[CompiledProtocol, Recording]] = plan.whole(protocol)
        else:
            parts = plan.one_by_one(protocol(self) if callable(protocol) else protocol)
        with taken, bar("steps", plan.steps, progress, begin=self.step, stay=True) as tick:
            for number, (compiled, recording) in enumerate(parts):
                if number == 0:
                    taken.expect(recording, plan.recording)
                arrays, trouble = self._run(compiled, recording, tick, diverged)
                done = until(recording, self.step)
                taken.add(done, [array[: len(done.kept)] for array in arrays])
                del arrays  # (what is taken is given away when the parts are joined)
                if trouble is not None:
                    trouble.recording = taken.recording()
                    raise trouble
        return taken.recording()

    def _run(
        self,
        compiled: CompiledProtocol,
        recording: Recording,
        tick: Callable[[int], None] | None,
        diverged: str,
    ) -> tuple[list[NDArray[Any]], SimulationError | None]:
        """Run one compiled protocol; how far it came is known also when it is interrupted."""
        done = compiled.begin

        def progress(steps: int) -> None:
            nonlocal done
            done = compiled.begin + steps
            if tick is not None:
                tick(done)

        try:
            arrays = self.engine.run(compiled, recording, progress, guard=diverged == "stop")
            done = compiled.end
        except Diverged as stopped:
            done = stopped.step + 1
            return stopped.arrays, SimulationError(explain(self.circuit, self.weights, stopped))
        finally:
            self._held = compiled.held_at(done)
        if diverged == "warn" and (found := self.engine.trouble()):
            said = explain(self.circuit, self.weights, Diverged(compiled.end - 1, *found, []))
            warnings.warn(said, CircuitWarning, stacklevel=4)
        return arrays, None

    # Snapshots ---------------------------------------------------------------------------------
    def snapshot(self) -> Snapshot:
        """Take a snapshot of the simulation: to branch, or to go on tomorrow (``.save(path)``)."""
        held = self._held
        about = About(
            circuit=digest(self.circuit),
            engine=self.name,
            seed=self.seed,
            options={
                key: str(value) for key, value in self.options.items() if key in ("precision", "target")
            },
            step=held.step,
            batch=held.batch,
            shown=held.shown,
            every=self.engine.windows.every,
        )
        patterns = {".".join(key): np.array(pattern) for key, pattern in held.patterns.items()}
        return Snapshot(about, self.engine.snapshot(), patterns)

    def restore(self, snapshot: Snapshot | str | Path) -> None:
        """Restore a snapshot (or the file of one): the simulation goes on from it bit for bit.

        Raises:
            SimulationError: it is of another circuit, engine or seed, or damaged; then nothing has changed.
        """
        if not isinstance(snapshot, Snapshot):
            snapshot = Snapshot.load(snapshot)
        about = snapshot.about
        about.fits(self.snapshot().about)
        patterns = held_patterns(snapshot, self.circuit)
        before, windows = self.engine.snapshot(), self.engine.windows
        batch = about.batch or self._asked or 1
        self.engine.reset(batch)
        try:
            fitting(snapshot.state, self.engine.snapshot(), ("window/", "delay/", "port/"))
        except SimulationError:
            self.engine.restore(before, self.batch, windows.every, windows.step)
            raise
        self.engine.restore(snapshot.state, batch, about.every, about.step)
        self._held = Held(about.step, about.batch, patterns, about.shown)

    def __deepcopy__(self, memo: dict[int, Any]) -> Simulator:
        """Branch: return another simulator that goes on from the same moment."""
        twin = Simulator(
            self.circuit, self.name, self.seed, batch=self._asked, **copy.deepcopy(self.options, memo)
        )
        twin.restore(self.snapshot())
        return twin

    def __copy__(self) -> Simulator:
        return copy.deepcopy(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (self.circuit, self.name, self.seed, self._asked, self.options, self.snapshot())

    def _warn_of_rounding(self) -> None:
        """Warn of a threshold of φ that float32 rounds across (0 means exactly 0, as at rest)."""
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


def _revive(
    circuit: Circuit, engine: str, seed: int, batch: int | None, options: dict[str, Any], snapshot: Snapshot
) -> Simulator:
    running = Simulator(circuit, engine, seed, batch=batch, **options)
    running.restore(snapshot)
    return running
