"""The command line: ``corticalnet COMMAND``. Each command is a file here that registers with ``app``."""

from corticalnet.cli import (
    audit,
    autonomy,
    convert,
    data,
    demo,
    listing,
    report,
    reproduce,
    search,
    simulate,
    train,
    validate,
)
from corticalnet.cli.app import app, main

__all__ = [
    "app",
    "audit",
    "autonomy",
    "convert",
    "data",
    "demo",
    "listing",
    "main",
    "report",
    "reproduce",
    "search",
    "simulate",
    "train",
    "validate",
]
