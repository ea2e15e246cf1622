"""The energy of predictive-coding columns against its formula, autograd, closed forms and circuits."""

import itertools

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.errors import RuleError
from corticalnet.recordings.reading import all_cells
from corticalnet.rules import Teacher
from corticalnet.rules.observer import Observer
from corticalnet.rules.predictive_coding.energy import Energy, extremes, stability
from tests.networks import batch, residual, sheets, skipping

F64 = torch.float64
RATES = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": torch.nn.functional.softplus,
    "linear": lambda x: x,
}


def network(hidden="tanh", output="linear", sizes=(5, 7, 6, 4), scale=1.0, seed=1):
    net = cn.mlp(list(sizes), hidden, output, seed=seed, dtype=F64)
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(scale)
    return net


def around(net, lesson_of=None, seed=0, batch=3, size=0.4):
    """The energy of random inputs, and values that are not at rest."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, *net.input_shape, generator=rng, dtype=F64)
    with torch.no_grad():
        activity = net.wiring.forward(x)
    energy = Energy(net.wiring, activity, lesson_of and lesson_of(activity.rates[-1]))
    return x, energy, energy.start + size * torch.randn(energy.start.shape, generator=rng, dtype=F64)


def squared(rates):
    return Teacher().loss_for(rates, torch.linspace(-1, 1, rates.numel(), dtype=F64).view(rates.shape))


def cross_entropy(rates):
    return Teacher("cross-entropy").loss_for(rates, torch.arange(len(rates)))


def formula(net, hidden, output, x, values, target=None):
    """F of one sample: ½ Σ ‖x_l − W_l f(x_{l−1})‖², the output in rates."""
    total, below, at = 0.0, x, 0
    for link in net.links[:-1]:
        own = values[at : at + len(link.weight)]
        total = total + 0.5 * (own - link.weight @ below).square().sum()
        below, at = RATES[hidden](own), at + len(own)
    answer = RATES[output](net.links[-1].weight @ below)
    return total + 0.5 * ((values[at:] if target is None else target) - answer).square().sum()


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize(
    ("hidden", "output"), [("tanh", "linear"), ("softplus", "sigmoid"), ("sigmoid", "tanh")]
)
def test_energy_slope_and_curvature_are_those_of_the_formula(hidden, output, held):
    net = network(hidden, output)
    x, energy, values = around(net, squared if held else None)
    low, high = energy.curvature(values)
    for b in range(len(x)):

        def F(v, b=b):
            return formula(net, hidden, output, x[b], v, energy.trial_loss.wanted[b] if held else None)

        at = values[b].detach()
        np.testing.assert_allclose(energy(values)[b].sum().item(), F(at).item(), rtol=1e-13)
        slope = torch.autograd.functional.jacobian(F, at)
        np.testing.assert_allclose(energy.slope(values)[b].detach(), slope, atol=1e-13)
        eigenvalues = torch.linalg.eigvalsh(torch.autograd.functional.hessian(F, at))
        np.testing.assert_allclose(low[b].detach(), eigenvalues[0], rtol=0, atol=1e-8)
        np.testing.assert_allclose(high[b].detach(), eigenvalues[-1], rtol=0, atol=1e-8)


@pytest.mark.parametrize("levelled", [False, True])
@pytest.mark.parametrize(
    "make", [skipping, residual, sheets, lambda: sheets(dropout=0.4, homeostasis="slow")]
)
def test_slope_on_every_kind_of_wiring(make, levelled):
    """Sheets, pools, silent columns, slow homeostasis, links that skip: autograd of the energy itself."""
    net = make()
    x, y = batch(2)
    wiring = net.levelled() if levelled else net.wiring
    activity = wiring.forward(x)
    energy = Energy(wiring, activity, Teacher().loss_for(activity.rates[-1], y))
    values = (energy.start + 0.1 * torch.randn_like(energy.start)).detach().requires_grad_()
    energy(values).sum().backward()
    np.testing.assert_allclose(energy.slope(values.detach()).detach(), values.grad, atol=1e-12)


def test_value_cells_go_down_the_slope():
    """One inference step of the rule moves them by −γ times the slope."""
    net, seen, rule = network(), [], cn.rule("il", steps=4, rate=0.2)
    x, energy, _ = around(net, squared)

    class Values(Observer):
        def snapshot(self, wiring, cells, broadcasts=None):
            seen.append(torch.cat(cells["value"][1:-1], 1))

    rule.observer = Values()
    rule.learn(net, x, energy.trial_loss.wanted)
    for old, new in itertools.pairwise(seen):
        torch.testing.assert_close(new, old - 0.2 * energy.slope(old).detach(), rtol=0, atol=1e-13)


def test_cross_entropy_has_its_loss_and_its_slope():
    _, energy, values = around(network(), cross_entropy)
    values.requires_grad_()
    energy(values).sum().backward()
    np.testing.assert_allclose(energy.slope(values.detach()).detach(), values.grad, atol=1e-13)
    for trial_loss in (energy.trial_loss, squared(energy.trial_loss.rates)):
        torch.testing.assert_close(trial_loss.losses(trial_loss.rates).mean(), trial_loss.loss)


@pytest.mark.parametrize(
    ("hidden", "gain"), [("tanh", lambda a: 1 - np.tanh(a) ** 2), ("relu", lambda a: 1.0 * (a > 0))]
)
def test_one_hidden_area_in_closed_form(hidden, gain):
    """k = eig(D WᵀW D): λ = 1 + k/2 + √(k²/4 + k) with a free output, 1 + k with a held one."""
    net = network(hidden, sizes=(5, 8, 4))
    x = torch.randn(1, 5, generator=torch.Generator().manual_seed(2), dtype=F64)
    down, up = (link.weight.detach().numpy() for link in net.links)
    k = np.linalg.norm(up * gain(down @ x[0].numpy()), 2) ** 2
    free, held = stability(net, x), stability(net, x, output_free=False)
    assert free.curvature == pytest.approx(1 + k / 2 + np.sqrt(k**2 / 4 + k), rel=1e-8)
    assert held.curvature == pytest.approx(1 + k, rel=1e-8)


@pytest.mark.parametrize("hidden", ["linear", "relu"])
def test_columns_as_active_as_others_of_their_pool_are_no_infinite_curvature(hidden):
    """Four columns, a pool of all, an output held: F = ½ ‖x − μ‖² + ½ ‖t − w x_i‖², so λ = 1 + ‖w‖².

    All columns are as active as each other: at every small step another one wins, and slopes jump.
    """
    areas = [
        cn.Area(cn.Convolution(1, 1), hidden, pool=2, name="sheet"),
        cn.Area(cn.Dense(3), "linear"),
    ]
    net = cn.Network((1, 2, 2), areas, seed=3, dtype=F64)
    x = torch.ones(1, 1, 2, 2, dtype=F64) * net.links[0].weight.detach().sign().sum()
    found = stability(net, x, output_free=False, levelled=False)
    assert found.curvature == pytest.approx(1 + net.links[1].weight.square().sum().item(), rel=1e-8)


def test_a_column_at_the_kink_of_a_relu_is_on_one_side_of_it():
    """Without an input all drives are 0: no column fires, and the curvature is that of ½ ‖x − μ‖²."""
    net = network("relu", sizes=(5, 8, 4))
    found = stability(net, torch.zeros(1, 5, dtype=F64), output_free=False)
    assert found.curvature == pytest.approx(1.0, rel=1e-8)


def test_steps_of_one_come_to_rest_up_to_k_of_a_half():
    net = network("linear", sizes=(5, 8, 4))
    k = np.linalg.norm(net.links[1].weight.detach().numpy(), 2) ** 2
    for wanted, stable in ((0.499, True), (0.501, False)):
        scaled = network("linear", sizes=(5, 8, 4), scale=np.sqrt(wanted / k))
        assert stability(scaled).stable is stable
    assert stability(scaled, rate=0.9).stable
    assert stability(scaled).limit == 2


@pytest.mark.parametrize(("hidden", "gain"), [("tanh", 1.0), ("sigmoid", 0.25), ("relu", 1.0)])
def test_without_an_input_every_column_is_at_its_largest_gain(hidden, gain):
    net = network(hidden, sizes=(5, 8, 4))
    k = np.linalg.norm(gain * net.links[1].weight.detach().numpy(), 2) ** 2
    assert stability(net).curvature == pytest.approx(1 + k / 2 + np.sqrt(k**2 / 4 + k), rel=1e-8)


@pytest.mark.filterwarnings("ignore:.*live feedback")
@pytest.mark.parametrize(("rule", "rate"), [("z-il", 1.0), ("il", 0.4)])
@pytest.mark.parametrize("hidden", ["tanh", "sigmoid"])
def test_a_circuit_comes_to_rest_below_the_limit_and_not_above(hidden, rule, rate):
    """The prediction phase with live feedback, at weights 5 % to either side of γ λ = 2."""
    sizes, x = (5, 7, 6, 4), torch.linspace(-1, 1, 5, dtype=F64)[None]

    def curvature(scale):
        return stability(network(hidden, sizes=sizes, scale=scale), x, rate=rate).curvature

    low, high = 0.05, 20.0
    for _ in range(40):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if rate * curvature(middle) < 2 else (low, middle)
    left = {}
    for factor in (0.95, 1.05):
        net = network(hidden, sizes=sizes, scale=low * factor)
        circuit = cn.circuit(net, cn.rule(rule, rate=rate), 0.0, phase_signal=False)
        data = cn.simulate(circuit, [cn.Present(x, steps=600)], record=["error"])
        left[factor] = np.abs(all_cells(data, "error")[-1]).max()
    assert left[0.95] < 1e-6
    assert left[1.05] > 1e-2


def test_precision_and_stages_do_not_matter_and_nothing_changes():
    net = network()
    single = cn.mlp([5, 7, 6, 4], "tanh", seed=1)
    assert stability(single).curvature == pytest.approx(stability(net).curvature, rel=1e-6)
    slow = sheets(homeostasis="slow")
    before = {name: value.clone() for name, value in slow.state_dict().items()}
    stability(slow, batch()[0])
    assert all(torch.equal(value, before[name]) for name, value in slow.state_dict().items())
    assert slow.training


def test_what_has_no_energy_of_its_own():
    with pytest.raises(RuleError, match="rate must be a number above 0, not 0"):
        stability(network(), rate=0)
    net = sheets(homeostasis="batch")
    activity = net.wiring.forward(batch()[0])
    with pytest.raises(RuleError, match="batch homeostasis mixes samples"):
        Energy(net.wiring, activity)


def test_extreme_eigenvalues():
    rng = torch.Generator().manual_seed(0)
    matrices = torch.randn(6, 30, 30, generator=rng, dtype=F64)
    matrices = matrices + matrices.mT
    matrices[1] = torch.eye(30)  # the iteration has seen all of it after one product
    matrices[2] = torch.diag(torch.tensor([2.0] * 15 + [7.0] * 15))
    matrices[3] = matrices[3] @ matrices[3]
    matrices[4] = 0
    low, high = extremes(lambda v: (matrices @ v[..., None])[..., 0], torch.zeros(6, 30, dtype=F64))
    wanted = torch.linalg.eigvalsh(matrices)
    torch.testing.assert_close(low, wanted[:, 0], rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(high, wanted[:, -1], rtol=1e-8, atol=1e-8)
