#!/usr/bin/env bash
# nirtorch: torch_to_nir leaves out a number or parameter that a forward adds, without a word.
#
# Versions: nirtorch 2.6, nir 1.0.8, torch 2.13.0, Python 3.11. Seen: 2026-12-01.
#
# Guess before it was run: a sum of two branches becomes two edges into one node; a forward that adds a constant, a
# parameter or a buffer is refused, as one that subtracts or multiplies is ("The only supported function is
# addition").
#
# Behaviour: addition is supported by joining the edges of what is added, and what is no node of the graph has none: y
# + 1, y + self.shift (a parameter) and y + self.mask (a buffer) all export as y alone.
#
# Output seen (forward; edges of the graph, or the error):
#     a(x) + b(x) a->output b->output x->a x->b
#     a(x) + 1 a->output x->a
#     a(x) + parameter a->output x->a
#     a(x) + buffer a->output x->a
#     a(x) - b(x) ValueError
#
# Why it matters: a learned bias, baseline or threshold that is written as a parameter of the model, and not of a
# layer, is missing in the exported network, and no shape shows it. Our to_nir writes biases from constant cells as
# Affine nodes (tests/formats/test_nir_writing.py), and cn.from_torch refuses numbers that are in no layer.
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "torch==2.13.0" "numpy==2.3.5" "nir==1.0.8" "nirtorch==2.6"
cat > "$folder/shows.py" <<'PY'
import nir
import nirtorch
import torch
from torch import nn

FORWARDS = {
    "a(x) + b(x)": lambda m, x: m.a(x) + m.b(x),
    "a(x) + 1": lambda m, x: m.a(x) + 1,
    "a(x) + parameter": lambda m, x: m.a(x) + m.shift,
    "a(x) + buffer": lambda m, x: m.a(x) + m.mask,
    "a(x) - b(x)": lambda m, x: m.a(x) - m.b(x),
}


class Model(nn.Module):
    def __init__(self, what):
        super().__init__()
        self.a, self.b, self.what = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False), what
        self.shift = nn.Parameter(torch.ones(2))
        self.register_buffer("mask", torch.ones(2))

    def forward(self, x):
        return FORWARDS[self.what](self, x)


for name in FORWARDS:
    try:
        node = {nn.Linear: lambda layer: nir.Linear(layer.weight.detach().numpy())}
        graph = nirtorch.torch_to_nir(Model(name), node)
        print(name, *sorted(f"{source}->{target}" for source, target in graph.edges))
    except ValueError as error:
        print(name, type(error).__name__)
PY
"$folder/venv/bin/python" "$folder/shows.py" 2>/dev/null | tee "$folder/seen"
diff - "$folder/seen" <<'SEEN' || { echo "nirtorch behaves otherwise than described above"; exit 1; }
a(x) + b(x) a->output b->output x->a x->b
a(x) + 1 a->output x->a
a(x) + parameter a->output x->a
a(x) + buffer a->output x->a
a(x) - b(x) ValueError
SEEN
echo "as described"
