"""How a run is laid out: compiled protocols one after another, and what is recorded of each."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from corticalnet.engines.running import Running
from corticalnet.errors import ProtocolError, RecordingWarning
from corticalnet.experiment.compiled import CompiledProtocol, compile_protocol, is_protocol
from corticalnet.recordings.recording import Recording, again, plan_recording


class RunPlan:
    """How a run is laid out: compiled protocols, and what is recorded of each.

    Attributes:
        steps, recording: of the whole run, if they are known.
    """

    def __init__(
        self,
        running: Running,
        record: Any,
        every: int,
        last: int | None,
        noise: Sequence[Any],
        check: bool,
        streams: bool,
    ) -> None:
        self._running, self._record, self.every, self.last = running, record, every, last
        self._noise, self._check, self._streams = noise, check, streams
        self.steps: int | None = None
        self.recording: Recording | None = None

    def whole(self, protocol: Any) -> Iterator[tuple[CompiledProtocol, Recording]]:
        """Plan a protocol of known length; in pieces that fit into memory if it streams to a file."""
        compiled = self._compiled(protocol)
        self.steps = compiled.steps
        recording = self.recording = self._counted(self._recorded(compiled, self.last))
        pieces = recording.pieces() if self._streams else [(compiled, recording)]
        return iter(pieces)

    def one_by_one(self, elements: Any) -> Iterator[tuple[CompiledProtocol, Recording]]:
        """Plan a protocol that is generated while it runs."""
        if self.last is not None:
            raise ProtocolError("last=… needs a protocol whose length is known, a list of elements")
        try:
            elements = iter(elements)
        except TypeError:
            raise ProtocolError(
                f"a protocol is a list of elements or a function that yields them, not {elements!r}"
            ) from None
        return self._each(elements)

    def _each(self, elements: Iterator[Any]) -> Iterator[tuple[CompiledProtocol, Recording]]:
        variables = None
        for element in elements:
            compiled = self._compiled(element if is_protocol(element) else [element])
            recording = self._recorded(compiled, None)
            variables = recording.variables if variables is None else variables
            yield compiled, self._counted(replace(recording, variables=variables))
        if variables is None:
            self._compiled([])  # says that there was nothing to do

    def _compiled(self, protocol: Any) -> CompiledProtocol:
        running = self._running
        return compile_protocol(
            running.circuit,
            protocol,
            self._noise,
            self._check,
            held=running._held,
            batch=running._asked,
            seed=running.seed,
        )

    def _recorded(self, compiled: CompiledProtocol, last: int | None) -> Recording:
        running = self._running
        # Many short runs record the same: what that is need not be found out again and again.
        request = tuple(self._record) if isinstance(self._record, list) else self._record
        key = (
            request,
            self.every,
            last,
            self._streams,
            compiled.steps,
            compiled.batch,
            compiled.begin % self.every,
        )
        if key == running._planned[0]:
            return again(running._planned[1], compiled)
        recording = plan_recording(running.circuit, compiled, self._record, self.every, last, self._streams)
        running._planned = key, recording
        return recording

    def _counted(self, recording: Recording) -> Recording:
        """Drop the record of a window whose first steps were not counted: its sums would be too small."""
        begin, every, windows = recording.compiled.begin, recording.every, self._running.engine.windows
        end = begin - begin % every + every - 1
        if begin % every == 0 or end not in recording.kept:
            return recording
        goes_on = (windows.every, windows.step) == (every, begin)
        for variable in filter(recording.adds_up, recording.variables):
            if not goes_on or (variable.part, variable.state) not in windows.sums:
                warnings.warn(
                    f"there is no record of steps {end - every + 1} to {end}: '{variable.state}' of "
                    f"'{variable.part}' was not counted before step {begin}, so every={every} begins with "
                    "the next window",
                    RecordingWarning,
                    stacklevel=5,
                )
                return replace(recording, kept=recording.kept[recording.kept > end])
        return recording


def until(recording: Recording, step: int) -> Recording:
    """Cut a recording at a step at which a run stopped."""
    if step == recording.compiled.end:
        return recording
    compiled = recording.compiled.part(recording.compiled.begin, step)
    return replace(recording, compiled=compiled, kept=recording.kept[recording.kept < step])
