"""The built-in data sets, found by name: one description each.

A new set is an entry here and a function that reads it. The checksums are those that torchvision, TensorFlow
Datasets or the sets' own pages publish.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from corticalnet.checks import shown
from corticalnet.data import cifar, digits, files, idx, image_folder, svhn, tiny_imagenet
from corticalnet.data.description import Archive, Dataset
from corticalnet.errors import DataError, unknown

_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_HOUSE_NUMBERS = "http://ufldl.stanford.edu/housenumbers/"
_STANFORD = "http://cs231n.stanford.edu/"
_TORONTO = "https://www.cs.toronto.edu/~kriz/"

_TEN_DIGITS = tuple(str(digit) for digit in range(10))
_CLOTHES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def _archive(base: str, name: str, size: int, md5: str, *also: str) -> Archive:
    return Archive(name, base + name, size, md5, also)


_SETS = (
    Dataset(
        name="digits",
        title="Optical recognition of handwritten digits, 8×8",
        shape=digits.SHAPE,
        classes=10,
        images="1438 training + 359 test (a fixed split: the set has no official one)",
        licence="CC BY 4.0",
        citation="E. Alpaydin and C. Kaynak, UCI Machine Learning Repository (1998), doi:10.24432/C50P49",
        source="https://archive.ics.uci.edu/dataset/80",
        read=digits.read,
        scale=16.0,
        where=digits.folder(),
    ),
    Dataset(
        name="fashion-mnist",
        title="Fashion-MNIST: Zalando's article images, 28×28",
        shape=(1, 28, 28),
        classes=10,
        images="60000 training + 10000 test",
        licence="MIT",
        citation="H. Xiao, K. Rasul and R. Vollgraf (2017), arXiv:1708.07747",
        source="https://github.com/zalandoresearch/fashion-mnist",
        read=partial(idx.read, classes=_CLOTHES),
        # The second checksum is that of Debian's dataset-fashion-mnist, which compresses the files
        # anew; unpacked they have the published md5 (training images f4a8712d7a061bf5bd6d2ca38dc4d50a,
        # labels 9018921c3c673c538a1fc5bad174d6f9; test images 8181f5470baa50b63fa0f6fddb340f0a, labels
        # 15d484375f8d13e6eb1aabb0c3f46965).
        archives=(
            _archive(
                _FASHION,
                idx.FILES[0],
                26_421_880,
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "cf8536b0aa1a6ac5fa3f23001093305c",
            ),
            _archive(
                _FASHION,
                idx.FILES[1],
                29_515,
                "25c81989df183df01b3e8a0aad5dffbe",
                "10bea18fdb374794d4bb42e356e600c9",
            ),
            _archive(
                _FASHION,
                idx.FILES[2],
                4_422_102,
                "bef4ecab320f06d8554ea6380940ec79",
                "f78720b4224f21cce2f2ccf2d7a94c9a",
            ),
            _archive(
                _FASHION,
                idx.FILES[3],
                5_148,
                "bb300cfdad3c16e7a12a480ee83cd310",
                "0d30e22e447f3c33dab9ed536400ac01",
            ),
        ),
        places=("/usr/share/datasets/fashion-mnist",),
        package="dataset-fashion-mnist",
        download="31 MB",
    ),
    Dataset(
        name="mnist",
        title="MNIST handwritten digits, 28×28",
        shape=(1, 28, 28),
        classes=10,
        images="60000 training + 10000 test",
        licence="CC BY-SA 3.0",
        citation="Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Proc. IEEE 86 (1998), doi:10.1109/5.726791",
        source="http://yann.lecun.com/exdb/mnist/",
        read=partial(idx.read, classes=_TEN_DIGITS),
        archives=(
            _archive(_MNIST, idx.FILES[0], 9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
            _archive(_MNIST, idx.FILES[1], 28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
            _archive(_MNIST, idx.FILES[2], 1_648_877, "9fb629c4189551a2d022fa330f9573f3"),
            _archive(_MNIST, idx.FILES[3], 4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
        ),
        download="12 MB",
    ),
    Dataset(
        name="svhn",
        title="Street View House Numbers, cropped digits, 32×32",
        shape=(3, 32, 32),
        classes=10,
        images="73257 training + 26032 test",
        licence="for non-commercial use",
        citation="Y. Netzer et al., NIPS Workshop on Deep Learning and Unsupervised Feature Learning (2011)",
        source=_HOUSE_NUMBERS,
        read=svhn.read,
        archives=(
            _archive(_HOUSE_NUMBERS, svhn.TRAIN, 182_040_794, "e26dedcc434d2e4c54c9b2d4a06d8373"),
            _archive(_HOUSE_NUMBERS, svhn.TEST, 64_275_384, "eb5a983be6a315427106f1b164d9cef3"),
        ),
        download="246 MB",
    ),
    Dataset(
        name="cifar10",
        title="CIFAR-10, 32×32 in colour",
        shape=cifar.SHAPE,
        classes=10,
        images="50000 training + 10000 test",
        licence="none stated; cite the report",
        citation="A. Krizhevsky, Learning multiple layers of features from tiny images (2009)",
        source=_TORONTO + "cifar.html",
        read=partial(cifar.read, layout=cifar.CIFAR10),
        archives=(
            _archive(_TORONTO, cifar.CIFAR10.archive, 170_052_171, "c32a1d4ab5d03f1284b67883e8d87530"),
        ),
        download="170 MB",
    ),
    Dataset(
        name="cifar100",
        title="CIFAR-100 with its 100 fine classes, 32×32 in colour",
        shape=cifar.SHAPE,
        classes=100,
        images="50000 training + 10000 test",
        licence="none stated; cite the report",
        citation="A. Krizhevsky, Learning multiple layers of features from tiny images (2009)",
        source=_TORONTO + "cifar.html",
        read=partial(cifar.read, layout=cifar.CIFAR100),
        archives=(
            _archive(_TORONTO, cifar.CIFAR100.archive, 168_513_733, "03b5dce01913d631647c71ecec9e9cb8"),
        ),
        download="169 MB",
    ),
    Dataset(
        name="tiny-imagenet",
        title="Tiny ImageNet, 64×64 in colour",
        shape=tiny_imagenet.SHAPE,
        classes=tiny_imagenet.CLASSES,
        images="100000 training + 10000 test (the challenge's validation images)",
        licence="ImageNet's terms of access: for non-commercial research",
        citation="Y. Le and X. Yang, Tiny ImageNet visual recognition challenge, Stanford CS 231N (2015)",
        source=_STANFORD,
        read=tiny_imagenet.read,
        archives=(
            _archive(_STANFORD, tiny_imagenet.ARCHIVE, 248_100_043, "90528d7ca1a48142e341f4ef8d21d0de"),
        ),
        download="248 MB",
    ),
)

CATALOGUE = {each.name: each for each in _SETS}
_BUILT_IN = tuple(CATALOGUE)


def names() -> tuple[str, ...]:
    """Return the names of all sets, those registered last (any folder of images is "folder:PATH" besides)."""
    return tuple(CATALOGUE)


def find(name: str) -> Dataset:
    """Return the description of the set called ``name``; raises DataError for an unknown one."""
    if name.startswith(image_folder.PREFIX):
        return image_folder.describe(name)
    if name not in CATALOGUE:
        raise DataError(unknown("data set", name, (*CATALOGUE, "folder:PATH")))
    return CATALOGUE[name]


def register(dataset: Dataset) -> None:
    """Register a data set of your own under its name, for ``load``, ``--data`` and ``corticalnet data``.

    In a model file it is known to every command that runs the file. Registered again, it is replaced.

    Raises:
        DataError: it is no Dataset, or a built-in set has that name.

    >>> from corticalnet.data.description import Dataset
    >>> mine = Dataset("mine", "My images", (1, 2, 2), 2, "4 + 2", "CC0", "me", "", read=lambda folder: None)
    >>> register(mine)
    >>> find("mine").title
    'My images'
    >>> del CATALOGUE["mine"]
    """
    if not isinstance(dataset, Dataset):
        raise DataError(f"data set: register takes a corticalnet.data.Dataset, not {shown(dataset)}")
    if dataset.name in _BUILT_IN:
        raise DataError(f"data set '{dataset.name}' exists already; choose another name")
    CATALOGUE[dataset.name] = dataset


def describe(name: str) -> Dataset:
    """Describe the set called ``name``, with ``where`` it is now (None: nowhere).

    Raises DataError for an unknown name. Touches no network.
    """
    dataset = find(name)
    if not dataset.archives:
        return dataset
    place = files.find(dataset)
    return replace(dataset, where=None if place is None else str(place))
