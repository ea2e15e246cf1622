"""Recording any function of tensors: the program does what the function does."""

import torch

from corticalnet.replay import record
from tests.networks import F64


def test_states_are_changed_where_they_lie():
    """A leaky integrator, x ← x + (u − x) / 4, from 0 to 1 − 0.75⁴."""
    state = torch.zeros(3, dtype=F64)
    _, program = record(lambda u: state.copy_(state + 0.25 * (u - state)), [torch.ones(3, dtype=F64)])
    for _ in range(3):
        program(torch.ones(3, dtype=F64))
    assert torch.allclose(state, torch.full_like(state, 1 - 0.75**4), atol=1e-15)


def test_what_was_computed_twice_is_computed_once():
    weights = torch.rand(3, 3)
    _, program = record(lambda x: (x @ weights).tanh() + (x @ weights).sigmoid(), [torch.rand(2, 3)])
    assert program.source.count("out=") + program.source.count("return") <= program.calls + 1
    names = [str(f) for f in program._run.__globals__.values()]
    assert sum("mm" in name for name in names) == 1


def test_views_of_what_was_computed_twice_are_views_of_the_first():
    """And its buffer is not taken again before they have been read."""

    def function(x):
        first, second = x.exp(), x.exp()
        sums = first.sum(1)
        turned = second.t()
        more = (x.tanh() + 1).sigmoid()
        return sums, turned @ more

    x = torch.rand(3, 3, dtype=F64)
    _, program = record(function, [x])
    other = torch.rand(3, 3, dtype=F64)
    assert all(torch.equal(a, b) for a, b in zip(program(other), function(other), strict=True))


def test_a_number_that_is_read_cannot_be_recorded():
    result, why = record(lambda x: x * 2 if x.sum() > 0 else x, [torch.ones(2)])
    assert result.tolist() == [2, 2]
    assert "_local_scalar_dense" in why


def test_what_is_read_after_a_change_is_the_new_number():
    """No common subexpression across a change in place."""
    weights = torch.ones(2, dtype=F64)

    def function(x):
        first = x * weights
        weights.add_(1)
        return first, x * weights

    _, program = record(function, [torch.ones(2, dtype=F64)])
    first, second = program(torch.ones(2, dtype=F64))
    assert first.tolist() == [2, 2]
    assert second.tolist() == [3, 3]


def test_buffers_are_taken_again():
    def deep(x):
        for _ in range(50):
            x = torch.mm(x, x).tanh()
        return x.sum()

    x = torch.rand(20, 20, dtype=F64)
    _, program = record(deep, [x])
    assert program.nbytes <= 3 * x.nbytes
    assert torch.equal(program(x), deep(x))


def test_random_numbers_go_on_as_if_eager():
    def noisy(x):
        unused = torch.rand_like(x)
        return x + torch.randn(3), torch.bernoulli(x), unused.shape

    x = torch.full((3,), 0.5)
    torch.manual_seed(0)
    record_of, program = record(noisy, [x])
    second = program(x)
    torch.manual_seed(0)
    for given in (record_of, second):
        for a, b in zip(given[:2], noisy(x)[:2], strict=True):
            assert torch.equal(a, b)
