"""A circuit as a Brian2 script of its own: what a reader of Brian2 would have written by hand.

print(to_brian2(circuit, protocol))
to_brian2(circuit, protocol, "columns.py")      python columns.py needs no corticalnet
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from corticalnet.circuits import Circuit
from corticalnet.engines.brian2_script.script import Brian2Script
from corticalnet.engines.plan import Plan
from corticalnet.errors import EngineError, ProtocolError
from corticalnet.experiment.compiled import compile_protocol, is_protocol
from corticalnet.experiment.during import manipulations_of
from corticalnet.experiment.manipulation import prepare
from corticalnet.experiment.protocol import Rest
from corticalnet.recordings.recording import plan_recording
from corticalnet.store import expanded, write_whole


def to_brian2(
    circuit: Circuit,
    protocol: Any = None,
    path: str | Path | None = None,
    record: Any = None,
    *,
    noise: Sequence[Any] = (),
    seed: int = 0,
    check: bool = True,
) -> str:
    """Write a circuit and a protocol as a Brian2 script, which gives the same traces without corticalnet.

    Each population is a NeuronGroup whose variables have the names and units of its cells' states; each phase
    in which cells act is a ``run_regularly``; wires are linked variables, projections Synapses with summed
    variables (spikes: ``on_pre``), plasticity is code of these Synapses; inputs are TimedArrays; every
    object has its slot, order and name.

    Args:
        circuit: populations and what joins them.
        protocol: a list of elements, as :func:`corticalnet.simulate` takes it; ten steps of rest if not
            given.
        path: where to write it; many numbers go to ``path`` with "_arrays.npz" instead of ".py". The
            text is returned in any case; without a path it holds all numbers.
        record: what to record, as :func:`corticalnet.simulate` takes it.
        noise: ``Noise(population, port, sd)``; its numbers are drawn here, and played by the script.
        seed: of noise, and of states in which cells differ before all time.
        check: refuse a protocol that is too short for the error to come down.

    Raises:
        EngineError: Brian2 is not installed, or a script cannot say this: a batch of samples, means
            over cells, or a projection whose synapses share weights that learn.
        ProtocolError: the protocol or the records do not fit the circuit, or the protocol is a function.

    >>> import corticalnet as cn
    >>> columns = cn.circuit(cn.mlp([2, 3, 2]), cn.rule("z-il"))
    >>> print(to_brian2(columns, [cn.Present([[0.0, 1.0]], steps=6)]).splitlines()[0])
    \"\"\"z-il columns: 20 cells, 6 steps of 1 ms, in Brian2.
    """
    elements = [Rest(steps=10)] if protocol is None else protocol
    if not is_protocol(elements):
        raise ProtocolError(
            "a Brian2 script plays a list of elements: a function that looks at states cannot be in it"
        )
    prepared = prepare(circuit, *manipulations_of(elements))
    compiled = compile_protocol(prepared, elements, noise, check, seed=seed)
    if compiled.batch > 1:
        raise EngineError(f"a Brian2 script runs one sample at a time, not a batch of {compiled.batch}")
    for projection in prepared.plastic:
        pre, post = (prepared.population(end).n for end in (projection.source, projection.target))
        weight = projection.connection.synapses(pre, post)[2]
        if len(np.unique(weight)) < len(weight):
            raise EngineError(
                "a Brian2 script cannot have synapses that share weights and learn, as "
                f"'{projection.name}' has; engine='brian2' runs them"
            )
    script = Brian2Script(
        Plan(prepared, seed=seed), compiled, plan_recording(prepared, compiled, record, 1, None, True)
    )
    if path is None:
        return script.text()
    file = expanded(path)
    beside = f"{file.stem}_arrays.npz" if script.arrays.many else ""
    written = script.text(beside)
    if beside:
        with (file.parent / beside).open("wb") as stream:
            np.savez_compressed(stream, **script.arrays)  # type: ignore[arg-type]
    write_whole(file, written, EngineError)
    return written
