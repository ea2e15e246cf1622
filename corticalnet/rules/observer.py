"""Who watches a rule: what every cell holds, just before synapses may change.

    self.observer.snapshot(net.wiring, {"rate": rates, "error": errors}, {"dopamine": rpe})

A rule says with ``snapshot`` which cells there are and what each of them holds at that time; from there on a
synapse may use its own two columns and its own weight. An audit disturbs one thing after another in place
right there, and watches whose changes move. Which cells there are is part of a model, not a fact about
numbers: backprop's δ can be worked out at a synapse from other areas' weights, or be held by a feedback cell.

Every rule has an observer, in training one that does nothing. It only receives: how a rule computes is a
matter of the rule's own parameters, and an audit asks for cells by :meth:`LearningRule.for_audit`. Whatever a
rule makes of its observer, the audit also lets it learn unobserved, and says by how much the changes differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from corticalnet.network.wiring import Wiring

#: state -> what cells of every node hold, ``[batch, *columns]`` each; None: there are no such cells.
Cells = Mapping[str, Sequence[Tensor | None]]
#: name -> ``[batch]`` or a single number
Broadcasts = Mapping[str, Tensor]


class Observer:
    """Receives what cells hold. This one does nothing with it."""

    def snapshot(self, wiring: Wiring, cells: Cells, broadcasts: Broadcasts | None = None) -> None:
        """Receive the state of the cells, just before synapses may change.

        Args:
            wiring: whose nodes the lists go by. (The input has a rate and no other state.)
            cells: the very tensors that the changes are made of, by state and node; lists are those of the
                rule and may change afterwards.
            broadcasts: signals that every synapse receives, one number for each sample (or for all).
        """


#: The observer of a rule that nobody watches.
SILENT = Observer()


def by_area(wiring: Wiring, cells: Cells) -> dict[tuple[str, str], Tensor]:
    """Key cells by (area, state)."""
    return {
        (wiring.name(node), state): tensor
        for state, nodes in cells.items()
        for node, tensor in enumerate(nodes)
        if tensor is not None and (node or state == "rate")
    }
