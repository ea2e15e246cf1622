"""A loaded data set: three splits of samples that live on one device, cut into batches by index."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from corticalnet.data.augmentation import Augmentation
from corticalnet.data.digest import digest
from corticalnet.errors import DataError, ShapeError

Device = str | torch.device
SPLITS = ("train", "validation", "test")


def place(tensor: Tensor, device: Device) -> Tensor:
    """Move ``tensor`` to ``device``; raises DataError (one line, not torch's many) if there is none."""
    try:
        return tensor.to(device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise DataError(f"cannot put data on device '{device}': {reason}") from error


class Samples(ABC):
    """Labelled samples, in memory (:class:`Split`) or read when they are needed (:class:`Drawn`).

    ``labels`` is int64 [N], ``content`` a short digest of samples and labels: equal content, equal text.
    """

    labels: Tensor
    content: str

    def __len__(self) -> int:
        return len(self.labels)

    @abstractmethod
    def batch(self, index: Tensor | slice, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
        """Return the samples ``dtype`` [B, …] and labels [B] that ``index`` (int64 [B] or a slice) names."""

    @abstractmethod
    def draw(
        self, batches: Sequence[Tensor], dtype: torch.dtype, seed: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield samples ``dtype`` [B, …] and labels [B] of one batch of indices (int64 [B]) after the other.

        ``seed`` decides what chance the samples themselves have, if any.
        """

    def order(self, seed: int, size: int) -> list[Tensor] | None:
        """Return the batches of an epoch if the samples' source determines them; None if the run shuffles."""
        return None

    @abstractmethod
    def to(self, device: Device) -> Samples:
        """Move the samples to ``device``; raises DataError where there is no such device."""


@dataclass(frozen=True, eq=False, repr=False)
class Split(Samples):
    """Images, or samples of any other shape, with their labels.

    ``images`` is [N, …], uint8 [N, C, H, W] in the built-in sets, ``labels`` int64 [N] and ``scale`` the
    value of a full-bright pixel (255 for most sets, 16 for digits; 1 for numbers that are used as they
    are). Anything else raises ShapeError.
    """

    images: Tensor
    labels: Tensor
    scale: float = 255.0

    def __post_init__(self) -> None:
        if self.images.is_complex() or self.images.dim() < 2:
            found = f"{self.images.dtype} {list(self.images.shape)}"
            raise ShapeError(f"images must be real numbers [N, …], uint8 [N, C, H, W] say, not {found}")
        if self.labels.dtype != torch.int64 or self.labels.shape != self.images.shape[:1]:
            found = f"{self.labels.dtype} {list(self.labels.shape)}"
            raise ShapeError(f"labels must be int64 [{len(self.images)}], not {found}")
        if not self.scale > 0:
            raise ShapeError(f"scale must be positive, not {self.scale}")

    def __repr__(self) -> str:
        shape = "×".join(str(n) for n in self.images.shape[1:])
        return f"Split({len(self)} images of {shape} on {self.images.device})"

    def batch(self, index: Tensor | slice, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
        """Return the images and labels that ``index`` (int64 [B] or a slice) names.

        The images come as ``dtype`` [B, C, H, W] from 0 to 1, the labels as int64 [B]. Raises
        ShapeError for another kind of index or a ``dtype`` that has no fractions.
        """
        if not dtype.is_floating_point:
            raise ShapeError(f"a batch needs a floating-point dtype, not {dtype}")
        if isinstance(index, Tensor):
            if index.dtype != torch.int64 or index.dim() != 1:
                raise ShapeError(f"index must be int64 [B], not {index.dtype} {list(index.shape)}")
        elif not isinstance(index, slice):
            raise ShapeError(f"index must be an int64 tensor or a slice, not {type(index).__name__}")
        return self.images[index].to(dtype) / self.scale, self.labels[index]

    def draw(
        self, batches: Sequence[Tensor], dtype: torch.dtype, seed: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield what :meth:`batch` returns, for one batch of indices after the other."""
        return (self.batch(index.to(self.labels.device), dtype) for index in batches)

    @cached_property
    def content(self) -> str:  # type: ignore[override]
        """Hash images, labels and scale to a short text: equal content, equal text."""
        return digest([self.scale, self.images.cpu().numpy(), self.labels.cpu().numpy()])

    def take(self, n: int) -> Split:
        """Return the first ``n`` images (all, where there are fewer)."""
        if n < 0:
            raise ShapeError(f"cannot take {n} images")
        return replace(self, images=self.images[:n], labels=self.labels[:n])

    def to(self, device: Device) -> Split:
        """Move the split to ``device``; raises DataError where there is no such device."""
        return replace(self, images=place(self.images, device), labels=place(self.labels, device))


@dataclass(frozen=True, eq=False, repr=False)
class Data:
    """A data set in three splits.

    It has a ``name``, the ``shape`` of a sample, (C, H, W) for images, the ``classes``' names, the splits,
    and what makes each training sample another one when a network is trained on it (``transform``), if
    anything.
    """

    name: str
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    train: Samples
    validation: Split
    test: Split
    transform: Augmentation | None = None

    def __repr__(self) -> str:
        shape = "×".join(str(n) for n in self.shape)
        sizes = f"{len(self.train)} train, {len(self.validation)} validation, {len(self.test)} test"
        return f"Data({self.name}: {shape}, {len(self.classes)} classes; {sizes})"

    def to(self, device: Device) -> Data:
        """Move all splits to ``device``; raises DataError where there is no such device."""
        return replace(self, **{name: getattr(self, name).to(device) for name in SPLITS})

    @property
    def content(self) -> dict[str, str]:
        """Return digests of the splits and the transform's name; a resumed run must find the same."""
        transform = {"transform": self.transform.name} if self.transform else {}
        return {name: getattr(self, name).content for name in SPLITS} | transform
