#!/usr/bin/env bash
# snnTorch: a model imported from NIR takes and returns a state, and ignores the one that it is given.
#
# Versions: snntorch 1.0.0, nir 1.0.8, nirtorch 2.6, torch 2.13.0, Python 3.11. Seen: 2026-12-01.
#
# Guess before it was run: model(x, None) begins anew, and model(x, state) goes on from the state, as in the other
# readers that rest on nirtorch (Norse, SpikingJelly).
#
# Behaviour: neurons are made with init_hidden=True, so their voltages live in the modules. The returned state is not
# used: a second run that begins with None goes on where the first one ended and fires at another moment. What begins
# anew is snntorch.utils.reset(model).
#
# Output seen (step of the first spike: first run; second run, from None; after snntorch.utils.reset):
#     11 10 11
#
# Why it matters: code that works for the other readers, sample after sample with state=None, gives spikes here that
# depend on the samples before, which lowers an accuracy by a little instead of failing. Our test of the readers makes
# a new model for each run.
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "torch==2.13.0" "numpy==2.3.5" "nir==1.0.8" "nirtorch==2.6" "snntorch==1.0.0"
cat > "$folder/shows.py" <<'PY'
import contextlib
import io

import nir
import numpy as np
import torch
from snntorch import utils
from snntorch.import_nir import import_from_nir

parameters = {"tau": 0.02, "r": 200.0, "v_leak": 0.0, "v_threshold": 1.0}
node = nir.LIF(**{name: np.full(1, value, "f4") for name, value in parameters.items()})
with contextlib.redirect_stdout(io.StringIO()):
    model = import_from_nir(nir.NIRGraph.from_list(nir.Linear(np.ones((1, 1), "f4")), node))


def first():
    """Step of the first spike of 25, from no state."""
    state, found = None, []
    with torch.no_grad():
        for _ in range(25):
            spike, state = model(torch.full((1, 1), 0.09), state)
            found.append(int(spike))
    return found.index(1)


runs = [first(), first()]
utils.reset(model)
print(*runs, first())
PY
"$folder/venv/bin/python" "$folder/shows.py" 2>/dev/null | tee "$folder/seen"
diff - "$folder/seen" <<'SEEN' || { echo "snnTorch behaves otherwise than described above"; exit 1; }
11 10 11
SEEN
echo "as described"
