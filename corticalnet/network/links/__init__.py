"""Links between areas: dense, convolutional, locally connected; and relays."""

from corticalnet.network.links.dense import Dense, Relay
from corticalnet.network.links.link import Link
from corticalnet.network.links.spatial import Convolution, Local

__all__ = ["Convolution", "Dense", "Link", "Local", "Relay"]
