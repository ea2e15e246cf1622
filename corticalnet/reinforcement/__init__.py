"""Reinforcement learning: tasks that reward what is done, and AuGMEnT, which learns what to remember in them.

>>> from corticalnet.reinforcement import AuGMEnT, learn
>>> from corticalnet.reinforcement.tasks import Classification
>>> agent = AuGMEnT(inputs=3, actions=3, batch=2, seed=0)
>>> history = learn(agent, Classification([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [2, 0, 1]), progress=False)
>>> bool(history.trials_to_criterion.notnull().all())
True

An agent stands beside networks and circuits, and is neither: it is NumPy, a batch holds independent
agents, each with weights and random numbers of its own, and reward may come late: synapses are tagged until
then. Networks learn from the reward of one answer by a rule (:class:`~corticalnet.rules.Reward`), and
circuits act in the same :mod:`~corticalnet.reinforcement.tasks` by :class:`~corticalnet.engines.Interaction`.
"""

from corticalnet.reinforcement.agent import Agent
from corticalnet.reinforcement.augment import AuGMEnT
from corticalnet.reinforcement.environments import EnvironmentBatch
from corticalnet.reinforcement.learning import learn
from corticalnet.reinforcement.watching import passes, watch

__all__ = ["Agent", "AuGMEnT", "EnvironmentBatch", "learn", "passes", "watch"]
