"""The network view: a hierarchy of areas of columns joined by links, as a ``torch.nn.Module``.

    drive_l = Σ_links W rate_source        rate_l = f_l(drive_l)        l from the input up

Nothing here needs autograd; rules sweep the network with the links' local operations. Autograd works
on it all the same, and the tests use it as the oracle.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from corticalnet.activations import Activation
from corticalnet.errors import NetworkError, ShapeError, unknown
from corticalnet.network.area import Area
from corticalnet.network.initialisation import Scheme
from corticalnet.network.links import Dense, Link
from corticalnet.network.wiring import Activity, Wiring
from corticalnet.tables import table

Shape = tuple[int, ...]


class Network(nn.Module):
    """Areas of cortical columns, from the input up.

    Args:
        input_shape: shape of one input without the batch, e.g. ``(1, 28, 28)`` or ``(784,)``.
        areas: the areas from the input up; the last one is the output.
        seed: of the initial weights, which are drawn by name (:mod:`corticalnet.network.initialisation`).
        dtype, device: of the weights; torch's defaults if not given.

    Raises:
        NetworkError: areas and links do not fit together.

    >>> net = Network((2,), [Area(Dense(3), "tanh"), Area(Dense(1), "linear")], seed=0)
    >>> net(torch.zeros(5, 2)).shape
    torch.Size([5, 1])
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        areas: Sequence[Area],
        seed: int = 0,
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        self.input_shape, self.seed = tuple(int(n) for n in input_shape), seed
        if not self.input_shape or min(self.input_shape) < 1:
            raise NetworkError(f"input_shape must be whole numbers of at least 1, not {self.input_shape}")
        if not areas:
            raise NetworkError("a network needs at least one area, the output")
        self.areas = nn.ModuleDict()
        self.wiring = Wiring()
        for position, area in enumerate(areas, start=1):
            self._add(area, position, len(areas), dtype or torch.get_default_dtype())
        for node in range(1, self.wiring.output):
            if not self.wiring.leaving[node]:
                raise NetworkError(f"area '{self.wiring.name(node)}' sends to no other area")
        self.wiring.measure()
        self._levelled: Wiring | None = None
        self.to(device=device, dtype=dtype)
        #: All that is learned, as a tuple (walking through ``parameters()`` costs more than a small update).
        self.learned: tuple[nn.Parameter, ...] = tuple(self.parameters())

    def _add(self, area: Area, position: int, count: int, dtype: torch.dtype) -> None:
        if not isinstance(area, Area):
            raise NetworkError(f"areas must be Area(...), not {area!r}")
        area = copy.deepcopy(area)
        area.name = area.name or ("output" if position == count else f"area{position}")
        if area.name == "input" or area.name in self.areas or not area.name.replace("-", "_").isidentifier():
            raise NetworkError(f"area name '{area.name}' is taken or no plain word; choose another")
        known = ["input", *self.areas]
        arriving = []
        for link in area.arriving:
            source = link.source_name or known[-1]
            if source not in known:
                raise NetworkError(f"area '{area.name}': {unknown('source area', source, known)}")
            arriving.append((known.index(source), link))
        for k, (source, link) in enumerate(arriving):
            shape = self.input_shape if source == 0 else self.wiring.area(source).shape
            name = f"{known[source]}->{area.name}" + (f".{k}" if k else "")
            try:
                built = link.build(shape, self.seed, name, area.rectifying, dtype)
            except NetworkError as error:
                raise NetworkError(f"area '{area.name}': {error}") from None
            if k and built != area.drive_shape:
                raise NetworkError(
                    f"area '{area.name}': its links arrive with different shapes, "
                    f"{area.drive_shape} and {built}"
                )
            area.drive_shape = built
        area.shape = area.drive_shape
        for stage in area.sequence:
            try:
                area.shape = stage.build(area.shape)
            except NetworkError as error:
                raise NetworkError(f"area '{area.name}': {error}") from None
        self.areas[area.name] = area
        self.wiring.add(area, arriving)

    # Running ---------------------------------------------------------------------------------
    def forward(self, x: Tensor) -> Tensor:
        """Rates of the output area ``[batch, *output_shape]``."""
        return self.sweep(x).rates[-1]

    def sweep(self, x: Tensor) -> Activity:
        """Drives and rates of every area for inputs ``[batch, *input_shape]``."""
        return self.wiring.fire(self.admit(x))

    @torch.no_grad()
    def predict(self, x: Tensor, batch: int = 1024) -> Tensor:
        """Class indices ``[N]``: the most active output column, in evaluation mode, ``batch`` at a time.

        Takes no labels and clamps nothing.
        """
        was_training = self.training
        self.eval()
        try:
            return torch.cat([self(part).argmax(1) for part in x.split(batch)])
        finally:
            self.train(was_training)

    def admit(self, x: Tensor) -> Tensor:
        """Check an input and bring it to the network's shape and floating type.

        Raises:
            ShapeError: the shape does not fit, or the numbers are not floating.
        """
        reference = self._reference
        if x.shape[1:] != self.input_shape:
            if x.dim() < 2 or x.shape[1:].numel() != torch.Size(self.input_shape).numel():
                raise ShapeError(
                    f"input has shape {tuple(x.shape)}; this network takes (batch, "
                    f"{', '.join(map(str, self.input_shape))})"
                )
            x = x.reshape(-1, *self.input_shape)
        if x.dtype != reference.dtype:
            if not x.is_floating_point():
                raise ShapeError(f"input is {x.dtype}; give floating numbers (for images: pixels / 255)")
            x = x.to(reference.dtype)
        return x

    @property
    def _reference(self) -> Tensor:
        return self.wiring.arriving[1][0][1].weight

    # Looking ---------------------------------------------------------------------------------
    @property
    def output_shape(self) -> Shape:
        """Shape of the output rates without the batch."""
        return self.wiring.area(-1).shape

    @property
    def links(self) -> list[Link]:
        """All links, from the input up."""
        return [link for arriving in self.wiring.arriving for _, link in arriving]

    def levelled(self) -> Wiring:
        """The wiring with relays for links that skip areas (made once; see :class:`Wiring`)."""
        if self._levelled is None:
            self._levelled = self.wiring.levelled()
        return self._levelled

    def __str__(self) -> str:
        rows: list[list[object]] = [["input", _sheet(self.input_shape), "", "", ""]]
        for node in range(1, self.wiring.output + 1):
            area = self.wiring.area(node)
            arriving = self.wiring.arriving[node]
            words = [f"{link.describe()} from {self.wiring.name(s)}" for s, link in arriving]
            stages = ", ".join(stage.describe() for stage in area.sequence)
            synapses = sum(link.synapses for _, link in arriving)
            rows.append([area.name, _sheet(area.shape), " + ".join(words), stages, f"{synapses:,}"])
        weights = sum(p.numel() for p in self.parameters())
        synapses = sum(link.synapses for link in self.links)
        header = ["area", "columns", "driven by", "fires through", "synapses"]
        return table(header, rows) + f"\n{synapses:,} synapses, {weights:,} learned numbers, seed {self.seed}"


def mlp(
    columns: Sequence[int],
    hidden: str | Activation = "sigmoid",
    output: str | Activation = "linear",
    seed: int = 0,
    *,
    bias: bool = False,
    init: str | float | Scheme = "auto",
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> Network:
    """A dense hierarchy: ``mlp([784, 32, 32, 10])`` has 784 inputs, two hidden areas of 32, 10 outputs.

    Raises:
        NetworkError: fewer than two sizes.
    """
    if len(columns) < 2:
        raise NetworkError(f"mlp needs at least input and output sizes, not {list(columns)}")
    last = len(columns) - 1
    areas = [
        Area(Dense(n, bias=bias, init=init), output if k == last else hidden)
        for k, n in enumerate(columns)
        if k
    ]
    return Network((columns[0],), areas, seed, dtype=dtype, device=device)


def _sheet(shape: Shape) -> str:
    return "×".join(map(str, shape))
