"""Your own data: every form that means the same samples gives the same splits; what means none is refused."""

from __future__ import annotations

import functools
import random

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils import data as torchdata

from corticalnet import data
from corticalnet.data import chance
from corticalnet.data.augmentation import Augmentation, name
from corticalnet.errors import CorticalnetError, DataError, SettingError, ShapeError

pytestmark = pytest.mark.own_seed  # seeds and generators are what is tested
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(30, 2, 3)), RNG.integers(0, 3, 30)
NAMES = np.array(["ant", "bee", "cat"])
TX, TY = torch.from_numpy(X), torch.from_numpy(Y)


class Items(torchdata.Dataset):
    """A data set as users write one."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.x[index], self.y[index]


def shown(samples, dtype=torch.float64):
    """All samples and labels of a split, as a run sees them."""
    x, y = samples.batch(slice(None), dtype)
    return x.tolist(), y.tolist()


SAME = {
    "tensors": lambda: (TX, TY),
    "list of two": lambda: [X, Y],
    "lists": lambda: (X.tolist(), Y.tolist()),
    "lists of tensors": lambda: (list(TX), list(TY)),
    "a column of labels": lambda: (X, Y[:, None]),
    "one-hot labels": lambda: (X, np.eye(3)[Y]),
    "labels as floats": lambda: (X, Y.astype(np.float32)),
    "labels in a byte": lambda: (X, Y.astype(np.uint8)),
    "unsigned labels of any length": lambda: (TX, TY.to(torch.uint16)),
    "uint64 labels": lambda: (X, Y.astype(np.uint64)),
    "labels as objects": lambda: (X, Y.astype(object)),
    "other byte order, reversed in memory": lambda: (X[::-1].astype(">f8")[::-1], Y.astype(">i2")),
    "Fortran order, read only": lambda: (np.broadcast_to(np.asfortranarray(X), X.shape), Y),
    "a graph behind it": lambda: (TX.clone().requires_grad_(), TY),
    "TensorDataset": lambda: torchdata.TensorDataset(TX, TY),
    "Dataset": lambda: Items(TX, TY),
    "Dataset of arrays": lambda: Items(X, Y),
    "Subset": lambda: torchdata.Subset(Items(TX, TY), range(30)),
    "list of pairs": lambda: [(x, int(y)) for x, y in zip(X, Y, strict=True)],
    "shuffling loader": lambda: torchdata.DataLoader(Items(TX, TY), 7, shuffle=True),
}


@pytest.mark.parametrize("form", SAME)
def test_every_form_of_the_same_samples_gives_the_same_splits(form):
    wanted, found = data.wrap((X, Y)), data.wrap(SAME[form]())
    assert found.shape == (2, 3)
    assert found.classes == ("0", "1", "2")
    for split in data.SPLITS:
        assert shown(getattr(found, split)) == shown(getattr(wanted, split))


def test_splits_hold_every_sample_once_as_it_is():
    found = data.wrap((X, Y), fraction=0.25, seed=3)
    together = [shown(getattr(found, split)) for split in data.SPLITS]
    assert [len(labels) for _, labels in together] == [18, 6, 6]
    pairs = [(sample, label) for part in together for sample, label in zip(*part, strict=True)]
    assert sorted(pairs) == sorted(zip(X.tolist(), Y.tolist(), strict=True))
    other = data.wrap((X, Y), fraction=0.25, seed=4)
    assert shown(other.test) == shown(found.test)
    assert shown(other.validation) != shown(found.validation)


def test_whole_numbers_are_not_scaled():
    pixels = RNG.integers(0, 256, (10, 4), dtype=np.uint8)
    found = data.wrap((pixels, Y[:10]), test=(pixels, Y[:10]))
    assert shown(found.test)[0] == pixels.tolist()


def test_what_is_given_is_not_held_out():
    found = data.wrap((X[:20], Y[:20]), validation=Items(TX[20:25], TY[20:25]), test=(X[25:], Y[25:]))
    assert shown(found.train) == (X[:20].tolist(), Y[:20].tolist())
    assert shown(found.validation) == (X[20:25].tolist(), Y[20:25].tolist())
    assert shown(found.test) == (X[25:].tolist(), Y[25:].tolist())


def test_a_split_of_a_data_set_can_be_given():
    digits = data.load("digits", limit=20)
    found = data.wrap(digits.train, test=digits.test)
    assert shown(found.test) == shown(digits.test)


@pytest.mark.parametrize(
    "form", [lambda y: NAMES[y], lambda y: list(NAMES[y]), lambda y: NAMES[y].astype(object)]
)
def test_labels_may_be_names(form):
    found = data.wrap((X, form(Y)), test=(X[:4], form(Y[:4])))
    assert found.classes == ("ant", "bee", "cat")
    assert shown(found.test)[1] == Y[:4].tolist()


def test_booleans_are_two_classes():
    found = data.wrap((X, Y > 0), test=(X, torch.from_numpy(Y > 0)))
    assert shown(found.test)[1] == [int(y > 0) for y in Y]
    assert found.classes == ("0", "1")


def test_a_loader_that_does_not_shuffle_keeps_its_order():
    found = data.wrap(torchdata.DataLoader(Items(TX, TY), 7), fraction=0)
    rows = [X.tolist().index(sample) for sample in shown(found.train)[0]]
    assert rows == sorted(rows)
    assert [batch.tolist() for batch in found.train.order(0, 10)] == [
        list(range(10)),
        list(range(10, 20)),
        list(range(20, 24)),
    ]
    assert data.wrap(torchdata.DataLoader(Items(TX, TY), 7, shuffle=True)).train.order(0, 10) is None


def test_a_loader_of_a_subset_reads_that_alone():
    sampler = torchdata.SubsetRandomSampler(range(5, 15))
    found = data.wrap(torchdata.DataLoader(Items(TX, TY), 7, sampler=sampler), fraction=0)
    rows = [X.tolist().index(s) for split in (found.train, found.test) for s in shown(split)[0]]
    assert sorted(rows) == list(range(5, 15))


@pytest.mark.parametrize("own", [None, torch.Generator()])
def test_a_sampler_of_its_own_chooses_each_epoch_the_same_again(own):
    weights = torch.zeros(30)
    weights[[2, 5, 9]] = 1
    sampler = torchdata.WeightedRandomSampler(weights, 40, generator=own)
    loader = torchdata.DataLoader(Items(TX, TY), 16, sampler=sampler)
    with pytest.raises(DataError, match="draws by WeightedRandomSampler, so nothing can be held out"):
        data.wrap(loader)
    found = data.wrap(loader, test=(X, Y), validation=(X, Y)).train
    before = torch.get_rng_state()
    first, other, again = ([batch.tolist() for batch in found.order(seed, 16)] for seed in (1, 2, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert first == again != other
    assert [len(batch) for batch in first] == [16, 16, 8]
    assert {index for batch in first for index in batch} == {2, 5, 9}
    x, y = next(found.draw([torch.tensor(first[0])], torch.float64, 0))
    assert x.tolist() == X[first[0]].tolist()
    assert y.tolist() == Y[first[0]].tolist()


class Noisy(Items):
    """Items that are other ones each time, by every generator there is."""

    own = np.random.default_rng(5)

    def __init__(self, x, y):
        super().__init__(x, y)
        self.torch, self.python = torch.Generator(), random.Random()

    def __getitem__(self, index):
        noise = torch.rand(1) + random.random() + np.random.rand() + self.own.normal()  # noqa: NPY002
        return self.x[index] + noise + torch.rand(1, generator=self.torch) + self.python.random(), self.y[
            index
        ]


def drawn(items, seed, loader=None):
    source = loader or items
    train = data.wrap(source, test=(X, Y), fraction=0).train
    return [x.tolist() for x, _ in train.draw(list(torch.arange(30).split(8)), torch.float64, seed)]


def test_chance_in_items_stays_and_is_repeated():
    Noisy.own = np.random.default_rng()
    first = drawn(Noisy(TX, TY), 1)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    assert drawn(Noisy(TX, TY), 1) != drawn(Noisy(TX, TY), 2)
    noise = [x[0][0] for batch in drawn(Noisy(0 * TX, TY), 1) for x in batch]
    assert len(set(noise)) == len(noise) > 20
    loader = torchdata.DataLoader(Noisy(TX, TY), 8, shuffle=True, num_workers=1)
    assert drawn(None, 1, loader) == first
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


class Endless(torchdata.IterableDataset):
    def __iter__(self):
        return iter(zip(TX, TY, strict=True))


class Unsized(torchdata.Dataset):
    def __getitem__(self, index):
        return TX[index], TY[index]


def loader(items, **settings):
    return torchdata.DataLoader(items, **settings)


REFUSED = {
    "lengths": (lambda: (X, Y[:-1]), "found 30 samples but 29 labels"),
    "empty": (lambda: (X[:0], Y[:0]), "an empty array"),
    "no columns": (lambda: (X[:, :0], Y), "an empty array"),
    "NaN": (lambda: (np.where(X[4, 1, 1] == X, np.nan, X), Y), "1 of 30 samples hold NaN .*, sample 4 first"),
    "infinite": (lambda: (TX / 0, TY), "30 of 30 samples hold NaN or an infinite number"),
    "text": (lambda: (X.astype(str), Y), "values of type <U"),
    "objects": (lambda: (np.full((3, 2), None), [0, 1, 0]), "values of type object"),
    "complex": (lambda: (X + 0j, Y), "values of type complex128"),
    "complex tensor": (lambda: (TX + 0j, TY), "a complex128 tensor"),
    "nested": (lambda: (torch.nested.nested_tensor(list(TX), layout=torch.jagged), TY), "a nested tensor"),
    "numbers that no format holds": (
        lambda: (np.full((3, 2), 10**400, object), [0, 1, 0]),
        "no array|of type",
    ),
    "pictures": (lambda: [(Image.new("L", (4, 4)), k % 3) for k in range(9)], "cannot be made a batch .*PIL"),
    "sparse": (lambda: (TX.to_sparse(), TY), "a sparse_coo tensor"),
    "masked": (lambda: (np.ma.masked_less(X, 0), Y), "masked values"),
    "ragged": (lambda: ([[1, 2], [3]], [0, 1]), "list that is no array"),
    "a number": (lambda: (1.0, 1), "the single number 1.0"),
    "fractional labels": (lambda: (X, Y + 0.5), "the label [0-2].5, expected class labels"),
    "negative labels": (lambda: (X, Y - 1), "the label -1, expected class labels"),
    "labels that are measurements": (lambda: (X, Y + 10**12), r"the label 1e\+12, expected class labels"),
    "NaN labels": (lambda: (X, np.full(30, np.nan)), "a label that is NaN"),
    "soft labels": (lambda: (X, np.full((30, 2), 1)), "one a sample: .* one-hot rows"),
    "names and numbers": (lambda: (X, [0, "a"] * 15), "names and numbers"),
    "missing labels": (lambda: (X, [None] * 30), "labels of the training data: found values of type object"),
    "samples alone": (lambda: X, "found ndarray, expected a pair"),
    "three": (lambda: (X, Y, Y), "found tuple of 3, expected a pair"),
    "two pairs": (lambda: ((X, Y), (X, Y)), "give one of them, and the other as test="),
    "a dictionary": (lambda: {"x": X, "y": Y}, "found dict, expected a pair"),
    "a function": (lambda: (len, Y), "found builtin_function_or_method"),
    "one sample": (lambda: (X[:1], Y[:1]), "found 1 sample; give test="),
    "iterable": (lambda: Endless(), "Endless can only be iterated"),
    "loader of an iterable": (lambda: loader(Endless()), "Endless can only be iterated"),
    "no length": (lambda: Unsized(), "Unsized has no length"),
    "no items": (lambda: Items(TX[:0], TY[:0]), "Items is empty"),
    "no batches": (lambda: loader(Items(TX, TY), batch_size=None), "makes no batches"),
    "items of one": (lambda: torchdata.TensorDataset(TX), "an item is a tuple of 1, expected a pair"),
    "items that are dictionaries": (lambda: Items([{}] * 9, TY), "found dict|cannot be made a batch"),
    "batches of one": (lambda: loader(Items(TX, TY), collate_fn=len), "a batch is a int, expected a pair"),
    "shapes": (lambda: Items([TX[0], TX[0, 0]] * 9, TY), "cannot be made a batch of .*equal size"),
    "items that fail": (lambda: Items(X, Y[:5]), r"item \d+ cannot be read \(IndexError: .*size 5"),
    "a worker's failure": (
        lambda: loader(Items(X, Y[:5]), num_workers=1),
        r"^training data: item \d+ cannot be read \(IndexError: .*size 5\)$",
    ),
    "a sampler out of range": (
        lambda: loader(Items(X, Y), sampler=torchdata.SubsetRandomSampler([1, 2, 40])),
        "item 40 cannot be read",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_data_is_refused_in_a_sentence(what):
    make, message = REFUSED[what]
    with pytest.raises(DataError, match=message) as error:
        data.wrap(make())
    assert "\n" not in str(error.value)


def test_splits_must_be_alike():
    with pytest.raises(DataError, match=r"different shapes, \[2, 3\] \(train\) and \[3\] \(test\)"):
        data.wrap((X, Y), test=(X[:, 0], Y))
    with pytest.raises(DataError, match="names in one split and numbers in another"):
        data.wrap((X, Y), test=(X, NAMES[Y]))


@pytest.mark.slow
def test_content_is_of_samples_and_labels():
    digests = []
    changed = TX.clone()
    changed[7, 0, 0] += 1
    for make in (lambda x, y: (x, y), Items):
        digests.append(
            [
                data.wrap(make(x, y), test=(X, Y)).train.content
                for x, y in ((TX, TY), (changed, TY), (TX, 2 - TY))
            ]
        )
        assert data.wrap(make(TX.clone(), TY), test=(X, Y)).train.content == digests[-1][0]
    assert all(len(set(each)) == 3 for each in digests)


# Augmentation --------------------------------------------------------------------------------


def flip(x):
    return x.flip(-1) if torch.rand(()) < 0.5 else x


HELD = torch.Generator()


@pytest.mark.parametrize(
    "transform",
    [
        lambda x: x + torch.randn_like(x),
        lambda x: x + torch.from_numpy(np.random.normal(size=x.shape)),  # noqa: NPY002
        lambda x: x.numpy() * random.random(),
        lambda x: x.add_(torch.randn(x.shape, generator=HELD)),
        functools.partial(lambda rng, x: x * rng.random(), np.random.default_rng()),
        torch.nn.Dropout(),
    ],
    ids=["torch", "numpy", "random", "held generator", "partial", "module"],
)
def test_a_sample_is_transformed_by_its_place_in_the_epoch_alone(transform):
    augment = Augmentation(transform)
    x = TX.clone()
    torch.manual_seed(1)
    whole = augment(x, seed=7)
    torch.manual_seed(2)
    parts = torch.cat([augment(x[:13], seed=7), augment(x[13:], seed=7, first=13)])
    assert torch.equal(whole, parts)
    assert torch.equal(x, TX)
    assert not torch.equal(whole, augment(x, seed=8))
    augment.check(x, 0)


def test_a_transform_that_counts_cannot_be_resumed():
    calls = iter(range(1000))
    with pytest.raises(DataError, match="made another sample when it was called again"):
        Augmentation(lambda x: x + next(calls)).check(TX, 0)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (lambda x: x[:1], r"shape it is given, \[2, 3\], not \[1, 3\]"),
        (lambda x: x / 0, "NaN or an infinite"),
        (lambda x: 1 / 0, "failed on a training sample .ZeroDivisionError: division by zero"),
        (lambda x: None, "failed on a training sample .DataError"),
        (lambda x: x.to("meta"), "failed on a training sample"),
    ],
)
def test_a_transform_that_makes_no_sample_is_refused(transform, message):
    with pytest.raises(CorticalnetError, match=message):
        Augmentation(transform)(TX, 0)


def test_a_transform_must_be_a_function():
    with pytest.raises(SettingError, match="transform must be a function of one sample, or None, not str"):
        data.wrap((X, Y), transform="flip")


class Shift:
    def __init__(self, by):
        self.by, self.seen = by, []

    def __call__(self, x):
        self.seen.append(x)
        return x + self.by


def test_a_transforms_name_tells_what_it_does():
    def noise(strength):
        return lambda x: x + strength * torch.randn_like(x)

    makers = [lambda: flip, lambda: noise(0.1), lambda: noise(0.2), lambda: Shift(1), lambda: Shift(2)]
    makers += [
        lambda: functools.partial(flip, 1),
        lambda: torch.nn.Dropout(0.1),
        lambda: torch.nn.Dropout(0.2),
    ]
    names = [name(make()) for make in makers]
    assert names == [name(make()) for make in makers]
    assert len(set(names)) == len(names)
    used = Shift(1)
    used(TX)
    assert name(used) == name(Shift(1))


def test_numbers_of_chance_are_these():
    # (a resumed run may be of another day: hashing must not change)
    assert chance.number(0, "item", 3) == 4376287364804188727


def test_a_split_must_be_of_real_numbers():
    with pytest.raises(ShapeError, match="must be real numbers"):
        data.Split(TX + 0j, TY)
