"""Analysis: numbers about networks, rules and recordings."""

from corticalnet.analysis.alignment import Alignment, align
from corticalnet.analysis.calcium import calcium
from corticalnet.analysis.cost import Cost, autograd_update, interleave, passes, rule_update
from corticalnet.analysis.decoders import DecoderAlignment, align_decoders
from corticalnet.analysis.identification import Identification, RuleIdentifier, observables
from corticalnet.analysis.ranges import ranges
from corticalnet.analysis.regime import Regime, recorded_regime, regime
from corticalnet.analysis.tracking import AlignmentTracker
from corticalnet.recordings.spikes import cv, isi, population_rate, spike_times

__all__ = [
    "Alignment",
    "AlignmentTracker",
    "Cost",
    "DecoderAlignment",
    "Identification",
    "Regime",
    "RuleIdentifier",
    "align",
    "align_decoders",
    "autograd_update",
    "calcium",
    "cv",
    "interleave",
    "isi",
    "observables",
    "passes",
    "population_rate",
    "ranges",
    "recorded_regime",
    "regime",
    "rule_update",
    "spike_times",
]
