"""Data sets: built-in images, loaded whole as uint8 tensors, and your own data, cut into batches by index.

>>> from corticalnet import data
>>> digits = data.load("digits", validation=0.1, seed=0)
>>> digits
Data(digits: 1×8×8, 10 classes; 1294 train, 144 validation, 359 test)
>>> x, y = digits.train.batch(slice(0, 32))
>>> tuple(x.shape), float(x.max()) <= 1
((32, 1, 8, 8), True)

And a stream of steps for recurrent networks: :func:`delayed_xor`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
