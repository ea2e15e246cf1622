"""Noise by which columns learn: that of decoders, and of nudges whose sign is drawn.

(:mod:`corticalnet.columns.target_propagation`, :mod:`corticalnet.columns.equilibrium`.)
"""

from __future__ import annotations

from corticalnet.circuits.cells.decoding import Disturbed, JitteredCopy, NoisyCopy
from corticalnet.circuits.cells.relaxing import RandomNudge
from corticalnet.circuits.cells.returning import Passing
from corticalnet.circuits.circuit import Circuit
from corticalnet.experiment.noise import Noise


def learning_noise(circuit: Circuit, seed: int = 0) -> list[Noise]:
    """Return the noise by which the cells of a circuit learn, for ``simulate``; none if it needs none.

    It is N(0, 1): decoders scale it by σ, and of a nudge it decides the sign.

    Args:
        circuit: any.
        seed: of the noise, beside the simulation's own.

    >>> import corticalnet as cn
    >>> circuit = cn.circuit(cn.mlp([3, 4, 4, 2], "tanh"), cn.rule("simplified-target-propagation"))
    >>> [noise.population for noise in learning_noise(circuit)]
    ['area1.noisy', 'area2.noisy', 'output.noisy']
    """
    return [
        Noise(p.name, port, sd=1.0, seed=seed)
        for p in circuit.populations
        if isinstance(p.cell, NoisyCopy | JitteredCopy | Disturbed | Passing | RandomNudge)
        for port in ("noise", "jitter")
        if port in p.cell.ports
    ]
