"""Training: epochs of updates, a checkpoint after each, and the test set once, at the very end."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from corticalnet.data import Data
from corticalnet.errors import TrainingError
from corticalnet.training.divergence import explain
from corticalnet.training.epoch import NotFinite, run_epoch
from corticalnet.training.evaluation import score
from corticalnet.training.finish import finish
from corticalnet.training.history import Record, finished
from corticalnet.training.model import Model
from corticalnet.training.optimizing import learning_rate, make_optimizer, set_learning_rate
from corticalnet.training.precision import computing, number_format
from corticalnet.training.preparation import (
    check_fit,
    check_transform,
    check_weights,
    choose_device,
    open_data,
    own_randomness,
)
from corticalnet.training.progress import Watch
from corticalnet.training.result import Result
from corticalnet.training.run_folder import RunFolder
from corticalnet.training.state import State
from corticalnet.training.tensorboard import scalars

OnEpoch = Callable[[Record], None]


def train(
    model: Model,
    data: Any = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    on_epoch: OnEpoch | None = None,
    other_versions: bool = False,
    *,
    validation: Any = None,
    test: Any = None,
    transform: Callable[[Tensor], Any] | None = None,
) -> Result:
    """Train a model by its rule.

    Args:
        model: its network is trained in place and has the last epoch's weights afterwards.
        data: a loaded data set or the name of one; that of the model's settings if not given. Or data of your
            own: a pair (samples, labels) of arrays or tensors, a torch ``Dataset`` of such pairs or a
            ``DataLoader``, see :func:`corticalnet.data.wrap`. A loader's batch size is the run's.
        out: the run's folder, see :mod:`corticalnet.training.run_folder`; nothing is written without one.
        resume: go on with the run in ``out``. A run that was killed at any instant reaches weights
            bit-identical with those of an uninterrupted one on the same machine.
        progress: show a bar on the terminal.
        on_epoch: called with each epoch's record, after its checkpoint is written.
        other_versions: resume although versions, number of threads or device are not those of the run, so
            that other bits may come out.
        validation: your own, as ``data``; held out of the data if not given.
        test: your own, as ``data``; a fixed fifth of the data if not given.
        transform: augmentation. It makes each training sample (a tensor, one at a time) another one of the
            same shape whenever it is shown; validation and test are never transformed. It may be random, and
            is repeated to the bit when a run goes on.

    Raises:
        ShapeError: the data do not fit the network.
        DataError, SettingError: the data set cannot be had, or a setting is impossible here.
        CheckpointError: ``out`` cannot be used: it cannot be written to, another process uses it, it holds
            a run that would be lost, or none that can be resumed.
        ModelError: a part of the model is no network, rule or settings.
        NetworkError: rules cannot teach the network's weights as they are, or they are no numbers.
        TrainingError: the loss is no longer finite.
    """
    model.check()
    check_weights(model.network, resume)
    device = choose_device(model.settings)
    folder = None if out is None else RunFolder(Path(out))
    with nullcontext() if folder is None else folder.held(resume):
        shown, model.settings = open_data(model.settings, data, validation, test, transform)
        dtype = number_format(model.settings, model.network)
        check_fit(model, shown, dtype)
        if shown.transform is not None and folder is not None:
            check_transform(shown, dtype)
        shown = shown.to(device)
        model.network.to(device=device, dtype=dtype)
        optimizer = make_optimizer(model.network, model.settings, model.rule)
        state = State(model, optimizer, device, shown.content)
        with own_randomness(model.settings.seed, device), computing(model.settings, device):
            if folder is not None:
                folder.open(state, resume, other_versions)
            _run(state, shown, folder, progress, on_epoch)
            return finish(state, shown, folder)


def _run(
    state: State, data: Data, folder: RunFolder | None, progress: bool, on_epoch: OnEpoch | None
) -> None:
    """Epochs until the history says that it is enough."""
    model, history = state.model, state.history
    title = f"{model.name or 'model'} · {model.rule.name} · seed {model.settings.seed}"
    epochs, goal = model.settings.epochs, model.settings.goal
    watch = Watch(title, epochs, len(data.train), len(history), progress, goal)
    with watch, scalars(None if folder is None else folder.path, len(history)) as board:
        while not finished(history, model.settings):
            record = _epoch(state, data, watch)
            history.append(record)
            improved = state.remember_best()
            if folder is not None:
                folder.keep(state, improved)
            watch.epoch(record)
            board(record)
            if on_epoch is not None:
                on_epoch(record)


def _epoch(state: State, data: Data, watch: Watch) -> Record:
    """One epoch and its record.

    Raises:
        TrainingError: the loss is no longer finite.
    """
    model, epoch = state.model, len(state.history) + 1
    lr = learning_rate(model.settings, epoch)
    set_learning_rate(state.optimizer, lr)
    started = time.perf_counter()
    try:
        reading = run_epoch(model, state.optimizer, data, epoch, partial(watch.look, epoch))
    except NotFinite:
        raise TrainingError(explain(model, epoch, lr)) from None
    seconds = time.perf_counter() - started
    goal = model.settings.goal.answered_by(model.rule)
    held_out = score(model.network, data.validation, goal)
    return {"epoch": epoch, **reading, goal.validation: held_out, "lr": lr, "seconds": seconds}
