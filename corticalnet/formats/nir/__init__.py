"""NIR, the neuromorphic intermediate representation: to Norse, snnTorch and SpikingJelly, and back.

:mod:`.writing` makes a graph of a circuit, in the dialect of one of the :mod:`.readers`; :mod:`.reading`
makes a circuit of a graph, whose stateless nodes are :mod:`.linear` maps.
"""

from corticalnet.formats.nir.reading import from_nir
from corticalnet.formats.nir.writing import to_nir

__all__ = ["from_nir", "to_nir"]
