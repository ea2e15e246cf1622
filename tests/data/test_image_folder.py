"""A folder of one's own images, grey or in colour, cut in two or not."""

from __future__ import annotations

import os

import numpy as np
import pytest

from corticalnet import data
from corticalnet.errors import DataError


def write(folder, make, names, shape=(5, 4), seed=0, kind="PNG"):
    """Write a random image per name (CLASS/FILE) and return {name: array}."""
    generator = np.random.default_rng(seed)
    images = {name: generator.integers(0, 256, shape, dtype=np.uint8) for name in names}
    for name, image in images.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(make.image(image, kind))
    return images


def load(folder, **settings):
    return data.load(f"folder:{folder}", **{"validation": 0} | settings)


def test_train_and_test(tmp_path, make, find):
    train = write(tmp_path / "train", make, ["dog/b.png", "dog/a.png", "cat/z.PNG"])
    test = write(tmp_path / "test", make, ["dog/q.png"], seed=1)
    (tmp_path / "train" / ".hidden").mkdir()
    (tmp_path / "train" / "cat" / "notes.txt").write_text("no image")
    loaded = load(tmp_path)
    assert loaded.classes == ("cat", "dog")
    assert loaded.shape == (1, 5, 4)
    images = np.stack(list(train.values()))[:, None]
    assert sorted(find(images, np.array([1, 1, 0]), loaded.train)) == [0, 1, 2]
    assert find(np.stack(list(test.values()))[:, None], np.array([1]), loaded.test) == [0]


def test_undivided_folder_holds_out_the_same_fifth_for_every_seed(tmp_path, make, find):
    images = write(tmp_path, make, [f"{name}/{i}.png" for name in "ab" for i in range(10)])
    stack, labels = np.stack(list(images.values()))[:, None], np.repeat([0, 1], 10)
    splits = [load(tmp_path, seed=seed, validation=4) for seed in (0, 1)]
    tests = [find(stack, labels, loaded.test) for loaded in splits]
    assert len(tests[0]) == 4
    assert tests[0] == tests[1]
    for loaded in splits:
        rest = find(stack, labels, loaded.train) + find(stack, labels, loaded.validation)
        assert sorted(rest + tests[0]) == list(range(20))


def test_colour_is_channels_first(tmp_path, make, find):
    images = write(tmp_path, make, ["a/0.png", "b/0.png"], shape=(4, 6, 3))
    loaded = load(tmp_path)
    assert loaded.shape == (3, 4, 6)
    stack = np.stack(list(images.values())).transpose(0, 3, 1, 2)
    assert find(stack, np.array([0, 1]), loaded.train) + find(stack, np.array([0, 1]), loaded.test)


def test_grey_among_colour_is_repeated(tmp_path, make):
    grey = write(tmp_path / "train", make, ["a/0.png"])["a/0.png"]
    write(tmp_path / "test", make, ["a/0.png"], shape=(5, 4, 3))
    image = load(tmp_path).train.images[0].numpy()
    assert image.shape == (3, 5, 4)
    assert all((channel == grey).all() for channel in image)


def test_jpegs_are_read(tmp_path, make):
    image = np.full((8, 8), 77, np.uint8)
    for name in ("0.jpg", "1.JPEG"):
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / "a" / name).write_bytes(make.image(image, "JPEG"))
    assert (load(tmp_path).train.images.int() - 77).abs().max() < 2


def test_palette_with_transparency(tmp_path):
    from PIL import Image

    picture = Image.new("P", (3, 2), 1)
    picture.putpalette([0, 0, 0, 10, 20, 30])
    (tmp_path / "a").mkdir()
    for name in "01":
        picture.save(tmp_path / "a" / f"{name}.png", transparency=bytes([0, 128]))
    assert load(tmp_path).train.images[0, :, 0, 0].tolist() == [10, 20, 30]


def test_first_odd_size_is_named(tmp_path, make):
    write(tmp_path, make, ["a/0.png", "a/1.png"])
    write(tmp_path, make, ["b/0.png", "b/1.png"], shape=(4, 5))
    with pytest.raises(DataError, match=r"b/0.png: found 5×4 pixels, expected 4×5 as in .*a/0.png"):
        load(tmp_path)


def test_sixteen_bits_are_refused(tmp_path, make):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "0.png").write_bytes(make.image(np.full((4, 4), 1000, np.uint16)))
    with pytest.raises(DataError, match=r"a/0.png: found pixels of mode I;16, expected 8 bits"):
        load(tmp_path)


@pytest.mark.parametrize("keep", [0, 7, 20, 50, -20])
def test_damaged_image(tmp_path, make, keep):
    write(tmp_path, make, ["a/0.png", "a/1.png"], shape=(30, 30))
    path = tmp_path / "a" / "1.png"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"a/1.png: not a sound image file"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "found no class folders"),
        (["train/a/0.png"], "found train/ alone, expected both"),
        (
            ["train/a/0.png", "test/b/0.png"],
            r"test: found the class 'b', expected only classes that train/ has",
        ),
        (["train/a/0.png", "test/0.png"], r"test: found no images"),
        (["a/0.png"], "found 1 image, expected at least 2"),
        (["a/0.txt"], "a: found no images, expected files that end in .png"),
    ],
)
def test_wrong_layout(tmp_path, make, names, message):
    write(tmp_path, make, names)
    with pytest.raises(DataError, match=message):
        load(tmp_path)


def test_flipped_pixel_bits(tmp_path, make):
    write(tmp_path, make, ["a/0.png", "a/1.png"], shape=(30, 30))
    path = tmp_path / "a" / "0.png"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"a/0.png: not a sound image file"):
        load(tmp_path)


def test_no_such_folder(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: found no folder of images there"):
        load(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"names its folder already"):
        data.load(f"folder:{tmp_path}", folder=tmp_path)


def test_describe(tmp_path, make):
    write(tmp_path, make, ["train/a/0.png", "train/b/0.png", "test/a/0.png"])
    about = data.describe(f"folder:{tmp_path}")
    assert (about.shape, about.classes, about.images) == ((1, 5, 4), 2, "2 training + 1 test")
    assert about.available
    assert data.fetch(f"folder:{tmp_path}") == tmp_path


@pytest.mark.parametrize("name", ["a/0.png", "b"])
def test_a_link_to_nothing_is_missed(tmp_path, make, name):
    write(tmp_path, make, ["a/1.png", "a/2.png", "b/0.png"] if name != "b" else ["a/1.png", "a/2.png"])
    (tmp_path / name).symlink_to("gone")
    with pytest.raises(DataError, match=f"{name}: found a link to nothing"):
        load(tmp_path)


def test_what_is_named_like_an_image_and_is_none_is_missed(tmp_path, make):
    write(tmp_path, make, ["a/1.png", "b/0.png"])
    os.mkfifo(tmp_path / "a" / "0.png")
    with pytest.raises(DataError, match=r"a/0.png: found no regular file"):
        load(tmp_path)


def test_hidden_files_beside_images_are_no_images(tmp_path, make):
    write(tmp_path, make, ["a/0.png", "a/1.png", "b/0.png", "b/1.png"])
    before = data.describe(f"folder:{tmp_path}").images
    (tmp_path / "a" / "._0.png").write_bytes(b"Mac OS X")
    assert data.describe(f"folder:{tmp_path}").images == before
    load(tmp_path)
