"""Conductances of dendritic microcircuits, and the shares that dendrites have in their somata."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Conductances:
    """Conductances of all cells (Sacramento et al. 2018), and the shares that they have in a steady state.

    Args:
        leak: g_lk, of every soma.
        basal, apical: g_B and g_A, from the dendrites of a pyramidal cell to its soma.
        dendritic: g_D, the same of an interneuron.
        somatic: g_som, of teachers: that of the output, and the cells above for interneurons.
    """

    leak: float = 0.1
    basal: float = 1.0
    apical: float = 0.8
    dendritic: float = 1.0
    somatic: float = 0.8

    def basal_share(self, output: bool) -> float:
        """Return ĝ: how much of the basal potential a soma has by it alone. The output has no tuft."""
        return self.basal / (self.leak + self.basal + (0.0 if output else self.apical))

    @property
    def apical_share(self) -> float:
        """Return ĝ_A."""
        return self.apical / (self.leak + self.basal + self.apical)

    @property
    def dendritic_share(self) -> float:
        """Return ĝ_D."""
        return self.dendritic / (self.leak + self.dendritic)

    @property
    def copied(self) -> float:
        """Return λ_I: how far an interneuron follows its teacher, the cell above."""
        return self.somatic / (self.leak + self.dendritic + self.somatic)

    @property
    def nudge(self) -> float:
        """Return λ: how far the output follows its teacher."""
        return self.somatic / (self.leak + self.basal + self.somatic)

    @property
    def attenuation(self) -> float:
        """Return ĝ_A (1 − λ_I): what is left of a small error one area further down."""
        return self.apical_share * (1 - self.copied)

    def error_size(self, depth: int) -> float:
        """Return λ [ĝ_A (1 − λ_I)]^d: what is left of the teacher's error d links below the output."""
        return self.nudge * self.attenuation**depth

    def way_up(self, depth: int) -> float:
        """Return Π ĝ of an area and all above it, d links in all."""
        return self.basal_share(True) * self.basal_share(False) ** depth

    def skip(self, links: int) -> float:
        """Return the strength of feedback along a link that goes ``links`` links down: 1 for a single one."""
        return (self.attenuation / self.basal_share(False)) ** (links - 1)
