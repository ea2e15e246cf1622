"""Links between areas: dense, convolutional, locally connected; and relays."""

from corticalnet.links.dense import Dense, Relay
from corticalnet.links.link import Link
from corticalnet.links.spatial import Convolution, Local

__all__ = ["Convolution", "Dense", "Link", "Local", "Relay"]
