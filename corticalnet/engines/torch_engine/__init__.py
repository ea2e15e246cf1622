"""The torch engine: batches of samples that share their weights, on a CPU or GPU."""

from corticalnet.engines.torch_engine.engine import TorchEngine

__all__ = ["TorchEngine"]
