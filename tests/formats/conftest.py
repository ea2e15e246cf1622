"""Recordings that all formats are tried on: in spikes and in continuous time, and in the steps of a rule."""

import numpy as np
import pytest
import torch

import corticalnet as cn

X = np.random.default_rng(0).uniform(0.2, 1, (2, 4))


@pytest.fixture(scope="session")
def spikes():
    """Two trials of two samples after a rest: predictive coding by spikes, φ fires, steps of 0.5 ms."""
    trial = [cn.Present(X, ms=25), cn.Teach(np.array([0.5, -0.5]), ms=10)]
    net = cn.mlp([4, 3, 2], "sigmoid", seed=0, dtype=torch.float64)
    how = cn.Continuous(tau=1.0, dt=0.5, read_delay=4.0, silence=2.0, threshold=0.05, quiet=0.5)
    made = cn.circuit(net, cn.rule("streaming-fa-z-il"), dynamics=how, cells_per_column=5, cell="pif")
    return cn.simulate(made, [cn.Rest(ms=10), *trial, *trial], check=False)


@pytest.fixture(scope="session")
def steps():
    """Two samples in the steps of streaming Fa-Z-IL, with weights over time and states of synapses."""
    made = cn.circuit(cn.mlp([4, 3, 2], "tanh", seed=0), cn.rule("streaming-fa-z-il"))
    trial = [cn.Present(X, 8), cn.Teach([0, 1], 6)]
    return cn.simulate(made, trial)
