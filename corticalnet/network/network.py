"""The network view: a hierarchy of areas of columns joined by links, as a ``torch.nn.Module``.

    drive_l = Σ_links W rate_source        rate_l = f_l(drive_l)        l from the input up

Nothing here needs autograd; rules sweep the network with the links' local operations. Autograd works
on it all the same, and the tests use it as the oracle.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn

from corticalnet.checks import shown, whole
from corticalnet.errors import NetworkError, ShapeError, unknown
from corticalnet.network.area import Area
from corticalnet.network.links import Link
from corticalnet.network.parts import Parts
from corticalnet.network.reading import as_rates, finite, is_known, place
from corticalnet.network.wiring import ForwardState, Wiring
from corticalnet.replay import GuardedDict, GuardedModule
from corticalnet.tables import table

Shape = tuple[int, ...]


class Network(GuardedModule):
    """Areas of cortical columns, from the input up.

    Args:
        input_shape: shape of one input without the batch, e.g. ``(1, 28, 28)`` or ``(784,)``.
        areas: the areas from the input up; the last one is the output.
        seed: of the initial weights, which are drawn by name (:mod:`corticalnet.network.initialisation`).
        dtype, device: of the weights; torch's defaults if not given.

    Inputs may be tensors, NumPy arrays, lists, or anything that becomes an array, in any real number format:
    they are taken as the numbers that they are (an image of bytes goes from 0 to 255; divide it yourself) and
    brought to the network's precision and device (:mod:`corticalnet.network.reading`).

    Raises:
        NetworkError: areas and links do not fit together, or a setting is impossible.

    >>> import corticalnet as cn
    >>> net = Network((2,), [cn.Area(cn.Dense(3), "tanh"), cn.Area(cn.Dense(1), "linear")], seed=0)
    >>> net(torch.zeros(5, 2)).shape
    torch.Size([5, 1])
    """

    bounded: tuple[Link, ...] = ()  # links whose weights have bounds

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
        self.input_shape, self.seed = whole_shape(input_shape), whole("seed", seed, NetworkError, least=None)
        if isinstance(areas, nn.Module | str) or not isinstance(areas, Iterable):
            raise NetworkError(f"areas must be a list of Area(...), not {shown(areas)}")
        areas = list(areas)
        if not areas:
            raise NetworkError("a network needs at least one area, the output")
        dtype, device = place(dtype, device)
        self.areas = GuardedDict()
        self.wiring = Wiring()
        for position, area in enumerate(areas, start=1):
            self._add(area, position, len(areas), dtype or torch.get_default_dtype())
        if not any(link.plastic for link in self.links):
            raise NetworkError(
                "a network of identity links alone learns nothing; give it a link with weights"
            )
        for node in range(1, self.wiring.output):
            if not self.wiring.leaving[node]:
                raise NetworkError(f"area '{self.wiring.name(node)}' sends to no other area")
        self.wiring.measure()
        self.bounded = tuple(link for link in self.links if link.bounds is not None)
        self._levelled: Wiring | None = None
        self.to(device=device, dtype=dtype)
        self.parts = Parts(self)

    def _add(self, area: Area, position: int, count: int, dtype: torch.dtype) -> None:
        if not isinstance(area, Area):
            raise NetworkError(f"areas must be Area(...), not {shown(area)}")
        area = copy.deepcopy(area)
        area.name = area.name or ("output" if position == count else f"area{position}")
        if area.name == "input" or area.name in self.areas or not area.name.replace("-", "_").isidentifier():
            raise NetworkError(f"area name '{area.name}' is taken or no plain word; choose another")
        known = ["input", *self.areas]
        arriving = []
        for link in area.arriving:
            source = known[-1] if link.source_name is None else link.source_name
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
                hint = "; an identity link changes no shape, a Dense or Convolution with that source does"
                hint = "" if all(link.plastic for _, link in arriving) else hint
                raise NetworkError(
                    f"area '{area.name}': its links arrive with different shapes, "
                    f"{area.drive_shape} from {known[arriving[0][0]]} and {built} from {known[source]}" + hint
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
    def forward(self, x: Any) -> Tensor:
        """Compute the output rates ``[batch, *output_shape]``; an empty batch gives an empty result."""
        self.parts.check()
        x = self.admit(x)
        return self.wiring.forward(x).rates[-1] if len(x) else x.new_zeros(0, *self.output_shape)

    def sweep(self, x: Any) -> ForwardState:
        """Compute drives and rates of every area for inputs ``[batch, *input_shape]``, at least one."""
        self.parts.check()
        return self.wiring.forward(self.admit(x, least=1))

    @torch.no_grad()
    def predict(
        self, x: Any, batch: int = 1024, *, answer: Callable[[Tensor], Tensor] | None = None
    ) -> Tensor:
        """Predict classes ``[N]``, the most active output column of each sample, in evaluation mode.

        Takes no labels and clamps nothing.

        Args:
            x: inputs ``[N, *input_shape]``.
            batch: samples that are looked at together.
            answer: from inputs to output rates ``[batch, n]``; the network's own sweep up if not given.

        Raises:
            ShapeError: the input does not fit, or some of it is NaN or infinite.
        """
        batch, x = whole("batch", batch, ShapeError), finite(self.admit(x), "input")
        modes = [(module, module.training) for module in self.modules()]
        self.eval()
        try:
            return torch.cat([(answer or self)(part).argmax(1) for part in x.split(batch)])
        finally:
            for module, training in modes:  # (a part may rest while others learn)
                module.training = training

    def admit(self, x: Any, least: int = 0, to_learn: bool = False) -> Tensor:
        """Read an input: ``[batch, *input_shape]``, in the network's precision and on its device.

        Args:
            x: a tensor, or anything that becomes an array of real numbers.
            least: number of samples that there must be.
            to_learn: whether a rule will learn from it: one NaN would be in all weights after the step. (On a
                GPU nothing can be noticed without waiting for the device.)

        Raises:
            ShapeError: the shape does not fit, there are too few samples, or they are no real numbers (or not
                finite).
        """
        weight = self.wiring.arriving[1][0][1]._parameters.get("weight")  # (as `like`, without a call)
        like = self.like if weight is None else weight
        read: Tensor = x
        if not (  # what training gives, thousands of times, is ready
            type(x) is Tensor
            and x.dtype is like.dtype
            and x.shape[1:] == self.input_shape
            and x.device == like.device
            and x.layout is torch.strided
        ):
            read = as_rates(x, self.input_shape, like)
        if least and len(read) < least:
            raise ShapeError(f"input has {len(read)} samples; at least {least} must be there")
        if to_learn and not (read.is_cuda or read.is_meta or is_known(read) or isfinite(read.sum().item())):
            finite(read, "input")  # it says where, or that only the sum is not
        return read

    @property
    def like(self) -> Tensor:
        """Return a weight, whose precision and device are the network's."""
        link = self.wiring.arriving[1][0][1]
        weight = link._parameters.get("weight")  # (as an attribute it takes a microsecond)
        return link.weight if weight is None else weight

    # Looking ---------------------------------------------------------------------------------
    @property
    def output_shape(self) -> Shape:
        """Return the shape of the output rates without the batch."""
        return self.wiring.area(-1).shape

    @property
    def links(self) -> list[Link]:
        """Return all links, from the input up."""
        return [link for arriving in self.wiring.arriving for _, link in arriving]

    def keep_bounds(self) -> None:
        """Clip all weights to the bounds of their links.

        Rules do so when they learn and after each update; after a step of an optimizer of your own, call it.
        """
        for link in self.bounded:
            link.keep_bounds()

    @property
    def learned(self) -> tuple[nn.Parameter, ...]:
        """Return all parameters as they are now (``parameters()`` takes longer than a small update).

        Raises:
            NetworkError: rules cannot teach the network as it is now: :mod:`corticalnet.network.parts`.
        """
        return self.parts.learned()

    def levelled(self) -> Wiring:
        """Return the wiring with relays for links that skip areas (made once; see :class:`Wiring`)."""
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
        absent = sum(link.weight.numel() - link.weights for link in self.links)
        weights = sum(p.numel() for p in self.parameters()) - absent
        synapses = sum(link.synapses for link in self.links)
        header = ["area", "columns", "driven by", "fires through", "synapses"]
        return table(header, rows) + f"\n{synapses:,} synapses, {weights:,} learned numbers, seed {self.seed}"


def whole_shape(given: Any) -> Shape:
    """Read the shape of an input, as a tuple of int; sizes may be NumPy's.

    Raises:
        NetworkError: it is none.
    """
    try:
        sizes = tuple(whole("a size", n, NetworkError) for n in given)
        if sizes and not isinstance(given, str):
            return sizes
    except (TypeError, NetworkError):
        pass
    possible = "whole numbers of at least 1, such as (784,) or (1, 28, 28)"
    raise NetworkError(f"input_shape must be {possible}, not {shown(given)}")


def _cure(links: list[Link]) -> str:
    """Suggest what to do about links that do not fit together, if all are identities; empty otherwise."""
    if all(link.plastic for link in links):
        return ""
    return "; an identity link changes no shape, a Dense or Convolution with that source does"


def _sheet(shape: Shape) -> str:
    return "×".join(map(str, shape))
