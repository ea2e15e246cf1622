"""The walk that the documents show is the one that a rule takes, and it is short."""

import re
import sys
from pathlib import Path

import torch

import corticalnet as cn

ROOT = Path(__file__).parents[2]
PACKAGE = Path(cn.__file__).parent


def entered(call):
    """(file, first line, name) of every Python function of the package that a call enters."""
    found = set()

    def look(frame, event, _):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(str(PACKAGE)):
            path = Path(code.co_filename).relative_to(PACKAGE.parent).as_posix()
            found.add((path, code.co_firstlineno, code.co_qualname))

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        call()
    finally:
        sys.setprofile(before)
    return found


def learning(**parameters):
    net, rule = cn.mlp([784, 32, 32, 10], seed=0), cn.rule("z-il", **parameters)
    x, y = torch.rand(8, 784), torch.randint(10, (8,))
    rule.learn(net, x, y)  # the first time there is more to be seen to
    return entered(lambda: rule.learn(net, x, y))


def links(document, heading):
    """Files of the package that a section links to, in order."""
    section = (ROOT / document).read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return list(dict.fromkeys(re.findall(r"\]\((?:\.\./)*(corticalnet/[\w/]+\.py)\)", section)))


def test_a_rule_learns_in_few_functions_and_the_list_of_its_files_is_true():
    functions = learning()
    assert len(functions) <= 34, sorted(functions)
    shown = links("docs/how_to/rule.md", "What runs when a rule learns")
    assert len(shown) == len(set(shown))
    assert set(shown) == {path for path, *_ in functions}
    assert len(shown) <= 15


def test_the_walk_of_the_readme_is_executed():
    ways = {path for path, *_ in learning()}, {path for path, *_ in learning(simulate=True)}
    shown = links("README.md", "The walk")
    network = [path for path in shown if path.split("/")[1] in ("rules", "network")]
    cells = "corticalnet/rules/predictive_coding/inference.py"
    assert [path for path in network if path != cells] == [path for path in network if path in ways[0]]
    assert cells in ways[1] - ways[0]
    assert cells in network
    assert "corticalnet/network/links/dense.py" in network
