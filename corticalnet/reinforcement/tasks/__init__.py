"""Tasks for those who learn from reward, with Gymnasium's interface: one agent, or a batch at once.

>>> from corticalnet.reinforcement.tasks import Saccade
>>> task = Saccade()
>>> seen, info = task.reset(seed=0)
>>> seen, reward, terminated, truncated, info = task.step(task.action_space.sample())
>>> seen.tolist()  # the fixation mark of an antisaccade
[0.0, 1.0, 0.0, 0.0]
"""

from corticalnet.reinforcement.tasks.classification import Classification
from corticalnet.reinforcement.tasks.criteria import Criterion, Recent, Streak
from corticalnet.reinforcement.tasks.gymnasium_view import as_gymnasium
from corticalnet.reinforcement.tasks.probabilistic import ProbabilisticClassification
from corticalnet.reinforcement.tasks.random_streams import RandomStreams
from corticalnet.reinforcement.tasks.saccade import Saccade
from corticalnet.reinforcement.tasks.spaces import Box, Discrete
from corticalnet.reinforcement.tasks.task import Task
from corticalnet.reinforcement.tasks.twelve_ax import TwelveAX

__all__ = [
    "Box",
    "Classification",
    "Criterion",
    "Discrete",
    "ProbabilisticClassification",
    "RandomStreams",
    "Recent",
    "Saccade",
    "Streak",
    "Task",
    "TwelveAX",
    "as_gymnasium",
]
