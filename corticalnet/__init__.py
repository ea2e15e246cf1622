"""Neural simulation toolkit with explicit neuron populations: how could cortex assign credit?

Public names are listed in ``__init__.pyi``. Each is imported when it is asked for: who trains a network
does not wait for what reads and draws recordings.
"""

import lazy_loader

from corticalnet.about import FOLDER, VERSION

__getattr__, __dir__, _names = lazy_loader.attach_stub(__name__, __file__)
# Rooms are attributes, too, but no public names: `from corticalnet import *` takes what they hold.
_rooms = {path.stem for path in FOLDER.iterdir()}
__all__ = [name for name in _names if name not in _rooms]
__version__ = VERSION
