"""Areas that have gone silent: nothing teaches them any more, and training does not stop by itself."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import torch

from corticalnet.data import Data, Split
from corticalnet.errors import CircuitWarning
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
        area = next(self._silent(), None)
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

    @torch.no_grad()
    def _silent(self) -> Iterator[str]:
        net, split = self._model.network, self._data.train
        if not isinstance(split, Split):  # samples that are read when they are drawn are not read for this
            return
        dtype, was_training = next(net.parameters()).dtype, net.training
        net.eval()  # (nothing is drawn and nothing remembered)
        try:
            names, start = list(net.areas), 0
            while names and start < len(split):
                x, _ = split.batch(slice(start, start + _FEW), dtype)
                rates = net.sweep(x).rates[1:]
                names = [
                    name
                    for name, rate in zip(net.areas, rates, strict=True)
                    if name in names and not bool(rate.any())
                ]
                start += _FEW
            yield from names
        finally:
            net.train(was_training)
