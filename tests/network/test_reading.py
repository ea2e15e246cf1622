"""Whatever a user gives as an input is read as the numbers that it holds, or refused in one sentence."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
import xarray as xr

import corticalnet as cn
from corticalnet.analysis import AlignmentTracker, align, passes, regime
from corticalnet.errors import ShapeError
from corticalnet.rules.predictive_coding.energy import stability

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 6), dtype=np.uint8)
NUMBERS = PIXELS.astype(np.float64)
LABELS = [0, 2, 1, 2, 0]


def network(**more):
    return cn.mlp([6, 4, 3], "tanh", seed=1, init=0.01, bias=True, **more)


def backwards(array):
    """The same numbers with a negative stride."""
    return array[::-1].copy()[::-1]


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


#: The same five samples in the shapes that arrays come in.
SAME = {
    "float64 tensor": lambda: torch.tensor(NUMBERS),
    "float16 tensor": lambda: torch.tensor(NUMBERS, dtype=torch.float16),
    "bytes": lambda: torch.tensor(PIXELS),
    "whole numbers of 16 bits without sign": lambda: torch.tensor(PIXELS.astype(np.uint16)),
    "not contiguous": lambda: torch.tensor(NUMBERS.T.copy()).float().t(),
    "wants a gradient": lambda: torch.tensor(NUMBERS, requires_grad=True),
    "a parameter": lambda: torch.nn.Parameter(torch.tensor(NUMBERS).float()),
    "sparse": lambda: torch.tensor(NUMBERS).float().to_sparse(),
    "images of one row": lambda: torch.tensor(NUMBERS).float().view(5, 1, 2, 3),
    "array": lambda: NUMBERS,
    "array of bytes": lambda: PIXELS,
    "array of another byte order": lambda: NUMBERS.astype(">f4"),
    "array of long doubles": lambda: NUMBERS.astype(np.longdouble),
    "array with negative strides": lambda: backwards(NUMBERS),
    "array that is read only": lambda: read_only(NUMBERS),
    "array that masks nothing": lambda: np.ma.array(NUMBERS),
    "list": lambda: NUMBERS.tolist(),
    "list of arrays": lambda: list(PIXELS),
    "list of tensors": lambda: [torch.tensor(row) for row in NUMBERS],
    "scipy's sparse": lambda: scipy.sparse.csr_array(NUMBERS),
    "table": lambda: pd.DataFrame(PIXELS, columns=list("abcdef")),
    "table of nullable numbers": lambda: pd.DataFrame(PIXELS).astype("Int64"),
    "labelled array": lambda: xr.DataArray(NUMBERS, dims=("sample", "pixel")),
}


@pytest.mark.parametrize("kind", SAME)
def test_the_same_numbers_give_the_same_rates_predictions_and_changes(kind):
    net, rule, given = network(), cn.rule("z-il"), SAME[kind]()
    plain = torch.tensor(NUMBERS, dtype=torch.float32)
    changes = []
    for x in (plain, given):
        net.zero_grad(set_to_none=True)
        rule.learn(net, x, torch.tensor(LABELS))
        changes.append([p.grad.clone() for p in net.parameters()])
    assert torch.equal(net.admit(given), plain)
    close = torch.testing.assert_close  # another layout in memory may move last bits
    close(net(given), net(plain), rtol=1e-4, atol=1e-6)
    close(changes[1], changes[0], rtol=1e-4, atol=1e-6)
    assert torch.equal(net.predict(given), net.predict(plain))


def test_truth_values_are_ones_and_zeros():
    net, spikes = network(), PIXELS > 100
    for given in (spikes, torch.tensor(spikes), spikes.tolist()):
        assert torch.equal(net(given), net(torch.tensor(spikes).float()))


def test_inputs_keep_their_history():
    net, x = network(), torch.rand(5, 6, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(net(x).sum(), x)
    assert slope.shape == x.shape
    assert slope.any()
    rows = [torch.rand(6, requires_grad=True) for _ in range(2)]
    net(rows).sum().backward()
    assert all(row.grad.any() for row in rows)


def test_a_ready_tensor_is_not_copied():
    net, x = network(), torch.rand(5, 6)
    assert net.admit(x) is x


def test_sheets_may_lack_axes_of_one_but_not_change_their_order():
    net = cn.Network((3, 4, 5), [cn.Area(cn.Convolution(2, 3)), cn.Area(cn.Dense(2), "linear")])
    x = torch.rand(7, 3, 4, 5)
    assert torch.equal(net.admit(x.flatten(1)), x)
    assert torch.equal(net.admit(x[:, :, None]), x)
    with pytest.raises(ShapeError, match=r"\(7, 4, 5, 3\).*\(batch, 3, 4, 5\), with axes in this order"):
        net(x.permute(0, 2, 3, 1))
    with pytest.raises(ShapeError, match=r"one sample needs an axis of its own, x\[None\]"):
        net(x[0])
    grey = cn.Network((1, 4, 5), [cn.Area(cn.Convolution(2, 3)), cn.Area(cn.Dense(2), "linear")])
    assert torch.equal(grey(x[:, 0]), grey(x[:, :1]))


def nested():
    """Made when it is asked for: the first one loads all of torch's compiler."""
    return torch.nested.nested_tensor([torch.zeros(3)], layout=torch.jagged)


#: No numbers, or none that can be taken as they are; and words of the sentence.
WRONG = {
    "nothing": (None, "input is None"),
    "a text": ("image.png", "holds no numbers"),
    "texts": ([["1", "2", "3", "4", "5", "6"]], "holds no numbers"),
    "a dict": ({"x": 1}, "holds no numbers"),
    "a generator": ((row for row in NUMBERS), "holds no numbers"),
    "dates": (np.zeros((5, 6), "datetime64[s]"), "holds no numbers"),
    "missing values": ([[1.0, None, 0, 0, 0, 0]], "holds no numbers"),
    "rows of different lengths": ([[1, 2], [3]], "no full array of numbers"),
    "tensors of different shapes": ([torch.zeros(6), torch.zeros(5)], "tensors of different shapes"),
    "masked values": (np.ma.array(NUMBERS, mask=PIXELS > 9), "masked array"),
    "complex tensor": (torch.zeros(5, 6, dtype=torch.complex64), "torch.complex64"),
    "complex array": (np.zeros((5, 6), complex), "complex numbers"),
    "meta tensor": (torch.zeros(5, 6, device="meta"), "meta device"),
    "nested tensor": (nested, "nested"),
    "one number": (1.0, r"shape \(\)"),
    "one sample": (NUMBERS[0], r"x\[None\]"),
    "too many columns": (np.zeros((5, 7)), r"shape \(5, 7\)"),
    "too large for its precision": (np.full((5, 6), 1e300), "too large for torch.float32"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_input_is_refused_in_a_sentence(kind):
    net, (given, words) = network(), WRONG[kind]
    given = given() if given is nested else given
    calls = [net, net.predict, net.sweep, lambda x: cn.rule("backprop").learn(net, x, LABELS)]
    for call in calls if not hasattr(given, "__next__") else calls[:1]:
        with pytest.raises(ShapeError, match=words) as caught:
            call(given)
        assert "\n" not in str(caught.value)
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("kind", [cn.Dense, cn.Local, cn.Convolution])
def test_of_no_samples_there_are_no_rates_and_nothing_is_learned(kind):
    first = cn.Dense(4) if kind is cn.Dense else kind(2, 3)
    net = cn.Network((1, 4, 5), [cn.Area(first, homeostasis="batch"), cn.Area(cn.Dense(3), "linear")])
    none = torch.zeros(0, 1, 4, 5)
    assert net(none).shape == (0, 3)
    assert net.predict(none).shape == (0,)
    for use in (net.sweep, lambda x: cn.rule("backprop").learn(net, x, [])):
        with pytest.raises(ShapeError, match="input has 0 samples; at least 1 must be there"):
            use(none)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_nothing_is_predicted_or_learned_of_what_is_not_finite(bad):
    net, x = network(), torch.zeros(5, 6)
    x[3, 2] = bad
    for use in (net.predict, lambda x: cn.rule("backprop").learn(net, x, LABELS)):
        with pytest.raises(ShapeError, match=r"not finite.*the first at \[3, 2\]"):
            use(x)
    assert net(x).shape == (5, 3)  # a rate is what it is
    recurrent = cn.Recurrent(2, 5, 3)
    with pytest.raises(ShapeError, match=r"sequence.*not finite.*the first at \[3, 1, 0\]"):
        cn.ThroughTime(cn.rule("backprop")).learn(recurrent, x.view(5, 3, 2), torch.zeros(5, 3).long())


def test_what_measures_a_rule_reads_alike():
    net, rule = network(dtype=torch.float64), cn.rule("fa-z-il")
    plain = torch.tensor(NUMBERS / 255), torch.tensor(LABELS)
    given = (NUMBERS / 255).tolist(), LABELS
    for measure in (align, regime, passes):
        assert measure(net, rule, *given) == measure(net, rule, *plain)
        for wrong in (None, NUMBERS * 1j, NUMBERS[:0], NUMBERS[0], NUMBERS * np.nan):
            with pytest.raises(ShapeError):
                measure(net, rule, wrong, LABELS)
        for wrong in (None, LABELS[:4], [0, 3, 1, 2, 0], ["a"] * 5, NUMBERS[:, :3] * np.nan):
            with pytest.raises(ShapeError):
                measure(net, rule, plain[0], wrong)
    assert stability(net, given[0]) == stability(net, plain[0])
    looks = [AlignmentTracker(cn.rule("feedback-alignment"), *one).measure(net, 0) for one in (plain, given)]
    assert looks[0].equals(looks[1])


@pytest.mark.parametrize("batch", [0, -1, 2.0, True, None, "8"])
def test_prediction_takes_whole_numbers_of_samples_at_a_time(batch):
    with pytest.raises(ShapeError, match="batch must be a whole number from 1"):
        network().predict(torch.zeros(5, 6), batch)


def test_a_network_without_numbers_knows_shapes_only():
    net = network(device="meta")
    assert net(torch.zeros(5, 6, device="meta")).shape == (5, 3)
    with pytest.raises(ShapeError, match="the network is on the meta device"):
        net(torch.zeros(5, 6))
    with pytest.raises(cn.errors.NetworkError, match="'weight' has no numbers"):
        cn.rule("backprop").learn(net, torch.zeros(5, 6, device="meta"), LABELS)


def test_recurrent_networks_read_sequences_and_states_alike():
    net = cn.Recurrent(2, 5, 3, seed=0)
    sequence, state = PIXELS[:4].reshape(4, 3, 2), PIXELS[:4, :5] / 255
    plain = torch.tensor(sequence).float(), torch.tensor(state).float()
    for given in ((sequence, state), (sequence.tolist(), state.tolist())):
        assert torch.equal(net(*given), net(*plain))
    teach = cn.ThroughTime(cn.rule("backprop"), window=2)
    changes = []
    labels = torch.tensor([[0, 1, 2]] * 4)
    for x, before, wanted in ((*plain, labels), (sequence, state, labels.tolist())):
        teach.learn(net, x, wanted, before)
        changes.append([p.grad.clone() for p in net.parameters()])
    assert all(torch.equal(*pair) for pair in zip(*changes, strict=True))
    for wrong, words in (
        (None, "None"),
        (sequence + 1j, "complex"),
        ("x", "no numbers"),
        (sequence[0], "shape"),
    ):
        with pytest.raises(ShapeError, match=words):
            net(wrong)
    for wrong, words in ((None, "targets is None"), ([[0, 1]] * 4, "targets have shape")):
        with pytest.raises(ShapeError, match=words):
            teach.learn(net, sequence, wrong)
    with pytest.raises(ShapeError, match="no samples"):
        teach.learn(net, sequence[:0], labels[:0])
