"""NIR graphs run by hand: the equations of each node, one Euler step at a time, as its readers do.

Layers follow each other within a step; what closes a loop is what its node sent in the step before.
"""

from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F

nir = pytest.importorskip("nir")


def run(graph, x, dt, loops=()):
    """What every node sends, ``{node: [time, …]}``, for an input ``[time, …]``; dt in s.

    ``loops``: edges that carry what was sent in the step before.
    """
    state = {name: {"v": getattr(node, "v_leak", 0.0) + np.zeros(np.shape(node.r)), "i": 0.0}
             for name, node in graph.nodes.items() if hasattr(node, "r")}  # fmt: skip
    sent = dict.fromkeys(graph.nodes, 0.0)
    found = {name: [] for name in graph.nodes}
    for now in x:
        before, sent, todo = sent, {}, dict(graph.nodes)
        while todo:
            for name, node in list(todo.items()):
                ways = [(a, b) for a, b in graph.edges if b == name]
                if any(a in todo for a, b in ways if (a, b) not in loops):
                    continue
                arriving = sum((before if (a, b) in loops else sent)[a] for a, b in ways)
                sent[name] = now if not ways else node_step(node, np.asarray(arriving), state.get(name), dt)
                found[name].append(sent[name])
                del todo[name]
    return {name: np.array(values) for name, values in found.items()}


def node_step(node, x, state, dt):
    """What one node sends."""
    match type(node).__name__:
        case "Output":
            return x
        case "Linear":
            return node.weight @ x
        case "Affine":
            return node.weight @ x + node.bias
        case "Scale":
            return node.scale * x
        case "Flatten":
            return torch.flatten(torch.tensor(x), node.start_dim, node.end_dim).numpy()
        case "Conv2d":
            given = (torch.tensor(a, dtype=torch.float64) for a in (x[None], node.weight, node.bias))
            how = {"stride": node.stride, "dilation": node.dilation, "groups": node.groups}
            return F.conv2d(*given, padding=node.padding, **how)[0].numpy()
        case "Conv1d":
            given = (torch.tensor(a, dtype=torch.float64) for a in (x[None], node.weight, node.bias))
            how = {"stride": node.stride, "dilation": node.dilation, "groups": node.groups}
            return F.conv1d(*given, padding=node.padding, **how)[0].numpy()
        case "SumPool2d" | "AvgPool2d" as kind:
            size, stride, padding = (
                tuple(int(n) for n in s) for s in (node.kernel_size, node.stride, node.padding)
            )
            mean = F.avg_pool2d(torch.tensor(x)[None], size, stride, padding)[0].numpy()
            return mean * (np.prod(size) if kind == "SumPool2d" else 1)
        case "LI":
            state["v"] = state["v"] + dt / node.tau * (node.v_leak - state["v"] + node.r * x)
            return state["v"]
        case "IF":
            v = state["v"] + dt * node.r * x
        case "LIF":
            v = state["v"] + dt / node.tau * (node.v_leak - state["v"] + node.r * x)
        case "CubaLIF":
            state["i"] = state["i"] + dt / node.tau_syn * (-state["i"] + node.w_in * x)
            v = state["v"] + dt / node.tau_mem * (node.v_leak - state["v"] + node.r * state["i"])
    spike = v > node.v_threshold
    state["v"] = np.where(spike, node.v_reset, v)
    return spike.astype(float)


# Graphs ---------------------------------------------------------------------------------------
def each(n, **values):
    return {name: np.full(n, float(value)) for name, value in values.items()}


def lif(n, r=1.0, tau=0.02, v_leak=0.0, v_threshold=1.0, v_reset=0.0):
    return nir.LIF(**each(n, r=r, tau=tau, v_leak=v_leak, v_threshold=v_threshold, v_reset=v_reset))


def cuba(n, w_in=1.0, r=1.0):
    constant = each(n, tau_mem=0.02, tau_syn=0.005, v_leak=0.1, v_threshold=0.7, v_reset=-0.2)
    return nir.CubaLIF(**constant, **each(n, r=r, w_in=w_in))


def perfect(n):
    return nir.IF(**each(n, r=300.0, v_threshold=1.0, v_reset=0.1))


def weights(*shape, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).normal(0.4, 0.8, shape)


def graph(nodes, edges, n, out):
    ends = {"input": nir.Input({"input": np.array(n)}), "output": nir.Output({"output": np.array(out)})}
    return nir.NIRGraph({**nodes, **ends}, edges, type_check=False)


def line(*nodes, n, out):
    """Nodes one after another."""
    names = ["input", *(f"n{k}" for k in range(len(nodes))), "output"]
    return graph(dict(zip(names[1:-1], nodes, strict=True)), list(pairwise(names)), n, out)
