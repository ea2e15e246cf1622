"""A rule whose links tell what passes through them: those of the network, and those of its own.

net, rule = watched(net, rule, told, x, targets)       ``told(link, operation, arrived, result)``
"""

from __future__ import annotations

import copy
from typing import Any

from corticalnet.network import Network
from corticalnet.network.observed import Told, copied, with_links
from corticalnet.rules.base import LearningRule


def watched(
    net: Network, rule: LearningRule, told: Told, x: Any, targets: Any
) -> tuple[Network, LearningRule]:
    """Return copies of a network and a rule that has met it, in which every link reports its operations.

    Args:
        net, rule: not changed.
        told: called at every operation, of the trials before the return too.
        x, targets: of two trials, for a rule may draw weights and links when it meets a network.
    """
    own, rule = with_links(net, told), copy.deepcopy(rule)
    rule.learn(own, x, targets)
    rule = copied(rule, rule.own_links(own), told)
    rule.learn(own, x, targets)
    return own, rule
