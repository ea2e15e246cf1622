#!/usr/bin/env bash
# libsonata: the wheels of 0.2.2 cannot read HDF5 data that are packed by gzip, though they open the file.
#
# Versions: libsonata 0.2.2 (wheel, manylinux, x86-64), h5py 3.16.0, numpy 2.3.5, Python 3.11. Seen: 2026-12-01.
#
# Guess before it was run: gzip ("deflate") is a part of HDF5 itself, so a report or a spike file with
# compression="gzip" reads like any other.
#
# Behaviour: the HDF5 inside the wheel was built without zlib. Names, times and units of a packed report are there;
# `get()` raises RuntimeError "Unable to read the dataset (Plugin for dynamically loaded library) …" after a page of
# HDF5's own messages ("required filter 'deflate' is not registered"). Spikes: the same. Unpacked files read well, and
# h5py reads both.
#
# Output seen (what is packed; the report's times; what get() does):
#     none: (0.0, 2.0, 1.0) [1.5, 2.5] spikes 2
#     gzip: (0.0, 2.0, 1.0) RuntimeError RuntimeError
#
# Why it matters: packing is what one does with long recordings, h5py, BMTK and pandas read the result, and libsonata,
# the reference reader, does not. cn.to_sonata writes unpacked.
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --only-binary :all: "libsonata==0.2.2" "h5py==3.16.0" "numpy==2.3.5"
cat > "$folder/write.py" <<'PY'
import sys

import h5py
import numpy as np

path, packing = sys.argv[1], None if sys.argv[2] == "none" else sys.argv[2]
with h5py.File(path, "w") as file:
    group = file.create_group("report/V1")
    group.create_dataset("data", data=np.float32([[1.5], [2.5]]), chunks=True, compression=packing)
    group["data"].attrs["units"] = "mV"
    group["mapping/time"] = np.array([0.0, 2.0, 1.0])
    group["mapping/time"].attrs["units"] = "ms"
    group["mapping/node_ids"] = np.uint64([0])
    group["mapping/index_pointers"] = np.uint64([0, 1])
    group["mapping/element_ids"] = np.uint32([0])
    group = file.create_group("spikes/V1")
    kinds = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, basetype="u1")
    group.attrs.create("sorting", 2, dtype=kinds)
    group.create_dataset("timestamps", data=[0.5, 1.5], chunks=True, compression=packing)
    group["timestamps"].attrs["units"] = "ms"
    group.create_dataset("node_ids", data=np.uint64([0, 0]), chunks=True, compression=packing)
PY
cat > "$folder/read.py" <<'PY'
import sys

import libsonata


def tried(read):
    try:
        return read()
    except Exception as error:
        return type(error).__name__


report = libsonata.SomaReportReader(sys.argv[1])["V1"]
found = tried(lambda: report.get().data.ravel().tolist())
spikes = tried(lambda: f"spikes {len(libsonata.SpikeReader(sys.argv[1])['V1'].get())}")
print(f"{sys.argv[2]}:", report.times, found, spikes)
PY
for packing in none gzip; do
  "$folder/venv/bin/python" "$folder/write.py" "$folder/$packing.h5" "$packing"
  "$folder/venv/bin/python" "$folder/read.py" "$folder/$packing.h5" "$packing" 2>/dev/null
done | tee "$folder/seen"
printf 'none: (0.0, 2.0, 1.0) [1.5, 2.5] spikes 2\ngzip: (0.0, 2.0, 1.0) RuntimeError RuntimeError\n' \
  | diff - "$folder/seen" || { echo "libsonata behaves otherwise than described above"; exit 1; }
echo "as described"
