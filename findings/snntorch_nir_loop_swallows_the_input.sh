#!/usr/bin/env bash
# snnTorch: in a LIF neuron with a linear loop, imported from NIR, what comes from outside goes through the loop's
# weights.
#
# Versions: snntorch 1.0.0, nir 1.0.8, nirtorch 2.6, torch 2.13.0, Python 3.11. Seen: 2026-12-01.
#
# Guess before it was run: a loop whose weights are all 0 changes nothing: as many spikes as without it.
#
# Behaviour: with the loop of zeros there is no spike at all. import_from_nir replaces the neuron and its loop by a
# graph of their own whose edges are input -> loop and loop -> neuron (there is none from the input to the neuron),
# meant for a recurrent layer (RLeaky) that is never made: the node map has no entry for graphs, so the inner graph
# runs as it stands. A loop of weight 1 from neuron 0 to neuron 1 and back exchanges their inputs. Two linear nodes in
# the loop, the second the identity, are not taken for such a layer, and give the right counts.
#
# Output seen (spikes of two neurons, driven by 0.1 and 0.2, in 400 steps):
#     no loop [36, 66]
#     loop of zeros [0, 0]
#     loop of zeros, then identity [36, 66]
#
# Why it matters: recurrent networks arrive as other networks, without an error, and where the loop's weights are
# small they look as if the importer's scales were wrong. Our to_nir writes every loop as two nodes
# (tests/formats/test_nir_writing.py counts spikes in snnTorch).
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
from snntorch.import_nir import import_from_nir


def graph(*loop):
    each = {name: np.full(2, value, "f4") for name, value in
            {"tau": 0.02, "r": 200.0, "v_leak": 0.0, "v_threshold": 1.0}.items()}
    nodes = {"input": nir.Input(np.array([2])), "fc": nir.Linear(np.eye(2, dtype="f4")),
             "lif": nir.LIF(**each), "output": nir.Output(np.array([2]))}
    names = [f"loop{k}" for k in range(len(loop))]
    nodes |= {name: nir.Linear(np.array(weight, "f4")) for name, weight in zip(names, loop)}
    way = ["lif", *names, "lif"] if loop else []
    return nir.NIRGraph(nodes, [("input", "fc"), ("fc", "lif"), ("lif", "output"), *zip(way, way[1:])])


zeros, same = np.zeros((2, 2)), np.eye(2)
for name, loop in {"no loop": (), "loop of zeros": (zeros,), "loop of zeros, then identity": (zeros, same)}.items():
    with contextlib.redirect_stdout(io.StringIO()):
        model = import_from_nir(graph(*loop))
    state, total = None, torch.zeros(2)
    with torch.no_grad():
        for _ in range(400):
            spikes, state = model(torch.tensor([[0.1, 0.2]]), state)
            total += spikes[0]
    print(name, total.int().tolist())
PY
"$folder/venv/bin/python" "$folder/shows.py" 2>/dev/null | tee "$folder/seen"
diff - "$folder/seen" <<'SEEN' || { echo "snnTorch behaves otherwise than described above"; exit 1; }
no loop [36, 66]
loop of zeros [0, 0]
loop of zeros, then identity [36, 66]
SEEN
echo "as described"
