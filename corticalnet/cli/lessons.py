"""What `corticalnet simulate` shows a circuit: a data set as a stream of lessons."""

from __future__ import annotations

from typing import Any

import corticalnet as cn
from corticalnet.cli.opening import open_images
from corticalnet.errors import ProtocolError

#: A trial of more would never end, nor fit into a file.
_MOST_STEPS = 10**9


def lessons(model: cn.Model, circuit: cn.Circuit, trials: int, slack: int, seed: int) -> cn.Stream:
    """Return a stream of the first training images and their labels, at random timing."""
    import torch

    images = open_images(model)
    if trials > len(images.train):
        raise ProtocolError(f"{images.name} has {len(images.train)} training images, but trials = {trials}")
    x, y = model.settings.objective.batch(images.train, slice(0, trials), torch.float64)
    present, teach = circuit.needs.present, circuit.needs.teach
    teaching = getattr(model.rule, "teaching", None)
    noise: Any = None
    if isinstance(teaching, cn.Reward):
        actions = torch.Size(model.network.output_shape).numel()
        noise = cn.exploration_noise(trials, actions, teaching.exploration, teaching.temperature, seed)
    elif isinstance(model.rule, cn.Rule) and model.rule.stochastic:
        trigger: Any = model.rule.trigger
        noise = cn.perturbation_noise(circuit, trials, trigger.deviation, seed)
    longest = max(present, teach) + slack
    if longest > _MOST_STEPS:
        raise ProtocolError(
            f"a trial would take {longest:.3g} steps; take a longer --dt, or less --slack or --read-delay"
        )
    lengths = {"present": (present, present + slack), "teach": (teach, teach + slack)}
    return cn.Stream(
        x, y, **lengths, seed=seed, rewarded=isinstance(teaching, cn.Reward), exploration_noise=noise
    )
