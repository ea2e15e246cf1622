"""Tasks for those who learn from reward, with Gymnasium's interface: one animal, or a herd at once.

>>> from corticalnet.tasks import Saccade
>>> task = Saccade()
>>> seen, info = task.reset(seed=0)
>>> seen, reward, terminated, truncated, info = task.step(task.action_space.sample())
>>> seen.tolist()  # the fixation mark of an antisaccade
[0.0, 1.0, 0.0, 0.0]

And one for those who are taught at every step: :func:`delayed_xor`, a stream for recurrent networks.
"""

from corticalnet.tasks.chance import Chance
from corticalnet.tasks.classification import Classification
from corticalnet.tasks.criteria import Criterion, Recent, Streak
from corticalnet.tasks.delayed_xor import delayed_xor
from corticalnet.tasks.gymnasium_view import as_gymnasium
from corticalnet.tasks.probabilistic import ProbabilisticClassification
from corticalnet.tasks.saccade import Saccade
from corticalnet.tasks.spaces import Box, Discrete
from corticalnet.tasks.task import Task
from corticalnet.tasks.twelve_ax import TwelveAX

__all__ = [
    "Box",
    "Chance",
    "Classification",
    "Criterion",
    "Discrete",
    "ProbabilisticClassification",
    "Recent",
    "Saccade",
    "Streak",
    "Task",
    "TwelveAX",
    "as_gymnasium",
    "delayed_xor",
]
