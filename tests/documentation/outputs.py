"""What a document's blocks print is what the document shows, and can be written anew.

    python -m tests.documentation.outputs docs/tutorials/images.md     write outputs and pictures anew

A ```python block is run, in order with all others; of a ```bash block, the lines that begin with
``corticalnet``. A ```text block right after one is what it prints. Shown and printed agree if they are the
same text, however it is broken into lines, where

* ``...`` stands for any text;
* a number with a decimal point or exponent may differ by 2 %, or by one in the last digit that is shown, and
  all numbers below 1e-9 are the same: they are rounding.

A reader's session has drawn other random numbers than ours: a page begins with generators in a state that
depends on its own text, so what was written from draws without a seed does not come out again.

Only outputs that do not agree are written anew. Pictures that a document shows from the folder ``figures``
beside it, ``![…](figures/NAME.png)``, are those that its blocks save as ``NAME.png``.
"""

import contextlib
import io
import os
import random
import re
import shlex
import shutil
import sys
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import torch

from corticalnet.cli import main

RUN = ("python", "bash")
ROUNDING = 1e-9
SLACK = 0.02
NUMBER = re.compile(r"(?<![\w.])([-+−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?![\w])")


@dataclass
class Block:
    """A fenced block: its language, its text, and the numbers of its first and last line of text (from 0)."""

    language: str
    text: str
    start: int
    stop: int


def blocks(path, *languages):
    """The fenced blocks of a document, of these languages ("" for none) or of all."""
    found, inside = [], None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(keepends=True)):
        if line.startswith("```"):
            if inside is None:
                inside = Block(line[3:].strip(), "", number + 1, number + 1)
                continue
            inside.stop = number
            if not languages or inside.language in languages:
                found.append(inside)
            inside = None
        elif inside is not None:
            inside.text += line
    return found


def pictures(path):
    """Names of the pictures that a document shows and its own blocks draw."""
    return re.findall(r"!\[[^\]]*\]\(figures/([\w-]+\.png)\)", path.read_text(encoding="utf-8"))


def run(path, folder):
    """Run a document in a folder: [(block that ran, what it printed, block that shows it or None)]."""
    every = blocks(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    names: dict = {"__name__": "__main__"}
    found = []
    state = zlib.crc32(path.read_bytes())
    torch.manual_seed(state)
    random.seed(state)
    with contextlib.chdir(folder):
        for k, block in enumerate(every):
            if block.language in RUN:
                printed = execute(block, path, names)
                after = every[k + 1] if k + 1 < len(every) else None
                near = after is not None and not "".join(lines[block.stop + 1 : after.start - 1]).strip()
                found.append((block, printed, after if near and after.language == "text" else None))
    return found


def execute(block, path, names):
    """Run a block, and return what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        if block.language == "python":
            # line numbers of a traceback are the document's
            exec(compile("\n" * block.start + block.text, str(path), "exec"), names)
        else:
            for line in block.text.replace("\\\n", "").splitlines():
                if line.startswith("corticalnet "):
                    command(line)
    return printed.getvalue()


def command(line):
    """Run a command line in this process; raise RuntimeError if its exit status is not 0."""
    status = 0
    with contextlib.redirect_stderr(io.StringIO()) as complaints:
        try:
            main(shlex.split(line, comments=True)[1:])
        except SystemExit as end:
            status = end.code
    if status:
        raise RuntimeError(f"{line}: exit status {status}\n{complaints.getvalue()}")


def agree(shown, printed):
    """Whether a document shows what was printed."""
    parts = [_split(part) for part in re.split(r"(?:^|\s)\.\.\.(?=\s|$)", shown)]
    words = _split(printed)
    if len(parts) == 1:
        return _same(parts[0], words)
    first, *middle, last = parts
    if len(words) < len(first) + len(last) or not _same(first, words[: len(first)]):
        return False
    if last and not _same(last, words[-len(last) :]):
        return False
    place, end = len(first), len(words) - len(last)
    for part in middle:
        while place + len(part) <= end and not _same(part, words[place : place + len(part)]):
            place += 1
        if place + len(part) > end:
            return False
        place += len(part)
    return True


def _split(text):
    """Words and numbers."""
    return [piece for word in text.split() for piece in NUMBER.split(word) if piece]


def _same(shown, printed):
    return len(shown) == len(printed) and all(map(_equal, shown, printed))


def _equal(shown, printed):
    if shown == printed:
        return True
    if not (NUMBER.fullmatch(shown) and NUMBER.fullmatch(printed)):
        return False
    a, b = (float(text.replace("−", "-")) for text in (shown, printed))
    if max(abs(a), abs(b)) < ROUNDING:
        return True
    digits, _, power = shown.partition("e")
    if "." not in shown and not power:
        return a == b
    last = 10.0 ** (int(power or 0) - len(digits.partition(".")[2]))
    return abs(a - b) <= max(1.001 * last, SLACK * abs(a))


def write(path):
    """Write outputs and pictures of a document anew."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    with tempfile.TemporaryDirectory() as folder:
        for _, printed, shown in reversed(run(path, folder)):
            if shown is not None and not agree(shown.text, printed):
                kept = "".join(f"{line.rstrip()}\n" for line in printed.rstrip("\n").splitlines())
                lines[shown.start : shown.stop] = [kept]
        for name in pictures(path):
            (path.parent / "figures").mkdir(exist_ok=True)
            shutil.copy(Path(folder, name), path.parent / "figures" / name)
    path.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "Agg")
    for name in sys.argv[1:]:
        write(Path(name).resolve())
