"""Links between areas: dense, convolutional, local, identities; bounds of weights; cuts of links in time."""

from corticalnet.network.links.bounds import Bounds, Dale, KeepSigns, WeightBounds
from corticalnet.network.links.cut import Cut
from corticalnet.network.links.dense import Dense
from corticalnet.network.links.identity import Identity, Relay
from corticalnet.network.links.link import Link
from corticalnet.network.links.spatial import Convolution, Local

__all__ = [
    "Bounds",
    "Convolution",
    "Cut",
    "Dale",
    "Dense",
    "Identity",
    "KeepSigns",
    "Link",
    "Local",
    "Relay",
    "WeightBounds",
]
