"""Links between areas: dense, convolutional, locally connected; relays; cuts of links shared in time."""

from corticalnet.network.links.cut import Cut
from corticalnet.network.links.dense import Dense, Relay
from corticalnet.network.links.link import Link
from corticalnet.network.links.spatial import Convolution, Local

__all__ = ["Convolution", "Cut", "Dense", "Link", "Local", "Relay"]
