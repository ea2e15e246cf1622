"""Recordings as Neurodata Without Borders (NWB 2) files: ``pip install 'corticalnet[nwb]'``.

cn.to_nwb(data, "run.nwb")                  one file, the samples of the batch one after another
cn.to_nwb(data, "run-{sample}.nwb")         one file for each sample
data = cn.from_nwb("run.nwb")               the same recording, to the last bit

    units           a row for each cell that fires: spike times, population, area, role, column, number
    trials, epochs  a row for each trial, and for each element of the protocol, of each sample
    acquisition     a TimeSeries for each state of each population, with rate and unit
    processing      "plasticity": weights before and after (a row for each), over time, states of synapses
    notes           all else that a recording says of itself, as JSON
"""

from corticalnet.formats.nwb.reading import from_nwb
from corticalnet.formats.nwb.writing import to_nwb

__all__ = ["from_nwb", "to_nwb"]
