"""How a run is laid out: scripts one after another, and what is recorded of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from corticalnet.circuits.experiment.recording import Recording, again, plan_recording
from corticalnet.circuits.experiment.script import Script, compile_protocol, is_protocol
from corticalnet.errors import ProtocolError

if TYPE_CHECKING:
    from corticalnet.engines.simulator import Simulator


class RunPlan:
    """How a run is laid out: scripts, and what is recorded of each.

    Attributes:
        steps, recording: of the whole run, if they are known.
    """

    def __init__(
        self,
        running: Simulator,
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

    def whole(self, protocol: Any) -> Iterator[tuple[Script, Recording]]:
        """A protocol that is known; in pieces that fit into memory if it streams to a file."""
        script = self._compiled(protocol)
        self.steps = script.steps
        recording = self.recording = self._recorded(script, self.last)
        pieces = recording.pieces() if self._streams else [(script, recording)]
        return iter(pieces)

    def one_by_one(self, elements: Any) -> Iterator[tuple[Script, Recording]]:
        """A protocol that is made while it runs."""
        if self.last is not None:
            raise ProtocolError("last=… needs a protocol whose length is known, a list of elements")
        try:
            elements = iter(elements)
        except TypeError:
            raise ProtocolError(
                f"a protocol is a list of elements or a function that yields them, not {elements!r}"
            ) from None
        return self._each(elements)

    def _each(self, elements: Iterator[Any]) -> Iterator[tuple[Script, Recording]]:
        tracks = None
        for element in elements:
            script = self._compiled(element if is_protocol(element) else [element])
            recording = self._recorded(script, None)
            tracks = recording.tracks if tracks is None else tracks
            yield script, replace(recording, tracks=tracks)
        if tracks is None:
            self._compiled([])  # says that there was nothing to do

    def _compiled(self, protocol: Any) -> Script:
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

    def _recorded(self, script: Script, last: int | None) -> Recording:
        running = self._running
        # Many short runs record the same: what that is need not be found out again and again.
        wish = tuple(self._record) if isinstance(self._record, list) else self._record
        key = (wish, self.every, last, self._streams, script.steps, script.batch, script.begin % self.every)
        if key == running._planned[0]:
            return again(running._planned[1], script)
        recording = plan_recording(running.circuit, script, self._record, self.every, last, self._streams)
        running._planned = key, recording
        return recording


def until(recording: Recording, step: int) -> Recording:
    """What has been recorded before a step, at which a run stopped."""
    if step == recording.script.end:
        return recording
    script = recording.script.part(recording.script.begin, step)
    return replace(recording, script=script, kept=recording.kept[recording.kept < step])
