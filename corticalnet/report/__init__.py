"""Reports: one self-contained page of a run, or of several side by side.

write([Path("runs/zil_mlp-z-il-digits-seed0")])     runs/zil_mlp-z-il-digits-seed0/report.html
write([Path("runs/a"), Path("runs/b")])             comparison.html

Nothing is executed: a page is made of what the folders say. Each kind of results is a file here that
registers itself.
"""

from corticalnet.report import audit, autonomy, seeds, simulation, training, validation
from corticalnet.report.kinds import KINDS, Kind, kinds_of, register
from corticalnet.report.page import Page
from corticalnet.report.writing import page_of, write

__all__ = [
    "KINDS",
    "Kind",
    "Page",
    "audit",
    "autonomy",
    "kinds_of",
    "page_of",
    "register",
    "seeds",
    "simulation",
    "training",
    "validation",
    "write",
]
