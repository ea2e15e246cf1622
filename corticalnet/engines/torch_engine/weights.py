"""The weights of a circuit as tensors: they carry messages both ways, and they change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from corticalnet.circuits import Circuit, Projection
from corticalnet.engines.torch_engine.connections import Connected, connected

Array = NDArray[np.float64]
#: Populations of so many cells are looked at for who fires; cell by cell if it is less than one in so many.
#: In smaller ones, or where many fire, looking and gathering rows costs more than the whole product.
_MANY, _FEW = 256, 8


class Weights:
    """All weights, by projection. They have no batch axis: the samples of a batch share them.

    Args:
        circuit: whose weights.
        like: a tensor of the precision and device to use.

    Attributes:
        tensors: by projection.
        versions: of each an object that is another one after every change.
    """

    def __init__(self, circuit: Circuit, like: Tensor) -> None:
        self._like = like
        self.connections = {
            p.name: self._connect(circuit, p) for p in circuit.projections if not p.shared_with
        }
        self.tensors: dict[str, Tensor] = {}
        self.versions: dict[str, object] = {}
        self._copies: dict[str, tuple[object, Array]] = {}
        self._rows: dict[str, tuple[object, Tensor]] = {}
        #: Bounds of those that have any, in the precision of the weights.
        self._bounds = {p.name: self._limits(p) for p in circuit.projections if p.bounded}
        self.set(circuit.weights)

    def bounds(self, name: str) -> tuple[Tensor, Tensor]:
        """Return the bounds of weights that have some, in their precision."""
        return self._bounds[name]

    def _limits(self, projection: Projection) -> tuple[Tensor, Tensor]:
        low, high = (torch.as_tensor(end).to(self._like) for end in (projection.low, projection.high))
        return low, high

    def _connect(self, circuit: Circuit, projection: Projection) -> Connected:
        pre, post = (circuit.population(end).n for end in (projection.source, projection.target))
        return connected(projection.connection, pre, post, self._like.device)

    def set(self, weights: Mapping[str, Any]) -> None:
        """Set the weights of some projections."""
        for name, array in weights.items():
            self.tensors[name] = torch.tensor(
                np.asarray(array), dtype=self._like.dtype, device=self._like.device
            )
            self.versions[name] = object()

    def arrays(self) -> dict[str, Array]:
        """Return read-only copies of the weights, which are made anew only after a change."""
        for name, version in self.versions.items():
            if self._copies.get(name, (None,))[0] is not version:
                copy = self.tensors[name].cpu().numpy().astype(np.float64)
                copy.flags.writeable = False
                self._copies[name] = version, copy
        return {name: copy for name, (_, copy) in self._copies.items()}

    def carry(self, projection: Projection, rates: Tensor, events: bool = False) -> Tensor:
        """Multiply rates by weights, along the projection or along the one whose synapses it shares.

        Args:
            projection: along which.
            rates: what is sent.
            events: whether nearly all of them are 0; then only cells that fire are looked at, if few do.
        """
        name = projection.shared_with or projection.name
        connection, weight = self.connections[name], self.tensors[name]
        if projection.shared_with and projection.weight is not None:
            return connection.back(rates, self._signs(projection, weight))
        # (on a GPU, looking would wait for the device)
        if events and weight.dim() == 2 and rates.shape[1] >= _MANY and not rates.is_cuda:
            fired = rates.sum(0).nonzero()[:, 0]  # (an event is 1; any() is slower)
            if _FEW * len(fired) < rates.shape[1]:
                rows = weight if projection.runs_back else self.turned(name)
                return torch.mm(rates.index_select(1, fired), rows.index_select(0, fired))
        return connection.back(rates, weight) if projection.runs_back else connection.forth(rates, weight)

    def _signs(self, projection: Projection, weight: Tensor) -> Tensor:
        """Return the present signs of shared weights times the projection's own magnitudes."""
        version, made = self._rows.get(projection.name, (None, None))
        if made is None or version is not self.versions[projection.shared_with]:
            made = weight.sign() * torch.as_tensor(projection.weight).to(weight)
            self._rows[projection.name] = self.versions[projection.shared_with], made
        return made

    def turned(self, name: str) -> Tensor:
        """Return the transposed weights, one row per presynaptic cell."""
        version, made = self._rows.get(name, (None, None))
        if made is None or version is not self.versions[name]:
            made = self.tensors[name].t().contiguous()
            self._rows[name] = self.versions[name], made
        return made

    def renew(self) -> None:
        """Mark all weights as changed."""
        self.versions = {name: object() for name in self.tensors}

    def change(self, name: str, change: Tensor) -> None:
        """Add a change to the weights of a projection, within their bounds."""
        self.tensors[name] += change
        if name in self._bounds:
            self.tensors[name].clamp_(*self._bounds[name])
        self.versions[name] = object()
