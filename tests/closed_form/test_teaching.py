"""Teaching signals: rewards worked by hand, choice frequencies, torch's losses, targets that do not fit."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from scipy import stats

import corticalnet as cn
from corticalnet.errors import RuleError, ShapeError

F64 = torch.float64


def test_reward_by_hand():
    """Reward 1 for the right column, else 0; error r − y_s at the chosen column alone."""
    rates = torch.tensor([[0.25, 0.75, 0.125], [0.5, 0.0, 0.25], [1.5, 0.0, 1.0]])
    trial_loss = cn.Reward(exploration=0.0).loss_for(rates, torch.tensor([1, 2, 0]))
    assert trial_loss.action.tolist() == trial_loss.prediction.tolist() == [1, 0, 0]
    assert trial_loss.reward.tolist() == [1, 0, 1]
    assert trial_loss.rpe.tolist() == [0.25, -0.5, -0.5]  # a column may promise too much
    assert trial_loss.error(rates).tolist() == [[0, 0.25, 0], [-0.5, 0, 0], [-0.5, 0, 0]]
    assert trial_loss.loss.item() == 0.5 * (0.25**2 + 0.5**2 + 0.5**2) / 3
    # later in the trial the output has moved; the action and its reward have not
    assert trial_loss.error(rates + 1.0).tolist() == [[0, -0.75, 0], [-1.5, 0, 0], [-1.5, 0, 0]]


def test_who_knows_that_one_action_is_right_is_taught_by_a_reward_as_by_a_teacher():
    """Rewarded samples have the teacher's error, others that of the action alone; by autograd, too."""
    draw = torch.Generator().manual_seed(0)
    rates = torch.randn(20, 4, generator=draw, dtype=F64)
    classes = torch.randint(4, (20,), generator=draw)
    told = cn.Reward(0.0, exclusive=True).loss_for(rates, classes)
    rewarded = told.reward > 0
    assert 0 < rewarded.sum() < 20
    error, plain = told.error(rates), cn.Reward(0.0).loss_for(rates, classes).error(rates)
    teacher = cn.Teacher().loss_for(rates, classes).error(rates)
    torch.testing.assert_close(error[rewarded], teacher[rewarded], rtol=0, atol=0)
    torch.testing.assert_close(error[~rewarded], plain[~rewarded], rtol=0, atol=0)
    moved = rates.clone().requires_grad_()
    cn.Reward(choose=lambda y: told.action, exclusive=True).loss_for(moved, classes).loss.backward()
    torch.testing.assert_close(-20 * moved.grad, error)


def test_reward_takes_one_hot_vectors_and_a_choice_of_the_users():
    rates = torch.rand(3, 4)
    teaching = cn.Reward(choose=lambda y: y.argmin(1))
    classes = torch.tensor([3, 0, 2])
    one, two = teaching.loss_for(rates, classes), teaching.loss_for(rates, F.one_hot(classes, 4))
    assert torch.equal(one.action, rates.argmin(1))
    assert torch.equal(one.reward, two.reward)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_boltzmann_choices_follow_the_softmax(temperature):
    """Exploring always: frequencies of draws against softmax(y / T), by chi-square at 99.9 %."""
    y = torch.tensor([0.3, -0.5, 1.0, 0.9, 0.0], dtype=F64)
    n = 50_000
    action = cn.Reward(exploration=1.0, temperature=temperature).max_boltzmann(y.expand(n, 5))
    expected = [n * math.exp(v / temperature) for v in y.tolist()]
    total = sum(math.exp(v / temperature) for v in y.tolist())
    expected = [e / total for e in expected]
    assert stats.chisquare(torch.bincount(action, minlength=5).tolist(), expected).pvalue > 0.001


@pytest.mark.parametrize("exploration", [0.02, 0.3])
def test_exploration_is_that_rare(exploration):
    """Greedy are those that do not explore, and those that draw the greedy column all the same."""
    y, n = torch.tensor([0.0, 1.0, 0.0, 0.0]), 100_000
    greedy = (cn.Reward(exploration).max_boltzmann(y.expand(n, 4)) == 1).sum().item()
    p = 1 - exploration + exploration * math.e / (math.e + 3)
    low, high = stats.binom.interval(0.999, n, p)
    assert low <= greedy <= high


@pytest.mark.parametrize(("classes", "right"), [(10, 0.232), (100, 0.0267), (200, 0.0135)])
def test_boltzmann_on_expected_rewards_is_nearly_uniform(classes, right):
    """Learned outputs are 1 and 0, so at temperature 1 a draw is right only e / (e + C − 1) of the time."""
    n = 40_000
    assert math.e / (math.e + classes - 1) == pytest.approx(right, abs=2e-4)
    rates = F.one_hot(torch.tensor(4), classes).double().expand(n, classes)
    hits = (cn.Reward(exploration=1.0).max_boltzmann(rates) == 4).sum().item()
    low, high = stats.binom.interval(0.999, n, math.e / (math.e + classes - 1))
    assert low <= hits <= high


LN2 = math.log(2)


def test_agrel_by_hand():
    """P = (½, ¼, ¼). Right and likely: δ = ½; right and less likely: δ = ¾; wrong: δ = −1, whatever P."""
    rates = torch.tensor([[LN2, 0.0, 0.0]] * 4, dtype=F64)
    action = torch.tensor([0, 1, 0, 2])
    trial_loss = cn.SoftmaxReward(choose=lambda y: action).loss_for(rates, torch.tensor([0, 1, 1, 0]))
    assert trial_loss.action.tolist() == trial_loss.prediction.tolist() == [0, 1, 0, 2]
    assert trial_loss.reward.tolist() == [1, 1, 0, 0]
    assert trial_loss.rpe.tolist() == pytest.approx([0.5, 0.75, -1, -1])
    # f(½) = 1, f(¾) = 3, f(−1) = −1
    wanted = torch.tensor([[1, 0, 0], [0, 3, 0], [-1, 0, 0], [0, 0, -1]], dtype=F64)
    torch.testing.assert_close(trial_loss.error(rates), wanted)
    assert trial_loss.loss.item() == pytest.approx(0.5 * (0.25 + 0.5625 + 1 + 1) / 4)
    # the output has moved, to P = (1/10, 8/10, 1/10); the action and its reward have not
    moved = torch.tensor([[0.0, 3 * LN2, 0.0]] * 4, dtype=F64)
    wanted = torch.tensor([[9, 0, 0], [0, 0.25, 0], [-1, 0, 0], [0, 0, -1]], dtype=F64)
    torch.testing.assert_close(trial_loss.error(moved), wanted)


def test_agrels_error_is_its_expansive_function_of_delta():
    """f(δ) = δ / (1 − δ) from 0 up, f(−1) = −1, as the paper has it; here it is written r / P − 1."""
    teaching, p = cn.SoftmaxReward(), torch.linspace(0.01, 1, 100, dtype=F64)
    for reward in (torch.ones_like(p), torch.zeros_like(p)):
        delta = teaching.rpe(reward, p)
        assert torch.equal(delta, 1 - p if reward[0] else -torch.ones_like(p))
        f = torch.where(delta >= 0, delta / (1 - delta), delta)
        torch.testing.assert_close(teaching.output_error(reward, p), f)


def test_a_wrong_action_of_no_probability_is_wrong():
    """P has underflowed to 0: no reward / P is none, not 0 / 0."""
    rates = torch.tensor([[0.0, 2000.0]])
    trial_loss = cn.SoftmaxReward(choose=lambda y: y.argmin(1)).loss_for(rates, torch.tensor([1]))
    assert trial_loss.error(rates).tolist() == [[-1, 0]]


@pytest.mark.parametrize(
    ("chosen", "right", "up", "down"),
    [  # error of the winner: 3, −1, −1 (P = ½, ¼, ¼)
        (1, 1, [[0, 0], [1.5, 1.5], [0, 0]], [[0.75, 1.5], [-0.75, -1.5]]),
        (2, 1, [[0, 0], [0, 0], [-0.5, -0.5]], [[0.5, 1.0], [-0.5, -1.0]]),
        (0, 1, [[-0.5, -0.5], [0, 0], [0, 0]], [[-LN2 / 2, -LN2], [0, 0]]),
    ],
)
def test_agrel_in_a_network_by_hand(chosen, right, up, down):
    """2-2-3, x = (1, 2), both hidden columns at rate ½ and gain ¼: the winner's own weights carry it down."""
    net = cn.mlp([2, 2, 3], "sigmoid", dtype=F64)
    with torch.no_grad():
        net.links[0].weight.copy_(torch.tensor([[2.0, -1.0], [-2.0, 1.0]]))
        net.links[1].weight.copy_(torch.tensor([[2 * LN2, 0.0], [1.0, -1.0], [-2.0, 2.0]], dtype=F64))
    rule = cn.rule("agrel", choose=lambda y: torch.tensor([chosen]))
    rule.learn(net, torch.tensor([[1.0, 2.0]]), torch.tensor([right]))
    torch.testing.assert_close(-net.links[1].weight.grad, torch.tensor(up, dtype=F64))
    torch.testing.assert_close(-net.links[0].weight.grad, torch.tensor(down, dtype=F64))


def test_agrels_winners_are_drawn_from_the_softmax():
    """Frequencies by chi-square at 99.9 %."""
    y, n = torch.tensor([0.3, -0.5, 1.0, 2.0, 0.0], dtype=F64), 50_000
    action = cn.SoftmaxReward().loss_for(y.expand(n, 5), torch.zeros(n, dtype=torch.long)).action
    expected = [n * math.exp(v) / sum(map(math.exp, y.tolist())) for v in y.tolist()]
    assert stats.chisquare(torch.bincount(action, minlength=5).tolist(), expected).pvalue > 0.001


TARGETS = {
    "indices": lambda y: torch.tensor([0, 4, 2, 2]),
    "short indices": lambda y: torch.tensor([0, 4, 2, 2], dtype=torch.uint8),
    "probabilities": lambda y: torch.softmax(torch.randn_like(y), 1),
    "smoothed": lambda y: 0.9 * F.one_hot(torch.tensor([0, 4, 2, 2]), 5).to(y.dtype) + 0.02,
    "several at once": lambda y: (torch.arange(20).view(4, 5) % 3 == 0).to(y.dtype),
    "any numbers": torch.randn_like,
}


@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("loss", ["squared", "cross-entropy"])
def test_teacher_is_torchs_loss(loss, targets):
    """Loss as torch's; error minus its gradient, also at rates that have moved since."""
    y = torch.randn(4, 5, dtype=F64)
    given = TARGETS[targets](y)
    trial_loss = cn.Teacher(loss).loss_for(y, given)

    def torchs(rates):
        if loss == "squared":
            wanted = F.one_hot(given.long(), 5).to(F64) if given.dim() == 1 else given
            return 0.5 * F.mse_loss(rates, wanted, reduction="sum") / 4
        return F.cross_entropy(rates, given.long() if given.dim() == 1 else given)

    torch.testing.assert_close(trial_loss.loss, torchs(y))
    for rates in (y, y + torch.randn_like(y)):
        rates.requires_grad_()
        (gradient,) = torch.autograd.grad(torchs(rates), rates)
        torch.testing.assert_close(trial_loss.error(rates.detach()), -4 * gradient)
    assert torch.equal(trial_loss.prediction, y.detach().argmax(1))


def test_smoothed_vectors_are_torchs_label_smoothing():
    y, classes = torch.randn(4, 5, dtype=F64), torch.tensor([0, 4, 2, 2])
    trial_loss = cn.Teacher("cross-entropy").loss_for(y, TARGETS["smoothed"](y))
    torch.testing.assert_close(trial_loss.loss, F.cross_entropy(y, classes, label_smoothing=0.1))


OUT = torch.zeros(4, 5)


@pytest.mark.parametrize(
    "teaching", [cn.Teacher(), cn.Teacher("cross-entropy"), cn.Reward(), cn.SoftmaxReward()]
)
@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (torch.tensor([0, 1, 7, 2]), ["label 7 is out of range", "columns 0 to 4"]),
        (torch.tensor([0, -1, 3, 2]), ["label -1 is out of range", "columns 0 to 4"]),
        (torch.tensor([0, 1, 2]), ["(3,)", "(4,)"]),
        (torch.tensor([0.0, 1, 2, 3]), ["whole numbers", "float32", "(4,)"]),
        (torch.zeros(4, 6), ["(4, 6)", "(4,)", "(4, 5)"]),
        (torch.eye(7)[[0, 1, 2, 6]], ["(4, 7)", "(4,)", "(4, 5)"]),
        (torch.zeros(3, 5), ["(3, 5)", "(4,)", "(4, 5)"]),
        (torch.zeros(4, 5, 1), ["(4, 5, 1)", "(4,)", "(4, 5)"]),
        (torch.tensor(1), ["()", "(4,)", "(4, 5)"]),
    ],
)
def test_targets_that_do_not_fit_are_told(teaching, targets, words):
    with pytest.raises(ShapeError) as caught:
        teaching.loss_for(OUT, targets)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_settings_that_cannot_be():
    with pytest.raises(RuleError, match=r"exploration must be a probability in \[0, 1\], not 1.5"):
        cn.Reward(exploration=1.5)
    with pytest.raises(RuleError, match="temperature must be a number above 0, not 0"):
        cn.Reward(temperature=0)
    with pytest.raises(RuleError, match="unknown loss 'square'; did you mean 'squared'"):
        cn.Teacher("square")


#: The same classes of four samples, in the shapes that labels come in.
SAME_CLASSES = {
    "list": [0, 3, 4, 1],
    "tuple": (0, 3, 4, 1),
    "array": np.array([0, 3, 4, 1]),
    "array of another byte order": np.array([0, 3, 4, 1], ">i2"),
    "bytes": torch.tensor([0, 3, 4, 1], dtype=torch.uint8),
    "whole numbers of 32 bits": torch.tensor([0, 3, 4, 1], dtype=torch.int32),
    "whole numbers without sign": torch.tensor([0, 3, 4, 1]).to(torch.uint32),
    "column": torch.tensor([[0], [3], [4], [1]]),
    "column of an array": np.array([[0], [3], [4], [1]]),
    "series": pd.Series([0, 3, 4, 1], index=[7, 5, 3, 1]),
    "rows of whole numbers": torch.eye(5, dtype=torch.int64)[[0, 3, 4, 1]],
    "rows of truth values": np.eye(5, dtype=bool)[[0, 3, 4, 1]],
    "sparse rows": torch.eye(5)[[0, 3, 4, 1]].to_sparse(),
}


@pytest.mark.parametrize("kind", SAME_CLASSES)
def test_the_same_classes_teach_the_same(kind):
    rates, classes = torch.rand(4, 5, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 3, 4, 1])
    for teaching in (cn.Teacher(), cn.Teacher("cross-entropy"), cn.Reward(0.0)):
        plain, given = (teaching.loss_for(rates, targets) for targets in (classes, SAME_CLASSES[kind]))
        torch.testing.assert_close(given.error(rates), plain.error(rates), rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(given.loss, plain.loss, rtol=1e-6, atol=1e-6)


def test_truth_values_name_one_of_two_classes():
    rates = torch.rand(3, 2)
    given = cn.Teacher().loss_for(rates, np.array([True, False, True]))
    assert torch.equal(given.error(rates), torch.tensor([[0.0, 1], [1, 0], [0, 1]]) - rates)


@pytest.mark.parametrize(
    "targets", [torch.tensor([0.5, 2, -1]), [[0.5], [2], [-1]], np.array([0.5, 2, -1], np.float32)]
)
def test_one_column_is_taught_one_number_a_sample(targets):
    rates = torch.rand(3, 1)
    assert torch.equal(
        cn.Teacher().loss_for(rates, targets).error(rates), torch.tensor([[0.5], [2], [-1]]) - rates
    )


def test_whole_numbers_in_the_shape_of_the_output_are_numbers():
    rates = torch.rand(3, 1)
    given = cn.Teacher().loss_for(rates, torch.tensor([[0], [7], [2]]))
    assert torch.equal(given.error(rates), torch.tensor([[0.0], [7], [2]]) - rates)
    with pytest.raises(ShapeError, match=r"label 7 is out of range; .*numbers for its one column.*\(3, 1\)"):
        cn.Teacher().loss_for(rates, torch.tensor([0, 7, 2]))


NAN = float("nan")


@pytest.mark.parametrize(
    "teaching", [cn.Teacher(), cn.Teacher("cross-entropy"), cn.Reward(), cn.SoftmaxReward()]
)
@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (None, "targets is None"),
        (["cat", "dog", "cat", "dog"], "holds no numbers"),
        ([0, 1, [2], 3], "no full array of numbers"),
        ([0, 1, 7, 2], "label 7 is out of range"),
        (torch.tensor([[0], [1], [-1], [2]]), "label -1 is out of range"),
        (torch.tensor([0, 1, 300, 2]).to(torch.uint16), "label 300 is out of range"),
        (torch.tensor([0, NAN, 1, 2]), "whole numbers"),
        (torch.tensor([[0.0], [1], [2], [3]]), "give class indices as whole numbers"),
        (torch.eye(5)[:4] * (1 + 1j), "complex"),
        (torch.zeros(4, dtype=torch.int64, device="meta"), "meta device"),
        (torch.eye(5)[:4] * NAN, "not finite|one-hot"),
        ([0, 1, 0, 0, 0], r"\(5,\)"),  # one sample's one-hot row is not four samples
    ],
)
def test_what_are_no_targets_is_refused_in_a_sentence(teaching, targets, words):
    with pytest.raises(ShapeError, match=words) as caught:
        teaching.loss_for(OUT, targets)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "row", [[0.4, 0.6, 0, 0, 0], [0, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 2, 0, 0, 0], [1, 0.2, 0, 0, 0]]
)
def test_a_reward_is_for_one_class(row):
    targets = torch.eye(5)[:4]
    targets[0] = torch.tensor(row, dtype=torch.float32)
    with pytest.raises(ShapeError, match="class indices or one-hot vectors"):
        cn.Reward().loss_for(OUT, targets)
