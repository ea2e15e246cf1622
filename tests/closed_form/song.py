"""Predictive coding as Song et al. 2020 (§2.2, §3) print it: a plain NumPy loop, numbered as in the paper.

Layer 0 is the output and layer ``L`` (their l_max) the input; ``theta[l + 1]`` maps layer l + 1 to l:

    μ_l = f(x_{l+1}) θ_{l+1}      ε_l = x_l − μ_l      Δx_l = γ (−ε_l + f'(x_l) ⊙ ε_{l−1} θ_lᵀ)
    Δθ_{l+1} = α f(x_{l+1})ᵀ ε_l

Two things differ from the print, as in their code: f is not applied to the input, and biases are there.
"""

import numpy as np

ACTIVATIONS = {
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0).astype(x.dtype)),
    "linear": (lambda x: x, np.ones_like),
}


class Song:
    """A network of theirs with the weights of one of ours; ``start`` begins a trial at condition C1."""

    def __init__(self, net, activation):
        links = net.links[::-1]
        self.L, (self.f, self.df) = len(links), ACTIVATIONS[activation]
        self.theta = [None, *(link.weight.detach().numpy().T.copy() for link in links)]
        bias = [None if link.bias is None else link.bias.detach().numpy().copy() for link in links]
        self.biases = any(b is not None for b in bias)
        self.bias = [None, *(0.0 if b is None else b for b in bias)]

    def start(self, s_in, s_out):
        self.s_in, self.x = s_in, [None] * self.L
        for layer in range(self.L - 1, -1, -1):
            self.x[layer] = self.mu(layer)
        self.x[0] = s_out  # clamped
        return self

    def rate(self, layer):
        return self.s_in if layer == self.L else self.f(self.x[layer])

    def mu(self, layer):
        return self.rate(layer + 1) @ self.theta[layer + 1] + self.bias[layer + 1]

    def errors(self):
        return [self.x[layer] - self.mu(layer) for layer in range(self.L)]

    def energy(self):
        return 0.5 * sum((e**2).sum() for e in self.errors())

    def inference(self, eps, gamma=1.0):
        """Δx of every hidden layer from the same old state."""
        changes = [0.0]
        for layer in range(1, self.L):
            feedback = self.df(self.x[layer]) * (eps[layer - 1] @ self.theta[layer].T)
            changes.append(gamma * (feedback - eps[layer]))
        return changes

    def move(self, changes):
        self.x = [x + dx for x, dx in zip(self.x, changes, strict=True)]

    def plasticity(self, layer, eps):
        """Mean over the batch of Δθ_{l+1} (and Δbias) for α = 1, from errors ε_l."""
        return self.rate(layer + 1).T @ eps / len(eps), eps.mean(0)

    def change(self, layer, change, alpha):
        self.theta[layer + 1] = self.theta[layer + 1] + alpha * change[0]
        if self.biases:
            self.bias[layer + 1] = self.bias[layer + 1] + alpha * change[1]

    def zeros(self):
        """No change yet, of every θ_{l+1} and its bias, by l."""
        return [(np.zeros_like(t), np.zeros(t.shape[1])) for t in self.theta[1:]]


def from_grad(net):
    """What ours has learned, in their numbering: −∂ by link, from the output down."""
    found = []
    for link in net.links[::-1]:
        bias = None if link.bias is None else -link.bias.grad.numpy()
        found.append((-link.weight.grad.numpy().T, bias))
    return found


def from_weights(net):
    """Our weights in their numbering."""
    links = net.links[::-1]
    return [
        (link.weight.detach().numpy().T, None if link.bias is None else link.bias.detach().numpy())
        for link in links
    ]


def agree(found, wanted, tolerance=1e-12):
    """Weights (and biases, where there are any) within a tolerance of the largest wanted number."""
    for (weight, bias), (theta, offset) in zip(found, wanted, strict=True):
        scale = max(np.abs(theta).max(), 1e-300)
        np.testing.assert_allclose(weight, theta, rtol=0, atol=tolerance * scale)
        if bias is not None:
            np.testing.assert_allclose(
                bias, offset, rtol=0, atol=tolerance * max(np.abs(offset).max(), 1e-300)
            )
