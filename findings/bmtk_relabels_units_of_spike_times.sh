#!/usr/bin/env bash
# BMTK: SpikeTrains never converts times; written again, milliseconds become seconds.
#
# Versions: bmtk 1.2.0, h5py 3.16.0, numpy 2.4.6, pandas 3.1.1, Python 3.11. Seen: 2026-12-01.
#
# Guess before it was run: SONATA wants a `units` attribute at each population's times, so the reader converts to ms,
# or at least writes back what it has read.
#
# Behaviour: of a SONATA file with one population in "s" and one in "ms" each population keeps its own unit
# (`units(population)`), but
#   - `to_dataframe()` puts seconds and milliseconds into one column, "timestamps", without a word;
#   - `to_sonata()` writes the unit of the first population for all: 0.1 ms of the second are 0.1 s afterwards;
#   - `to_csv()` has no column of units, and `load()` of that file says "ms" for all: 0.5 s are 0.5 ms afterwards.
# A file in which all populations have ms (as cn.to_sonata writes it) comes through all three unharmed.
#
# Output seen:
#     read: V1 s [0.5, 1.5], V2 ms [0.1, 0.2]
#     dataframe: [0.1, 0.2, 0.5, 1.5]
#     to_sonata: V1 s [0.5, 1.5], V2 s [0.1, 0.2]
#     to_csv: V1 ms [0.5, 1.5], V2 ms [0.1, 0.2]
#
# Why it matters: recordings in s (the format's other unit, and NWB's) next to simulations in ms are what one compares.
# cn.read_spikes reads each population's unit and gives ms; cn.to_sonata writes ms for all.
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "bmtk==1.2.0" "h5py==3.16.0" "numpy==2.4.6" "pandas==3.1.1"
cat > "$folder/try.py" <<'PY'
import h5py
import numpy as np
from bmtk.utils.reports.spike_trains import SpikeTrains


def shown(trains):
    return ", ".join(
        f"{name} {trains.units(name)} {sorted(float(t) for n in (0, 1) for t in trains.get_times(n, population=name))}"
        for name in ("V1", "V2")
    )


kinds = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, basetype="u1")
with h5py.File("spikes.h5", "w") as file:
    for name, unit, times in (("V1", "s", [0.5, 1.5]), ("V2", "ms", [0.1, 0.2])):
        group = file.create_group(f"spikes/{name}")
        group.attrs.create("sorting", 2, dtype=kinds)
        group.create_dataset("timestamps", data=times)
        group["timestamps"].attrs["units"] = unit
        group.create_dataset("node_ids", data=np.uint64([0, 1]))
trains = SpikeTrains.load("spikes.h5")
print("read:", shown(trains))
print("dataframe:", sorted(trains.to_dataframe()["timestamps"].tolist()))
trains.to_sonata("again.h5")
print("to_sonata:", shown(SpikeTrains.load("again.h5")))
trains.to_csv("spikes.csv")
print("to_csv:", shown(SpikeTrains.load("spikes.csv")))
PY
cd "$folder"
found=$("$folder/venv/bin/python" try.py 2>/dev/null)
printf '%s\n' "$found"
wanted='read: V1 s [0.5, 1.5], V2 ms [0.1, 0.2]
dataframe: [0.1, 0.2, 0.5, 1.5]
to_sonata: V1 s [0.5, 1.5], V2 s [0.1, 0.2]
to_csv: V1 ms [0.5, 1.5], V2 ms [0.1, 0.2]'
[ "$found" = "$wanted" ] || { echo "the behaviour has changed"; exit 1; }
echo "as described"
