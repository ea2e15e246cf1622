"""The three local operations of every link, against torch's own layers and loops over positions."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import corticalnet as cn

F64 = torch.float64
SHEET = (2, 7, 6)  # channels × height × width
OUT = 3

#: kernel, stride, padding as given, padding in numbers
SPATIAL = {
    "3 valid": (3, 1, "valid", (0, 0)),
    "3 same": (3, 1, "same", (1, 1)),
    "3 same, stride 2": (3, 2, "same", (1, 1)),
    "3 valid, stride 2": (3, 2, "valid", (0, 0)),  # leaves the last column of the sheet unseen
    "3×5 same": ((3, 5), 1, "same", (1, 2)),
    "5×1 same, stride 1×2": ((5, 1), (1, 2), "same", (2, 0)),
    "2×4, padding 2": ((2, 4), (2, 1), 2, (2, 2)),
    "3×2, padding 0×1": ((3, 2), 2, (0, 1), (0, 1)),
}
CASES = [("dense", None), *itertools.product(["convolution", "local"], SPATIAL)]


def pair(value):
    return (value, value) if isinstance(value, int) else value


def make(kind, case, bias=True, dtype=F64):
    """A link from SHEET with random weights and offsets."""
    if kind == "dense":
        link = cn.Dense(OUT, bias=bias)
    else:
        link = {"convolution": cn.Convolution, "local": cn.Local}[kind](OUT, *SPATIAL[case][:3], bias=bias)
    link.build(SHEET, 0, "a->b", False, dtype)
    if bias:
        torch.nn.init.normal_(link.bias)
    return link


def oracle(kind, case, x, weight, bias):
    """The same drive by torch's own functions, differentiable."""
    if kind == "dense":
        return F.linear(x.flatten(1), weight, bias)
    kernel, stride, _, padding = SPATIAL[case]
    if kind == "convolution":
        return F.conv2d(x, weight, bias, stride, padding)
    kernel, stride = pair(kernel), pair(stride)
    patches = F.unfold(x, kernel, padding=padding, stride=stride)  # [batch, channel × kernel, position]
    positions, out, _ = weight.shape
    kernels = weight.view(positions, out, *kernel, x.shape[1]).movedim(-1, 2).flatten(2)
    height = (x.shape[2] + 2 * padding[0] - kernel[0]) // stride[0] + 1
    y = torch.einsum("pok,bkp->bop", kernels, patches).unflatten(2, (height, -1))
    return y if bias is None else y + bias


def draw(link, n, dtype=F64):
    """Rates of the source and a signal at the target."""
    return torch.randn(n, *SHEET, dtype=dtype), torch.randn(n, *link.target_shape, dtype=dtype)


def close(found, wanted, tolerance=1e-12):
    assert found.shape == wanted.shape
    assert (found - wanted).abs().max() <= tolerance * wanted.abs().max()


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("kind", "case"), CASES)
def test_drive_is_torchs_own(kind, case, bias, batch):
    link = make(kind, case, bias)
    x, _ = draw(link, batch)
    wanted = oracle(kind, case, x, link.weight, link.bias)
    assert wanted.shape[1:] == link.target_shape
    close(link.drive(x), wanted)


@pytest.mark.parametrize("case", SPATIAL)
def test_local_drive_position_by_position(case):
    """Σ over the kernel of weight × rate, a column at a time; weight[position, channel, (i, j, source)]."""
    kernel, stride, _, (ph, pw) = SPATIAL[case]
    (kh, kw), (sh, sw) = pair(kernel), pair(stride)
    link = make("local", case)
    x, _ = draw(link, 2)
    sheet = np.pad(x.numpy(), ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    weight, bias, found = link.weight.detach().numpy(), link.bias.detach().numpy(), link.drive(x)
    rows, columns = (sheet.shape[2] - kh) // sh + 1, (sheet.shape[3] - kw) // sw + 1
    assert tuple(found.shape) == (2, OUT, rows, columns)
    for b, o, r, c in itertools.product(range(2), range(OUT), range(rows), range(columns)):
        total = bias[o, r, c]
        for synapse, (i, j, k) in enumerate(itertools.product(range(kh), range(kw), range(SHEET[0]))):
            total += weight[r * columns + c, o, synapse] * sheet[b, k, r * sh + i, c * sw + j]
        assert abs(found[b, o, r, c].item() - total) < 1e-12


@pytest.mark.parametrize("case", SPATIAL)
def test_local_with_the_same_kernel_everywhere_is_a_convolution(case):
    local, convolution = make("local", case, bias=False), make("convolution", case, bias=False)
    with torch.no_grad():
        local.weight.copy_(convolution.weight.permute(0, 2, 3, 1).flatten(1).expand_as(local.weight))
    x, s = draw(local, 2)
    _, stride, _, padding = SPATIAL[case]
    close(local.drive(x), F.conv2d(x, convolution.weight, None, stride, padding))
    close(local.feedback(s, local.weight), convolution.feedback(s, convolution.weight))


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize(("kind", "case"), CASES)
def test_feedback_is_the_adjoint_of_drive(kind, case, batch):
    """<s, drive_V r> = <feedback(s, V), r> for the link's own weights and for foreign ones V."""
    link = make(kind, case, bias=False)
    for weights in (link.weight.detach(), torch.randn_like(link.weight)):
        x, s = draw(link, batch)
        left = (s * oracle(kind, case, x.requires_grad_(), weights, None)).sum()
        assert abs(left - (link.feedback(s, weights) * x).sum()) < 1e-11
        left.backward()
        close(link.feedback(s, weights), x.grad)


@pytest.mark.parametrize(("beta", "scale"), [(0.0, 1.0), (0.0, -0.5), (1.0, 1.0), (1.0, -0.2), (0.9, 0.3)])
@pytest.mark.parametrize(("kind", "case"), CASES)
def test_hebbian_is_autograds_gradient(kind, case, beta, scale):
    """out = beta · out + scale · ∂<post, drive(pre)>/∂weight; with beta 0 whatever was there is gone."""
    link = make(kind, case)
    for batch in (1, 2, 5):
        pre, post = draw(link, batch)
        link.zero_grad()
        (post * oracle(kind, case, pre, link.weight, link.bias)).sum().backward()
        before = [torch.randn_like(link.weight), torch.randn_like(link.bias)]
        out = [b.clone() if beta else torch.full_like(b, float("nan")) for b in before]
        with torch.no_grad():
            link.hebbian(pre, post, out[0], scale, beta)
            link.hebbian_bias(post, out[1], scale, beta)
        close(out[0], beta * before[0] + scale * link.weight.grad)
        close(out[1], beta * before[1] + scale * link.bias.grad)


@torch.no_grad()
@pytest.mark.parametrize("layout", ["channels-last", "transposed", "strided", "expanded"])
@pytest.mark.parametrize(("kind", "case"), CASES)
def test_the_layout_of_memory_does_not_matter(kind, case, layout):
    def lay(t):
        if layout == "channels-last":
            return t.contiguous(memory_format=torch.channels_last) if t.dim() == 4 else t
        if layout == "transposed":
            return t.transpose(0, 1).contiguous().transpose(0, 1)
        if layout == "strided":
            return torch.stack([t, torch.full_like(t, 9.0)], -1)[..., 0]
        return t[:1].expand_as(t)

    link = make(kind, case)
    x, s = (lay(t) for t in draw(link, 3))
    plain_x, plain_s = x.clone(memory_format=torch.contiguous_format), s.contiguous()
    close(link.drive(x), link.drive(plain_x))
    close(link.feedback(s, link.weight), link.feedback(plain_s, link.weight))
    found, wanted = torch.empty_like(link.weight), torch.empty_like(link.weight)
    link.hebbian(x, s, found)
    link.hebbian(plain_x, plain_s, wanted)
    close(found, wanted)


@torch.no_grad()
@pytest.mark.parametrize(("kind", "case"), CASES)
def test_single_precision(kind, case):
    double, single = make(kind, case), make(kind, case, dtype=torch.float32)
    single.load_state_dict(double.state_dict())
    x, s = draw(double, 2)
    out, wanted = torch.empty_like(single.weight), torch.empty_like(double.weight)
    single.hebbian(x.float(), s.float(), out)
    double.hebbian(x, s, wanted)
    drives = single.drive(x.float()), double.drive(x)
    signals = single.feedback(s.float(), single.weight), double.feedback(s, double.weight)
    for found, exact in (drives, signals, (out, wanted)):
        assert found.dtype == torch.float32
        close(found.double(), exact, 2e-6)


@torch.no_grad()
def test_dense_by_hand():
    link = cn.Dense(2, bias=True)
    link.build((3,), 0, "a->b", False, F64)
    link.load_state_dict({"weight": torch.tensor([[1.0, 2, 3], [4, 5, 6]]), "bias": torch.tensor([10.0, 20])})
    r, s = torch.tensor([[1.0, 0, -1], [2, 1, 0]], dtype=F64), torch.tensor([[1.0, -2], [3, 0]], dtype=F64)
    assert link.drive(r).tolist() == [[1 - 3 + 10, 4 - 6 + 20], [2 + 2 + 10, 8 + 5 + 20]]
    assert link.feedback(s, link.weight).tolist() == [[1 - 8, 2 - 10, 3 - 12], [3, 6, 9]]
    synapses, offsets = torch.empty(2, 3, dtype=F64), torch.ones(2, dtype=F64)
    link.hebbian(r, s, synapses)
    assert synapses.tolist() == [[1 + 6, 0 + 3, -1], [-2, 0, 2]]
    link.hebbian_bias(s, offsets, scale=0.5, beta=1.0)
    assert offsets.tolist() == [1 + 0.5 * 4, 1 + 0.5 * -2]
