"""Tiny ImageNet's zip: 200 classes sorted by WordNet id, grey images made three channels, arrays kept."""

from __future__ import annotations

import numpy as np
import pytest

from corticalnet import data
from corticalnet.data import keep, tiny_imagenet
from corticalnet.data.description import Arrays, Pictures
from corticalnet.errors import DataError

ROOT = "tiny-imagenet-200/"
# Descending here and in the archive: only sorting can bring them to order.
WNIDS = [f"n{10_000_000 + 7 * i}" for i in reversed(range(200))]
ARCHIVE = "tiny-imagenet-200.zip"


def flat(make, *colour: int, size: int = 64) -> bytes:
    """A JPEG of one colour (or grey), which JPEG keeps to within a few levels."""
    array = (
        np.full((size, size, 3), colour, np.uint8) if len(colour) == 3 else np.full((size,) * 2, colour[0])
    )
    return make.image(array.astype(np.uint8), "JPEG")


@pytest.fixture
def members(make):
    """One training image a class, whose red is the place of its class in sorted order; three test images."""
    words = [f"{wnid}\tthing {i}, a long name" for i, wnid in enumerate(sorted(WNIDS))]
    words[1] = words[1].replace("thing 1,", "thing 0,")
    found = {
        ROOT + "wnids.txt": "\n".join(WNIDS).encode(),
        ROOT + "words.txt": "\n".join([*words, "n00001740\tentity"]).encode(),
        ROOT + "val/val_annotations.txt": "".join(
            f"val_{i}.JPEG\t{wnid}\t0\t0\t9\t9\n" for i, wnid in enumerate((WNIDS[-1], WNIDS[0], WNIDS[-6]))
        ).encode(),
        ROOT + "train/../../../escaped.JPEG": b"never read",
    }
    for wnid in WNIDS:
        place = sorted(WNIDS).index(wnid)
        found[f"{ROOT}train/{wnid}/images/{wnid}_0.JPEG"] = flat(make, place, 100, 50)
        found[f"{ROOT}train/{wnid}/{wnid}_boxes.txt"] = b"ignored"
    for i in range(3):
        found[f"{ROOT}val/images/val_{i}.JPEG"] = flat(make, 40 * i)
    return found


def write(tmp_path, make, members):
    (tmp_path / ARCHIVE).write_bytes(make.zip(members))
    return tmp_path


def load(folder):
    return data.load("tiny-imagenet", folder=folder, validation=0)


def test_comes_back(tmp_path, make, members):
    loaded = load(write(tmp_path, make, members))
    train = loaded.train.images.double().mean(dim=(2, 3))
    assert loaded.train.images.shape == (200, 3, 64, 64)
    assert sorted(loaded.train.labels.tolist()) == list(range(200))
    assert (train[:, 0] - loaded.train.labels).abs().max() < 4
    assert (train[:, 1] - 100).abs().max() < 4
    test = dict(zip(loaded.test.labels.tolist(), loaded.test.images, strict=True))
    assert set(test) == {0, 199, 5}
    for label, grey in ((0, 0), (199, 40), (5, 80)):
        assert test[label].shape == (3, 64, 64)
        assert (test[label].double() - grey).abs().max() < 2
    assert len(loaded.classes) == 200
    assert loaded.classes[7] == "thing 7"
    assert loaded.classes[:2] == ("thing 0, a long name", "thing 0, a long name")
    assert not list(tmp_path.parent.rglob("escaped*"))


def test_the_second_load_reads_what_the_first_kept(tmp_path, make, members, monkeypatch):
    first = load(write(tmp_path, make, members))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["tiny-imagenet-200.decoded.npz", ARCHIVE]
    monkeypatch.setattr(tiny_imagenet, "_read_zip", lambda *_: pytest.fail("decoded again"))
    second = load(tmp_path)
    assert second.classes == first.classes
    for split in ("train", "test"):
        assert getattr(second, split).images.equal(getattr(first, split).images)
        assert getattr(second, split).labels.equal(getattr(first, split).labels)


def test_a_changed_archive_is_read_again(tmp_path, make, members):
    load(write(tmp_path, make, members))
    members[ROOT + "val/images/val_0.JPEG"] = flat(make, 200)
    loaded = load(write(tmp_path, make, members))
    assert (loaded.test.images[loaded.test.labels == 0].double() - 200).abs().max() < 2


@pytest.mark.parametrize("change", ["truncated", "flipped", "pickle", "empty"])
def test_a_damaged_kept_file_is_made_anew(tmp_path, make, members, change):
    first = load(write(tmp_path, make, members))
    kept = tmp_path / "tiny-imagenet-200.decoded.npz"
    content = kept.read_bytes()
    middle = len(content) // 2
    damaged = {
        "truncated": content[:middle],
        "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "pickle": b"\x80\x04N.",
        "empty": b"",
    }
    kept.write_bytes(damaged[change])
    assert load(tmp_path).train.images.equal(first.train.images)
    assert len(kept.read_bytes()) == len(content)


@pytest.mark.parametrize("change", ["image", "label", "class", "archive", "deflated", "honest but odd"])
def test_a_kept_file_that_is_whole_but_not_what_was_kept_is_made_anew(tmp_path, make, members, change):
    first = load(write(tmp_path, make, members))
    kept = tmp_path / "tiny-imagenet-200.decoded.npz"
    with np.load(kept) as content:
        arrays = dict(content)
    if change == "image":
        arrays["train_images"][3, 0, 5, 5] ^= 1
    elif change == "label":
        arrays["test_labels"] = arrays["test_labels"][::-1]
    elif change == "class":
        arrays["classes"][4] = "other"
    elif change == "archive":
        arrays["archive"] = np.array("0" * 32)
    elif change == "honest but odd":  # its digest is right, and no reader would have kept it
        arrays["test_labels"][0] = 200
        parts = [Pictures(arrays[f"{part}_images"], arrays[f"{part}_labels"]) for part in ("train", "test")]
        arrays["content"] = np.array(keep._content(Arrays(*parts, tuple(map(str, arrays["classes"])))))
    (np.savez_compressed if change == "deflated" else np.savez)(kept, **arrays)
    changed = kept.read_bytes()
    found = load(tmp_path)
    assert found.content == first.content
    assert found.classes == first.classes
    assert kept.read_bytes() != changed


def test_a_folder_that_cannot_be_written_to_only_warns(tmp_path, make, members, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.warns(UserWarning, match=r"not kept.*cannot write .*decoded.npz: Permission denied"):
        load(write(tmp_path, make, members))


def test_nothing_half_kept(tmp_path, make, members, monkeypatch):
    def full(file, **_: object) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("corticalnet.data.keep.np.savez", full)
    with pytest.warns(UserWarning, match="No space left"):
        load(write(tmp_path, make, members))
    assert [file.name for file in tmp_path.iterdir()] == [ARCHIVE]


@pytest.mark.parametrize("left", [0, 1, 10, 0.5, -23, -1])
def test_truncated_zip(tmp_path, make, members, left):
    content = make.zip(members)
    (tmp_path / ARCHIVE).write_bytes(content[: int(left * len(content)) if isinstance(left, float) else left])
    with pytest.raises(DataError, match=r"tiny-imagenet-200.zip: not a sound zip file"):
        load(tmp_path)


def test_damaged_member(tmp_path, make, members):
    content = make.zip(members)
    image = members[f"{ROOT}train/{WNIDS[5]}/images/{WNIDS[5]}_0.JPEG"]
    middle = content.index(image) + len(image) // 2
    (tmp_path / ARCHIVE).write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    with pytest.raises(DataError, match=rf"{WNIDS[5]}_0.JPEG: not a sound zip member.*CRC"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("wnids.txt", b"n00000001\n", r"wnids.txt: found 1 classes, expected 200"),
        ("words.txt", b"n00001740\tentity", rf"words.txt: expected a line for {WNIDS[-1]}"),
        ("val/val_annotations.txt", b"val_0.JPEG\tn999\t0", r"val_0.JPEG is of class n999, expected one"),
        ("val/val_annotations.txt", b"val_7.JPEG\t" + WNIDS[0].encode(), r"member .*val_7.JPEG, found none"),
        ("val/val_annotations.txt", b"val_0.JPEG n999", r"found the line 'val_0.JPEG n999', expected"),
        ("val/val_annotations.txt", b"", r"found no images"),
        ("val/images/val_1.JPEG", b"not a picture", r"val_1.JPEG: not a sound image file"),
        (
            "train/n77/images/n77_0.JPEG",
            b"",
            r"n77_0.JPEG is of class n77, expected one that wnids.txt lists",
        ),
    ],
)
def test_wrong_content(tmp_path, make, members, name, content, message):
    with pytest.raises(DataError, match=message):
        load(write(tmp_path, make, members | {ROOT + name: content}))


def test_wrong_size(tmp_path, make, members):
    odd = {ROOT + "val/images/val_2.JPEG": flat(make, 1, size=63)}
    with pytest.raises(DataError, match=r"val_2.JPEG: found an image of 63×63 pixels, expected 64×64"):
        load(write(tmp_path, make, members | odd))


def test_oversized_member(tmp_path, make, members, monkeypatch):
    monkeypatch.setattr(tiny_imagenet, "_LARGEST", 100)
    with pytest.raises(DataError, match=r"has \d+ bytes, expected at most 100"):
        load(write(tmp_path, make, members))
