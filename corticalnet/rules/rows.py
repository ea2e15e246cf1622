"""The rules of the toolkit, a row each: most of them points of teaching signal × feedback pathway × trigger.

Adding a rule is adding a row: three parts, or a class that is a rule by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from corticalnet.rules.base import LearningRule
    from corticalnet.rules.feedback import Feedback
    from corticalnet.rules.teaching import Teaching
    from corticalnet.rules.trigger import Trigger


class Public:
    """A part by its name in :mod:`corticalnet.rules` ("module.Name" if not public), with some arguments.

    It is imported when a rule is made of it: whoever only asks which rules there are need not wait for torch.
    """

    def __init__(self, name: str, *arguments: Any, **named: Any) -> None:
        self._name, self._arguments, self._named = name, arguments, named

    def load(self) -> Callable[..., Any]:
        """Import the class or function, with the arguments bound to it."""
        module, _, name = f"corticalnet.rules.{self._name}".rpartition(".")
        part = getattr(import_module(module), name)
        return partial(part, *self._arguments, **self._named) if self._arguments or self._named else part


@dataclass(frozen=True)
class Entry:
    """A named rule: its three parts and where it comes from.

    Each part is a class, or a function, that makes it; teaching signal and feedback pathway may be one of the
    names that :func:`rule` takes for them.
    """

    teaching: Callable[..., Teaching] | str
    feedback: Callable[..., Feedback] | str
    trigger: Callable[..., Trigger] | Public
    source: str


@dataclass(frozen=True)
class Whole:
    """A named rule that is no product: what makes it, and where it comes from."""

    make: Callable[..., LearningRule] | Public
    source: str


TEACHINGS = {
    "teacher": Public("Teacher"),
    "cross-entropy": Public("Teacher", "cross-entropy"),
    "reward": Public("Reward"),
    "softmax-reward": Public("SoftmaxReward"),
}

FEEDBACKS = {
    "tied": Public("Tied"),
    "none": Public("NoPathway"),
    "random": Public("Random"),
    "sign-symmetric": Public("SignSymmetric"),
    "direct": Public("Direct"),
    "kolen-pollack": Public("KolenPollack"),
    "matching": Public("Matching"),
    "weight-mirror": Public("WeightMirror"),
    "perturbed": Public("Perturbed"),
}


def _targets(top: str, reconstruction: str, **settings: Any) -> Public:
    """Return what makes one rule of the family of target propagation."""
    return Public(
        "target_propagation.propagation.TargetPropagation", top=top, reconstruction=reconstruction, **settings
    )


#: Columns of an artificial neural network (backprop) have no cells that hold feedback; all others have.
_HELD = Public("Sweep", feedback_cells=True)

RULES: dict[str, Entry | Whole | Callable[..., LearningRule]] = {
    "backprop": Entry("teacher", "tied", Public("Sweep"), "Rumelhart, Hinton & Williams 1986"),
    "feedback-alignment": Entry("teacher", "random", _HELD, "Lillicrap et al. 2016"),
    "direct-feedback-alignment": Entry("teacher", "direct", _HELD, "Nøkland 2016"),
    "sign-symmetry": Entry("teacher", "sign-symmetric", _HELD, "Liao, Leibo & Poggio 2016"),
    "kolen-pollack": Entry("teacher", "kolen-pollack", _HELD, "Kolen & Pollack 1994; Akrout et al. 2019"),
    "weight-mirror": Entry("teacher", "weight-mirror", _HELD, "Akrout et al. 2019"),
    "perturbed-feedback": Entry("teacher", "perturbed", _HELD, "Lansdell, Prakash & Kording 2020"),
    "weight-perturbation": Entry("teacher", "none", Public("WeightPerturbation"), "Jabri & Flower 1992"),
    "node-perturbation": Entry(
        "teacher", "none", Public("NodePerturbation"), "Williams 1992; Lansdell et al. 2020"
    ),
    "reinforce": Entry("teacher", "none", Public("REINFORCE"), "Williams 1992"),
    "brainprop": Entry("reward", "tied", _HELD, "Pozzi, Bohté & Roelfsema 2020"),
    "agrel": Entry("softmax-reward", "tied", _HELD, "Roelfsema & van Ooyen 2005"),
    "il": Entry("teacher", "tied", Public("IL"), "Whittington & Bogacz 2017"),
    "ipc": Entry("teacher", "tied", Public("IL", update="every step"), "Salvatori et al. 2024"),
    "z-il": Entry("teacher", "tied", Public("ZIL"), "Song, Lukasiewicz, Xu & Bogacz 2020"),
    "fa-z-il": Entry("teacher", "tied", Public("FaZIL"), "Song, Lukasiewicz, Xu & Bogacz 2020"),
    "streaming-fa-z-il": Entry("teacher", "tied", Public("FaZIL", gate="pulse"), "this toolkit, see docs"),
    "segregated-dendrites": Entry(
        "teacher",
        "direct",
        Public("dendrites.segregated_dendrites.SegregatedDendrites"),
        "Guerguiev, Lillicrap & Richards 2017",
    ),
    "burstprop": Entry("teacher", "random", Public("dendrites.bursts.Burstprop"), "Payeur et al. 2021"),
    "burstccn": Entry("teacher", "random", Public("dendrites.bursts.BurstCCN"), "Greedy et al. 2022"),
    "equilibrium-propagation": Whole(
        Public("equilibrium.propagation.EquilibriumPropagation"),
        "Scellier & Bengio 2017; Ernoult et al. 2020; Laborieux et al. 2021; Laborieux & Zenke 2022",
    ),
    "contrastive-hebbian": Whole(
        Public("equilibrium.contrastive.ContrastiveHebbian"), "Movellan 1990; Xie & Seung 2003"
    ),
    "generec": Whole(Public("equilibrium.contrastive.GeneRec"), "O'Reilly 1996"),
    "recurrent-backprop": Whole(
        Public("equilibrium.recurrent_backprop.RecurrentBackprop"), "Almeida 1987; Pineda 1987"
    ),
    "dendritic-microcircuit": Whole(
        Public("dendrites.microcircuit.Microcircuit"), "Sacramento, Costa, Bengio & Senn 2018"
    ),
    "deep-feedback-control": Whole(
        Public("dendrites.feedback_control.DeepFeedbackControl"), "Meulemans, Tristany Farinha et al. 2021"
    ),
    "target-propagation": Whole(
        _targets("label", "noise-preserving", difference=False), "Le Cun 1986; Bengio 2014; Lee et al. 2015"
    ),
    "difference-target-propagation": Whole(
        _targets("gradient", "noise-preserving"), "Lee, Zhang, Fischer & Bengio 2015; Bartunov et al. 2018"
    ),
    "simplified-target-propagation": Whole(_targets("label", "denoising"), "Bartunov et al. 2018 (SDTP)"),
    "auxiliary-output-target-propagation": Whole(
        _targets("label", "denoising", auxiliary=64, sigma=0.3), "Bartunov et al. 2018 (AO-SDTP)"
    ),
    "difference-reconstruction": Whole(
        _targets("nudge", "difference", decoder="linear", damping=1e-3), "Meulemans et al. 2020 (DRL)"
    ),
    "local-difference-reconstruction": Whole(
        _targets("nudge", "local difference", decoder="gated"), "Ernoult et al. 2022 (L-DRL)"
    ),
}
