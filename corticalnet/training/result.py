"""What a run came to: how well a network answers on a split, and at the end the test set, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from corticalnet.data import Data, Split
from corticalnet.errors import CheckpointError, SettingError
from corticalnet.network import Network
from corticalnet.network.links import Convolution, Dense
from corticalnet.store import write_json
from corticalnet.training.checkpoint import give_weights
from corticalnet.training.objective import CLASSES, Objective
from corticalnet.training.run_folder import RunFolder, going_on
from corticalnet.training.schemas import ConfusionAbout
from corticalnet.training.settings import Settings
from corticalnet.training.silence import silent_areas
from corticalnet.training.state import History, State, best_epoch


@dataclass(frozen=True)
class Result:
    """What a call of :func:`corticalnet.training.train` returns.

    Attributes:
        model: its name.
        rule: its rule's name.
        settings: of the run.
        history: one record for each epoch: epoch, loss, accuracy, reward, validation_accuracy (or
            validation_loss), lr, samples_per_second, seconds. Accuracies are fractions; what there is none of
            is None.
        best_epoch: the epoch with the best validation score (the last one if nothing was held out).
        last_test: score on the test set, after the last epoch: accuracy, or what else the objective measures.
        best_test: on the test set, after the best epoch. Validation chose it, not the test set.
        seconds: all epochs together.
        out: the run's folder, if there is one.
        silent: hidden areas of which no column answers to any test image, after the last epoch.
    """

    model: str
    rule: str
    settings: Settings
    history: History
    best_epoch: int
    last_test: float
    best_test: float
    seconds: float
    out: Path | None = None
    silent: tuple[str, ...] = ()

    @property
    def last_test_accuracy(self) -> float:
        """Return the test accuracy after the last epoch; a fraction."""
        return self._told("accuracy", self.last_test)

    @property
    def best_test_accuracy(self) -> float:
        """Return the test accuracy after the best epoch; a fraction."""
        return self._told("accuracy", self.best_test)

    @property
    def last_test_loss(self) -> float:
        """Return the test loss after the last epoch, of a network that reconstructs images."""
        return self._told("loss", self.last_test)

    @property
    def best_test_loss(self) -> float:
        """Return the test loss after the best epoch, of a network that reconstructs images."""
        return self._told("loss", self.best_test)

    def _told(self, measure: str, score: float) -> float:
        """Return the score, if it is of this measure.

        Raises:
            SettingError: it is not.
        """
        if self.settings.objective.measure != measure:
            target, own = self.settings.target, self.settings.objective.measure
            raise SettingError(f"a run with target='{target}' has no test {measure}, but a test {own}")
        return score

    def to_dict(self) -> dict[str, Any]:
        """Describe the result, without its history, as data for JSON."""
        objective = self.settings.objective
        return {
            "model": self.model,
            "rule": self.rule,
            "data": self.settings.data,
            "seed": self.settings.seed,
            "epochs": len(self.history),
            "best_epoch": self.best_epoch,
            f"last_test_{objective.measure}": self.last_test,
            f"best_test_{objective.measure}": self.best_test,
            objective.validation: self.history[self.best_epoch - 1][objective.validation],
            "seconds": self.seconds,
            "out": None if self.out is None else str(self.out),
            "silent": list(self.silent),
        }

    def __str__(self) -> str:
        objective = self.settings.objective
        last, best = (objective.format_score(score) for score in (self.last_test, self.best_test))
        return (
            f"{self.model or 'model'} by {self.rule} on {self.settings.data}: "
            f"test {objective.measure} {last} after the last epoch ({len(self.history)}), "
            f"{best} after the best by validation ({self.best_epoch}); "
            f"{self.seconds:.1f} s{f'; {silence(self.silent)}' if self.silent else ''}"
        )


def silence(areas: Sequence[str]) -> str:
    """Format the warning that areas have fallen silent.

    >>> silence(["area1"])
    'no column of area1 is active for any test image: nothing is learned there; a smaller lr may help'
    """
    names = " and ".join(areas)
    return (
        f"no column of {names} is active for any test image: nothing is learned there; a smaller lr may help"
    )


@torch.no_grad()
def answers(net: Network, split: Split, objective: Objective = CLASSES, batch: int = 1024) -> Tensor:
    """Compute the answers ``[N, …]`` to all images of a split, in its order, in evaluation mode."""
    dtype = next(net.parameters()).dtype
    was_training = net.training
    net.eval()
    try:
        parts = (slice(start, start + batch) for start in range(0, len(split), batch))
        return torch.cat([objective.outputs(net, split.batch(part, dtype)[0]) for part in parts])
    finally:
        net.train(was_training)


def score(net: Network, split: Split, objective: Objective = CLASSES) -> float | None:
    """Compute the objective's score, such as accuracy; None for a split without images."""
    return objective.score(answers(net, split, objective), split) if len(split) else None


def finish(state: State, data: Data, folder: RunFolder | None) -> Result:
    """Score the network of the last and of the best epoch; write summary and figures to the folder.

    The network keeps the weights of the last epoch.
    """
    objective = state.model.settings.objective
    last, best = _answers(state, data)
    result = Result(
        model=state.model.name,
        rule=state.model.rule.name,
        settings=state.model.settings,
        history=state.history,
        best_epoch=state.best_epoch,
        last_test=objective.score(last, data.test),
        best_test=objective.score(best, data.test),
        seconds=sum(record["seconds"] for record in state.history),
        out=None if folder is None else folder.path,
        silent=silent_areas(state.model.network, data.test),
    )
    if folder is not None:
        try:
            draw(folder.path, state.model.network, data, state.history, best, objective)
            counts = objective.confusion(best, data)
            if counts is not None:
                about = ConfusionAbout(classes=[str(name) for name in data.classes], counts=counts)
                write_json(folder.confusion, about.model_dump(), CheckpointError, indent=None)
            write_json(folder.summary, result.to_dict(), CheckpointError)
        except CheckpointError as error:
            raise CheckpointError(
                f"{error}; every epoch is in the checkpoint: mend it and go on with {going_on(folder.path)}"
            ) from error
    return result


def _answers(state: State, data: Data) -> tuple[Tensor, Tensor]:
    """Compute the answers ``[N, …]`` to the test set after the last and the best epoch."""
    net, objective = state.model.network, state.model.settings.objective.answered_by(state.model.rule)
    last = answers(net, data.test, objective)
    if state.best_epoch == len(state.history):
        return last, last
    kept = state.weights()
    give_weights(net, state.best, "the best epoch's weights")
    best = answers(net, data.test, objective)
    give_weights(net, kept, "the last epoch's weights")
    return last, best


def draw(
    folder: Path, net: Network, data: Data, history: History, answers: Tensor, objective: Objective = CLASSES
) -> list[Path]:
    """Draw the figures of a run into its folder; return their paths.

    Args:
        folder: where to.
        net: whose first weights are shown, if they can be seen as images.
        data: its classes and test images.
        history: one record for each epoch.
        answers: what the best epoch's network said to the test images.
        objective: what it was to say.
    """
    from corticalnet import plotting  # matplotlib is slow to import

    best = best_epoch(history, objective)
    figures = {"curves": plotting.learning_curves(history, objective.measure, objective.validation, best)}
    weights = weights_as_images(net, data.shape)
    if weights is not None:
        figures["weights"] = plotting.receptive_fields(weights, net.wiring.arriving[1][0][1].name)
    figures[objective.picture] = objective.draw(answers, data)
    return plotting.save(figures, folder, CheckpointError)


def weights_as_images(net: Network, shape: tuple[int, ...]) -> Tensor | None:
    """Return the first link's weights ``[columns, channels, height, width]``; None if they are no images."""
    if len(shape) not in (2, 3):
        return None
    link = net.wiring.arriving[1][0][1]
    weights = link.weight.detach().float().cpu()
    if isinstance(link, Dense) and weights.shape[1] == torch.Size(shape).numel():
        return weights.reshape(-1, *(1,) * (3 - len(shape)), *shape)
    return weights if isinstance(link, Convolution) else None
