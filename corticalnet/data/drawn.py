"""Samples of a torch ``Dataset`` or ``DataLoader``: read again in each epoch, so that chance in them stays.

A loader's own settings hold: its collate function, its workers, its sampler. Who does not shuffle keeps the
order; who shuffles plainly leaves the order to the run, as arrays do; any other sampler is asked each epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils import data as torchdata

from corticalnet.data import chance
from corticalnet.data.arrays import features
from corticalnet.data.digest import digest
from corticalnet.data.split import Device, Samples, place
from corticalnet.errors import DataError

#: Samples in a batch of the first reading, which looks at all of them.
_SURVEY = 256


@dataclass(frozen=True)
class Failure:
    """Why an item could not be had; it crosses from a worker in one piece, which an exception does not."""

    message: str


class _Items(torchdata.Dataset):
    """The user's items by ``(place, index)``: each with the random numbers of its place in the epoch."""

    def __init__(self, items: Any, seed: int) -> None:
        self.items, self.seed, self._own = items, seed, chance.generators(items)

    def __reduce__(self) -> tuple[Any, ...]:
        # (generators that are found by way of a module must be looked for again in a worker)
        return _Items, (self.items, self.seed)

    def __getitem__(self, where: tuple[int, int]) -> Any:
        spot, index = where
        chance.begin(chance.number(self.seed, "item", spot), self._own)
        try:
            return self.items[index]
        except Exception as error:
            return Failure(f"item {index} cannot be read ({_reason(error)})")


@dataclass(frozen=True)
class _Collate:
    """Items as one batch ``(samples, labels)``, or the first failure."""

    collate: Callable[[list[Any]], Any]

    def __call__(self, items: list[Any]) -> Any:
        for item in items:
            if isinstance(item, Failure):
                return item
        usual = self.collate is torchdata.default_collate
        for item in items if usual else ():
            if not isinstance(item, list | tuple) or len(item) != 2:
                many = f" of {len(item)}" if isinstance(item, list | tuple) else ""
                return Failure(f"an item is a {type(item).__name__}{many}, expected a pair (sample, label)")
        try:
            batch = self.collate(items)
        except Exception as error:
            return Failure(f"items cannot be made a batch of ({_reason(error)})")
        if not isinstance(batch, list | tuple) or len(batch) != 2:
            return Failure(f"a batch is a {type(batch).__name__}, expected a pair (samples, labels)")
        return batch


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"


@dataclass(frozen=True)
class SampleSource:
    """Items of a dataset, and how a loader reads them.

    Attributes:
        items: indexed by whole numbers from 0.
        index: those that are samples, in order.
        shuffled: whether the run may choose the order.
        loader: whose settings hold, if there is one.
        own: whether the loader's sampler chooses the batches of every epoch.
    """

    items: Any
    index: Tensor
    shuffled: bool = True
    loader: Any = None
    own: bool = False

    def read(self, batches: Sequence[Tensor], seed: int, what: str) -> Iterator[tuple[Tensor, Any]]:
        """Yield samples and labels, as the dataset has them, of one batch of its indices after the other.

        Raises:
            DataError: an item cannot be read, or is no pair.
        """
        places, start = [], 0
        for batch in batches:
            places.append([(start + k, index) for k, index in enumerate(batch.tolist())])
            start += len(batch)
        kept = (
            "num_workers",
            "pin_memory",
            "timeout",
            "worker_init_fn",
            "multiprocessing_context",
            "prefetch_factor",
        )
        settings = {} if self.loader is None else {key: getattr(self.loader, key) for key in kept}
        collate = torchdata.default_collate if self.loader is None else self.loader.collate_fn
        reading = iter(
            torchdata.DataLoader(
                _Items(self.items, seed),
                batch_sampler=places,
                collate_fn=_Collate(collate),
                generator=torch.Generator().manual_seed(seed),  # (torch's own is the network's)
                **settings,
            )
        )
        for batch in batches:
            try:
                with chance.kept():
                    found = next(reading)
            except RuntimeError as error:  # a worker died
                raise DataError(f"{what}: cannot be read ({_reason(error)})") from error
            if isinstance(found, Failure):
                raise DataError(f"{what}: {found.message}")
            x = features(found[0], what)
            if len(x) != len(batch):
                raise DataError(
                    f"{what}: found {len(x)} samples in a batch of {len(batch)} items, expected as many"
                )
            yield x, found[1]


@dataclass(frozen=True, eq=False, repr=False)
class Drawn(Samples):
    """Samples of a source that are read whenever they are drawn.

    Attributes:
        source: where from.
        index: which of its items, int64 [N].
        labels: theirs, int64 [N].
        content: a digest of samples and labels, taken when they were read first.
    """

    source: SampleSource
    index: Tensor
    labels: Tensor
    content: str

    def __repr__(self) -> str:
        return f"Drawn({len(self)} samples of {type(self.source.items).__name__})"

    def batch(self, index: Tensor | slice, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
        """Read the samples, and return them with the labels, that ``index`` (int64 [B] or a slice) names."""
        return next(self.draw([torch.arange(len(self))[index]], dtype, 0))

    def draw(
        self, batches: Sequence[Tensor], dtype: torch.dtype, seed: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Read and yield samples and labels of one batch of indices after the other."""
        device = self.labels.device
        reading = self.source.read([self.index[batch.cpu()] for batch in batches], seed, "training data")
        for batch, (x, _) in zip(batches, reading, strict=True):
            yield place(x, device).to(dtype), self.labels[batch.to(device)]

    def order(self, seed: int, size: int) -> list[Tensor] | None:
        """Return the batches of an epoch if the loader determines them; None if the run may shuffle."""
        if self.source.own:
            positions = torch.full((int(self.index.max()) + 1,), -1)
            positions[self.index] = torch.arange(len(self.index))
            return [positions[batch] for batch in sampled(self.source, seed)]
        return None if self.source.shuffled else list(torch.arange(len(self)).split(size))

    def to(self, device: Device) -> Drawn:
        """Return the samples with labels, and what is read later, on ``device``."""
        return replace(self, labels=place(self.labels, device))


def sampled(source: SampleSource, seed: int) -> list[Tensor]:
    """Draw batches of dataset indices by a loader's sampler, seeded.

    Raises:
        DataError: it fails, has no end, or chooses none or what there is not.
    """
    sampler = source.loader.batch_sampler
    try:
        with chance.kept():
            chance.begin(chance.number(seed, "sampler"), chance.generators(sampler))
            batches = [list(map(int, batch)) for batch in islice(sampler, len(sampler) + 1)]
    except Exception as error:
        raise DataError(f"training data: the DataLoader's sampler fails ({_reason(error)})") from error
    count = len(source.items)
    wrong = [index for batch in batches for index in batch if not 0 <= index < count]
    if wrong or not batches or len(batches) > len(sampler):
        found = (
            f"item {wrong[0]} of {count}" if wrong else f"{len(batches)} batches, of {len(sampler)} promised"
        )
        raise DataError(f"training data: the DataLoader's sampler chose {found}")
    return [torch.tensor(batch) for batch in batches]


def survey(source: SampleSource, index: Tensor, what: str, keep: bool) -> tuple[Tensor, list[Any], str]:
    """Read items once: samples (all with ``keep``, else the first), labels batch by batch, and a digest.

    Raises:
        DataError: an item cannot be read, is no pair, not finite, or differs in shape.
    """
    digests, found = [], []
    samples: list[Tensor] = []
    for x, y in source.read(list(index.split(_SURVEY)), 0, what):
        if samples and x.shape[1:] != samples[0].shape[1:]:
            shapes = f"{list(samples[0].shape[1:])} and {list(x.shape[1:])}"
            raise DataError(f"{what}: found samples of different shapes, {shapes}")
        digests.append(digest([x.numpy()]))
        found.append(y)
        if keep or not samples:
            samples.append(x)
    return torch.cat(samples), found, digest(digests)
