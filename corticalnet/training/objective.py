"""Objectives: what a network is trained to answer. All that classes and images do differently is said here.

               what the rule is told    an answer             score                     better
    Classes    the label                the class index       accuracy                  higher
    Images     the image itself         the output's rates    loss, ½ Σ (image − y)²    lower

The setting ``target`` chooses: "class" or "image".
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from corticalnet.data import Data, Samples, Split
from corticalnet.errors import SettingError, ShapeError
from corticalnet.network import Network
from corticalnet.rules.base import LearningRule, LearnResult
from corticalnet.rules.product import Rule

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Objective(ABC):
    """Base class of all training objectives.

    Attributes:
        measure: name of the score; ``validation`` is that of the held-out images in a record.
        picture: name of the figure of answers.
        rule: how networks answer: by their sweep up, unless :meth:`answered_by` says otherwise.
    """

    measure: str
    picture: str
    rule: LearningRule = Rule()

    def answered_by(self, rule: LearningRule) -> Objective:
        """Return the same objective for networks that answer by a rule's :meth:`answer`."""
        own = copy.copy(self)
        own.rule = rule
        return own

    @property
    def validation(self) -> str:
        """Return the key of the validation score in records: ``validation_accuracy``, say."""
        return f"validation_{self.measure}"

    def batch(
        self, split: Samples, index: Tensor | slice, dtype: torch.dtype = torch.float32
    ) -> tuple[Tensor, Tensor]:
        """Return images ``[B, C, H, W]`` and their targets."""
        x, labels = split.batch(index, dtype)
        return x, self.targets(x, labels)

    @abstractmethod
    def targets(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return the targets of images."""

    @abstractmethod
    def check(self, net: Network, data: Data, rule: LearningRule) -> None:
        """Check that targets fit the output, and the rule's teaching signal the objective.

        Raises:
            ShapeError: a target does not fit.
            SettingError: the rule cannot be told it.
        """

    @abstractmethod
    def outputs(self, net: Network, x: Tensor) -> Tensor:
        """Compute the network's answers to inputs, by its rule."""

    @abstractmethod
    def score(self, answers: Tensor, split: Split) -> float:
        """Compute the score of the answers to all images of a split."""

    @abstractmethod
    def better(self, score: float, than: float, by: float = 0.0) -> bool:
        """Return whether a score beats another by more than ``by``."""

    @abstractmethod
    def format_score(self, score: float) -> str:
        """Format a score for people."""

    def count_correct(self, step: LearnResult, targets: Tensor) -> Tensor | None:
        """Count the correct answers of an update; None where none is simply right or wrong."""
        return None

    def confusion(self, answers: Tensor, data: Data) -> list[list[int]] | None:
        """Count how often each class (rows) was answered as each (columns); None if answers are none."""
        return None

    @abstractmethod
    def draw(self, answers: Tensor, data: Data) -> Figure:
        """Draw the answers to the test images."""


class Classes(Objective):
    """Classification: the network names the class of an image."""

    measure, picture = "accuracy", "confusion"

    def targets(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return the labels, which are the targets."""
        return labels

    def check(self, net: Network, data: Data, rule: LearningRule) -> None:
        """Check that every label has a column."""
        outputs = _row(net)
        for split in (data.train, data.validation, data.test):
            labels = split.labels
            if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < outputs:
                bad = int(labels.max()) if int(labels.min()) >= 0 else int(labels.min())
                raise ShapeError(
                    f"{data.name}: label {bad} is out of range; the output has columns 0 to {outputs - 1}"
                )

    def outputs(self, net: Network, x: Tensor) -> Tensor:
        """Predict class indices ``[B]``."""
        return self.rule.predict(net, x)

    def score(self, answers: Tensor, split: Split) -> float:
        """Compute the accuracy."""
        return int((answers == split.labels).sum()) / len(split)

    def better(self, score: float, than: float, by: float = 0.0) -> bool:
        """Return whether an accuracy exceeds another by more than ``by``."""
        return score > than + by

    def format_score(self, score: float) -> str:
        """Format the score in percent."""
        return f"{score:.2%}"

    def count_correct(self, step: LearnResult, targets: Tensor) -> Tensor | None:
        """Count the predictions that equal the label."""
        return (step.prediction == targets).sum()

    def confusion(self, answers: Tensor, data: Data) -> list[list[int]]:
        """Count the confusions of test images; answers beyond the classes have columns at the end."""
        rows = len(data.classes)
        columns = max(rows, int(answers.max()) + 1)
        pairs = data.test.labels.cpu() * columns + answers.cpu()
        counts: list[list[int]] = pairs.bincount(minlength=rows * columns).reshape(rows, columns).tolist()
        return counts

    def draw(self, answers: Tensor, data: Data) -> Figure:
        """Draw the confusion matrix."""
        from corticalnet import plotting  # matplotlib is slow to import

        return plotting.confusion(answers, data.test.labels, data.classes)


class Images(Objective):
    """Reconstruction: the output has a column for each number of the image."""

    measure, picture = "loss", "reconstructions"

    def targets(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return the images as rows of numbers, which are the targets."""
        return x.flatten(1)

    def check(self, net: Network, data: Data, rule: LearningRule) -> None:
        """Check that the output is as large as an image, and that a teacher shows the target."""
        outputs, wanted = _row(net), math.prod(data.shape)
        if outputs != wanted:
            raise ShapeError(
                f"target='image' needs an output of {wanted} columns, one for each number of an image of "
                f"{data.name}; the network's has {outputs} (or choose target='class')"
            )
        if rule.rewarded:
            raise SettingError(
                f"target='image' needs a teacher who shows the image, and {rule.name} is "
                "rewarded for a class; choose another rule, such as backprop, or target='class'"
            )

    def outputs(self, net: Network, x: Tensor) -> Tensor:
        """Compute the output rates ``[B, n]``."""
        return self.rule.answer(net, x)

    def score(self, answers: Tensor, split: Split) -> float:
        """Compute ½ Σ (image − answer)², a mean over images; whatever loss teaches."""
        # (answers may be bfloat16, images never are)
        _, wanted = self.batch(split, slice(None), torch.promote_types(answers.dtype, torch.float32))
        return float((wanted - answers).square().sum(dtype=torch.float64)) / (2 * len(split))

    def better(self, score: float, than: float, by: float = 0.0) -> bool:
        """Return whether a loss is below another by more than the fraction ``by`` of it."""
        return score < than * (1 - by)

    def format_score(self, score: float) -> str:
        """Format the score with four digits."""
        return f"{score:.4g}"

    def draw(self, answers: Tensor, data: Data) -> Figure:
        """Draw images above their reconstructions."""
        from corticalnet import plotting  # matplotlib is slow to import

        images, labels = data.test.batch(slice(None))
        return plotting.reconstructions(answers, images.reshape(-1, *data.shape), labels, data.classes)


#: Objectives by the setting ``target``.
OBJECTIVES: dict[str, Objective] = {"class": Classes(), "image": Images()}
CLASSES = OBJECTIVES["class"]


def _row(net: Network) -> int:
    """Return the number of output columns.

    Raises:
        ShapeError: it is a sheet.
    """
    if len(net.output_shape) != 1:
        sheet = "×".join(map(str, net.output_shape))
        raise ShapeError(f"the network's output must be a row of columns, not {sheet}")
    return net.output_shape[0]
