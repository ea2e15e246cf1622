"""Streaming Fa-Z-IL columns written by hand in Brian2, as someone who knows it well would: the yardstick.

    python -m simulations.circuit_cost     compares it with the engine's

Stored variables instead of subexpressions, forward weights and feedback in one Synapses, plasticity by
events, no feedback onto the input, everything in explicit slots.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SLOTS = [
    "start",
    "groups",
    "move",
    "predict",
    "compare",
    "detect",
    "feedback",
    "thresholds",
    "synapses",
    "learn",
    "resets",
    "end",
]
HIDDEN = """x : 1
change : 1
r : 1
mu : 1
drive : 1
err : 1
sent : 1
silent : 1
phi : 1
fb : 1"""
COMPARE = """shift = drive - mu
mu = drive
err = err + change - shift
phi = int(err != 0) * int(silent >= td) * int(shift == 0)
silent = (silent + 1) * int(err == 0)
sent = err * phi"""


def build(
    b2: Any,
    weights: list[np.ndarray],
    images: np.ndarray,
    targets: np.ndarray,
    clamped: np.ndarray,
    rate: float,
) -> Any:
    """A network of three areas.

    Args:
        b2: brian2.
        weights: ``[post, pre]`` of both links.
        images, targets, clamped: the world, ``[steps, inputs]``, ``[steps, outputs]``, ``[steps]``.
        rate: learning rate.

    Returns:
        The ``brian2.Network`` and its two plastic ``Synapses``.
    """
    dt = 1 * b2.ms
    names = {
        "stimulus": b2.TimedArray(images, dt=dt),
        "target": b2.TimedArray(targets, dt=dt),
        "teacher": b2.TimedArray(clamped, dt=dt),
        "td": 4,
        "rate": rate,
    }
    make: dict[str, Any] = {"dt": dt, "namespace": names}
    sensory = b2.NeuronGroup(images.shape[1], "x : 1", **make)
    hidden, output = (b2.NeuronGroup(len(w), HIDDEN, events={"learn": "phi > 0"}, **make) for w in weights)
    for group in (hidden, output):
        group.silent = 4
        group.set_event_schedule("learn", when="detect")
        group.run_regularly(COMPARE, when="compare", dt=dt)
    sensory.run_regularly("x = stimulus(t, i)", when="start", dt=dt)
    hidden.run_regularly("change = -err + (1 - r * r) * fb\nx = x + change\nr = tanh(x)", when="move", dt=dt)
    output.run_regularly(
        "change = int(teacher(t) > 0) * (target(t, i) - x) - int(teacher(t) <= 0) * err\nx = x + change",
        when="move",
        dt=dt,
    )
    learn = {"on_event": {"learn": "learn"}, **make}
    below = b2.Synapses(
        sensory, hidden, "w : 1\ndrive_post = w * x_pre : 1 (summed)",
        on_post={"learn": "w += rate * err_post * x_pre"}, **learn,
    )  # fmt: skip
    above = b2.Synapses(
        hidden, output, "w : 1\ndrive_post = w * r_pre : 1 (summed)\nfb_pre = w * sent_post : 1 (summed)",
        on_post={"learn": "w += rate * err_post * r_pre"}, **learn,
    )  # fmt: skip
    for synapses, matrix in ((below, weights[0]), (above, weights[1])):
        synapses.connect()
        synapses.w = matrix.T.ravel()
        synapses.learn.when = "learn"
        synapses.summed_updaters["drive_post"].when = "predict"
    above.summed_updaters["fb_pre"].when = "feedback"
    network = b2.Network(sensory, hidden, output, below, above)
    network.schedule = SLOTS
    return network, below, above
