"""An output whose rates compete: what a cross-entropy teacher needs, in columns of any taught model."""

from __future__ import annotations

from corticalnet.circuits import cells
from corticalnet.circuits.cells.softmax import Answer
from corticalnet.circuits.connection import AllToAll
from corticalnet.circuits.parts import Projection, Wire
from corticalnet.columns.area import AreaPopulations, AreaSpec

#: What takes the place of a cell of an output that fires nonlinearly.
_INSTEAD: dict[type, type] = {
    cells.Clamped: cells.SoftmaxValue,
    cells.TaughtValue: cells.StagedSoftmaxValue,
    cells.NudgedValue: cells.NudgedSoftmaxValue,
    cells.OutputPrediction: cells.SoftmaxPrediction,
    cells.PredictionWithMotion: cells.SoftmaxPrediction,
    cells.StagedPrediction: cells.StagedSoftmaxPrediction,
    cells.Error: cells.SoftmaxError,
    cells.StagedError: cells.StagedSoftmaxError,
    cells.AveragedError: cells.AveragedSoftmaxError,
}


def with_softmax(made: AreaPopulations, area: AreaSpec, dt: float) -> AreaPopulations:
    """Replace value, prediction and error cells where the area is a softmax output.

    Args:
        made: value, prediction and error cells of an output that fires nonlinearly (and φ, if it has one).
        area: any; others stay as they are.
        dt: length of a step, ms.
    """
    if not area.softmax:
        return made
    for role in ("value", "prediction", "error"):
        made.cells[role] = _instead(made.cells[role], area, dt)
    # Errors compare with the softmax, which each works out for itself, and not with the column's own rate.
    made.wires = [w for w in made.wires if (w.source, w.target, w.sends) != ("prediction", "error", "shift")]
    held = "held" if "held" in made.cells["value"].state else "grip"
    made.wires += [
        Wire("prediction", "error", "power", sends="power"),
        Wire("value", "error", "held", sends=held),
    ]
    made.projections += [
        Projection("prediction", "error", "pool", 1.0, AllToAll(), "power"),
        Projection("value", "error", "mass", 1.0, AllToAll(), "value"),
    ]
    return made


def add_answer(
    made: AreaPopulations, area: AreaSpec, kind: type[Answer] = Answer, of: str = "value", sends: str = "rate"
) -> str:
    """Add cells that answer by the softmax of a population's rates; return their role.

    Args:
        made: what stands at the output.
        area: the output.
        kind: of cell.
        of: the role whose rates compete.
        sends: its state.
    """
    role = "answer" if of == "value" else f"{of}_answer"
    made.cells[role] = kind(1 / area.n)
    made.wires.append(Wire(of, role, "rate", sends=sends))
    made.projections += [
        Projection(role, role, "pool", 1.0, AllToAll(), "power"),
        Projection(role, role, "mass", 1.0, AllToAll(), "wanted"),
    ]
    return role


def _instead(cell: cells.Cell, area: AreaSpec, dt: float) -> cells.Cell:
    kind = _INSTEAD[type(cell)]
    if kind is cells.SoftmaxPrediction:
        return kind(area.activation, area.activation != "linear", dt)  # type: ignore[no-any-return]
    more = {} if kind is cells.StagedSoftmaxPrediction else {"share": 1 / area.n}
    return kind(**cell.parameters(), **more)  # type: ignore[no-any-return]
