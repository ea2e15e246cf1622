"""What each rule must equal, over networks × activations × seeds: one table.

The oracle is torch's autograd on the same network. float64; relative distance per parameter.
"""

import itertools

import pytest
import torch

import corticalnet as cn
from tests.covering import every_two
from tests.networks import (
    CLASSES,
    NETWORKS,
    autograd,
    batch,
    cross_entropy,
    distance,
    learned,
    skipping,
    squared,
)

ACTIVATIONS = ["sigmoid", "tanh", "relu", "softplus", "leaky-relu", "elu", "linear"]

LOSSES = {"squared": squared, "cross-entropy": cross_entropy}

#: Rule name, parameters. What each equals, and where, it says itself; so does every rule of the catalogue.
EXACT = {name: (name, {}) for name in cn.list_rules() if cn.rule(name).equals} | {
    "backprop, cross-entropy": ("backprop", {"loss": "cross-entropy"}),
    "z-il, cross-entropy": ("z-il", {"loss": "cross-entropy"}),
    "z-il, every cell at every step": ("z-il", {"simulate": True}),
    "fa-z-il, t_d = 1": ("fa-z-il", {"silence": 1}),
    "fa-z-il gated": ("fa-z-il", {"gate": "prediction"}),
    "fa-z-il gated, long teaching": ("fa-z-il", {"gate": "prediction", "steps": 40}),
    "fa-z-il gated, t_d = 1": ("fa-z-il", {"gate": "prediction", "silence": 1, "steps": 15}),
    "pooled": ("streaming-fa-z-il", {"pooled": True, "steps": 15}),
    "pooled and gated": ("fa-z-il", {"gate": "prediction", "pooled": True}),
    "streaming, long teaching": ("streaming-fa-z-il", {"steps": 40, "silence": 2}),
}
#: Where f' is nowhere 0.
SMOOTH = [
    (activation, f"dense-{depth}") for activation in ("sigmoid", "softplus", "tanh") for depth in (1, 2, 5)
]


def rows():
    """Every rule that says it equals something, wherever it says it does: of every three, each two.

    Of weights two draws; in the second each rule and network has another activation.
    """
    smooth = [row for row, (name, parameters) in EXACT.items() if cn.rule(name, **parameters).equals.smooth]
    yield from ((row, *where, seed) for row in smooth for where in SMOOTH for seed in (0, 1))
    everywhere = [row for row in EXACT if row not in smooth]
    for seed in (0, 1):
        activations = ACTIVATIONS[3 * seed :] + ACTIVATIONS[: 3 * seed]
        yield from ((*case, seed) for case in every_two(everywhere, activations, NETWORKS))


@pytest.mark.parametrize(("row", "activation", "network", "seed"), [*rows()])
def test_equals_backprop(row, activation, network, seed):
    name, parameters = EXACT[row]
    equality = cn.rule(name, **parameters).equals
    net = NETWORKS[network](activation, seed)
    x, y = batch(seed=seed)
    assert equality.links is None or net.levelled().depth[0] <= equality.links
    found = learned(net, cn.rule(name, **parameters), x, y)
    assert distance(found, autograd(net, LOSSES[equality.loss], x, y)) <= equality.tolerance


def test_what_is_known_to_be_exact_says_so_and_nobody_says_so_roughly():
    tolerances = {name: cn.rule(name).equals.tolerance for name, _ in EXACT.values()}
    known = dict.fromkeys(("backprop", "z-il", "fa-z-il"), 1e-12) | {"streaming-fa-z-il": 1e-10}
    assert known.items() <= tolerances.items()
    assert max(tolerances.values()) <= 1e-10


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("z-il", {"rate": 0.7}),
        ("z-il", {"noise": 0.1}),
        ("z-il", {"feedback": "random"}),
        ("backprop", {"feedback": "sign-symmetric"}),
        ("streaming-fa-z-il", {"threshold": 0.1}),
        ("streaming-fa-z-il", {"steps": 2}),
        ("backprop", {"teaching": "reward"}),
        ("il", {}),
    ],
)
def test_a_rule_that_is_not_exact_does_not_say_so(name, parameters):
    """And it is not: where it would have to be, it is far away."""
    net, (x, y) = NETWORKS["dense-5"]("tanh", 0), batch()
    rule = cn.rule(name, **parameters)
    assert rule.equals is None or net.levelled().depth[0] > rule.equals.links
    assert distance(learned(net, rule, x, y), autograd(net, squared, x, y)) > 0.01


@pytest.mark.parametrize("silence", [1, 4, 16])
@pytest.mark.parametrize(("network", "activation"), [("dense-5", "relu"), ("dropout", "sigmoid")])
def test_the_papers_phi_fires_late_where_the_gain_is_zero(silence, network, activation):
    """The paper's claim that a failed detection does no harm is false where f' = 0: ReLU, silent columns."""
    net = NETWORKS[network](activation, 0)
    x, y = batch()
    found = learned(net, cn.rule("fa-z-il", silence=silence), x, y)
    assert distance(found, autograd(net, squared, x, y)) > 0.01


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("simulate", [False, True])
def test_z_il_with_another_rate_scales_each_area(network, simulate):
    """γ ≠ 1 gives γ^l times backprop, l links below the output (Song et al., C3)."""
    rate = 0.7
    net = NETWORKS[network]("tanh", 0)
    x, y = batch()
    found = learned(net, cn.rule("z-il", rate=rate, simulate=simulate), x, y)
    wanted = autograd(net, squared, x, y)
    depth = {f"areas.{net.wiring.name(k)}.": net.wiring.depth[k] for k in range(1, len(net.wiring.areas))}
    for k, (name, _) in enumerate(net.named_parameters()):
        area = next(d for prefix, d in depth.items() if name.startswith(prefix))
        # an area's homeostasis learns together with the links that leave it
        wanted[k] *= rate ** (area - 1 if ".stages." in name else area)
    assert distance(found, wanted) <= 1e-12


def test_z_il_without_relays_is_wrong_where_links_skip_areas():
    """Why relays are there: the same simulation on the unlevelled wiring fails (Salvatori et al. 2022)."""
    net = skipping()
    x, y = batch()
    rule = cn.rule("z-il", simulate=True)
    assert distance(learned(net, rule, x, y), autograd(net, squared, x, y)) <= 1e-12
    net._levelled = net.wiring
    assert distance(learned(net, rule, x, y), autograd(net, squared, x, y)) > 0.1


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("trigger", ["backprop", "z-il", "streaming-fa-z-il"])
def test_brainprop_is_the_gradient_of_the_chosen_units_error(network, trigger):
    """Autograd on ½ (r − y_s)², for the action that was taken."""
    net = NETWORKS[network]("relu", 0)
    x, y = batch()
    action = torch.tensor([0, 1, 2, 3, 4, 0])
    rule = cn.rule(trigger, teaching=cn.Reward(choose=lambda rates: action))

    def loss(out, y):
        reward = (action == y).to(out.dtype)
        return 0.5 * (reward - out[torch.arange(len(y)), action]).square().mean()

    assert distance(learned(net, rule, x, y), autograd(net, loss, x, y)) <= 1e-12


@pytest.mark.parametrize("network", NETWORKS)
def test_brainprop_over_all_actions_sums_to_backprop(network):
    """Every action once, at fixed weights: the sum is error backprop on the squared loss (Pozzi et al.)."""
    net = NETWORKS[network]("relu", 0)
    x, y = batch()
    total = None
    for n in range(CLASSES):
        rule = cn.rule("brainprop", choose=lambda rates, n=n: torch.full((len(rates),), n))
        part = learned(net, rule, x, y)
        total = part if total is None else [a + b for a, b in zip(total, part, strict=True)]
    assert distance(total, autograd(net, squared, x, y)) <= 1e-12


def on_average(net, trigger, teaching, x, y):
    """The expected update over the draw of actions: a sum over all that two samples can choose."""
    total = [torch.zeros_like(p) for p in net.parameters()]
    for action in itertools.product(range(CLASSES), repeat=2):
        seen = []

        def choose(rates, action=action, seen=seen):
            seen.append(torch.softmax(rates, 1))
            return torch.tensor(action)

        part = learned(net, cn.rule(trigger, teaching=teaching(choose)), x, y)
        likely = seen[0][[0, 1], action].prod()
        total = [a + likely * b for a, b in zip(total, part, strict=True)]
    return total


@pytest.mark.parametrize(
    ("trigger", "hidden", "network"),
    every_two(["backprop", "z-il", "streaming-fa-z-il"], ["sigmoid", "relu"], NETWORKS),
)
def test_agrel_is_on_average_backprop_of_the_cross_entropy(trigger, hidden, network):
    """Exact, over all choices with their probabilities (Roelfsema & van Ooyen 2005, in any depth)."""
    net = NETWORKS[network](hidden, 0)
    x, y = batch(2)
    found = on_average(net, trigger, cn.SoftmaxReward, x, y)
    assert distance(found, autograd(net, cross_entropy, x, y)) <= 1e-12


def test_agrel_without_its_expansive_function_is_not():
    """Rare successes then count too little."""

    class Plain(cn.SoftmaxReward):
        output_error = cn.SoftmaxReward.rpe

    net = NETWORKS["dense-2"]("sigmoid", 0)
    x, y = batch(2)
    found = on_average(net, "backprop", Plain, x, y)
    assert distance(found, autograd(net, cross_entropy, x, y)) > 0.1


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("trigger", ["backprop", "z-il", "streaming-fa-z-il"])
def test_feedback_alignment_with_the_transpose_is_backprop(network, trigger):
    net = NETWORKS[network]("tanh", 0)
    x, y = batch()
    random = cn.Random(seed=4)
    rule = cn.rule(trigger, feedback=random)
    other = distance(learned(net, rule, x, y), autograd(net, squared, x, y))
    assert other > 0.1 or network == "dense-1"
    random._weights = {link.name: link.weight.detach().clone() for link in net.links}
    assert distance(learned(net, rule, x, y), autograd(net, squared, x, y)) <= 1e-12


def test_phi_fires_once_per_column_and_exactly_when_the_error_arrives():
    net = NETWORKS["dense-5"]("sigmoid", 0)
    x, y = batch()
    step = cn.rule("fa-z-il", silence=3, steps=12).learn(net, x, y)
    for t, masks in enumerate(step.details.phi):
        for node, phi in enumerate(masks):
            fired = 0 if phi is None else int(phi.sum())
            here = node > 0 and net.wiring.depth[node] == t
            assert fired == (phi.numel() if here else 0)
