"""The table of all training settings in docs/training.md, from the class that has them.

python -m tests.documentation.settings     write it anew
"""

import inspect
import re
from pathlib import Path

from corticalnet.training import Settings

PAGE = Path("docs/training.md")
PLACE = re.compile(r"(?<=<!-- settings -->\n\n).*?(?=\n\n<!-- end -->)", re.DOTALL)


def table():
    """Each setting with its default, its values and what its docstring says of it."""
    section = inspect.getdoc(Settings).partition("Args:\n")[2].partition("\n\n")[0]
    said = dict(re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE))
    lines = ["| setting | default | what it does |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        words = re.sub(r":mod:`([^`]*)`", r"`\1`", " ".join(said[name].split())).replace("``", "`")
        lines.append(f"| `{name}` | `{field.default}` | {words} |")
    return "\n".join(lines)


def write():
    """Write the table into its page."""
    PAGE.write_text(PLACE.sub(lambda _: table(), PAGE.read_text()))


if __name__ == "__main__":
    write()
