"""Adopting a torch module: :mod:`.trace` puts its calls down, :mod:`.forward` reads them, :mod:`.layers`
knows what each does here, :mod:`.areas` makes a network of them.
"""

from corticalnet.network.from_torch.areas import from_torch

__all__ = ["from_torch"]
