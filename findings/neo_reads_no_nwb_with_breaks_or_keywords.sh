#!/usr/bin/env bash
# Neo: NWBIO reads nothing of an NWB file that has keywords, or a unit with two observation intervals.
#
# Versions: neo 0.14.6, pynwb 4.2.0, hdmf 6.2.0, h5py 3.16.0, numpy 2.3.5, Python 3.11. Seen: 2026-12-01.
#
# Guess before it was run: each unit becomes a SpikeTrain whose t_start and t_stop are the ends of its first and last
# observation interval; columns of the table become annotations.
#
# Behaviour: two intervals (a recording with a break, or samples one after another) raise NotImplementedError; keywords
# of the file raise ValueError: hdmf gives lists of texts as a class of its own, which Neo does not take for an
# annotation. Both are valid NWB, and nothing else of the file can be read by Neo then. Columns of the table of units,
# of numbers and of texts, are dropped without a word.
#
# Output seen (what the file has; what read_all_blocks returns or raises; annotations of the train):
#     one interval: 3 spikes {'nwb_group': 'acquisition'}
#     two intervals: NotImplementedError Can't yet handle multiple observation intervals
#     column: 3 spikes {'nwb_group': 'acquisition'}
#     keywords: ValueError Invalid annotation.
#
# Why it matters: Elephant is reached by way of Neo. cn.to_nwb writes no keywords unless it is told some, and "{sample}"
# in the name gives each sample a file with one interval; of other files pynwb reads the spikes (docs/formats/nwb.md).
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet \
  "neo==0.14.6" "pynwb==4.2.0" "hdmf==6.2.0" "h5py==3.16.0" "numpy==2.3.5" "quantities==0.16.4"
cat > "$folder/read.py" <<'PY'
import sys
from datetime import UTC, datetime

import numpy as np
from neo.io import NWBIO
from pynwb import NWBHDF5IO, NWBFile

whole, halves = [[0.0, 1.0]], [[0.0, 0.4], [0.5, 1.0]]
for what, intervals, about, column in (
    ("one interval", whole, {}, {}),
    ("two intervals", halves, {}, {}),
    ("column", whole, {}, {"area": "VISp"}),
    ("keywords", whole, {"keywords": ["mouse", "vision"]}, {}),
):
    nwb = NWBFile("session", what, datetime(2026, 1, 1, tzinfo=UTC), **about)
    for name in column:
        nwb.add_unit_column(name, "of the cell")
    nwb.add_unit(spike_times=[0.1, 0.2, 0.6], obs_intervals=np.array(intervals), **column)
    path = f"{sys.argv[1]}/{what}.nwb"  # (Neo keeps a file open)
    with NWBHDF5IO(path, "w") as io:
        io.write(nwb)
    try:
        (block,) = NWBIO(path, "r").read_all_blocks()
        train = block.segments[0].spiketrains[0]
        print(f"{what}: {len(train)} spikes {train.annotations}")
    except Exception as error:
        print(f"{what}: {type(error).__name__}", str(error).partition(" Annotations of")[0])
PY
"$folder/venv/bin/python" "$folder/read.py" "$folder" 2>/dev/null | tee "$folder/seen"
cat > "$folder/expected" <<'SEEN'
one interval: 3 spikes {'nwb_group': 'acquisition'}
two intervals: NotImplementedError Can't yet handle multiple observation intervals
column: 3 spikes {'nwb_group': 'acquisition'}
keywords: ValueError Invalid annotation.
SEEN
diff "$folder/expected" "$folder/seen" || { echo "Neo behaves otherwise than described above"; exit 1; }
echo "as described"
