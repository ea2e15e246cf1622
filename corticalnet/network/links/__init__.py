"""Links between areas: dense, convolutional, locally connected; identities; cuts of links shared in time."""

from corticalnet.network.links.cut import Cut
from corticalnet.network.links.dense import Dense
from corticalnet.network.links.identity import Identity, Relay
from corticalnet.network.links.link import Link
from corticalnet.network.links.spatial import Convolution, Local

__all__ = ["Convolution", "Cut", "Dense", "Identity", "Link", "Local", "Relay"]
