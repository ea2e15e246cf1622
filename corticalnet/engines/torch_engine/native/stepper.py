"""Many steps in one call of a compiled program; states, weights and records are where the engine has them."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from corticalnet.engines.recorder import Recorder
from corticalnet.engines.torch_engine.inputs import Inputs
from corticalnet.engines.torch_engine.native.library import loaded
from corticalnet.engines.torch_engine.native.memory import Key
from corticalnet.engines.torch_engine.native.program import StepProgram
from corticalnet.engines.torch_engine.native.records import Copied, Records
from corticalnet.engines.torch_engine.readers import Line
from corticalnet.engines.torch_engine.states import States

#: Records and noise of so many numbers are kept in memory for a call.
_ROOM = 4_000_000
#: Seconds after which somebody may look (at numbers, at a bar, at Ctrl-C); at least so many steps.
_PAUSE, _LEAST = 0.2, 256
_FIELDS = (
    "memory", "weights", "turned", "noise", "index", "constants", "version", "seen", "slot", "waiting",
    "records", "windows", "record", "window", "keep", "full",
)  # fmt: skip


class _World(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_long if name in ("records", "windows") else ctypes.c_void_p) for name in _FIELDS
    ]


class Stepper:
    """Runs the steps of an engine by a compiled program.

    Args:
        program: the steps.
        states, ports: of the engine, by block and role; they are replaced, never written into.
        lines: of delayed projections.
        inputs: which deliver patterns and draw noise.
        like: a tensor of the engine's precision.

    Attributes:
        stride: how many steps should be made at a time.
    """

    def __init__(
        self,
        program: StepProgram,
        states: States,
        ports: States,
        lines: Mapping[str, Line],
        inputs: Inputs,
        like: Tensor,
    ) -> None:
        self._program, self._states, self._ports = program, states, ports
        self._plan, self._weights, self._learners = program.plan, program.weights, program.learners
        self._lines, self._inputs, self._batch, self._like = lines, inputs, program.batch, like
        self._run: Any = None
        self.stride = _LEAST

    def load(self, path: Path) -> None:
        """Load the compiled program."""
        self._run = loaded(path, self._program.single)
        self._prepare()

    def _prepare(self) -> None:
        """Make room for everything, and tell the program where it is."""
        memory = self._program.memory
        self._flat = _aligned(memory.size, self._like)
        self._world = _World()
        self._kept: dict[str, Any] = {
            "version": np.ones(len(memory.versions) + 1, dtype=np.int64),
            "seen": np.zeros(memory.seen + 1, dtype=np.int64),
            "slot": np.zeros(len(memory.delays) + 1, dtype=np.int64),
            "waiting": np.zeros(len(memory.learners) + 1, dtype=np.int32),
            "index": memory.index,
            "constants": [torch.tensor(np.asarray(one)).to(self._like) for one in memory.constants],
        }
        for name in ("version", "seen", "slot", "waiting"):
            setattr(self._world, name, self._kept[name].ctypes.data)
        self._world.index = self._table("indices", [one.ctypes.data for one in memory.index])
        self._world.constants = self._table("numbers", [one.data_ptr() for one in self._kept["constants"]])
        self._world.memory = self._flat.data_ptr()
        self._records = Records(self._program, self._view, self._like)
        self._mine: dict[Key, Any] = {}  # what the engine's states were when they were last the program's

    def _table(self, name: str, pointers: list[int]) -> int:
        """Keep a table of pointers; return where it is."""
        table = self._kept[name] = (ctypes.c_void_p * (len(pointers) + 1))(*pointers)
        return ctypes.addressof(table)

    def _view(self, key: Key, flat: Tensor | None = None) -> Tensor:
        begin, shape = self._program.memory.places[key]
        whole = self._flat if flat is None else flat
        return whole[begin : begin + int(np.prod(shape))].view(shape)

    # From the engine and back ------------------------------------------------------------------
    def _spaces(self) -> list[tuple[Key, SimpleNamespace, str]]:
        """List what the program has of states, inputs and ports, and where the engine has it."""
        if "spaces" in self._kept:
            return self._kept["spaces"]  # type: ignore[no-any-return]
        found = self._kept["spaces"] = []
        for key in self._program.memory.places:
            if key[0] in ("state", "input", "port"):
                kind, block, role, name = key
                found.append((key, (self._ports if kind == "port" else self._states)[block][role], name))
        return found

    def _load(self) -> None:
        """Copy what has become another since the last call into the program's memory."""
        version, versions = self._kept["version"], self._program.memory.versions
        for key, space, name in self._spaces():
            value = getattr(space, name, 0.0)
            if self._mine.get(key) is not value:
                self._view(key)[...] = value
                self._mine[key] = value
                if key in versions:
                    version[versions[key]] += 1
        for name in self._weights.tensors:
            now, key = self._weights.versions[name], ("weight", name)
            if self._mine.get(key) is not now:
                self._mine[key] = now
                if key in versions:
                    version[versions[key]] += 1
        self._world.weights = self._table(
            "tensors", [self._weights.tensors[name].data_ptr() for name in self._program.memory.weights]
        )
        turned = self._kept["turned"] = [self._weights.turned(name) for name in self._program.memory.turned]
        self._world.turned = self._table("turned tensors", [tensor.data_ptr() for tensor in turned])
        for number, name in enumerate(self._program.memory.delays):
            self._kept["slot"][number] = 0
            line = self._lines[name]
            for state, waiting in line.waiting.items():
                for k, one in enumerate(waiting):
                    self._view(("delay", name, state))[k] = one
                if state in line.arrived:
                    self._view(("arrived", name, state))[...] = line.arrived[state]
        for number, name in enumerate(self._program.memory.learners):
            self._kept["waiting"][number] = self._learners[name].waiting
            for state, value in self._learners[name].synapse.items():
                if ("synapse", name, state) in self._program.memory.places:
                    self._view(("synapse", name, state))[...] = value

    def _store(self) -> None:
        """Set the states of the engine, and mark the weights that have changed."""
        memory, now = self._program.memory, self._kept["version"]
        flat = self._flat[: memory.moving].clone()
        for key, space, name in self._spaces():
            if memory.places[key][0] < memory.moving:
                self._mine[key] = value = self._view(key, flat)
            elif key[0] == "state" and now[memory.versions[key]] != self._before[memory.versions[key]]:
                self._mine[key] = value = self._view(key).clone()
            else:
                continue
            setattr(space, name, value)
        for name, tensor_version in self._changed_weights():
            self._weights.versions[name] = self._mine["weight", name] = tensor_version
        for number, name in enumerate(self._program.memory.delays):
            oldest, line = int(self._kept["slot"][number]), self._lines[name]
            for state in line.sent:
                waiting = self._view(("delay", name, state), flat).roll(-oldest, 0)
                line.fill(state, torch.cat([self._view(("arrived", name, state), flat)[None], waiting]))
        for number, name in enumerate(self._program.memory.learners):
            learner = self._learners[name]
            for state in learner.synapse:
                if ("synapse", name, state) in self._program.memory.places:
                    learner.synapse[state] = self._view(("synapse", name, state), flat)
            learner.waiting = bool(self._kept["waiting"][number])

    def _changed_weights(self) -> list[tuple[str, object]]:
        """List the weights that have changed since they were loaded, each with a new version."""
        versions, now = self._program.memory.versions, self._kept["version"]
        plastic = [p.name for p in self._plan.circuit.plastic]
        return [
            (name, object())
            for name in plastic
            if ("weight", name) in versions
            and now[versions["weight", name]] != self._before[versions["weight", name]]
        ]

    # Running -----------------------------------------------------------------------------------
    def advance(self, t: int, steps: int, recorder: Recorder | None) -> None:
        """Make steps from (absolute) step ``t`` on, and record each."""
        begun, wanted = time.perf_counter(), steps
        while steps:
            done = min(steps, self._fitting(recorder))
            self._some(t, done, recorder)
            t, steps = t + done, steps - done
        took = (time.perf_counter() - begun) / wanted
        self.stride = min(max(int(_PAUSE / max(took, 1e-9)), _LEAST), 2 * self.stride)

    def _fitting(self, recorder: Recorder | None) -> int:
        """Return how many steps have room."""
        each = sum(self._batch * self._plan.blocks[block].n for block, *_ in self._program.memory.noise)
        each += sum(map(self._records.size, recorder.variables)) if recorder is not None else 0
        return max(1, _ROOM // max(each, 1))

    def _some(self, t: int, steps: int, recorder: Recorder | None) -> None:
        self._load()
        self._before = self._kept["version"].copy()
        noise = self._inputs.drawn(t, steps)
        world = self._world
        world.noise = self._table("noises", [noise[key].data_ptr() for key in self._program.memory.noise])
        room = self._kept["room"] = self._records.room(t, steps, recorder)
        world.keep, world.full = room.keep.ctypes.data, room.full.ctypes.data
        world.records, world.windows = len(room.record), len(room.window)
        for name, copied in (("record", room.record), ("window", room.window)):
            table = self._kept[name] = (Copied * (len(copied) + 1))(*copied)
            setattr(world, name, ctypes.addressof(table))
        begin = t
        for turn in [*self._inputs.turns(t + 1, t + steps), t + steps]:
            self._inputs.show(begin)
            self._deliver()
            self._run(ctypes.addressof(self._world), begin - t, turn - t)
            begin = turn
        self._store()
        if recorder is not None:
            recorder.take_many(t + steps, room.states, room.sums)

    def _deliver(self) -> None:
        """Copy patterns that are others now."""
        version, versions = self._kept["version"], self._program.memory.versions
        for key in self._input_keys():
            value = getattr(self._states[key[1]][key[2]], key[3])
            if self._mine.get(key) is not value:
                self._view(key)[...] = value
                self._mine[key] = value
                if key in versions:
                    version[versions[key]] += 1

    def _input_keys(self) -> list[Key]:
        if "inputs" not in self._kept:
            self._kept["inputs"] = [key for key in self._program.memory.places if key[0] == "input"]
        return self._kept["inputs"]  # type: ignore[no-any-return]


def _aligned(size: int, like: Tensor) -> Tensor:
    """Make a tensor of zeros that begins at a multiple of 64 bytes."""
    room = like.new_zeros(size + 64)
    begin = (-room.data_ptr() % 64) // room.element_size()
    return room[begin : begin + size]
