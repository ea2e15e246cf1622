"""Dendritic cortical microcircuits: apical dendrites hold what nobody expected of the area above.

Sacramento, Costa, Bengio & Senn 2018. What cells come to rest at, pyramidal and interneurons, is
:mod:`corticalnet.rules.dendrites.pyramidal`; û = ĝ v_B is what the basal dendrite alone would make of a soma.

    ΔW ∝ (f(u) − f(û)) × r below        ΔP ∝ (f(u_I) − f(ĝ_D v_I)) × r        ΔM ∝ −v_A × r_I

With M = −B and P = (ĝ above / ĝ_D) W ("self-predicting") apical dendrites are silent without a teacher,
however deep. With one, to first order in the nudge λ and with d links to the output,

    q^L = f'(û) ⊙ error,  q = f'(û) ⊙ Σ B q above          f(u) − f(û) = λ [ĝ_A (1 − λ_I)]^d q

which is backprop through B. What is lost on the way is given back, times Π ĝ / (λ [ĝ_A (1 − λ_I)]^d), so
that with B = Wᵀ the first order is the gradient of what the network answers: of a sweep in which every
area is attenuated by its ĝ. Nobody is told of a phase: an answer is what stands there without a teacher.

Deviations from the paper
    1. States are settled, where the paper integrates them in time: that is the circuit.
    2. The teacher's current is g_som times the loss's error; ``nudge="potential"`` is the paper's
       g_som (u_target − u), u_target = f⁻¹(target), with targets ``margin`` away from where f ends.
    3. "ideal" laterals follow W and B by construction. "predicting": P learns in taught trials, M = −B.
       "both" begin at random and learn without the teacher, for M would learn to silence what he says.
    4. Links that skip areas bring down less, so that all ways down count alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from corticalnet.checks import positive, shown, whole
from corticalnet.errors import RuleError, one_of
from corticalnet.network import Network
from corticalnet.rules.base import LearningRule, LearnResult, Route
from corticalnet.rules.catalogue import part_of, rule
from corticalnet.rules.dendrites import laterals
from corticalnet.rules.dendrites.conductances import Conductances
from corticalnet.rules.dendrites.pyramidal import DendriticColumns, Lateral, potential_at
from corticalnet.rules.equilibrium.phase import Convergence
from corticalnet.rules.feedback import Feedback, KolenPollack
from corticalnet.rules.plasticity import Plasticity
from corticalnet.rules.rows import FEEDBACKS
from corticalnet.rules.teaching import Teacher, Teaching, TrialLoss

SOLVES = ("settled", "first order")
LATERALS = ("ideal", "predicting", "both")
NUDGES = ("rate", "potential")


@dataclass(frozen=True)
class DendriticTrial:
    """How the columns of a trial came to rest.

    Attributes:
        free, nudged: without and with the teacher; of no steps where a sweep is all.
        apical: root mean square of the apical potentials without a teacher: 0 if self-predicting.
    """

    free: Convergence
    nudged: Convergence
    apical: float


class Microcircuit(LearningRule):
    """The dendritic cortical microcircuit (Sacramento et al. 2018): errors are apical potentials.

    Args:
        pathway: B, what comes down: a pathway, by name or as an object, that comes link by link, and stays or
            learns by what its columns learn up ("random", "tied", "sign-symmetric", "kolen-pollack").
        laterals: "ideal", "predicting" or "both"; see the module. Those that learn are for dense links.
        solve: "settled", or "first order" in the nudge.
        nudge: "rate" or "potential": by what the teacher pulls the output.
        margin: for targets in potentials: how far they stay away from where f ends.
        steps: sweeps up and down until all is settled, at most.
        leak, basal, apical, dendritic, somatic: see
            :class:`~corticalnet.rules.dendrites.conductances.Conductances`.
        own_rate: learning rate of laterals that learn, in units of that of the weights up.
        seed: of laterals that begin at random.
        teaching: a teacher.

    Raises:
        RuleError: an impossible number or choice, a pathway that will not do, or no teacher.

    >>> import corticalnet as cn
    >>> rule, net = cn.rule("dendritic-microcircuit", laterals="predicting"), cn.mlp([4, 3, 2])
    >>> list(rule.named_parameters(net))
    ['predicting.area1->output']
    """

    name = "dendritic-microcircuit"
    equation = "Δw = ⟨(f(u) − f(û)) × r⟩  with a teacher,  u = û + ĝ_A (Σ B r above − Σ B r_I)"
    needs_full_precision = True  # errors shrink from area to area
    takes_vectors = True

    def __init__(
        self,
        pathway: str | Feedback = "random",
        laterals: str = "ideal",
        solve: str = "settled",
        nudge: str = "rate",
        margin: float = 0.1,
        steps: int = 100,
        leak: float = 0.1,
        basal: float = 1.0,
        apical: float = 0.8,
        dendritic: float = 1.0,
        somatic: float = 0.8,
        own_rate: float = 1.0,
        seed: int = 1,
        teaching: Teaching | None = None,
    ) -> None:
        what = "microcircuit"
        one_of(f"{what}: laterals", laterals, LATERALS, RuleError)
        one_of(f"{what}: solve", solve, SOLVES, RuleError)
        one_of(f"{what}: nudge", nudge, NUDGES, RuleError)
        self.laterals, self.solve, self.nudge = laterals, solve, nudge
        if solve == "first order" and laterals != "ideal":
            raise RuleError(f"{what}: solve='first order' has no laterals to learn; choose laterals='ideal'")
        self.margin = positive(f"{what}: margin", margin, RuleError)
        self.steps = whole(f"{what}: steps", steps, RuleError)
        given = {"leak": leak, "basal": basal, "apical": apical, "dendritic": dendritic, "somatic": somatic}
        self.conductances = Conductances(
            **{name: positive(f"{what}: {name}", value, RuleError) for name, value in given.items()}
        )
        self.own_rate = positive(f"{what}: own_rate", own_rate, RuleError)
        self.seed = whole(f"{what}: seed", seed, RuleError, least=None)
        teacher = Teacher() if teaching is None else teaching
        if not isinstance(teacher, Teacher) or (nudge == "potential" and teacher.loss != "squared"):
            of = "a Teacher of squared errors" if nudge == "potential" else "a Teacher"
            raise RuleError(f"{what} with nudge='{nudge}' is taught by {of}, not by {shown(teacher)}")
        self.teaching: Teacher = teacher
        made: Any = part_of(pathway, FEEDBACKS, "feedback pathway")
        self.pathway: Feedback = made() if callable(made) else made
        if not isinstance(self.pathway, Feedback):
            raise RuleError(f"{what}: pathway must be a Feedback or the name of one, not {shown(pathway)}")
        if not self.pathway.layered or (self.pathway.learns and not isinstance(self.pathway, KolenPollack)):
            raise RuleError(
                f"{what}: {type(self.pathway).__name__} does not come down link by link, or learns by more "
                "than its own two columns do; choose pathway='random', 'tied', 'sign-symmetric', "
                "'kolen-pollack' or 'matching'"
            )
        self.tied = not self.pathway.draws
        self.transports_weights = self.pathway.transports_weights
        self.decay = self.pathway.decay

    # Its own weights ------------------------------------------------------------------------------
    def draw(self, net: Network) -> Mapping[str, Tensor]:
        """Draw the laterals that learn: P (self-predicting, or at random), its offset, and M."""
        if self.laterals == "ideal":
            return {}
        return laterals.draw(net, self.conductances, self.laterals == "both", self.seed, self.name)

    def named_parameters(self, net: Network) -> Mapping[str, nn.Parameter]:
        """Return laterals that learn, and the weights of a pathway that does."""
        own = dict(super().named_parameters(net))
        if self.pathway.learns:
            self.pathway.prepare(net)
            own |= {f"feedback.{name}": b for name, b in self.pathway.named_parameters().items()}
        return own

    def lateral_weights(self) -> dict[str, Lateral]:
        """Return the laterals that learn, by link, of the network that the rule met last; none if ideal."""
        return laterals.by_link(self._weights)

    def feedback_routes(self, net: Network) -> list[Route]:
        """Return the routes of the pathway."""
        self.named_parameters(net)
        self.pathway.prepare(net)
        ways = self.pathway.feedback_routes(net.wiring)
        return [Route(*way, self.pathway.weights(way[2]), self.pathway.magnitudes(way[2])) for way in ways]

    def of_its_equilibrium(self) -> LearningRule | None:
        """Return the first order with B = Wᵀ: the gradient of the attenuated sweep that answers."""
        kept = {name: getattr(self.conductances, name) for name in self.conductances.__dataclass_fields__}
        same = {**kept, "nudge": self.nudge, "margin": self.margin, "teaching": self.teaching}
        return rule("dendritic-microcircuit", pathway="tied", solve="first order", **same)

    # A trial ----------------------------------------------------------------------------------------
    @torch.no_grad()
    def answer(self, net: Network, x: Tensor) -> Tensor:
        """Compute the output rates ``[batch, n]`` without a teacher."""
        x = net.admit(x)
        with torch.autocast(x.device.type, enabled=False):
            return self.free(net, x).rates[-1] if len(x) else net(x)

    @torch.no_grad()
    def free(self, net: Network, x: Tensor) -> DendriticColumns:
        """Return the columns at rest without a teacher, for inputs ``[batch, *input_shape]``.

        With ideal laterals that is a sweep up, for apical dendrites are silent.
        """
        self.named_parameters(net)
        self.pathway.prepare(net)
        beside = self.lateral_weights()
        columns = DendriticColumns(net.wiring, x, self.conductances, self.pathway.weights, beside)
        columns.of_two = self.of_two
        return columns.settle(self.steps, self.name) if beside else columns

    @torch.no_grad()
    def nudged(self, free: DendriticColumns, trial_loss: TrialLoss) -> DendriticColumns:
        """Return the columns at rest with the teacher."""
        target = self._target(free, trial_loss) if self.nudge == "potential" else None
        return free.with_teacher(trial_loss, target).settle(self.steps, self.name)

    @torch.no_grad()
    def learn(self, net: Network, x: Any, targets: Any, *, accumulate: bool = False) -> LearnResult:
        """Let columns settle without and with the teacher, and fill the gradients by the latter.

        Warns:
            UserWarning: they have not settled.
        """
        x = net.admit(x, least=1, to_learn=True)
        free = self.free(net, x)
        trial_loss = self.teaching.loss_for(free.rates[-1], targets)
        paired, decay = self.pathway.paired_weights, self.decay
        plasticity = Plasticity(net, len(x), accumulate, paired, decay, self._learned)
        if self.laterals == "both":
            laterals.learn(free, plasticity, self.observer)
        if self.solve == "first order":
            now = free
            self._first_order(now, trial_loss, plasticity)
        else:
            now = self.nudged(free, trial_loss)
            self._settled(now, trial_loss, plasticity)
        if self.laterals == "predicting":
            laterals.learn(now, plasticity, self.observer)
        plasticity.close()
        return LearnResult(trial_loss, DendriticTrial(free.settled, now.settled, free.loudness()))

    @torch.no_grad()
    def learn_quietly(self, net: Network, x: Any, *, accumulate: bool = False) -> float:
        """Fill the gradients of laterals that learn, and of nothing else, by a trial without a teacher.

        Args:
            net: the network.
            x: inputs ``[batch, *input_shape]``.
            accumulate: add to gradients that are there.

        Returns:
            The root mean square of the apical potentials, which laterals learn to silence.
        """
        self._meet(net)
        x = net.admit(x, least=1, to_learn=True)
        with torch.autocast(x.device.type, enabled=False):
            free = self.free(net, x)
            if free.laterals:
                laterals.learn(free, Plasticity(net, len(x), accumulate, learned=()), self.observer)
        return free.loudness()

    def _settled(self, now: DendriticColumns, trial_loss: TrialLoss, plasticity: Plasticity) -> None:
        """Accumulate mismatch × presynaptic rate of every synapse up."""
        wiring, g, rates = now.wiring, self.conductances, now.rates
        errors: list[Tensor | None] = [None, *(now.mismatch(node) for node, _ in wiring.above_input)]
        signals = [*now.apical[:-1], trial_loss.error(rates[-1])]
        cells: dict[str, Sequence[Tensor | None]] = {"rate": rates, "potential": now.potentials}
        cells |= {"mismatch": errors, "signal": signals}
        self.observer.snapshot(wiring, cells)
        for node, area in wiring.above_input:
            depth, error, signal = wiring.depth[node], errors[node], signals[node]
            assert error is not None, "of every area"
            assert signal is not None, "to every area"
            factor = g.way_up(depth) / g.error_size(depth)
            for source, link in wiring.arriving[node]:
                plasticity.hebbian(link, rates[source], error, factor)
            if area.learns:
                area.to_state(signal, now.traces[node])
                factor *= g.apical_share / g.basal_share(False) if depth else g.nudge / g.basal_share(True)
                plasticity.credit(area.parameter_gradients(now.traces[node]), factor)

    def _first_order(self, free: DendriticColumns, trial_loss: TrialLoss, plasticity: Plasticity) -> None:
        """Accumulate q × presynaptic rate of every synapse up."""
        wiring, g, rates, traces = free.wiring, self.conductances, free.rates, free.traces
        if self.nudge == "rate":
            pull = wiring.area(-1).backward(trial_loss.error(rates[-1]), traces[-1])
        else:
            away = self._target(free, trial_loss) - free.predicted[-1]
            pull = wiring.area(-1).to_drive(away, traces[-1])
        q = free.first_order(pull)
        self.observer.snapshot(wiring, {"rate": rates, "mismatch": q})
        for node, area in wiring.above_input:
            depth, error = wiring.depth[node], q[node]
            assert error is not None, "of every area"
            for source, link in wiring.arriving[node]:
                plasticity.hebbian(link, rates[source], error, g.way_up(depth))
            if area.learns:
                share = g.way_up(depth) / g.basal_share(not depth)
                plasticity.credit(area.parameter_gradients(traces[node]), share)

    def _target(self, free: DendriticColumns, trial_loss: TrialLoss) -> Tensor:
        """Return the potential that the output would have at its target."""
        rates = free.rates[-1]
        target = trial_loss.answer(rates) + trial_loss.error(rates)
        return potential_at(target, free.wiring.area(-1), self.margin, self.name)
