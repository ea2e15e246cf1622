"""Areas that have gone silent: nothing teaches them any more, and training does not stop by itself."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch

from corticalnet.data import Data, Split
from corticalnet.errors import CircuitWarning
from corticalnet.network import Network
from corticalnet.training.model import Model
from corticalnet.training.state import Record

#: Images in one look; most areas show in the first that they are not silent.
_FEW = 256


class Silence:
    """Says once of each area that it answers every training image with rates of 0."""

    def __init__(self, model: Model, data: Data) -> None:
        self._model, self._data, self._told = model, data, set[str]()

    def tell(self, record: Record) -> None:
        """Look at the network as it is after an epoch; warn of the first silent area, if it is a new one."""
        area = next(iter(self._silent()), None)
        if area is None or area in self._told:
            return
        self._told.add(area)
        warnings.warn(
            f"area '{area}' is silent after epoch {record['epoch']}: its rates are 0 for every training "
            "image, so no signal passes it, and angles of feedback are undefined there; try a lower lr than "
            f"{record['lr']:g}, or an activation that is never silent, such as tanh",
            CircuitWarning,
            stacklevel=2,
        )

    def _silent(self) -> tuple[str, ...]:
        split = self._data.train  # (samples that are read when they are drawn are not read for this)
        net = self._model.network
        return silent_areas(net, split, [*net.areas]) if isinstance(split, Split) else ()


@torch.no_grad()
def silent_areas(net: Network, split: Split, areas: Sequence[str] | None = None) -> tuple[str, ...]:
    """Find areas (hidden ones, if none are named) whose rates are 0 for all images, in evaluation mode."""
    dtype, was_training, start = next(net.parameters()).dtype, net.training, 0
    names = tuple([*net.areas][:-1] if areas is None else areas) if len(split) else ()
    net.eval()  # (nothing is drawn and nothing remembered)
    try:
        while names and start < len(split):
            rates = net.sweep(split.batch(slice(start, start + _FEW), dtype)[0]).rates[1:]
            quiet = {name for name, rate in zip(net.areas, rates, strict=True) if not bool(rate.any())}
            names = tuple(name for name in names if name in quiet)
            start += _FEW
    finally:
        net.train(was_training)
    return names
