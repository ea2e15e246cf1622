"""Your own data as a data set: a pair of arrays, a torch Dataset or a DataLoader, one part for each split.

Every source becomes samples with labels, in memory or read when drawn; what is not given is held out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils import data as torchdata

from corticalnet.data import arrays
from corticalnet.data.augmentation import Augmentation
from corticalnet.data.digest import digest
from corticalnet.data.drawn import Drawn, SampleSource, sampled, survey
from corticalnet.data.order import cut, seeded_order, validation_count
from corticalnet.data.split import Data, Samples, Split
from corticalnet.errors import DataError

NAME = "own data"
_CHOICES = "a pair (samples, labels) of arrays or tensors, a torch Dataset or a DataLoader"


@dataclass(frozen=True)
class _Part:
    """What was given for a split: samples in memory or a source of them, and labels when they are known."""

    what: str
    samples: Tensor | SampleSource
    labels: np.ndarray | None = None

    @property
    def index(self) -> Tensor:
        """Return the indices of the samples that can be chosen."""
        samples = self.samples
        return samples.index if isinstance(samples, SampleSource) else torch.arange(len(samples))

    def taken(self, index: Tensor, keep: bool) -> _Taken:
        """Return the samples at ``index``, in memory with ``keep``."""
        if isinstance(self.samples, Tensor):
            assert self.labels is not None
            return _Taken(self.samples[index], self.labels[index.numpy()])
        first, found, content = survey(self.samples, index, self.what, keep)
        labels = np.concatenate([arrays.labels(y, f"labels of the {self.what}") for y in found])
        if len(labels) != len(index):
            raise DataError(f"{self.what}: found {len(index)} samples but {len(labels)} labels")
        return _Taken(first, labels, None if keep else (self.samples, index, content))


@dataclass(frozen=True)
class _Taken:
    """Samples of a split (the first ones of a split that is drawn), and their labels as they were given."""

    samples: Tensor
    labels: np.ndarray
    drawn: tuple[SampleSource, Tensor, str] | None = None

    def labelled(self, labels: Tensor) -> Samples:
        """Return the split, with labels as class indices."""
        if self.drawn is None:
            return Split(self.samples, labels, 1.0)
        source, index, content = self.drawn
        return Drawn(source, index, labels, digest([content, labels.numpy()]))


def wrap(
    train: Any,
    validation: Any = None,
    test: Any = None,
    transform: Callable[[Tensor], Any] | None = None,
    fraction: float = 0.1,
    seed: int = 0,
    limit: int | None = None,
) -> Data:
    """Make a data set of your own data.

    Each part is a pair ``(samples, labels)`` of arrays or tensors, a torch ``Dataset`` of such pairs, or a
    ``DataLoader``. Samples have any shape and are used as they are (nothing is scaled or standardised);
    labels are class indices from 0, booleans, one-hot rows, or names.

    Args:
        train: for training, and for what is not given.
        validation: chooses the best epoch; held out of ``train`` if not given.
        test: scored at the end; a fixed fifth of ``train``, the same for every seed, if not given.
        transform: makes each training sample, and no other, another one whenever it is shown: a function of
            one sample that returns one of the same shape, and may be random.
        fraction: how much is held out for validation, a fraction or a number of samples.
        seed: of what is held out for validation.
        limit: use only so many samples of each split.

    Raises:
        DataError: a part is none of these; numbers are not finite, lengths differ, labels are no classes …
        SettingError: ``transform`` is no function.

    >>> import numpy as np
    >>> wrap((np.zeros((10, 3)), np.arange(10) % 2))
    Data(own data: 3, 2 classes; 7 train, 1 validation, 2 test)
    """
    augmentation = None if transform is None else Augmentation(transform)
    part = _part(train, "training data")
    given = {"validation": _given(validation, "validation data"), "test": _given(test, "test data")}
    own = isinstance(part.samples, SampleSource) and part.samples.own
    if own and (given["test"] is None or (given["validation"] is None and fraction)):
        sampler = type(train.sampler).__name__
        raise DataError(
            f"training data: the DataLoader draws by {sampler}, so nothing can be held out of it; "
            "give validation= and test= (or a setting validation=0), or the Dataset instead"
        )
    chosen = _choose(part, given, fraction, seed)
    taken = {}
    for name, (of, index) in chosen.items():
        taken[name] = None if not len(index) else of.taken(index if own else index[:limit], name != "train")
    there = {name: each for name, each in taken.items() if each is not None}
    shapes: dict[tuple[int, ...], str] = {}
    for name, each in there.items():
        shapes.setdefault(tuple(each.samples.shape[1:]), name)
    if len(shapes) > 1:
        found = " and ".join(f"{list(shape)} ({name})" for shape, name in shapes.items())
        raise DataError(f"found samples of different shapes, {found}, expected one shape")
    numbers, classes = arrays.coded([each.labels for each in there.values()])
    splits: dict[str, Any] = {
        name: each.labelled(label) for (name, each), label in zip(there.items(), numbers, strict=True)
    }
    shape = next(iter(shapes))
    splits.setdefault("validation", Split(torch.empty(0, *shape), torch.empty(0, dtype=torch.int64), 1.0))
    return Data(NAME, shape, classes, **splits, transform=augmentation)


def _choose(
    part: _Part, given: dict[str, _Part | None], fraction: float, seed: int
) -> dict[str, tuple[_Part, Tensor]]:
    """Choose which samples of which part make each split; what is held out comes from ``part``."""
    index, chosen = part.index, {}
    if given["test"] is None:
        if len(index) < 2:
            raise DataError(
                f"{part.what}: found 1 sample; give test=, or at least 2, to hold one out for the test"
            )
        rest, held = (torch.from_numpy(each) for each in cut(len(index)))
        chosen["test"] = part, index[held]
        index = index[rest]
    else:
        chosen["test"] = given["test"], given["test"].index
    if given["validation"] is None:
        order = torch.from_numpy(seeded_order(len(index), seed))
        count = validation_count(fraction, len(index))
        chosen["validation"] = part, index[order[:count]]
        # (a loader that keeps the order keeps it among those that are left)
        keeps = isinstance(part.samples, SampleSource) and not part.samples.shuffled
        index = index[order[count:].sort().values if keeps else order[count:]]
    else:
        chosen["validation"] = given["validation"], given["validation"].index
    return {"train": (part, index), "validation": chosen["validation"], "test": chosen["test"]}


def _given(source: Any, what: str) -> _Part | None:
    return None if source is None else _part(source, what)


def _part(source: Any, what: str) -> _Part:
    """Read whatever was given, as samples and labels."""
    if isinstance(source, Split):
        images = source.images if source.scale == 1 else source.images.double() / source.scale
        return _pair(images, source.labels, what)
    if isinstance(source, torchdata.DataLoader):
        return _Part(what, _of_loader(source, what))
    if isinstance(source, torchdata.TensorDataset) and len(source.tensors) == 2:
        return _pair(source.tensors[0], source.tensors[1], what)
    if isinstance(source, tuple | list) and len(source) == 2 and not _items(source):
        if all(isinstance(each, tuple) and len(each) == 2 for each in source):
            raise DataError(
                f"{what}: found two pairs; give one of them, and the other as test= or validation="
            )
        return _pair(source[0], source[1], what)
    if isinstance(source, torchdata.Dataset) or (isinstance(source, list) and _items(source)):
        return _Part(what, SampleSource(source, torch.arange(_length(source, what))))
    many = f" of {len(source)}" if isinstance(source, tuple | list) else ""
    raise DataError(f"{what}: found {type(source).__name__}{many}, expected {_CHOICES}")


def _items(source: Any) -> bool:
    """Return whether a list is one of items (sample, label) rather than a pair of arrays."""
    pairs = all(isinstance(item, tuple) and len(item) == 2 for item in source)
    return bool(source) and pairs and all(np.ndim(label) == 0 for _, label in source)


def _pair(samples: Any, labels: Any, what: str) -> _Part:
    x, y = arrays.features(samples, what), arrays.labels(labels, f"labels of the {what}")
    if len(x) != len(y):
        raise DataError(f"{what}: found {len(x)} samples but {len(y)} labels, expected as many")
    return _Part(what, x, y)


def _length(items: Any, what: str) -> int:
    kind = type(items).__name__
    if isinstance(items, torchdata.IterableDataset):
        raise DataError(
            f"{what}: {kind} can only be iterated, and a run draws samples by their number; read it first"
        )
    try:
        count = len(items)
    except Exception as error:
        raise DataError(
            f"{what}: {kind} has no length, and a run must know how many samples there are"
        ) from error
    if not count:
        raise DataError(f"{what}: {kind} is empty, expected at least one sample")
    return count


def _of_loader(loader: Any, what: str) -> SampleSource:
    count, sampler = _length(loader.dataset, what), loader.sampler
    if loader.batch_sampler is None:
        raise DataError(f"{what}: the DataLoader makes no batches (batch_size=None); give it a batch_size")
    plain = type(loader.batch_sampler) is torchdata.BatchSampler
    everything = torch.arange(count)
    if plain and type(sampler) is torchdata.SequentialSampler:
        return SampleSource(loader.dataset, everything, False, loader)
    if (
        plain
        and type(sampler) is torchdata.RandomSampler
        and not sampler.replacement
        and len(sampler) == count
    ):
        return SampleSource(loader.dataset, everything, True, loader)
    if plain and type(sampler) is torchdata.SubsetRandomSampler:
        return SampleSource(loader.dataset, torch.as_tensor(list(sampler.indices)), True, loader)
    try:
        len(loader.batch_sampler)
    except Exception as error:
        kind = type(sampler if plain else loader.batch_sampler).__name__
        raise DataError(
            f"{what}: the DataLoader's {kind} has no length, and an epoch must have an end"
        ) from error
    source = SampleSource(loader.dataset, everything, False, loader, own=True)
    return source if what == "training data" else _fixed(source)


def _fixed(source: SampleSource) -> SampleSource:
    """Return the samples that a sampler chooses once, for a split that does not change."""
    return SampleSource(source.items, torch.cat(sampled(source, 0)), False, source.loader)
