"""How often a trial goes through each link: counted by hand, from what a rule's paper does."""

import pytest
import torch

import corticalnet as cn
from corticalnet.analysis import passes
from tests.networks import F64

#: Synapses of a network 9-8-7-5, by link from below.
SYNAPSES = (72, 56, 35)
#: Sweeps up, down, and products of pre and post: by link from below (none goes down to the input).
ONE = (1, 1, 1)
SWEEP = ((1, 1, 1), (1, 1), (1, 1, 1))
#: 7 × 64 synapses to auxiliary columns, as a share of those to the output.
BESIDE = 7 * 64 / 35
#: A phase of 4 steps: 4 moves and a look before and after, each up and down through every link.
PHASE = 6

COUNTED = {
    "backprop": SWEEP,
    "feedback-alignment": SWEEP,
    "sign-symmetry": SWEEP,
    "brainprop": SWEEP,
    "agrel": SWEEP,
    # straight from the 5 outputs to 8 and 7 columns
    "direct-feedback-alignment": (ONE, (5 * 8 / 56, 5 * 7 / 35), ONE),
    # the same, once in each phase
    "segregated-dendrites": (ONE, (2 * 5 * 8 / 56, 2 * 5 * 7 / 35), ONE),
    # the weights down learn, too: the same product
    "kolen-pollack": (ONE, (1, 1), (1, 2, 2)),
    # 8 patterns of noise go up from each hidden area by one link, and change the weights down along it
    "weight-mirror": ((1, 9, 9), (1, 1), (1, 9, 9)),
    # hidden areas are disturbed once; what the weights down made of the error is compared with what it did
    "perturbed-feedback": ((1, 2, 2), (2, 2), (1, 2, 2)),
    # guesses: a second sweep; disturbed columns begin above the first link; choices need none
    "weight-perturbation": ((2, 2, 2), (0, 0), (0, 0, 0)),
    "node-perturbation": ((1, 2, 2), (0, 0), ONE),
    "reinforce": (ONE, (0, 0), ONE),
    # bursts without a teacher and with one; or bursts and events; the controller asks how each of the
    # 5 outputs moves with every column
    "burstprop": (ONE, (2, 2), ONE),
    "burstccn": (ONE, (2, 2), ONE),
    "deep-feedback-control": (ONE, (5, 5), ONE),
    # after 1, 2, 3 steps area2 has moved, from the 2nd on area1 too: predictions above are made anew
    "il": ((1, 1 + 2, 1 + 3), (2, 3), ONE),
    "ipc": ((1, 1 + 2, 1 + 3), (2, 3), (1, 2, 3)),
    # the wave front alone
    "z-il": SWEEP,
    "fa-z-il": SWEEP,
    "streaming-fa-z-il": SWEEP,
    # a sweep and two phases; each weight has two products: with its source moved, and with its target
    "equilibrium-propagation": ((1 + 2 * PHASE,) * 3, (2 * PHASE,) * 2, (1, 2, 2)),
    # the clamped output is not driven
    "contrastive-hebbian": ((1 + 2 * PHASE, 1 + 2 * PHASE, 1 + PHASE), (2 * PHASE,) * 2, (1, 2, 2)),
    "generec": ((1 + 2 * PHASE, 1 + 2 * PHASE, 1 + PHASE), (2 * PHASE,) * 2, ONE),
    # a phase; the drives at its end (their f'), and without any rates (of one sample in four); 4 steps
    "recurrent-backprop": ((1 + PHASE + 1 + 0.25 + 4,) * 3, (PHASE + 1 + 4,) * 2, (1, 2, 2)),
    # 4 times up and back down through areas 1, 2, output, 2, 1 (the laterals are none of the links)
    "dendritic-microcircuit": ((1 + 8, 1 + 8, 1 + 4), (8, 8), ONE),
    # up with noise, from hidden areas by one link; down: the target; with the difference what is held, too;
    # and the lesson. At the top DTP has a step of gradient, and no decoder
    "target-propagation": ((1, 2, 2), (1 + 1, 1 + 1), (1, 2, 2)),
    "difference-target-propagation": ((1, 2, 2), (2 + 1, 1), (1, 2, 1)),
    "simplified-target-propagation": ((1, 2, 2), (2 + 1, 2 + 1), (1, 2, 2)),
    # auxiliary columns: up in both sweeps, down as from the output; one product
    "auxiliary-output-target-propagation": ((1, 2, 2 + 2 * BESIDE), (3, 3 + 3 * BESIDE), (1, 2, 2 + BESIDE)),
    # noise of area2 goes up a link and comes back; that of area1 two, and comes back by both
    "difference-reconstruction": ((1, 1 + 1, 1 + 2), (2 + 1, 2 + 2), (1, 2, 2)),
    # noise goes up, and noise comes down; a product for each
    "local-difference-reconstruction": ((1, 2, 2), (2 + 1, 2 + 1), (1, 3, 3)),
}
#: All columns at all steps: with φ for two steps; if gated each is active for one.
SIMULATED = {
    "fa-z-il": ((1, 1 + 1, 1 + 2), (1, 2), ONE),
    "streaming-fa-z-il": ((1, 1 + 1, 1 + 2), (1, 1), ONE),
}
FEW = {"il": {"steps": 3}, "ipc": {"steps": 3}, "equilibrium-propagation": {"steps": 4, "beta": 0.1}}
FEW |= {name: {"steps": 4} for name in ("contrastive-hebbian", "generec", "recurrent-backprop")}
FEW["dendritic-microcircuit"] = {"steps": 4}


@pytest.mark.parametrize(
    ("name", "simulated"),
    [*((name, {}) for name in cn.list_rules()), *((name, {"simulate": True}) for name in SIMULATED)],
)
def test_passes_are_those_that_are_counted_by_hand(name, simulated):
    net = cn.mlp([9, 8, 7, 5], "tanh", dtype=F64)
    with torch.no_grad():
        for link in net.links:
            link.weight.mul_(0.1)  # so phases settle: somebody who warns looks once more
    x, y = torch.rand(4, 9, dtype=F64), torch.arange(4) % 5
    up, down, products = (SIMULATED if simulated else COUNTED)[name]
    expected = [
        sum(n * synapses for n, synapses in zip(each, SYNAPSES, strict=True)) / sum(SYNAPSES)
        for each in (up, (0, *down), products)
    ]
    assert [*passes(net, cn.rule(name, **FEW.get(name, {}), **simulated), x, y)] == pytest.approx(expected)
