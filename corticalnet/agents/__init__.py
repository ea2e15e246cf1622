"""Agents: networks that learn to act in a task, with memory, from reward that comes late.

>>> from corticalnet.agents import AuGMEnT, learn
>>> from corticalnet.tasks import Classification
>>> herd = AuGMEnT(inputs=3, actions=3, animals=2, seed=0)
>>> history = learn(herd, Classification([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [2, 0, 1]), progress=False)
>>> bool(history.trials_to_criterion.notnull().all())
True
"""

from corticalnet.agents.augment import AuGMEnT
from corticalnet.agents.herd import Herd
from corticalnet.agents.learning import learn
from corticalnet.agents.watching import passes, watch

__all__ = ["AuGMEnT", "Herd", "learn", "passes", "watch"]
