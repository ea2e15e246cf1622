"""Training: epochs of updates, a checkpoint after each, and the test set once, at the very end.

An epoch shows every training image once, in an order that depends on seed and epoch alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from corticalnet.compare import seeded
from corticalnet.data import Data, chance
from corticalnet.errors import TrainingError
from corticalnet.network.initialisation import generator
from corticalnet.training.meter import Meter, NotFinite
from corticalnet.training.model import Model
from corticalnet.training.preparation import (
    check_fit,
    check_initial_weights,
    check_transform,
    choose_device,
    computing,
    make_optimizer,
    number_format,
    open_data,
)
from corticalnet.training.processes import ALONE, Processes, processes
from corticalnet.training.progress import ProgressDisplay, scalars
from corticalnet.training.result import Result, finish, score
from corticalnet.training.run_folder import RunFolder
from corticalnet.training.schedule import scheduled_rate
from corticalnet.training.settings import Settings
from corticalnet.training.silence import Silence
from corticalnet.training.state import History, Record, State, finished

OnEpoch = Callable[[Record], None]

#: Seconds between two looks at the device, for the progress bar and for losses that are not finite.
LOOK_EVERY = 0.1


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

    Processes that ``torchrun`` has started share every batch, see :mod:`corticalnet.training.processes`; the
    first of them writes the folder.
    """
    model.check()
    check_initial_weights(model.network, resume)
    device = choose_device(model.settings)
    with processes(device) as team:
        team.check(model.network, model.rule)
        folder = None if out is None else RunFolder(Path(out))
        with nullcontext() if folder is None or not team.first else folder.held(resume):
            team.wait()  # (the others begin when the first has the folder)
            shown, model.settings = open_data(model.settings, data, validation, test, transform)
            dtype = number_format(model.settings, model.network)
            check_fit(model, shown, dtype)
            if shown.transform is not None and folder is not None:
                check_transform(shown, dtype)
            shown = shown.to(device)
            model.network.to(device=device, dtype=dtype)
            optimizer = make_optimizer(model.network, model.settings, model.rule)
            team.join(optimizer)
            state = State(model, optimizer, device, shown.content)
            with seeded(team.seed(model.settings.seed), device), computing(model.settings, device):
                if folder is not None and team.first:
                    folder.open(state, resume, other_versions)
                elif folder is not None and resume and folder.last.exists():
                    state.load(folder.last, other_versions)
                team.wait()  # (nothing is written before all have read)
                _run(state, shown, folder if team.first else None, progress and team.first, on_epoch, team)
                return finish(state, shown, folder if team.first else None)


def _run(
    state: State,
    data: Data,
    folder: RunFolder | None,
    progress: bool,
    on_epoch: OnEpoch | None,
    team: Processes,
) -> None:
    """Train epochs until the history says to stop."""
    model, history = state.model, state.history
    title = f"{model.name or 'model'} · {model.rule.name} · seed {model.settings.seed}"
    epochs, objective = model.settings.epochs, model.settings.objective
    silence = Silence(model, data)
    display = ProgressDisplay(title, epochs, len(data.train), len(history), progress, objective)
    with display, scalars(None if folder is None else folder.path, len(history)) as board:
        while not finished(history, model.settings):
            try:
                record = _epoch(state, data, display, team)
            except TrainingError as error:
                if folder is not None:
                    folder.stop(len(history) + 1, str(error))
                raise
            history.append(record)
            improved = state.remember_best()
            if folder is not None:
                folder.keep(state, improved)
            silence.tell(record)
            display.epoch(record)
            board(record)
            if on_epoch is not None and team.first:
                on_epoch(record)


def _epoch(state: State, data: Data, display: ProgressDisplay, team: Processes) -> Record:
    """Run one epoch and return its record.

    Raises:
        TrainingError: the loss is no longer finite.
    """
    model, epoch = state.model, len(state.history) + 1
    lr = learning_rate(model.settings, state.history)
    set_learning_rate(state.optimizer, lr)
    started = time.perf_counter()
    try:
        reading = run_epoch(model, state.optimizer, data, epoch, partial(display.update, epoch), team)
    except NotFinite:
        raise TrainingError(explain(model, epoch, lr)) from None
    seconds = time.perf_counter() - started
    objective = model.settings.objective.answered_by(model.rule)
    held_out = score(model.network, data.validation, objective)
    return {"epoch": epoch, **reading, objective.validation: held_out, "lr": lr, "seconds": seconds}


def run_epoch(
    model: Model,
    optimizer: torch.optim.Optimizer,
    data: Data,
    epoch: int,
    show: Callable[[int, Record], None],
    team: Processes = ALONE,
) -> Record:
    """Update on every batch of an epoch; return the meter's reading.

    Samples are shown as the data's transform makes them. ``show`` is called now and then with
    the number of samples done and the reading. Of each batch this process has its share.

    Raises:
        NotFinite: the loss, or a weight, is no longer finite.
        DataError: samples cannot be read, or the transform fails.
    """
    net, rule, settings = model.network, model.rule, model.settings
    dtype = next(net.parameters()).dtype
    split, own_seed = data.train, chance.number(settings.seed, "epoch", epoch)
    batches = split.order(own_seed, settings.batch)
    if batches is None:
        batches = list(data_order(len(split), settings.seed, epoch).split(settings.batch))
    if settings.drop_last and len(batches[-1]) < settings.batch:
        batches.pop()
    meter, looked = Meter(split.labels.device, settings.objective), time.perf_counter()
    net.train()
    drawn = split.draw([team.share(batch) for batch in batches], dtype, own_seed)
    done = 0
    for batch, (x, labels) in zip(batches, drawn, strict=True):
        first = done + team.weigh(batch)
        done += len(batch)
        if not len(labels):
            team.idle(rule, net, optimizer)
            continue
        if data.transform is not None:
            x = data.transform(x, own_seed, first)
        targets = settings.objective.targets(x, labels)
        meter.add(rule.update(net, x, targets, optimizer), targets)
        if time.perf_counter() - looked > LOOK_EVERY:
            show(done, meter.read())
            looked = time.perf_counter()
    reading = meter.read(team)
    with torch.no_grad():  # (weights that were made in inference mode have no other way)
        if not all(bool(p.isfinite().all()) for p in (*net.parameters(), *rule.parameters(net))):
            raise NotFinite
    return reading


def data_order(count: int, seed: int, epoch: int) -> Tensor:
    """Permute ``count`` images for an epoch, the same whatever was drawn before.

    >>> data_order(4, seed=0, epoch=1).sort().values
    tensor([0, 1, 2, 3])
    """
    return torch.randperm(count, generator=generator(seed, f"order of epoch {epoch}"))


def learning_rate(settings: Settings, history: History) -> float:
    """Compute the learning rate of the next epoch: it follows from settings and earlier epochs alone.

    Raises:
        SettingError: the schedule goes by validation scores, and nothing is held out.
    """
    if settings.schedule is not None:
        objective = settings.objective
        scores = [record[objective.validation] for record in history]
        return scheduled_rate(
            settings.schedule, settings.lr, settings.epochs, scores, objective.better(1.0, 0.0)
        )
    if settings.halve_every is None:
        return settings.lr
    return settings.lr * 0.5 ** (len(history) // settings.halve_every)


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of all groups; a rule's own weights get theirs relative to it."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group.get("own_rate", 1.0)


def explain(model: Model, epoch: int, lr: float) -> str:
    """Explain in one sentence when training diverged, by which rule, the likely cause, and what is left."""
    settings = model.settings
    cause = f"lr={lr:g} is too high for {settings.optimizer} (try a tenth of it)"
    if model.rule.may_diverge:
        cause += f", or {model.rule.may_diverge}"
    if settings.momentum:
        cause += (
            f"; momentum={settings.momentum:g} makes each step {1 / (1 - settings.momentum):.0f} times longer"
        )
    left = f"the checkpoint of epoch {epoch - 1} is sound" if epoch > 1 else "no epoch was completed"
    return f"the loss is no longer finite in epoch {epoch} (rule {model.rule.name}); likely {cause}; {left}"
