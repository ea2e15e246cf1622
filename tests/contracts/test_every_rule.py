"""Properties that every rule has, whoever wrote it: rules × properties.

Rules are taken from the catalogue, so a new one is tested as soon as it is listed; what kind of rule it is it
says itself. Two of the listed ones are written as a user would write them (``tests/target_propagation.py``).
"""

import copy

import pytest
import torch

import corticalnet as cn
from tests.networks import F64, batch, dense, distance, gradients, learned, residual, sheets
from tests.target_propagation import STRANGERS, listed

RULES = (*cn.list_rules(), *STRANGERS)
#: What the chosen column, 0, promises, and the right one, when the outcome is what was expected exactly.
EXPECTED = {cn.Reward: (0.0, 1), cn.SoftmaxReward: (100.0, 0)}

#: Without a difference a target is what is decoded, and no decoder is perfect.
DECODED = {"target-propagation"}
#: Feedback with which phases come to rest sooner.
WEAK = {name: {"feedback": 0.2} for name in ("equilibrium-propagation", "recurrent-backprop")}
#: Passes over the images until digits are learned, where guesses are many.
PASSES = {"node-perturbation": 12, "reinforce": 24, "weight-perturbation": 40}


def same_noise(like):
    """Noise that depends on the columns alone."""
    rng = torch.Generator().manual_seed(like[0].numel())
    return torch.randn(like.shape[1:], generator=rng, dtype=F64).to(like.dtype).expand(like.shape)


def make(name):
    """The rule, with its only randomness (the choice of actions, or noise) off."""
    rule = cn.rule(name, **WEAK.get(name, {}))
    if rule.stochastic:
        return cn.rule(name, deviation=0.1, baseline="undisturbed", draw=same_noise)
    return cn.rule(name, choose=lambda rates: rates.argmax(1)) if rule.rewarded else rule


@pytest.fixture(params=RULES)
def name(request):
    with listed():
        yield request.param


@pytest.mark.parametrize(("make_net", "size"), [(sheets, 1), (sheets, 2), (sheets, 5), (residual, 3)])
def test_fills_every_gradient_with_finite_numbers(name, make_net, size):
    net = make_net("relu")
    x, y = batch(size)
    step = make(name).learn(net, x, y)
    for parameter in net.parameters():
        assert parameter.grad.shape == parameter.shape
        assert parameter.grad.dtype == F64
        assert parameter.grad.isfinite().all()
    assert any(p.grad.abs().sum() > 0 for p in net.parameters())
    assert step.loss.ndim == 0
    assert step.loss > 0
    assert step.prediction.shape == (size,)


def test_leaves_weights_alone_and_repeats_itself(name):
    net = dense("tanh")
    x, y = batch()
    before = copy.deepcopy(net.state_dict())
    rule = make(name)
    first, second = learned(net, rule, x, y), learned(net, rule, x, y)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_gradient_is_the_mean_over_samples(name):
    net = sheets("tanh", cn.Local)
    x, y = batch(5)
    rule = make(name)
    singles = [learned(net, rule, x[k : k + 1], y[k : k + 1]) for k in range(5)]
    mean = [sum(parts) / 5 for parts in zip(*singles, strict=True)]
    assert distance(learned(net, rule, x, y), mean) < 1e-12


def test_accumulate_adds_and_the_default_replaces(name):
    net = dense("tanh")
    x, y = batch()
    rule = make(name)
    once = learned(net, rule, x, y)
    rule.learn(net, x, y)
    rule.learn(net, x, y)
    assert all(torch.equal(a, b) for a, b in zip(gradients(net), once, strict=True))
    rule.learn(net, x, y, accumulate=True)
    assert distance(gradients(net), [2 * g for g in once]) < 1e-14


def test_no_error_no_change(name):
    """Targets equal to the output (or a reward that was expected exactly) teach nothing."""
    net = dense("tanh")
    x, _ = batch()
    rule = make(name)
    if rule.rewarded:
        promise, right = EXPECTED[type(rule.teaching)]
        weight, below = net.links[-1].weight, net.sweep(x).rates[-2]
        with torch.no_grad():  # the output's column 0 promises that, for every sample; all others are at 0
            weight.zero_()[0] = torch.linalg.lstsq(below, x.new_full((len(x),), promise)).solution
        chosen = torch.zeros(len(x), dtype=torch.long)
        targets = chosen + right
        rule = cn.rule(name, choose=lambda rates: chosen)
    else:
        targets = rule.answer(net, x).detach()
        if rule.stochastic:  # noise of size σ on a loss of second order: nothing is left as σ → 0
            changes = [
                learned(net, cn.rule(name, deviation=s, baseline="undisturbed", draw=same_noise), x, targets)
                for s in (1e-2, 1e-4)
            ]
            large, small = (torch.cat([g.flatten() for g in change]).norm() for change in changes)
            assert 0 < small < 0.011 * large
            return
        rule.decay = 0.0  # what is not used is forgotten all the same
    if name in DECODED:
        *hidden, output = learned(net, rule, x, targets)
        assert output.abs().max() < 1e-15
        assert max(g.abs().max() for g in hidden) > 1e-3
        return
    assert all(g.abs().max() < 1e-15 for g in learned(net, rule, x, targets))


@pytest.mark.filterwarnings(
    "ignore:.*potentials have not settled"
)  # gains of batch homeostasis, and dendrites
def test_uses_no_autograd(name, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a rule called autograd")

    monkeypatch.setattr(torch.Tensor, "backward", refuse)
    monkeypatch.setattr(torch.autograd, "grad", refuse)
    monkeypatch.setattr(torch.autograd, "backward", refuse)
    net = sheets("relu", homeostasis="batch", dropout=0.2)
    x, y = batch()
    step = make(name).learn(net, x, y)
    assert not step.loss.requires_grad
    assert not step.rates.requires_grad


def test_frozen_parameters_stay(name):
    net = dense("tanh")
    frozen = net.links[1].weight.requires_grad_(False)
    x, y = batch()
    make(name).learn(net, x, y)
    assert frozen.grad is None
    assert net.links[0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda p: torch.optim.SGD(p, lr=0.02),
        lambda p: torch.optim.SGD(p, lr=0.02, weight_decay=0.1),
        lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9),
        lambda p: torch.optim.Adam(p, lr=0.01),
    ],
    ids=["sgd", "decay", "momentum", "adam"],
)
def test_update_is_learn_and_step(name, optimizer):
    """Also where plain SGD is done in one pass, without a gradient in between.

    The second update meets what the first has left in the optimizer.
    """
    if make(name).changes_during_trial:
        pytest.skip(
            "incremental: its optimizer steps during the trial; see closed_form/test_predictive_coding.py"
        )
    one, two = (sheets("tanh", cn.Local, homeostasis="slow") for _ in range(2))
    x, y = batch()
    by_hand, at_once = optimizer(one.parameters()), optimizer(two.parameters())
    for _ in range(2):
        make(name).learn(one, x, y)
        by_hand.step()
        make(name).update(two, x, y, at_once)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert (a - b).norm() <= 1e-12 * a.norm().clamp_min(1e-3)


def test_float32_agrees_with_float64(name):
    net = dense("sigmoid")
    x, y = batch()
    exact = learned(net, make(name), x, y)
    single = learned(copy.deepcopy(net).float(), make(name), x.float(), y)
    assert distance([g.double() for g in single], exact) < 1e-4


@pytest.mark.parametrize("kind", [cn.Convolution, cn.Local])
def test_works_under_autocast(name, kind):
    """bfloat16 has 8 bits of mantissa: directions hold, and weights' changes are kept in float32."""
    if name in ("fa-z-il", "ipc", "il"):
        net = dense("sigmoid").float()  # deep relaxation of sheets amplifies rounding
    else:
        net = sheets("tanh", kind, homeostasis="slow").float()
    x, y = batch()
    exact = learned(net, make(name), x.float(), y)
    with torch.autocast("cpu", torch.bfloat16):
        short = learned(net, make(name), x.float(), y)
    assert all(g.dtype == torch.float32 for g in short)
    a, b = (torch.cat([g.flatten() for g in gs]) for gs in (short, exact))
    assert torch.cosine_similarity(a, b, 0) > 0.99


def test_learns_digits(name):
    """Every rule gets from chance to most digits right in a few passes over the real images.

    Weight perturbation guesses at 2368 weights at once: three times chance after 40 passes.
    """
    import corticalnet.data as data

    digits = data.load("digits")
    x, y = digits.train.batch(slice(None), dtype=torch.float32)
    net = cn.mlp([64, 32, 10], "sigmoid", seed=1)
    rule, slow = cn.rule(name), name == "weight-perturbation"
    rate = 0.005 if slow else 0.01
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    order = torch.Generator().manual_seed(0)
    for _ in range(PASSES.get(name, 12 if rule.rewarded else 4)):
        for index in torch.randperm(len(x), generator=order).split(16):
            rule.update(net, x[index], y[index], optimizer)
    tx, ty = digits.test.batch(slice(None))
    accuracy = (rule.predict(net, tx) == ty).float().mean()
    assert accuracy > (0.3 if slow else 0.7), f"{name}: {accuracy:.3f}"


@pytest.mark.parametrize("which", ["backprop", "z-il", "il", "feedback-alignment"])
def test_who_looks_at_gradients_before_a_step_sees_them(which):
    """A hook that doubles them, as one that clips or averages would change them."""

    def double(optimizer, *_):
        for p in optimizer.param_groups[0]["params"]:
            p.grad.mul_(2)

    x, y = batch()
    found = []
    for rate, hook in ((0.1, None), (0.05, double)):
        net, rule = dense("tanh"), cn.rule(which)
        optimizer = torch.optim.SGD(net.parameters(), lr=rate)
        if hook is not None:
            optimizer.register_step_pre_hook(hook)
        for _ in range(4):  # (the third is a replay)
            rule.update(net, x, y, optimizer)
        found.append([p.detach().clone() for p in net.parameters()])
    assert distance(*found) < 1e-14
