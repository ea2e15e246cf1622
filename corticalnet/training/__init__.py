"""Training: models, settings, the loop, checkpoints that survive anything, and what a run leaves behind.

>>> from corticalnet.training import Model, Settings, train
>>> from corticalnet import mlp
>>> model = Model(mlp([64, 16, 10], hidden="relu"), "backprop", Settings(epochs=20, lr=0.3))
>>> result = train(model, progress=False)
>>> result.last_test_accuracy > 0.5
True
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
