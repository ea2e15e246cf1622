#!/usr/bin/env bash
# Norse, snnTorch, nirtorch: NIR's Flatten, which counts axes without a batch, flattens the batch away.
#
# Versions: nir 1.0.8, nirtorch 2.6, norse 1.1.0, snntorch 1.0.0, torch 2.13.0, Python 3.11. Seen: 2026-12-01.
#
# Guess before it was run: nir.Flatten(start_dim=0) of a sheet [2, 3, 3] gives 18 numbers, as nir's own type says, and
# so [5, 18] for a batch of five.
#
# Behaviour: start_dim and end_dim are passed on to torch.nn.Flatten as they are, where axis 0 is the batch: five
# sheets become one row of 90 numbers. Followed by a linear layer a batch fails, and a single sample gives a vector
# without a batch, which goes on and is broadcast. With start_dim=1, which would be right in torch, nir's types refuse
# the graph, since the sheet then becomes [2, 9]. SpikingJelly 2.0.0 adds one to both and is right.
#
# Output seen (shape of the answer to [5, 2, 3, 3]):
#     nirtorch [90]
#     snnTorch [90]
#     Norse [90]
#
# Why it matters: convolutional networks that pass through NIR fail, or (one sample at a time) lose an axis, in three
# of the four readers. Our from_nir takes Flatten as nir's types do.
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "torch==2.13.0" "numpy==2.3.5" "nir==1.0.8" "nirtorch==2.6" \
  "snntorch==1.0.0" "norse==1.1.0"
cat > "$folder/shows.py" <<'PY'
import contextlib
import io

import nir
import nirtorch
import norse.torch
import numpy as np
import torch
from snntorch.import_nir import import_from_nir


def graph():
    return nir.NIRGraph.from_list(nir.Flatten({"input": np.array([2, 3, 3])}, 0, -1))


readers = {"nirtorch": lambda g: nirtorch.nir_to_torch(g, {}), "snnTorch": import_from_nir,
           "Norse": norse.torch.from_nir}
assert graph().output_type["output"].tolist() == [18]
for name, read in readers.items():
    with contextlib.redirect_stdout(io.StringIO()):
        model = read(graph())
    print(name, list(model(torch.ones(5, 2, 3, 3))[0].shape))
PY
"$folder/venv/bin/python" "$folder/shows.py" 2>/dev/null | tee "$folder/seen"
diff - "$folder/seen" <<'SEEN' || { echo "the readers behave otherwise than described above"; exit 1; }
nirtorch [90]
snnTorch [90]
Norse [90]
SEEN
echo "as described"
