"""Recurrent columns: an area one of whose links comes from itself, a step ago.

    rate_t = f(U x_t + W rate_(t−1) + b)          output_t = g(V rate_t + c)

The one idea: unrolled in time this *is* a deep network, one area for each step, whose links are shared. So
:meth:`Recurrent.unrolled` returns a :class:`Network`, and every rule works on it as it is: errors that come
down from area to area go back through time.

    input  (x_1 … x_T, rate_0)  ──U──►  hidden1 ──W──► hidden2 ──W──► … hiddenT
                                           └─V─┐           └─V─┐           └─V─┐
                                              output  (output_1,   output_2, … output_T)
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from corticalnet.activations import Activation
from corticalnet.checks import whole
from corticalnet.errors import NetworkError, ShapeError
from corticalnet.network.area import Area
from corticalnet.network.initialisation import Scheme
from corticalnet.network.links import Cut, Dense
from corticalnet.network.network import Network
from corticalnet.network.parts import Parts
from corticalnet.network.reading import converted, numbers, place
from corticalnet.network.wiring import Wiring
from corticalnet.replay import GuardedDict


class Recurrent(nn.Module):
    """Columns that receive the input and, a step later, themselves; an output receives them.

    Its links are ``U = "input->hidden"``, ``W = "hidden->hidden"`` and ``V = "hidden->output"``.

    Args:
        inputs, columns, outputs: how many of each.
        hidden, output: activations (see :mod:`corticalnet.activations`).
        seed: of the initial weights, drawn by name as those of a :class:`Network`.
        bias: whether hidden columns and output columns have a learned offset.
        init: initial weights, as for links.
        dtype, device: of the weights; torch's defaults if not given.

    Raises:
        NetworkError: a size is no whole number from 1, or an activation is unknown.

    >>> net = Recurrent(2, 5, 1, seed=0)
    >>> net(torch.zeros(3, 7, 2)).shape
    torch.Size([3, 7, 1])
    """

    def __init__(
        self,
        inputs: int,
        columns: int,
        outputs: int,
        hidden: str | Activation = "tanh",
        output: str | Activation = "linear",
        seed: int = 0,
        *,
        bias: bool = False,
        init: str | float | Scheme = "auto",
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        inputs = whole("recurrent network: inputs", inputs, NetworkError)
        self.columns = columns = whole("recurrent network: columns", columns, NetworkError)
        self.outputs = outputs = whole("recurrent network: outputs", outputs, NetworkError)
        self.input_shape, self.seed = (inputs,), whole("seed", seed, NetworkError, least=None)
        dtype, device = place(dtype, device)
        here = Dense(columns, init=init), Dense(columns, "hidden", bias=bias, init=init)
        self.hidden = Area(here, hidden, "hidden")
        self.output = Area(Dense(outputs, bias=bias, init=init), output, "output")
        kind = dtype or torch.get_default_dtype()
        ways = zip(("input->hidden", "hidden->hidden"), ((inputs,), (columns,)), strict=True)
        for link, (name, shape) in zip(self.hidden.arriving, ways, strict=True):
            link.build(shape, seed, name, self.hidden.rectifying, kind)
        self.output.arriving[0].build((columns,), seed, "hidden->output", self.output.rectifying, kind)
        self.to(device=device, dtype=dtype)
        self.parts = Parts(self)
        self._unrolled: dict[int, Unrolled] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave unrolled networks out of the pickle; they are made again when they are needed."""
        return self.__dict__ | {"_unrolled": {}}

    @property
    def areas(self) -> dict[str, Area]:
        """Return the areas by name, from the input up."""
        return {"hidden": self.hidden, "output": self.output}

    # Running ---------------------------------------------------------------------------------
    def forward(self, sequence: Any, state: Any = None) -> Tensor:
        """Compute the output rates ``[batch, steps, outputs]`` for a sequence ``[batch, steps, inputs]``."""
        return self.run(sequence, state)[0]

    def run(self, sequence: Any, state: Any = None) -> tuple[Tensor, Tensor]:
        """Compute output rates ``[batch, steps, outputs]`` and hidden rates ``[batch, steps, columns]``.

        Args:
            sequence: inputs ``[batch, steps, inputs]``.
            state: hidden rates before the first step ``[batch, columns]``; zero if not given.

        Raises:
            ShapeError: one of them does not fit.
        """
        sequence, rate = self.admit(sequence, state)
        from_input, from_itself = self.hidden.arriving
        rates = []
        for x in sequence.unbind(1):
            rate, _ = self.hidden.forward(from_input.drive(x) + from_itself.drive(rate))
            rates.append(rate)
        outputs = [self.output.forward(self.output.arriving[0].drive(rate))[0] for rate in rates]
        return torch.stack(outputs, 1), torch.stack(rates, 1)

    def admit(self, sequence: Any, state: Any = None) -> tuple[Tensor, Tensor]:
        """Read a sequence and a state, in the network's precision and on its device.

        Raises:
            ShapeError: one of them does not fit, or they are no real numbers.
        """
        self.parts.check()
        like = self.hidden.arriving[0].weight
        sequence = numbers(sequence, "sequence", like.device)
        if sequence.dim() != 3 or sequence.shape[2:] != self.input_shape or not sequence.shape[1]:
            raise ShapeError(
                f"sequence has shape {tuple(sequence.shape)}; this network takes (batch, steps, "
                f"{self.input_shape[0]}) with at least one step"
            )
        if state is None:
            state = like.new_zeros(len(sequence), self.columns)
        state = numbers(state, "state", like.device)
        if state.shape != (len(sequence), self.columns):
            raise ShapeError(
                f"state has shape {tuple(state.shape)}; for this sequence it is "
                f"({len(sequence)}, {self.columns})"
            )
        return converted(sequence, like.dtype, "sequence"), converted(state, like.dtype, "state")

    # Unrolling -------------------------------------------------------------------------------
    def unrolled(self, steps: int) -> Unrolled:
        """Unroll this network over some steps, to a deep one with shared links (kept for the next time).

        Raises:
            NetworkError: fewer than one step.
        """
        steps = whole("steps", steps, NetworkError)
        net = self._unrolled.get(steps)
        if net is None:
            net = self._unrolled[steps] = Unrolled(self, steps)
        return net


class Unrolled(Network):
    """A recurrent network over some steps. Input: ``[batch, steps · inputs + columns]``, see :meth:`join`.

    The output has ``steps · outputs`` columns. Links into the first area, and all that leave the last,
    are cuts; between areas lies one and the same link.
    """

    def __init__(self, net: Recurrent, steps: int) -> None:
        nn.Module.__init__(self)
        (inputs,), columns, outputs = net.input_shape, net.columns, net.outputs
        before, after = steps * inputs + columns, steps * outputs
        self.steps, self.seed, self.input_shape, self._levelled = steps, net.seed, (before,), None
        self.areas, self.wiring = GuardedDict(), Wiring()
        u, w = net.hidden.arriving
        for t in range(steps):
            came = (t, w) if t else (0, Cut(w, source=before, read=steps * inputs))
            self._append(net.hidden, f"hidden{t + 1}", [(0, Cut(u, source=before, read=t * inputs)), came])
        v = net.output.arriving[0]
        places = [(t + 1, Cut(v, target=after, write=t * outputs)) for t in range(steps)]
        self._append(net.output, "output", places)
        self.wiring.measure()
        self.parts = net.parts

    def _append(self, area: Area, name: str, arriving: list) -> None:
        area = copy.copy(area)  # the same stages under another name
        area.name, area.arriving = name, tuple(link for _, link in arriving)
        area.shape = area.drive_shape = arriving[0][1].target_shape
        self.areas[name] = area
        self.wiring.add(area, arriving)

    @staticmethod
    def join(sequence: Tensor, state: Tensor) -> Tensor:
        """Concatenate a sequence ``[batch, steps, inputs]`` and the state before it to one input."""
        return torch.cat([sequence.flatten(1), state], 1)
