"""Outside inputs of a Brian2 model that runs in this process: fields that are filled when they change."""

from __future__ import annotations

from corticalnet.engines.brian2_engine.model import Model
from corticalnet.experiment.compiled import CompiledProtocol


class Inputs:
    """The inputs of one run.

    Args:
        model: whose fields are filled.
        compiled: the compiled protocol.
    """

    def __init__(self, model: Model, compiled: CompiledProtocol) -> None:
        circuit, layout = model.layout.circuit, model.layout
        self._begin, self._inputs, self._noise = compiled.begin, [], []
        for population in circuit.populations:
            rows = slice(*layout.rows(population.name))
            for name in population.cell.inputs:
                field = model.field(layout.names(population.role, name))[rows]
                signal = compiled.signals.get((population.name, name))
                if signal is None:
                    field[:] = 0.0
                else:
                    self._inputs.append((field, signal.patterns[:, 0], signal.index))
            for port in population.cell.ports:
                field = model.field(layout.names(population.role, port, "noise"))[rows]
                stream = compiled.noise.get((population.name, port))
                if stream is None:
                    field[:] = 0.0
                else:
                    self._noise.append((field, stream))
        self._shown = [-1] * len(self._inputs)

    def deliver(self, t: int) -> None:
        """Set every input to its pattern of (absolute) step ``t``, and draw the noise."""
        k = t - self._begin
        for one, (field, patterns, index) in enumerate(self._inputs):
            if index[k] != self._shown[one]:
                self._shown[one] = int(index[k])
                field[:] = patterns[index[k]]
        for field, stream in self._noise:
            field[:] = stream.at(t, 1, len(field))[0]
