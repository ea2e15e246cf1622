#!/usr/bin/env bash
# snnTorch: import_from_nir makes of NIR's IF, the perfect integrator, a neuron that loses a tenth of its voltage in
# each step.
#
# Versions: snntorch 1.0.0, nir 1.0.8, nirtorch 2.6, norse 1.1.0, torch 2.13.0, Python 3.11. Seen: 2026-12-01.
#
# Guess before it was run: nir.IF (dv/dt = R I) becomes an integrator without leak, as in Norse; with an input of 0.09
# a step and a threshold of 1 it fires every twelfth step, 83 times in 1,000.
#
# Behaviour: it becomes snn.Leaky(beta=0.9, reset_delay=False). At 0.09 a step the voltage ends at 0.09 / (1 - 0.9) =
# 0.9 and no spike ever comes; at 0.15 there are 90 spikes for Norse's 142. No warning. Besides, this one node comes
# with init_hidden=False, where all others of the importer have True, so the model answers a tuple (spikes, voltages).
#
# Output seen (input a step; spikes in 1,000 steps in snnTorch and in Norse):
#     0.09 0 83
#     0.15 90 142
#
# Why it matters: rate-coded networks (converted from ReLU networks, say) consist of IF neurons, and weak inputs,
# which an integrator is there to add up, fall silent. Our to_nir refuses IF for the reader "snntorch" by name.
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "torch==2.13.0" "numpy==2.3.5" "nir==1.0.8" "nirtorch==2.6" \
  "snntorch==1.0.0" "norse==1.1.0"
cat > "$folder/shows.py" <<'PY'
import contextlib
import io

import nir
import norse.torch
import numpy as np
import torch
from snntorch.import_nir import import_from_nir

def spikes(model, current, steps):
    """Count the first neuron's spikes."""
    state, count = None, 0
    with torch.no_grad():
        for _ in range(steps):
            out, state = model(current, state)
            out = out[0] if isinstance(out, tuple) else out
            count += out.flatten()[0].int().item()
    return count


def graph():
    node = nir.IF(r=np.ones(1, "f4"), v_threshold=np.ones(1, "f4"))
    return nir.NIRGraph.from_list(nir.Linear(np.ones((1, 1), "f4")), node)


for current in (0.09, 0.15):
    with contextlib.redirect_stdout(io.StringIO()):
        models = import_from_nir(graph()), norse.torch.from_nir(graph())
    print(current, *(spikes(model, torch.full((1, 1), current), 1000) for model in models))
PY
"$folder/venv/bin/python" "$folder/shows.py" 2>/dev/null | tee "$folder/seen"
diff - "$folder/seen" <<'SEEN' || { echo "the readers behave otherwise than described above"; exit 1; }
0.09 0 83
0.15 90 142
SEEN
echo "as described"
