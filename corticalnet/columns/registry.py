"""Column models: ways to run a rule in time. One file each, which registers itself and says what it refuses.

    @runs(ZIL)
    class ZILColumns(ColumnModel):
        @classmethod
        def refuses(cls, rule, options): ...       a reason, or None
        @classmethod
        def of(cls, rule, options): ...            the model for this very rule

:func:`column_model` finds the first model that does not refuse. A model of your own is registered the same
way, from wherever it stands; what stands in this folder is imported with it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeVar

from corticalnet.circuits.circuit import Circuit
from corticalnet.circuits.parts import MinimumDurations, Projection
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.columns.area import AreaPopulations, AreaSpec, GlobalPopulations
from corticalnet.columns.continuous import Continuous
from corticalnet.columns.spiking import spiking
from corticalnet.errors import CircuitError
from corticalnet.network import Network
from corticalnet.rules import LearningRule, Rule, Teacher, Trigger


@dataclass(frozen=True)
class Options:
    """What is asked of a column model, beside the rule: the arguments of :func:`corticalnet.circuit`."""

    learning_rate: float = 0.1
    consolidation: str = "now"
    phase_signal: bool = True
    dynamics: Continuous | None = None
    network: Network | None = None


class Target(NamedTuple):
    """Where a projection ends: a role, and one of its ports."""

    role: str
    port: str


class Source(NamedTuple):
    """What a projection sends: a role, and one of its states."""

    role: str
    state: str


class ColumnModel(ABC):
    """Base of ways to run a rule in time: which cells a column has, and what tells its synapses to learn.

    Attributes:
        taught_by: kind of teaching signal that its output has cells for.
        dt: length of a step, ms.
        delay: of projections between areas, ms.
        forward_target: where links end.
        feedback_source: what is sent down.
        feedback_target: where it arrives.
        equal_path_lengths: whether links that skip areas must go through relays.
        softmax: whether rates of the output compete, as a cross-entropy teacher wants.
        ungated_step_size: γ of steps in which values move by feedback that nothing gates, for long; 0 if
            there are none.
        looks_ahead: whether it has cells for ``Continuous(prospective=True)``.
    """

    taught_by: ClassVar[type] = Teacher
    dt: float = 1.0
    delay: float = 0.0
    forward_target = Target("prediction", "prediction")
    feedback_source = Source("error", "error")
    feedback_target = Target("value", "feedback")
    equal_path_lengths: bool = True
    softmax: bool = False
    ungated_step_size: float = 0.0
    looks_ahead: ClassVar[bool] = False

    # Whether it is the one ---------------------------------------------------------------------
    @classmethod
    def runs_in(cls, dynamics: Continuous | None) -> bool:
        """Return whether the model runs in this kind of time: in steps (``None``), unless overridden."""
        return dynamics is None

    @classmethod
    @abstractmethod
    def refuses(cls, rule: Any, options: Options) -> str | None:
        """Return why the model cannot run a rule, in a few words; None if it can.

        Asked only of rules that it is registered for, with the teaching and the time that are its own.
        """

    @classmethod
    @abstractmethod
    def of(cls, rule: Any, options: Options) -> ColumnModel:
        """Make the model for a rule that it does not refuse."""

    @classmethod
    def spiking_dynamics(cls, rule: Any) -> Continuous | None:
        """Return the continuous time that its columns need for spikes between areas; None if the usual."""
        return None

    def refuses_pools(self, maximum: bool) -> str | None:
        """Return why areas may not pool neighbourhoods, by maximum or mean; None if they may."""
        return (
            "a pool takes columns a step of their own, and with more steps this is another rule; choose one "
            "that equals its sweep (z-il with rate 1, gated or streaming fa-z-il)"
        )

    def in_spikes(self, circuit: Circuit, cells_per_column: int, cell: str) -> Circuit:
        """Return its circuit with so many spiking cells of a kind for each column."""
        return spiking(circuit, cells_per_column, cell)

    # What stands where -------------------------------------------------------------------------
    @abstractmethod
    def populations(self, area: AreaSpec) -> AreaPopulations:
        """Return the cells of an area, and their connections."""

    @abstractmethod
    def plasticity(self, area: AreaSpec) -> Plasticity | None:
        """Return the plasticity of synapses onto an area; None if they do not learn."""

    def paired_plasticity(self, area: AreaSpec) -> Plasticity | None:
        """Return the plasticity of synapses onto an area whose partners down learn, too: the usual one."""
        return self.plasticity(area)

    def feedback_plasticity(self, area: AreaSpec) -> Plasticity | None:
        """Return the plasticity of an area's own feedback synapses down; None if they do not learn."""
        return None

    def beside_link(
        self, area: AreaSpec, up: Projection, down: Projection | None, bias: Projection | None
    ) -> GlobalPopulations:
        """Return what stands beside a link, such as interneurons with their synapses; nothing by default.

        Args:
            area: where the link ends.
            up, bias: its synapses, and those of its bias.
            down: the synapses along which signals come down beside it; None if none do.
        """
        return GlobalPopulations()

    def expanded(self, projection: Projection) -> list[Projection]:
        """Return the projections that one of a link becomes: it alone, unless overridden.

        Further ones may read the same synapses (``same_way``).
        """
        return [projection]

    def direct_delay(self, area: AreaSpec) -> float:
        """Return the delay (ms) of a projection straight from the output to an area."""
        return self.delay

    @abstractmethod
    def needs(self, areas: Sequence[AreaSpec]) -> MinimumDurations:
        """Return the least durations of a trial of a network of these areas."""

    def global_populations(
        self, areas: Sequence[AreaSpec], learning: dict[str, AreaSpec]
    ) -> GlobalPopulations:
        """Return cells outside all columns, such as clocks; none unless overridden.

        Args:
            areas: all of them.
            learning: plastic projections by name, and where they end.
        """
        return GlobalPopulations()


Model = TypeVar("Model", bound=type[ColumnModel])
_models: dict[type, list[type[ColumnModel]]] = {}


def runs(*kinds: type) -> Callable[[Model], Model]:
    """Return a decorator that registers a column model for rules of a class, or with a trigger of a class.

    Args:
        kinds: classes of triggers, or of rules. A class that has models of its own does not fall back on
            those of its parents. Models that were registered later are asked first.
    """

    def register(model: Model) -> Model:
        for kind in kinds:
            _models.setdefault(kind, []).insert(0, model)
        return model

    return register


def unregister(model: type[ColumnModel]) -> None:
    """Remove a column model from the registry."""
    for kind in [kind for kind, models in _models.items() if model in models]:
        _models[kind].remove(model)
        if not _models[kind]:
            del _models[kind]


def column_model(rule: Any, options: Options = Options()) -> ColumnModel:
    """Return the model that runs a rule in time: the first that does not refuse it.

    Args:
        rule: the rule; models see its parts as it is now.
        options: what else is asked.

    Raises:
        CircuitError: there is none, with the reasons.
    """
    reasons = {}
    for model in _in_time(rule, options.dynamics):
        reason = model.refuses(rule, options)
        if reason is None:
            return model.of(rule, options)
        reasons[reason] = model
    raise CircuitError(f"{rule.name}: {'; '.join(reasons)}")


def spiking_dynamics(rule: Any) -> Continuous:
    """Return the continuous time that a rule's columns need for spikes between areas.

    Steps of ½ ms, 200 ms from area to area, and averages. φ (Fa-Z-IL) bears the noise of some hundred perfect
    integrate-and-fire cells for each column; other rules go by a clock.
    """
    usual = Continuous("sample_and_hold", dt=0.5, read_delay=200.0, average=40.0, burst=50.0)
    found = (model.spiking_dynamics(rule) for model in _registered(rule))
    return next((dynamics for dynamics in found if dynamics is not None), usual)


def _registered(rule: Any) -> list[type[ColumnModel]]:
    """Return the models for a rule's class, or for its trigger's; of the nearest class that has some."""
    kinds = [*type(rule).__mro__, *(type(rule.trigger).__mro__ if isinstance(rule, Rule) else ())]
    return next((_models[kind] for kind in kinds if kind in _models), [])


def _in_time(rule: Any, dynamics: Continuous | None) -> list[type[ColumnModel]]:
    """Return the registered models for the rule's teaching signal and this kind of time.

    Raises:
        CircuitError: there are none.
    """
    if not isinstance(rule, LearningRule):
        raise CircuitError(f"a circuit is made from a Rule (cn.rule(...)), not {type(rule).__name__}")
    models = _registered(rule)
    what = type(rule.trigger if isinstance(rule, Rule) else rule).__name__
    if not models:
        choices = "triggers that have one: " + _triggers(lambda model: True)
        own = f"a ColumnModel of your own under @corticalnet.columns.runs({what}) is its circuit"
        raise CircuitError(f"{rule.name}: {what} has no circuit; {choices}; {own}")
    taught = [model for model in models if isinstance(rule.teaching, model.taught_by)]
    if not taught:
        by, not_by = " or ".join(sorted({m.taught_by.__name__ for m in models})), type(rule.teaching).__name__
        others = _triggers(lambda model: isinstance(rule.teaching, model.taught_by))
        others = f"; by {not_by} those of {others}" if others else ""
        raise CircuitError(f"{rule.name}: columns of {what} are taught by {by}, not by {not_by}{others}")
    fitting = [model for model in taught if model.runs_in(dynamics)]
    if not fitting:
        time = "in steps" if dynamics is None else "in continuous time"
        by = type(rule.teaching).__name__
        others = _triggers(
            lambda model: isinstance(rule.teaching, model.taught_by) and model.runs_in(dynamics)
        )
        others = f"; those of {others} do" if others else ""
        cure = ", but in continuous time: dynamics=cn.Continuous(…)" if dynamics is None else ""
        raise CircuitError(f"{rule.name}: columns of {what} taught by {by} do not run {time}{cure}{others}")
    return fitting


def _triggers(having: Callable[[type[ColumnModel]], bool]) -> str:
    """List the triggers for which such a model is registered, as text."""
    found = [kind for kind, models in _models.items() if any(map(having, models))]
    return ", ".join(sorted(kind.__name__ for kind in found if issubclass(kind, Trigger)))
