"""Record once, replay: the tensor operations of a function, as one flat program on fixed buffers."""

from corticalnet.replay.guard import Guard, Guarded, GuardedDict, GuardedList, GuardedModule, capturable
from corticalnet.replay.program import Program
from corticalnet.replay.recorder import record
from corticalnet.replay.switch import eager, replays

__all__ = [
    "Guard", "Guarded", "GuardedDict", "GuardedList", "GuardedModule", "Program", "capturable", "eager",
    "record", "replays",
]  # fmt: skip
