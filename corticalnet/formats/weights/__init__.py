"""Weights of other libraries of predictive coding, as a network here: PCX, jpc, PRECO.

Each reader takes what its library keeps (files, arrays, live layers) and says what its layers compute, as
:class:`.layers.Layers`; those become a network, or fill one that is given. None of the libraries is needed.
"""

from corticalnet.formats.weights.jpc import from_jpc
from corticalnet.formats.weights.pcx import from_pcx
from corticalnet.formats.weights.preco import from_preco

__all__ = ["from_jpc", "from_pcx", "from_preco"]
