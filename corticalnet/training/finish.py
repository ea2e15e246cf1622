"""The end of a run: the test set is scored, once, and the result written and drawn."""

from __future__ import annotations

from torch import Tensor

from corticalnet.data import Data
from corticalnet.errors import CheckpointError
from corticalnet.store import write_json
from corticalnet.training.checkpoint import give_weights
from corticalnet.training.evaluation import answers
from corticalnet.training.result import Result
from corticalnet.training.run_folder import RunFolder
from corticalnet.training.state import State


def finish(state: State, data: Data, folder: RunFolder | None) -> Result:
    """Score the network of the last and of the best epoch, and write summary and figures to the folder.

    The network keeps the weights of the last epoch.
    """
    goal = state.model.settings.goal
    last, best = _answers(state, data)
    result = Result(
        model=state.model.name,
        rule=state.model.rule.name,
        settings=state.model.settings,
        history=state.history,
        best_epoch=state.best_epoch,
        last_test=goal.score(last, data.test),
        best_test=goal.score(best, data.test),
        seconds=sum(record["seconds"] for record in state.history),
        out=None if folder is None else folder.path,
    )
    if folder is not None:
        from corticalnet.training.figures import draw  # matplotlib is slow to import

        try:
            draw(folder.path, state.model.network, data, state.history, best, goal)
            write_json(folder.summary, result.to_dict(), CheckpointError)
        except CheckpointError as error:
            raise CheckpointError(
                f"{error}; every epoch is in the checkpoint: mend it and go on with --resume {folder.path}"
            ) from error
    return result


def _answers(state: State, data: Data) -> tuple[Tensor, Tensor]:
    """Answers ``[N, …]`` to the test set after the last and the best epoch."""
    net, goal = state.model.network, state.model.settings.goal.answered_by(state.model.rule)
    last = answers(net, data.test, goal)
    if state.best_epoch == len(state.history):
        return last, last
    kept = state.weights()
    give_weights(net, state.best, "the best epoch's weights")
    best = answers(net, data.test, goal)
    give_weights(net, kept, "the last epoch's weights")
    return last, best
