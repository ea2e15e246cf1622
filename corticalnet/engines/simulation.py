"""``simulate``: a circuit, a protocol, an engine; back comes one recording. See also :class:`Simulator`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corticalnet.circuits import Circuit
from corticalnet.engines.simulator import Simulator
from corticalnet.experiment.during import manipulations_of
from corticalnet.experiment.manipulation import prepare

if TYPE_CHECKING:
    import xarray as xr

#: Elements, or what makes them one after another: a generator, or a function of the simulator.
AnyProtocol = Iterable[Any] | Callable[[Simulator], Iterable[Any]] | Any


def simulator(
    circuit: Circuit, engine: str = "torch", seed: int = 0, *, batch: int | None = None, **options: Any
) -> Simulator:
    """Return a simulator: a circuit on an engine, for more than one protocol; see :class:`Simulator`.

    >>> import corticalnet as cn
    >>> running = simulator(cn.circuit(cn.mlp([2, 3, 2]), cn.rule("z-il")))
    >>> data = running.run([cn.Present([[0.0, 1.0]], steps=6)], record=["value"])
    >>> running.read("area1.value.value").shape
    (1, 3)
    """
    return Simulator(circuit, engine, seed, batch=batch, **options)


def simulate(
    circuit: Circuit,
    protocol: AnyProtocol,
    engine: str = "torch",
    record: Any = None,
    *,
    every: int = 1,
    last: int | None = None,
    noise: Sequence[Any] = (),
    seed: int = 0,
    batch: int | None = None,
    check: bool = True,
    diverged: str = "stop",
    progress: bool = False,
    to: str | Path | None = None,
    **options: Any,
) -> xr.Dataset:
    """Run a circuit through a protocol; return the recording.

    Args:
        circuit: populations and what joins them.
        protocol: a list of ``Present``, ``Teach``, ``Reinforce``, ``Rest``, ``SetInput``, ``Play``,
            ``Stream``, ``During`` (the circuit is prepared for its manipulations); or a function of the
            simulator that yields them one after another, and may look at states in between (a closed loop).
        engine: "torch" (batches, CPU or GPU) or "brian2" (one sample).
        record: what to record: states ("error"), populations ("area1.phi"), "weights", projections, states of
            their synapses ("input->area1.trace"), or ``Record`` with ``where`` and ``reduce``; if not given,
            everything but states of synapses, if it is not too much.
        every: record after each so many steps: states as they are then; spikes, φ, choices and bursts of
            dopamine as their sum over these steps.
        last: only records of so many steps at the end.
        noise: ``Noise(population, port, sd)``, drawn by (seed, step).
        seed: of noise, and of states in which cells differ before all time; also noted in the recording.
        batch: samples that run side by side; as many as the stimuli have if not given.
        check: refuse a protocol that is too short for the error to come down.
        diverged: what to do when a number is no longer finite: "stop", "warn" or "ignore".
        progress: show a bar.
        to: a NetCDF file that grows while the simulation runs; numbers of the recording are then read from it
            when they are needed, so what does not fit into memory is no problem.
        options: of the engine: ``precision``, ``device``, ``compiled`` (torch); ``target`` (Brian2).

    Returns:
        A dataset with a variable for each state of each population, "area1.value.rate" ``[time (ms), batch,
        cell]``, and the weights of each plastic projection, "weights input->area1" ``[when, post, pre]``,
        before and after; settings, seed and schedule in its attributes. A value is the state after the step
        that begins at its time.

    Raises:
        ProtocolError: the protocol or the records do not fit the circuit.
        EngineError: the engine is unknown, not installed, or cannot run this.
        SimulationError: a number is no longer finite (``error.recording`` has what was recorded until then).

    >>> import corticalnet as cn
    >>> columns = cn.circuit(cn.mlp([2, 3, 2], "tanh"), cn.rule("z-il"))
    >>> trial = [cn.Present([[0.0, 1.0]], steps=6), cn.Teach([1], steps=6)]
    >>> simulate(columns, trial, record=["error"]).sizes["time"]
    12
    """
    prepared = prepare(circuit, *manipulations_of(protocol))
    return Simulator(prepared, engine, seed, batch=batch, **options).run(
        protocol,
        record,
        every=every,
        last=last,
        noise=noise,
        check=check,
        diverged=diverged,
        progress=progress,
        to=to,
    )
