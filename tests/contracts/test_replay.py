"""Every rule of the catalogue twice: operation by operation as it is written, and recorded and replayed."""

import pytest
import torch

import corticalnet as cn
from tests.networks import F64, dense, sheets
from tests.target_propagation import STRANGERS, listed

#: Rules that relax until nothing moves, or look at numbers otherwise: their updates always run eagerly.
ASK_NUMBERS = {
    "contrastive-hebbian", "deep-feedback-control", "dendritic-microcircuit", "equilibrium-propagation",
    "fa-z-il", "generec", "recurrent-backprop",
}  # fmt: skip
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.02, weight_decay=0.01),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
}
UPDATES = 5


@pytest.fixture(params=[*cn.list_rules(), *STRANGERS])
def name(request):
    with listed():
        yield request.param


def updates(name, make_net, make_optimizer, batches):
    """What a rule makes of a network in a few updates: all that lasts, and what each has returned."""
    net, rule = make_net(), cn.rule(name)
    optimizer = make_optimizer(net.parameters())
    torch.manual_seed(5)
    steps = [rule.update(net, x, y, optimizer) for x, y in batches]
    said = [t for step in steps for t in (step.loss, step.prediction, step.rates)]
    kept = [*net.state_dict().values(), *rule.state_dict().values(), *said]
    return rule, [t.clone() for t in kept], torch.get_rng_state()


def programs(rule):
    """The programs that replay a rule's updates."""
    known = [] if rule._recordings is None else rule._recordings._known.values()
    return [one.program for one in known if one is not None]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", ["dense", "sheets"])
def test_a_replay_is_the_rule_itself(name, kind, optimizer):
    """Bit for bit: weights, states, results, and where the generator stands, after five updates.

    A run that was killed and goes on meets other updates eagerly than one that was not, and must be the same.
    """
    if kind == "sheets" and name in ASK_NUMBERS:
        pytest.skip("nothing is recorded")

    def make_net():
        if kind == "dense":
            return dense("tanh", dropout=0.2)
        return sheets("relu", homeostasis="batch" if name != "agrel" else "slow", dropout=0.2)

    rng = torch.Generator().manual_seed(0)
    batches = [
        (torch.rand(4, 2, 9, 9, generator=rng, dtype=F64), torch.randint(0, 5, (4,), generator=rng))
        for _ in range(UPDATES)
    ]
    with cn.eager():
        _, wanted, generator = updates(name, make_net, OPTIMIZERS[optimizer], batches)
    rule, found, state = updates(name, make_net, OPTIMIZERS[optimizer], batches)
    within = rule.changes_during_trial and optimizer == "adam"
    assert bool(programs(rule)) == (name not in ASK_NUMBERS and name not in STRANGERS and not within)
    assert torch.equal(state, generator)
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == b.dtype
        assert torch.equal(a, b)
