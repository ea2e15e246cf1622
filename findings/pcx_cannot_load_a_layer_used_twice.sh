#!/usr/bin/env bash
# PCX: save_params writes a model with a shared layer without complaint, and load_params cannot read the file.
#
# Versions: pcx 0.6.3, jax 0.4.38, Python 3.11. Seen: 2026-12-01.
#
# Guess before it was run: the shared parameter is written once, and the model loads again from its own file.
#
# Behaviour: for the second use None is written, which NumPy stores as an object array, by pickle; load_params opens
# the file without allow_pickle, so np.load raises ValueError as soon as it meets it. The weights of the layers before
# it have been set by then: the model is left half loaded. numpy.load(..., allow_pickle=True) reads the file.
#
# Output seen (entries of the file that are numbers, and that are objects; loading; first layer, changed or not):
#     2 2
#     ValueError Object arrays cannot be loaded when allow_pickle=False
#     set
#
# Why it matters: pcx.nn.shared is PCX's way of sharing weights, and what was trained so for hours is in a file that
# its own library refuses. Our from_pcx refuses it too, by the name of the parameter that has no numbers
# (tests/formats/test_weights_of_pcx.py).
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "pcx==0.6.3" "jax==0.4.38" "jaxlib==0.4.38"
cat > "$folder/shows.py" <<'PY'
import tempfile
from pathlib import Path

import numpy as np
import pcx as px
import pcx.nn as pxnn
import pcx.predictive_coding as pxc
import pcx.utils as pxu

px.RKG.seed(0)


class Twice(pxc.EnergyModule):
    def __init__(self):
        super().__init__()
        self.first = pxnn.Linear(4, 4)
        self.second = pxnn.shared(self.first)


path = str(Path(tempfile.mkdtemp()) / "model.npz")
model, other = Twice(), Twice()
pxu.save_params(model, path)
with np.load(path, allow_pickle=True) as file:
    kinds = [file[name].dtype.kind for name in file.files]
print(kinds.count("f"), kinds.count("O"))
try:
    pxu.load_params(other, path)
except ValueError as error:
    print(type(error).__name__, error)
same = np.array_equal(other.first.nn.weight.get(), model.first.nn.weight.get())
print("set" if same else "not set")
PY
"$folder/venv/bin/python" "$folder/shows.py" 2>/dev/null | tee "$folder/seen"
diff - "$folder/seen" <<'SEEN' || { echo "PCX behaves otherwise than described above"; exit 1; }
2 2
ValueError Object arrays cannot be loaded when allow_pickle=False
set
SEEN
echo "as described"
