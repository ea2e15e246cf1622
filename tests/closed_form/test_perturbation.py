"""Perturbation rules against the gradient they estimate, and the variance they do it with."""

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.analysis import passes
from corticalnet.errors import RuleError
from corticalnet.network.homeostasis import BatchHomeostasis
from tests.networks import CLASSES, F64, NETWORKS, autograd, batch, cross_entropy, learned, squared

KINDS = [*NETWORKS]
BASELINES = {
    "weight-perturbation": ["undisturbed", "opposite"],
    "node-perturbation": ["undisturbed", "opposite"],
    "reinforce": ["average", "undisturbed", "none"],
}


def stream(seed):
    """Standard-normal noise from a stream of its own, so that dropout masks can be held still."""
    rng = torch.Generator().manual_seed(seed)
    return lambda like: torch.randn(like.shape, generator=rng, dtype=like.dtype)


def flat(gradients):
    return torch.cat([g.flatten() for g in gradients])


def assert_unbiased(estimates, wanted, along=None):
    """The truth lies near the mean: along itself, all together, and for most single numbers.

    Bars over eight seeds of all tests here, 216 tries. Along the truth: at most 3.6 standard errors away, and
    four and a half are less than the truth's own length, so that a wrong sign or a factor of 2 is seen.
    Outside the 99 % interval: up to 6 % of the numbers, since they hang together (few columns make noise for
    many weights); for the same reason all together are up to 2.1 times as far away as expected. One number:
    at most 4.6 standard errors.
    """
    found = torch.stack(estimates)
    along = wanted if along is None else along
    lengths = (found - wanted) @ along
    error = lengths.std() / len(found) ** 0.5
    assert 4.5 * error < along.square().sum()
    assert abs(lengths.mean()) < 4.5 * error
    away, deviation = found.mean(0) - wanted, found.std(0) / len(found) ** 0.5
    moving = deviation > 1e-9 * deviation.max()
    assert moving.any()
    assert (away[~moving].abs() < 1e-9).all()
    scores = (away[moving] / deviation[moving]).abs()
    assert (scores < 2.576).double().mean() > 0.88
    assert scores.max() < 7
    assert away.square().sum() < 4 * deviation.square().sum()


def still_statistics(self, x, memory=None):
    """Batch homeostasis with mean and variance as constants: all that a sample's own loss can tell."""
    dims = [d for d in range(x.dim()) if d != 1]
    shape = (1, -1, *[1] * (x.dim() - 2))
    mean, variance = x.detach().mean(dims), x.detach().var(dims, correction=0)
    normal = (x - mean.view(shape)) * (variance + self.eps).rsqrt().view(shape)
    return normal * self.scale.view(shape) + self.shift.view(shape), None


@pytest.mark.parametrize(
    ("name", "network"),
    [
        *(("node-perturbation", network) for network in KINDS),
        *(("weight-perturbation", network) for network in ("dense-5", "conv-dropout", "batch", "slow")),
    ],
)
def test_is_the_gradient_in_the_mean(name, network, monkeypatch):
    """Same masks, same homeostasis in both sweeps; with batch statistics: the gradient at constant ones."""
    net, (x, y) = NETWORKS[network]("tanh", 0), batch()
    if name == "node-perturbation":  # a sample many times: as many noises at once
        x, y = x.repeat(10, *[1] * (x.dim() - 1)), y.repeat(10)
    rule = cn.rule(name, deviation=1e-4, draw=stream(5))
    estimates = [flat(learned(net, rule, x, y)) for _ in range(250)]
    if any(isinstance(module, BatchHomeostasis) for module in net.modules()):
        monkeypatch.setattr(BatchHomeostasis, "forward", still_statistics)
    assert_unbiased(estimates, flat(autograd(net, squared, x, y)))


@pytest.mark.parametrize("network", ["conv-dropout", "batch", "slow"])
@pytest.mark.parametrize("name", ["weight-perturbation", "node-perturbation", "perturbed-feedback"])
def test_noise_is_all_that_two_sweeps_differ_in(name, network):
    """Other masks, or statistics, would change the loss by a number that does not vanish with σ."""
    net, (x, y) = NETWORKS[network]("tanh", 0), batch()
    found = []
    for deviation in (1e-4, 1e-5):
        rule = cn.rule(name, deviation=deviation, draw=stream(6))
        grads = learned(net, rule, x, y)
        own = [b.grad for b in rule.parameters(net)]
        found.append(flat(own or grads))
    assert (found[0] - found[1]).norm() < 0.02 * found[1].norm()


@pytest.mark.parametrize("name", ["weight-perturbation", "node-perturbation"])
@pytest.mark.parametrize("teaching", ["cross-entropy", "reward"])
def test_goes_with_other_teaching_signals(name, teaching):
    net, (x, y) = NETWORKS["dense-2"]("sigmoid", 0), batch()
    action = torch.tensor([0, 1, 2, 3, 4, 0])
    taught = cn.Teacher("cross-entropy") if teaching != "reward" else cn.Reward(choose=lambda rates: action)

    def chosen(out, y):
        reward = (action == y).to(out.dtype)
        return 0.5 * (reward - out[torch.arange(len(y)), action]).square().mean()

    rule = cn.rule(name, teaching=taught, deviation=1e-4, draw=stream(3), baseline="opposite")
    estimates = [flat(learned(net, rule, x, y)) for _ in range(400)]
    loss = chosen if teaching == "reward" else cross_entropy
    assert_unbiased(estimates, flat(autograd(net, loss, x, y)))


@pytest.mark.parametrize("baseline", BASELINES["reinforce"])
@pytest.mark.parametrize("network", ["dense-2", "conv-dropout", "slow"])
def test_reinforce_is_the_gradient_of_the_expected_loss(network, baseline):
    """For large noise too. The oracle differentiates through the same noise (autograd), so only what the two
    differ by has to vanish in the mean."""
    net, (x, y) = NETWORKS[network]("tanh", 0), batch()
    x, y, sigma = x.repeat(10, 1, 1, 1), y.repeat(10), 0.4
    before = {k: v.clone() for k, v in net.state_dict().items()}
    rule = cn.rule("reinforce", deviation=sigma, baseline=baseline, draw=stream(2))
    same = stream(2)
    differences, gradients = [], []
    for _ in range(120):
        found = flat(learned(net, rule, x, y))
        net.zero_grad()
        torch.manual_seed(1)
        rates = [x]
        for node in range(1, net.wiring.output + 1):
            rate, _ = net.wiring.area(node).forward(net.wiring.drive(node, rates))
            rates.append(rate + sigma * same(rate))
        squared(rates[-1], y).backward()
        gradients.append(flat([p.grad for p in net.parameters()]).clone())
        differences.append(found - gradients[-1])
        net.load_state_dict(before)
    # the first trial of a running average is of another kind: nothing was to be expected
    mean = torch.stack(gradients).mean(0)
    assert_unbiased(differences[1:], torch.zeros_like(mean), along=mean)


@pytest.mark.parametrize("baseline", BASELINES["reinforce"])
def test_reinforce_from_reward_is_the_gradient_of_the_chance_of_reward(baseline):
    """Two actions, linear: y₁ − y₀ = v·(W x + ξ) + ξ₁ − ξ₀ with v = w₁ − w₀, Gaussian of mean m and s.d. s.

    s = σ √(‖v‖² + 2), P(right) = Φ(m / s), so ∂P/∂W = φ(m/s)/s · v xᵀ and ∂P/∂w₁ = φ(m/s) ∂(m/s)/∂v.
    """
    sigma, samples, trials = 0.5, 20_000, 20
    net = cn.mlp([2, 3, 2], "linear", seed=3, dtype=F64)
    (low, high), one = net.links, torch.tensor([1.0, -0.5], dtype=F64)
    w, u = low.weight.detach().numpy(), high.weight.detach().numpy()
    v = u[1] - u[0]
    s = sigma * np.sqrt(v @ v + 2)
    z = v @ w @ one.numpy() / s
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    below = density / s * np.outer(v, one)
    above = density * (w @ one.numpy() / s - z * sigma**2 * v / s**2)  # of w₁; w₀ has the opposite
    rule = cn.rule("reinforce", teaching=cn.Reward(0.0), deviation=sigma, baseline=baseline, draw=stream(6))
    found = []
    for _ in range(trials):
        rule.learn(net, one.expand(samples, 2), torch.ones(samples, dtype=torch.long))
        found.append(-flat([p.grad for p in net.parameters()]))
    found, wanted = torch.stack(found), np.concatenate([below.ravel(), -above, above])
    error = found.std(0) / trials**0.5
    assert ((found.mean(0) - torch.from_numpy(wanted)).abs() < 4 * error).all()
    assert np.linalg.norm(wanted) > 10 * error.norm()


def test_an_expectation_makes_reinforce_less_noisy():
    """The variance with b = E[L] is smaller than without, by far where the loss is far from 0."""
    net, (x, y) = NETWORKS["dense-2"]("tanh", 0), batch()
    y = torch.nn.functional.one_hot(y, CLASSES).double() + 5  # answers are always wrong by much
    spread = {}
    for baseline in BASELINES["reinforce"]:
        rule = cn.rule("reinforce", baseline=baseline, draw=stream(2))
        found = torch.stack([flat(learned(net, rule, x, y)) for _ in range(200)][50:])
        spread[baseline] = found.var(0).sum().item()
    assert spread["average"] < 0.1 * spread["none"]
    assert spread["undisturbed"] < 0.1 * spread["none"]


# Numbers by hand --------------------------------------------------------------------------------
def one_link():
    net = cn.mlp([2, 3], output="linear", dtype=F64)
    with torch.no_grad():
        net.links[0].weight.copy_(torch.tensor([[1, 0], [0, 1], [1, 1]]))
    return net, torch.tensor([[1.0, 2], [0, 1]]).double(), torch.tensor([[1.0, 2, 2], [0, 0, 1]]).double()


def given(*tensors):
    drawn = iter(tensors)
    return lambda like: next(drawn)


@pytest.mark.parametrize("baseline", ["undisturbed", "opposite", "none"])
def test_node_perturbation_by_hand(baseline):
    """y = Wx = (1, 2, 3), (0, 1, 1); t = (1, 2, 2), (0, 0, 1); L = ½, ½; σ = ½, ξ = ½ of what is drawn.

    Drawn (2, 0, 0) and (0, −2, 0): ỹ = (2, 2, 3), (0, 0, 1); L̃ = 1, 0; with −ξ: (0, 2, 3), (0, 2, 1): 1, 2.
    """
    net, x, t = one_link()
    drawn = torch.tensor([[2.0, 0, 0], [0, -2, 0]]).double()
    rule = cn.rule("node-perturbation", deviation=0.5, baseline=baseline, draw=given(drawn))
    rule.learn(net, x, t)
    change = {"undisturbed": (0.5, -0.5), "opposite": (0.0, -1.0), "none": (1.0, 0.0)}[baseline]
    first, second = change[0] * 1 / 0.25, change[1] * -1 / 0.25  # (L̃ − b) ξ / σ² of the noisy columns
    wanted = torch.tensor([[first * 1, first * 2], [second * 0, second * 1], [0, 0]]).double() / 2
    torch.testing.assert_close(net.links[0].weight.grad, wanted)


@pytest.mark.parametrize("baseline", ["undisturbed", "opposite", "none"])
def test_weight_perturbation_by_hand(baseline):
    """W̃ = W + ξ with ξ = ½ at the weight from input 2 to column 3: ỹ_3 = 4 and 1½.

    L̃ = ½ (4 − 2)² = 2 and ½ + ½ (½)² = 0.625, mean 1.3125; with −ξ: ỹ_3 = 2, ½: 0 and 0.625, mean 0.3125;
    undisturbed ½.
    """
    net, x, t = one_link()
    drawn = torch.tensor([[0, 0], [0, 0], [0, 1.0]]).double()
    rule = cn.rule("weight-perturbation", deviation=0.5, baseline=baseline, draw=given(drawn))
    before = net.links[0].weight.clone()
    rule.learn(net, x, t)
    change = {"undisturbed": 0.8125, "opposite": 0.5, "none": 1.3125}[baseline]
    torch.testing.assert_close(net.links[0].weight.grad, change * 0.5 / 0.25 * drawn)
    assert torch.equal(before, net.links[0].weight)


def test_reinforce_by_hand():
    """The random rates answer and are taught; b is 0, then a tenth of the first mean loss."""
    net, x, t = one_link()
    drawn = torch.tensor([[2.0, 0, 0], [0, -2, 0]]).double()
    rule = cn.rule("reinforce", deviation=0.5, draw=given(drawn, drawn))
    step = rule.learn(net, x, t)
    assert step.rates.tolist() == [[2, 2, 3], [0, 0, 1]]
    assert step.loss == 0.5  # of 1 and 0
    first, second = 1.0 / 0.25, 0.0
    wanted = torch.tensor([[first * 1, first * 2], [0, second], [0, 0]]).double() / 2
    torch.testing.assert_close(net.links[0].weight.grad, wanted)
    rule.learn(net, x, t)
    first, second = (1 - 0.05) / 0.25, (0 - 0.05) * -1 / 0.25
    wanted = torch.tensor([[first * 1, first * 2], [0, second], [0, 0]]).double() / 2
    torch.testing.assert_close(net.links[0].weight.grad, wanted)
    assert rule.state_dict()["trigger.average"] == pytest.approx(0.1 * 0.5 + 0.9 * 0.05)


# Variance ---------------------------------------------------------------------------------------
def relative_variance(name, sizes, trials):
    """E‖ĝ − g‖² / ‖g‖² of a linear network on one sample, σ → 0."""
    net = cn.mlp(sizes, "linear", dtype=F64)
    many = 500 if name == "node-perturbation" else 1  # samples with noise of their own: so much less variance
    x, t = torch.ones(many, sizes[0], dtype=F64), torch.zeros(many, sizes[-1], dtype=F64)
    cn.rule("backprop").learn(net, x, t)
    gradient = flat([p.grad for p in net.parameters()]).clone()
    rule, total = cn.rule(name, deviation=1e-5, draw=stream(4)), 0.0
    for _ in range(trials // many):
        rule.learn(net, x, t)
        total += many * (flat([p.grad for p in net.parameters()]) - gradient).square().sum().item()
    return total / (trials // many) / gradient.square().sum().item()


@pytest.mark.parametrize("columns", [2, 12])
def test_variance_is_one_more_than_the_number_of_guesses(columns):
    """For one link, by Isserlis: E‖(gᵀz) z − g‖² = (n + 1) ‖g‖²; n weights, or n columns of the output.

    Ratios to that over six seeds, with a tenth (nodes) and a third (weights) of these trials: s.d. 0.10 and
    0.05 for two columns, so 0.03 here.
    """
    nodes = relative_variance("node-perturbation", [6, columns], 2_000_000 if columns == 2 else 200_000)
    assert nodes == pytest.approx(columns + 1, rel=0.15)
    weights = relative_variance("weight-perturbation", [6, columns], 7500)
    assert weights == pytest.approx(6 * columns + 1, rel=0.15)


def test_weights_are_worse_than_nodes_by_their_number():
    """Fitted exponents over width, two links of n × n: 1 for nodes, 2 for weights."""
    widths, slopes = [4, 8, 16], {}
    for name, trials in (("node-perturbation", 50_000), ("weight-perturbation", 1000)):
        found = [relative_variance(name, [n, n, n], trials) for n in widths]
        slopes[name] = np.polyfit(np.log(widths), np.log(found), 1)[0]
    assert slopes["node-perturbation"] == pytest.approx(1, abs=0.3)
    assert slopes["weight-perturbation"] == pytest.approx(2, abs=0.3)


# What goes together -----------------------------------------------------------------------------
def test_what_it_costs():
    net = cn.mlp([9, 8, 7, 5], "tanh", dtype=F64)
    x, y = torch.rand(4, 9, dtype=F64), torch.arange(4) % CLASSES
    above = (8 * 7 + 7 * 5) / (9 * 8 + 8 * 7 + 7 * 5)
    for name, parameters, wanted in (
        ("weight-perturbation", {}, (2, 0, 0)),
        ("weight-perturbation", {"baseline": "opposite"}, (3, 0, 0)),
        ("node-perturbation", {}, (1 + above, 0, 1)),
        ("node-perturbation", {"baseline": "opposite"}, (1 + 2 * above, 0, 1)),
        ("reinforce", {}, (1, 0, 1)),
        ("reinforce", {"baseline": "undisturbed"}, (1 + above, 0, 1)),
    ):
        assert passes(net, cn.rule(name, **parameters), x, y) == pytest.approx(wanted), name


def test_what_does_not_go_together_is_told():
    with pytest.raises(RuleError, match=r"NodePerturbation learns by a global signal.*not Random; choose"):
        cn.rule("node-perturbation", feedback="random")
    with pytest.raises(RuleError, match="Sweep needs a pathway, not NoPathway; choose another feedback"):
        cn.rule("backprop", feedback="none")
    with pytest.raises(RuleError, match=r"deviation \(σ of the noise\) must be a number above 0, not 0"):
        cn.rule("weight-perturbation", deviation=0)
    with pytest.raises(RuleError, match=r"unknown baseline 'mean'\. Choices: average, undisturbed, none"):
        cn.rule("reinforce", baseline="mean")
    with pytest.raises(RuleError, match=r"momentum must be a number in \(0, 1\], not 2"):
        cn.rule("reinforce", momentum=2)
    for name in ("node-perturbation", "perturbed-feedback"):
        with pytest.raises(RuleError, match="compares losses, and SoftmaxReward's error is no loss's"):
            cn.rule(name, teaching="softmax-reward")
