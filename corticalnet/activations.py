"""Activation functions: the firing rate of a column given its drive, and its gain f'.

    rate = f(drive)            gain(signal) = f'(drive) * signal

Each gain is written next to its rate, from the drive, the rate, or both, whichever is cheaper.
Where f has a kink (ReLU at 0) the gain is that of the silent side, as in every deep-learning
library and in Pozzi et al. 2020 (a silent column neither learns nor passes feedback on).
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from corticalnet.checks import function
from corticalnet.errors import NetworkError, one_of

_ops = torch.ops.aten


@dataclass(frozen=True)
class Activation:
    """A rate function and its gain.

    Attributes:
        name: how networks and models call it.
        rate: ``rate(drive)``, elementwise.
        gain: ``gain(signal, drive, rate)`` returns ``f'(drive) * signal``, elementwise.
    """

    name: str
    rate: Callable[[Tensor], Tensor]
    gain: Callable[[Tensor, Tensor, Tensor], Tensor]

    def __post_init__(self) -> None:
        for what in ("rate", "gain"):
            function(f"activation {self.name}: {what}", getattr(self, what), NetworkError)

    def __deepcopy__(self, memo: dict[int, Any]) -> Activation:
        """Return the activation itself, which is immutable."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle a built-in activation by its name, another by its functions, which a module must define.

        Raises:
            NetworkError: they are not, so that no other process could find them.
        """
        if ACTIVATIONS.get(self.name) is self:
            return activation, (self.name,)
        try:
            pickle.dumps((self.rate, self.gain))
        except Exception as error:
            raise NetworkError(
                f"activation '{self.name}' cannot be pickled: {error}; write rate and gain as functions of a "
                "module (def), not as lambdas"
            ) from None
        return Activation, (self.name, self.rate, self.gain)


ACTIVATIONS: dict[str, Activation] = {
    a.name: a
    for a in (
        Activation("linear", torch.positive, lambda s, a, y: s),
        Activation("sigmoid", torch.sigmoid, lambda s, a, y: _ops.sigmoid_backward(s, y)),
        Activation("tanh", torch.tanh, lambda s, a, y: _ops.tanh_backward(s, y)),
        Activation("relu", torch.relu, lambda s, a, y: _ops.threshold_backward(s, y, 0)),
        Activation("softplus", F.softplus, lambda s, a, y: _ops.softplus_backward(s, a, 1, 20)),
        Activation(
            "leaky-relu",
            lambda a: F.leaky_relu(a, 0.01),
            lambda s, a, y: _ops.leaky_relu_backward(s, a, 0.01, False),
        ),
        Activation("elu", F.elu, lambda s, a, y: _ops.elu_backward(s, 1.0, 1, 1, True, y)),
    )
}


def activation(choice: str | Activation) -> Activation:
    """Look an activation up by name; an :class:`Activation` of the user's passes through.

    >>> activation("relu").rate(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])

    Raises:
        NetworkError: no activation has this name.
    """
    if isinstance(choice, Activation):
        return choice
    one_of("activation", choice, ACTIVATIONS, NetworkError)
    return ACTIVATIONS[choice]
