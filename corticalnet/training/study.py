"""Searches: a model over rules × settings × seeds, by several processes, in a study of Optuna.

    found = search("zil_mlp", {"rule": ["z-il", "backprop"], "lr": [0.01, 0.1]}, seeds=3, out="runs/search")
    print(found)                                    a row for each setting, mean ± s.d. over seeds

Every run is a trial of the study ``OUT/study.db`` (``optuna-dashboard`` shows it) and a folder, as ``train``
makes it. Who works, locks the run's folder; the lock ends with its process, however that ends. So another
process finds which runs nobody goes on with, and goes on with them where they stopped. Processes may come and
go: started by ``workers``, from other terminals, or as an array of a cluster's jobs.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from corticalnet.checks import whole
from corticalnet.errors import CheckpointError, CorticalnetError, SettingError, TrainingError
from corticalnet.store import locked, make_folder, read_whole
from corticalnet.training.loop import train
from corticalnet.training.model_file import load_model
from corticalnet.training.run_folder import RunFolder
from corticalnet.training.search_result import Search

if TYPE_CHECKING:
    import optuna

#: A trial's settings as JSON, its test score, why it has none; and of the study, what all runs have.
RUN, TESTED, FAILED, FIXED = "run", "test", "error", "settings"


class _TakenError(CorticalnetError):
    """Another process works on a run."""


def search(
    model: str | Path,
    grid: Mapping[str, Sequence[Any]],
    *,
    seeds: int = 1,
    settings: Mapping[str, Any] | None = None,
    out: str | Path = "runs/search",
    workers: int = 1,
    storage: str | None = None,
    progress: bool = True,
) -> Search:
    """Train a model with every combination of settings, from several seeds each; or go on where it stopped.

    Args:
        model: a model file, or the name of one.
        grid: what to vary: values to try by the name of a setting, "rule" among them.
        seeds: how many, from 0.
        settings: that all runs have.
        out: folder of runs and study. A search that is there goes on; it may be given more values or seeds.
        workers: processes to start beside each other; others may join by the same call.
        storage: of the study, a URL that Optuna takes (``postgresql://…``); ``OUT/study.db`` if not given.
        progress: show bars, where a single process works.

    Raises:
        SettingError: nothing to vary, a value that is no plain one, impossible numbers, or Optuna is not
            installed. What is wrong with single runs is in the result.
        CheckpointError: the folder holds a search of another model.
        OutputError: it cannot be written to.
    """
    seeds, workers = (
        whole("search: seeds", seeds, SettingError, least=1),
        whole("search: workers", workers, SettingError, least=1),
    )
    if not grid or not all(isinstance(v, list | tuple) and v for v in grid.values()):
        raise SettingError(f"a search needs values to try, {{'lr': [0.01, 0.1]}} say, not {dict(grid)}")
    if "seed" in grid:
        raise SettingError("a search takes its seeds by seeds=, not in the grid")
    folder = Path(out)
    make_folder(folder)
    place = storage or f"sqlite:///{(folder / 'study.db').resolve()}"
    fixed = dict(settings or {})
    first = load_model(model, **fixed, **{name: values[0] for name, values in grid.items()})
    objective = first.settings.objective
    with _quiet(), _alone(folder / "workers" / "begin"):
        study = _study(place, str(first.name), objective.better(1.0, 0.0))
        if study.user_attrs.setdefault(FIXED, fixed) != fixed:
            raise CheckpointError(
                f"the search in {folder} has the settings {study.user_attrs[FIXED]}, not {fixed}; "
                "choose another out"
            )
        study.set_user_attr(FIXED, fixed)
        _enqueue(study, grid, seeds)
    arguments = (place, str(first.name), str(model), fixed, str(folder), progress and workers == 1)
    if workers == 1:
        work(*arguments)
    else:
        _together(workers, arguments)
    with _quiet():
        return _found(study, tuple(grid), objective.measure, folder)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until nobody else begins: whoever comes at the same time would ask for the same runs again."""
    make_folder(folder)
    while True:
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(folder, _TakenError))
            except _TakenError:
                time.sleep(0.05)
                continue
            yield
            return


@contextmanager
def _quiet() -> Iterator[Any]:
    """Import Optuna, and let it say nothing of every trial.

    Raises:
        SettingError: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise SettingError("search needs optuna: pip install 'corticalnet[search]'") from error
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield optuna
    finally:
        optuna.logging.set_verbosity(before)


def _study(storage: str, name: str, more_is_better: bool | None = None) -> optuna.Study:
    """Open the study, or make it."""
    import optuna

    if more_is_better is None:
        return optuna.load_study(study_name=name, storage=storage)
    direction: Literal["maximize", "minimize"] = "maximize" if more_is_better else "minimize"
    study = optuna.create_study(storage=storage, study_name=name, direction=direction, load_if_exists=True)
    others = sorted({one.study_name for one in optuna.get_all_study_summaries(storage)} - {name})
    if others:
        raise CheckpointError(f"{storage} holds a search of model '{others[0]}'; choose another out")
    return study


def _enqueue(study: optuna.Study, grid: Mapping[str, Sequence[Any]], seeds: int) -> None:
    """Let every run that the study does not know yet wait for a worker."""
    known = {trial.user_attrs.get(RUN) for trial in study.get_trials(deepcopy=False)}
    for values in product(*grid.values()):
        for seed in range(seeds):
            try:
                text = json.dumps({**dict(zip(grid, values, strict=True)), "seed": seed}, allow_nan=False)
            except (TypeError, ValueError):
                raise SettingError(f"a search varies plain values, not {values}") from None
            if text not in known:
                study.enqueue_trial({}, {RUN: text})


def _together(workers: int, arguments: tuple[Any, ...]) -> None:
    """Run several processes until nothing is left; who interrupts this one interrupts them.

    Raises:
        TrainingError: none came to an end.
    """
    spawning = multiprocessing.get_context("spawn")
    started = [spawning.Process(target=work, args=arguments) for _ in range(workers)]
    try:
        for process in started:
            process.start()
        for process in started:
            process.join()
    finally:
        for process in started:
            process.terminate()
    if all(process.exitcode for process in started):
        raise TrainingError(f"none of {workers} workers came to an end; let one work alone to see why")


def work(storage: str, name: str, model: str, fixed: dict[str, Any], out: str, progress: bool) -> None:
    """Train one run after the other, until all have ended or are in other processes' hands."""
    with _quiet() as optuna:
        study, states = _study(storage, name), optuna.trial.TrialState
        train_one = partial(_run, study, model, fixed, Path(out), progress)
        while True:
            begun = study.get_trials(deepcopy=False, states=(states.RUNNING,))
            if sum(map(train_one, begun)):
                continue  # (what others had left)
            if not study.get_trials(deepcopy=False, states=(states.WAITING,)):
                return
            trial = study.ask()
            if RUN in trial.user_attrs:
                train_one(trial)
            else:  # (others were quicker, and this one is new)
                study.tell(trial, state=states.PRUNED)


def _run(
    study: optuna.Study, model: str, fixed: dict[str, Any], out: Path, progress: bool, trial: Any
) -> bool:
    """Train a run, or go on with it; return whether it was this process that ended it."""
    from optuna.trial import TrialState

    settings = json.loads(trial.user_attrs[RUN])
    folder = out / re.sub(r"[^\w.=+-]+", "_", "-".join(f"{key}={value}" for key, value in settings.items()))
    mine = out / "workers" / str(trial.number)
    make_folder(mine)
    try:
        with locked(mine, _TakenError):
            if study.get_trials(deepcopy=False)[trial.number].state.is_finished():
                return False
            try:
                scores = _trained(model, {**fixed, **settings}, folder, progress)
            except CorticalnetError as error:
                _tell(study, trial, {FAILED: str(error)}, state=TrialState.FAIL)
            else:
                _tell(study, trial, {TESTED: scores[1]}, values=scores[0])
    except _TakenError:
        return False
    return True


def _trained(model: str, settings: dict[str, Any], folder: Path, progress: bool) -> tuple[float, float]:
    """Return validation and test scores of a run, after the best epoch."""
    run = RunFolder(folder)
    if not run.summary.exists():
        train(load_model(model, **settings), out=folder, resume=bool(run.there()), progress=progress)
    summary: dict[str, Any] = json.loads(read_whole(run.summary))
    validation, test = (
        next(value for key, value in summary.items() if key.startswith(word))
        for word in ("validation", "best_test")
    )
    return validation, test


def _tell(study: optuna.Study, trial: Any, told: dict[str, Any], **end: Any) -> None:
    """Write down how a run ended, whichever process had begun it."""
    for key, value in told.items():
        study._storage.set_trial_user_attr(trial._trial_id, key, value)
    study.tell(trial.number, **end)


def _found(study: optuna.Study, names: tuple[str, ...], measure: str, out: Path) -> Search:
    """Return all rows, in the order in which they were asked for."""
    rows: dict[str, dict[str, Any]] = {}
    for trial in study.get_trials(deepcopy=False):
        if RUN not in trial.user_attrs:
            continue
        settings = json.loads(trial.user_attrs[RUN])
        seed = settings.pop("seed")
        usual: dict[str, Any] = {
            "settings": settings,
            "seeds": [],
            "validation": [],
            "test": [],
            "errors": [],
        }
        row = rows.setdefault(json.dumps(settings), usual)
        if FAILED in trial.user_attrs:
            row["errors"].append(f"seed {seed}: {trial.user_attrs[FAILED]}")
        elif trial.value is not None:
            row["seeds"].append(seed)
            row["validation"].append(trial.value)
            row["test"].append(trial.user_attrs[TESTED])
    return Search(names, list(rows.values()), measure, out)
