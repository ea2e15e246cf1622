"""The package's source, parsed once for all tests that read it, and not before one of them runs."""

import ast
import functools


@functools.cache
def parsed(path):
    """The syntax tree of a file; nobody changes it."""
    return ast.parse(path.read_text())
