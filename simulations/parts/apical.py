"""Apical potentials of dendritic microcircuits in continuous time, before, while and after they learn.

30-20-10 columns as in Sacramento et al. 2018, sigmoid, cells that look ahead, images side by side:

    before      laterals at random, no teacher
    quiet       laterals learn while images come and go, without a teacher; the way up does not
    taught      laterals self-predicting, a teacher comes and stays: the way up learns, and P
    after       the teacher has gone, nothing learns
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

import corticalnet as cn

STAGES = ("before", "quiet", "taught", "after")
SIZES, IMAGES = [30, 20, 10], 4
EACH, SETTLE = 50, 40
UP = ("input->area1", "input->area1 bias", "area1->output", "area1->output bias")


def course(seed: int, ms: dict[str, int], rates: dict[str, float]) -> dict[str, dict[str, list[float]]]:
    """Root mean square of apical potentials, and of rates of the output from their targets, by stage and ms.

    Args:
        seed: of weights, images and targets.
        ms: how long each stage lasts.
        rates: of learning, per ms, of the stages that learn.
    """
    net = cn.mlp(SIZES, "sigmoid", "sigmoid", seed, bias=True, init="glorot", dtype=torch.float64)
    time = cn.Continuous(tau=10.0, dt=1.0, prospective=True)
    rng = np.random.default_rng(seed)
    images, targets = rng.random((IMAGES, SIZES[0])), rng.uniform(0.2, 0.8, (IMAGES, SIZES[-1]))
    weights: dict[str, Any] = {}
    found = {}
    for stage in STAGES:
        if stage in ("before", "taught"):
            kind, weights = "both" if stage == "before" else "predicting", {}
            rule = cn.rule("dendritic-microcircuit", laterals=kind, nudge="potential", seed=seed)
            rule.parameters(net)
        circuit = cn.circuit(net, rule, rates.get(stage, 0.0), dynamics=time)
        if stage == "quiet":
            still = [replace(p, plasticity=None) if p.name in UP else p for p in circuit.projections]
            circuit = replace(circuit, projections=still)
        circuit = circuit.with_weights(weights) if weights else circuit
        shown = rng.random((ms[stage] // EACH + 1, IMAGES, SIZES[0]))
        last = {
            "quiet": cn.Play(cn.low_passed(shown, EACH, 3.0), ms=ms[stage]),
            "taught": cn.Teach(targets, ms=ms[stage]),
        }.get(stage, cn.Present(images, ms=ms[stage]))
        data = cn.simulate(
            circuit,
            [cn.Present(images, ms=SETTLE), last],
            record=["apical", "rate", *(p.name for p in circuit.plastic)],
            last=ms[stage],
            check=False,
        )
        weights = circuit.weights | {p.name: data[f"weights {p.name}"].values[-1] for p in circuit.plastic}
        apical, rates_ = data["area1.value.apical"].values, data["output.value.rate"].values
        found[stage] = {
            "apical": np.sqrt((apical**2).mean((1, 2))).tolist(),
            "distance": np.sqrt(((rates_ - targets) ** 2).mean((1, 2))).tolist(),
        }
    return found
