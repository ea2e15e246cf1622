"""What a document shows is compared with what its blocks print."""

import pytest

from tests.documentation import outputs

PAGE = """# A page

```python
print("loss", 0.5)
```

```text
loss 0.5
```

```python
from pathlib import Path

Path("drawn.png").write_bytes(b"new")
print(1, "of", 3)
```

Words between: this is no output.

```text
nothing
```

```bash
corticalnet --version
```

```text
corticalnet ...
```

![drawn](figures/drawn.png)
"""


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("a  b\nc", "a b c"),
        ("loss 0.52", "loss 0.53"),
        ("97.8 %", "96.5 %"),
        ("3.5e-17", "1.1e-16"),
        ("[0.25 -0.00]", "[0.26 0.00]"),
        ("first ...", "first and last"),
        ("a ... c ... e", "a b c d e"),
        ("...", ""),
    ],
)
def test_what_differs_by_rounding_or_is_left_out_agrees(shown, printed):
    assert outputs.agree(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("a b", "a c"),
        ("a b", "a"),
        ("12 steps", "13 steps"),
        ("loss 0.52", "loss 0.56"),
        ("accuracy 0.93", "accuracy 0.95"),
        ("[1.71 0.79 0.67]", "[1.71 1.01 0.75]"),
        ("3.5e-17", "3.5e-03"),
        ("0.00", "0.2"),
        ("-1.5", "1.5"),
        ("area1", "area2"),
        ("first ...", "last"),
        ("a ... c ... e", "a b d e"),
        ("a ... a", "a"),
    ],
)
def test_what_differs_more_does_not_agree(shown, printed):
    assert not outputs.agree(shown, printed)


def test_a_page_is_run_and_its_outputs_and_pictures_are_written_anew(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE.replace("loss 0.5\n", "loss 0.9\n"))
    ran = outputs.run(page, tmp_path)
    assert [block.language for block, *_ in ran] == ["python", "python", "bash"]
    assert [shown.text if shown else None for *_, shown in ran] == ["loss 0.9\n", None, "corticalnet ...\n"]
    outputs.write(page)
    assert page.read_text() == PAGE
    assert (tmp_path / "figures" / "drawn.png").read_bytes() == b"new"


def test_a_command_that_fails_is_an_error(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```bash\ncorticalnet train nothing_of_this_name\n```\n")
    with pytest.raises(RuntimeError, match="nothing_of_this_name"):
        outputs.run(page, tmp_path)


def test_what_is_drawn_without_a_seed_does_not_come_out_again(tmp_path):
    page = tmp_path / "page.md"
    for module, draw in (
        ("torch", "torch.rand(3)"),
        ("random", "random.random()"),
    ):
        page.write_text(f"```python\nimport {module}\nprint({draw})\n```\n\n```text\nnothing yet\n```\n")
        outputs.write(page)
        assert "nothing yet" not in page.read_text()
        ((_, printed, shown),) = outputs.run(page, tmp_path)
        assert not outputs.agree(shown.text, printed)
