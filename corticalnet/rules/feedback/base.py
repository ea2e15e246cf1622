"""What a feedback pathway is: the synapses through which a top-down signal reaches an area.

    signal_l = Σ_links feedback(error_above, weights)          δ_l = f'(a_l) ⊙ signal_l

A pathway decides along which links signals come down (those of the network, one after the other, or some of
its own, straight from the output) and which weights carry them; the link knows how they carry it. Pathways
that learn have weights of their own, beside those of the links, and fill their ``.grad`` in every trial.
"""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from corticalnet.checks import shown
from corticalnet.errors import RuleError
from corticalnet.network import Network
from corticalnet.network.links import Link
from corticalnet.network.wiring import ForwardState, Wiring
from corticalnet.replay import Guarded
from corticalnet.rules.trial import Trial


class SweepCount(NamedTuple):
    """The cost of a trial, in sweeps of its batch through all of the network's synapses.

    Attributes:
        up: drives.
        down: feedback.
        learning: post × pre products.
    """

    up: float = 0.0
    down: float = 0.0
    learning: float = 0.0


class Feedback(Guarded, ABC):
    """Base class of all feedback pathways.

    Attributes:
        layered: whether signals come down link by link (False: straight from the output).
        transports_weights: whether a feedback synapse must know the weight of a feedforward one.
        draws: whether the pathway has weights of its own (False: those of the network's links, or none).
        learns: whether they change.
        needs_full_precision: whether it compares losses, whose differences autocast would round away.
        by_sample: whether its changes are a sum over samples that are computed alone.
        capturable: whether what it does can be recorded: see :attr:`LearningRule.capturable`.
        paired_weights: weights down that get the same post × pre product as the link of this name, whoever
            teaches it.
        decay: λ; the gradient of weights with a partner gets λ w, that of the partner λ b.
    """

    equation = ""
    layered = True
    transports_weights = False
    draws = True
    learns = False
    needs_full_precision = False
    by_sample = True
    capturable = True
    paired_weights: Mapping[str, nn.Parameter] = {}
    decay = 0.0

    _network: weakref.ref[Network] | None = None
    _place: tuple[torch.dtype, torch.device] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the network last met: pickles and copies may meet another."""
        return self.__dict__ | {"_network": None, "_place": None}

    def prepare(self, net: Network) -> None:
        """Build the pathway's own weights for a new ``net``, or a new precision or device.

        Raises:
            RuleError: its weights are not as those of the links that they lie beside.
        """
        weight = net.like
        place = weight.dtype, weight.device
        if self._network is None or self._network() is not net or self._place != place:
            self.build(net)
            for link in self.feedback_links(net):
                self._see_that_it_fits(link)
            self._network, self._place = weakref.ref(net), place

    def build(self, net: Network) -> None:
        """Draw the pathway's own weights, if it has any."""

    @abstractmethod
    def weights(self, link: Link) -> Tensor:
        """Return the weights, shaped as ``link.weight``, that carry signals back along ``link``."""

    def _see_that_it_fits(self, link: Link) -> None:
        found: Any = self.weights(link)
        what = f"{type(self).__name__}: weights along '{link.name}' must be"
        if not isinstance(found, Tensor):
            raise RuleError(f"{what} a tensor, not {shown(found)}")
        like, own = ((tuple(w.shape), w.dtype, str(w.device)) for w in (link.weight, found))
        if own != like:
            raise RuleError(f"{what} {like}, as the link's are, not {own}")

    def magnitudes(self, link: Link) -> Tensor | None:
        """Return fixed magnitudes if the weights take their signs from those of ``link``; otherwise None."""
        return None

    def backward(
        self, wiring: Wiring, activity: ForwardState, output_error: Tensor
    ) -> tuple[list[Tensor | None], list[Tensor | None]]:
        """Make one sweep down, which is backprop if the weights are the links' own.

            δ_out = f'(a_out) ⊙ error          δ_l = f'(a_l) ⊙ signal_l

        Args:
            wiring, activity: a network that has fired.
            output_error: at the output's rates ``[batch, *shape]``.

        Returns:
            δ of every node, at its drive; and the signal that came down to it, at its rates. None for the
            input, where nothing came, and (no signal) for the output.
        """
        areas, traces = wiring.above_input, activity.traces
        errors: list[Tensor | None] = [None] * len(traces)
        signals: list[Tensor | None] = [None] * len(traces)
        errors[-1] = areas[-1][1].backward(output_error, traces[-1])
        for node, area in areas[-2::-1]:
            signals[node] = signal = self.into(wiring, node, errors)
            if signal is not None:
                errors[node] = area.backward(signal, traces[node])
        return errors, signals

    def into(self, wiring: Wiring, node: int, errors: list[Tensor | None]) -> Tensor | None:
        """Compute the top-down signal ``[batch, *shape]`` at the rates of ``node``; None without errors."""
        total: Tensor | None = None
        for target, link in self.outgoing(wiring, node):
            error = errors[target]
            if error is not None:
                signal = link.feedback(error, self.weights(link))
                total = signal if total is None else total + signal
        return total

    def outgoing(self, wiring: Wiring, node: int) -> list[tuple[int, Link]]:
        """Return the links along which signals come down to ``node``, each with its upper node."""
        return wiring.leaving[node]

    def feedback_routes(self, wiring: Wiring) -> list[tuple[int, int, Link]]:
        """Return all routes down to hidden areas, from below: (to node, from node, along link)."""
        return [(n, above, k) for n in range(1, wiring.output) for above, k in self.outgoing(wiring, n)]

    def feedback_links(self, net: Network) -> list[Link]:
        """Return all links with weights along which signals come down to hidden areas."""
        return [link for _, _, link in self.feedback_routes(net.wiring) if link.plastic]

    @property
    def cannot_unroll(self) -> str:
        """Return why the pathway cannot serve steps of time that share their links; empty if it can."""
        if self.layered:
            return ""
        kind = type(self).__name__
        return (
            f"{kind} would bring errors to steps that did not cause them; choose feedback that comes down "
            "link by link"
        )

    # Pathways that learn -----------------------------------------------------------------------
    def learn(self, trial: Trial) -> None:
        """Accumulate the gradient of the pathway's own weights, before the links learn.

        Called once in every trial, after the forward pass, when the trial's loss is known.
        """

    def named_parameters(self) -> Mapping[str, nn.Parameter]:
        """Return the weights that an optimizer moves, by the name of their link."""
        return {}

    def extra_cost(self, net: Network) -> SweepCount:
        """Return the sweeps that the pathway costs beyond those of the trigger."""
        return SweepCount()

    def state_dict(self) -> dict[str, Tensor]:
        """Return the learned state of the pathway: its own weights, unless it keeps more."""
        return {name: b.data for name, b in self.named_parameters().items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            RuleError: it is another pathway's.
        """
        own = self.state_dict()
        for name in [*own, *(n for n in state if n not in own)]:
            here, there = (tuple(one[name].shape) if name in one else "nothing" for one in (own, state))
            if here != there:
                raise RuleError(f"feedback of another network: {name} is {there} there and {here} here")
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(state[name])


class Tied(Feedback):
    """Feedback through the transpose of the feedforward weights (weight transport).

    >>> import corticalnet as cn
    >>> rule, net = cn.Rule(feedback=Tied()), cn.mlp([4, 3, 2])
    >>> route, = rule.feedback_routes(net)
    >>> route.weights is route.link.weight
    True
    """

    equation = "signal = Wᵀ error"
    transports_weights = True
    draws = False

    def weights(self, link: Link) -> Tensor:
        """Return the link's own weights."""
        return link.weight


def with_signals(feedback: Feedback, told: Callable[[str, Tensor], None]) -> Feedback:
    """Return a pathway that shares another's state and reports to ``told`` which area sends what down."""
    kind: Any = type(feedback)

    class Telling(kind):  # type: ignore[misc]
        capturable = False

        def into(self, wiring: Wiring, node: int, errors: list[Tensor | None]) -> Tensor | None:
            for above, _ in self.outgoing(wiring, node):
                sent = errors[above]
                if sent is not None:
                    told(wiring.name(above), sent)
            return super().into(wiring, node, errors)  # type: ignore[no-any-return]

    other: Feedback = Telling.__new__(Telling)
    other.__dict__.update(vars(feedback))
    return other
