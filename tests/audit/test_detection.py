"""What φ detects: a network worked out by hand, the network view's rule, and faults that must be seen."""

import json
from dataclasses import replace

import pytest
import torch

import corticalnet as cn
from corticalnet.analysis import align
from corticalnet.audit import detect, detection_by_silence, with_detector
from corticalnet.audit.detection import DETECTORS, _cosine, size_of_deltas
from corticalnet.circuits.cells.change_detector import PulseDetector
from corticalnet.errors import RuleError
from tests.target_propagation import TargetPropagation

F64 = torch.float64
BACKPROP = cn.rule("backprop")


def by_hand():
    """2-3-2, ReLU. x = (1, 2): drives (1, 2, −3), rates (1, 2, 0), output (1, 2); target (2, 2).

    δ of the output (1, 0); fed back (1, 0, 1); f' lets (1, 0, 0) through. So output 0 must fire at step 0,
    hidden 0 at step 1, and nobody else.
    """
    net = cn.mlp([2, 3, 2], "relu", dtype=F64)
    with torch.no_grad():
        net.links[0].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]))
        net.links[1].weight.copy_(torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]))
    return net, torch.tensor([[1.0, 2.0]], dtype=F64), torch.tensor([[2.0, 2.0]], dtype=F64)


def lessons(n=20, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(n, 6, generator=rng, dtype=F64), torch.randint(4, (n,), generator=rng)


def net(hidden="relu", depth=4):
    return cn.mlp([6, *[9] * (depth - 1), 4], hidden, seed=1, dtype=F64)


@pytest.mark.parametrize("name", ["gated", "streaming", "pooled"])
@pytest.mark.parametrize("silence", [1, 4])
def test_by_hand_all_is_detected(name, silence):
    network, x, y = by_hand()
    found = detect(network, with_detector(BACKPROP, name, silence=silence), x, y)
    assert (found.cells, found.samples, found.missed, found.spurious) == (1, 1, 0, 0)
    assert found.cosines == pytest.approx([1.0], abs=1e-15)


def test_by_hand_the_papers_detector_needs_two_silent_steps():
    """At step 1 hidden 0 brings the output to its target; at step 2 it is back and so is the error.

    So with t_d = 1 both fire again and again, every second step: 3 of 5 cells are right. Three steps of
    learning: the output's weights get twice their change, (1, 2) · (1, 0), the hidden ones once: the cosine
    is (2·5 + 5) / (√(4·5 + 5) √10).
    """
    network, x, y = by_hand()
    found = detect(network, with_detector(BACKPROP, "paper", silence=1), x, y, teach=3)
    assert found.areas == {"area1": 1.0, "output": 0.5}
    assert (found.cells, found.samples, found.missed, found.spurious) == (0.8, 0, 0, 0.2)
    assert found.cosines == pytest.approx([15 / (5 * 10**0.5)], abs=1e-14)
    longer = detect(network, with_detector(BACKPROP, "paper", silence=1), x, y, teach=4)
    assert longer.areas == {"area1": pytest.approx(2 / 3), "output": 0.5}
    assert longer.cosines == pytest.approx([1.0], abs=1e-14)
    assert detect(network, with_detector(BACKPROP, "paper", silence=2), x, y).samples == 1


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("hidden", ["relu", "tanh", "sigmoid"])
def test_updates_are_those_of_the_rule_on_the_network(name, hidden):
    """Cosines sample by sample: the network view's Fa-Z-IL over as many steps says the same."""
    network, (x, y) = net(hidden), lessons(6)
    made = with_detector(BACKPROP, name, silence=2)
    found = detect(network, made, x, y, teach=12)
    made.trigger.steps = 12
    wanted = [align(network, made, x[b : b + 1], y[b : b + 1]).cosine for b in range(6)]
    assert found.cosines == pytest.approx(wanted, abs=1e-12)
    smooth = hidden != "relu"
    assert (found.samples == 1) == (smooth or name != "paper")
    assert (found.good == 1) == (smooth or name != "paper")


def test_links_that_are_no_matrices():
    areas = [cn.Area(cn.Convolution(3, 3, bias=True), "relu"), cn.Area(cn.Local(2, 3), "relu")]
    network = cn.Network((1, 7, 7), [*areas, cn.Area(cn.Dense(4), "sigmoid")], 0, dtype=F64)
    x, y = torch.rand(5, 1, 7, 7, dtype=F64), torch.randint(4, (5,))
    found = detect(network, with_detector(BACKPROP, "streaming"), x, y)
    assert found.samples == 1
    assert found.cosines == pytest.approx([1.0] * 5, abs=1e-12)


class Late(PulseDetector):
    """A fault: φ fires a step late."""

    state = {"phi": 0.0, "silent": 0.0, "due": 0.0}

    def detect(self, cell, port, dt):
        new = super().detect(cell, port, dt)
        return {**new, "phi": cell.due, "due": new["phi"]}


def test_a_detector_that_fires_late_is_seen():
    network, x, y = by_hand()
    made = with_detector(BACKPROP, "streaming")
    circuit = cn.circuit(network, made, 0.0)
    populations = [replace(p, cell=Late()) if p.name == "output.phi" else p for p in circuit.populations]
    found = detect(network, made, x, y, circuit=replace(circuit, populations=populations))
    assert found.areas["output"] == 0.5  # the one that had to be silent was
    assert found.missed == pytest.approx(2 / 5)  # the hidden cell is a step late with it
    assert found.spurious == pytest.approx(2 / 5)


def test_a_threshold_too_high_misses():
    network, x, y = by_hand()
    found = detect(network, with_detector(BACKPROP, "streaming", threshold=1.5), x, y)
    assert (found.missed, found.spurious, found.samples) == (0.4, 0, 0)
    assert found.cosines == (0.0,)


def test_noise_makes_a_detector_without_a_threshold_useless():
    network, (x, y) = net("tanh"), lessons()
    size = size_of_deltas(network, BACKPROP, x, y)["all"]
    exact, tolerant = (with_detector(BACKPROP, "pooled", threshold=t) for t in (0.0, 0.7 * size))
    assert detect(network, tolerant, x, y).good == 1
    assert detect(network, exact, x, y, noise=1e-3 * size).good < 0.5
    assert detect(network, tolerant, x, y, noise=1e-3 * size).good == 1
    assert detect(network, tolerant, x, y, noise=size).good < 0.5


def test_the_size_of_deltas_by_hand():
    assert size_of_deltas(by_hand()[0], BACKPROP, *by_hand()[1:]) == {
        "area1": pytest.approx(3**-0.5),
        "output": pytest.approx(2**-0.5),
        "all": pytest.approx((2 / 5) ** 0.5),
    }


def test_song_table_3_of_a_network_that_is_exact():
    done = []
    found = detection_by_silence(net("tanh"), BACKPROP, *lessons(), silences=(2, 5), progress=done.append)
    assert list(found) == list(DETECTORS)
    assert done == list(range(1, 17))
    for precisions in found.values():
        assert {s: d.samples for s, d in precisions["float64"].items()} == {2: 1.0, 5: 1.0}
        json.dumps(precisions["float32"][2].to_dict(), allow_nan=False)


def test_updates_that_run_away_are_not_good():
    wanted = torch.tensor([1.0, 2.0], dtype=F64)
    for gone in (float("inf"), float("nan"), 1e200):
        assert _cosine(torch.tensor([gone, 2.0], dtype=F64), wanted * 1e200) == 0
    assert _cosine(3 * wanted, wanted) == pytest.approx(1)
    assert _cosine(0 * wanted, wanted) == 0
    assert _cosine(0 * wanted, 0 * wanted) == 1


def test_without_a_sweep_down_nobody_knows_the_errors_of_columns():
    net, x, y = by_hand()
    with pytest.raises(RuleError, match="learned-inverses brings errors down by no sweep"):
        size_of_deltas(net, TargetPropagation(), x, y)
