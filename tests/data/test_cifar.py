"""CIFAR's binary version: records of label bytes and planes of red, green and blue."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from corticalnet import data
from corticalnet.errors import DataError

TEN = "cifar-10-batches-bin/"
HUNDRED = "cifar-100-binary/"
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def record(*labels: int, image: np.ndarray) -> bytes:
    return bytes(labels) + image.tobytes()


@pytest.fixture
def ten(make):
    """Members of CIFAR-10's archive with 4 images a batch, and the arrays in them."""
    images, labels = make.pictures(24, (3, 32, 32), 10, seed=3)
    parts = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    members = {}
    for part, name in enumerate(parts):
        rows = range(4 * part, 4 * part + 4)
        members[TEN + name] = b"".join(record(labels[i], image=images[i]) for i in rows)
    members[TEN + "batches.meta.txt"] = ("\n".join(NAMES) + "\n\n").encode()
    return members, images, labels


def load_ten(folder, make, members):
    (folder / "cifar-10-binary.tar.gz").write_bytes(make.tar(members))
    return data.load("cifar10", folder=folder, validation=0)


def test_cifar10_comes_back(tmp_path, make, ten, find):
    members, images, labels = ten
    loaded = load_ten(tmp_path, make, members)
    assert loaded.classes == NAMES
    assert sorted(find(images, labels, loaded.train)) == list(range(20))
    assert sorted(find(images, labels, loaded.test)) == list(range(20, 24))


def test_cifar100_uses_the_fine_label(tmp_path, make):
    red = np.zeros((3, 32, 32), np.uint8)
    red[0] = 255
    names = [f"thing_{i}" for i in range(100)]
    members = {
        HUNDRED + "train.bin": record(3, 99, image=red) + record(4, 98, image=255 - red),
        HUNDRED + "test.bin": record(19, 7, image=red),
        HUNDRED + "fine_label_names.txt": "\n".join(names).encode(),
        HUNDRED + "coarse_label_names.txt": b"ignored",
    }
    (tmp_path / "cifar-100-binary.tar.gz").write_bytes(make.tar(members))
    loaded = data.load("cifar100", folder=tmp_path, validation=0)
    assert loaded.classes == tuple(names)
    assert sorted(loaded.train.labels.tolist()) == [98, 99]
    assert loaded.test.labels.tolist() == [7]
    x, _ = loaded.test.batch(slice(None))
    assert x.mean(dim=(0, 2, 3)).tolist() == [1, 0, 0]  # red is the first plane


@pytest.mark.parametrize("keep", [0, 1, 10, 100, 0.3, 0.7, -9, -8, -1])
def test_truncated_archive(tmp_path, make, ten, keep):
    content = make.tar(ten[0])
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    with pytest.raises(DataError, match=r"cifar-10-binary.tar.gz"):
        data.load("cifar10", folder=tmp_path)


def test_flipped_bits(tmp_path, make, ten):
    content = make.tar(ten[0])
    path = tmp_path / "cifar-10-binary.tar.gz"
    for place in np.random.default_rng(0).integers(10, len(content), 25):
        # Past the name in the header every bit counts: data by deflate or CRC, the trailer by itself.
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
        with pytest.raises(DataError, match=r"cifar-10-binary.tar.gz"):
            data.load("cifar10", folder=tmp_path)


@pytest.mark.parametrize("cut", [1, 3072, 3073 * 4])
def test_batch_of_broken_records(tmp_path, make, ten, cut):
    members = dict(ten[0])
    members[TEN + "data_batch_3.bin"] = members[TEN + "data_batch_3.bin"][:-cut]
    with pytest.raises(DataError, match=r"data_batch_3.bin: found \d+ bytes, expected a multiple of 3073"):
        load_ten(tmp_path, make, members)


@pytest.mark.parametrize("name", ["data_batch_5.bin", "test_batch.bin", "batches.meta.txt"])
def test_missing_member(tmp_path, make, ten, name):
    members = dict(ten[0])
    del members[TEN + name]
    with pytest.raises(DataError, match=f"expected the member {TEN}{name}, found none"):
        load_ten(tmp_path, make, members)


def test_label_out_of_range(tmp_path, make, ten):
    members = dict(ten[0])
    members[TEN + "test_batch.bin"] = b"\x0a" + members[TEN + "test_batch.bin"][1:]
    with pytest.raises(DataError, match=r"test_batch.bin: found label 10, expected labels from 0 to 9"):
        load_ten(tmp_path, make, members)


def test_wrong_number_of_names(tmp_path, make, ten):
    members = dict(ten[0]) | {TEN + "batches.meta.txt": b"airplane\n"}
    with pytest.raises(DataError, match=r"batches.meta.txt: found 1 class names, expected 10"):
        load_ten(tmp_path, make, members)


class Bomb:
    """Unpickling this would create a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_strange_members_are_ignored_and_pickles_never_opened(tmp_path, make, ten):
    sign = tmp_path / "exploded"
    bomb = pickle.dumps(Bomb(str(sign)))
    strange = {"../escaped": b"x", str(tmp_path / "absolute"): b"x", TEN + "data_batch_1": bomb}
    load_ten(tmp_path, make, strange | ten[0])
    with pytest.raises(DataError):
        load_ten(tmp_path, make, dict(ten[0]) | {TEN + "test_batch.bin": bomb})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cifar-10-binary.tar.gz"]
    assert not (tmp_path.parent / "escaped").exists()


def test_links_are_not_followed(tmp_path, make, ten):
    import io
    import tarfile

    members = dict(ten[0])
    test = members.pop(TEN + "test_batch.bin")
    (tmp_path / "outside.bin").write_bytes(test)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo(TEN + "test_batch.bin")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "outside.bin")
        tar.addfile(link)
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match=r"test_batch.bin is no regular file"):
        data.load("cifar10", folder=tmp_path)
