#!/usr/bin/env bash
# torch.fx: symbolic_trace records `y += z` as a new sum, so whoever else holds y keeps the old numbers.
#
# Versions: torch 2.13.0, Python 3.11. Seen: 2026-11-30.
#
# Guess before it was run: the trace holds operator.iadd, and the traced module computes what the module does.
#
# Behaviour: it holds operator.add. In a block that keeps a skip connection, adds in place, and uses the skip
# afterwards, the module answers 6 and its trace 5, without an error or a warning. The same sum as a method, y.add_(z),
# is recorded as add_ and comes out right (6), and so does torch.add.
#
# Output seen (form of the sum; the module's answer; that of its trace; what was recorded):
#     += 6.0 5.0 add
#     add_ 6.0 6.0 add_
#
# Why it matters: `out += identity` is how residual blocks are written (torchvision's own do). A converter of networks
# that goes by torch.fx (into circuits, NIR, ONNX, quantised or local-learning forms) gets another network wherever the
# changed tensor is used under a second name, and a comparison of shapes does not see it. Ours traces by a Proxy that
# records += as what it is (corticalnet/network/from_torch/trace.py).
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "torch==2.13.0" "numpy==2.3.5"
cat > "$folder/sums.py" <<'PY'
import torch
from torch import fx, nn


class Sign(nn.Module):
    def forward(self, x):
        y = 2 * x
        skip = y
        y += 1
        return skip + y


class Method(nn.Module):
    def forward(self, x):
        y = 2 * x
        skip = y
        y.add_(1)
        return skip + y


for name, module in (("+=", Sign()), ("add_", Method())):
    traced = fx.symbolic_trace(module)
    second = list(traced.graph.nodes)[2]
    recorded = second.target if isinstance(second.target, str) else second.target.__name__
    print(name, module(torch.ones(1)).item(), traced(torch.ones(1)).item(), recorded)
PY
"$folder/venv/bin/python" "$folder/sums.py" | tee "$folder/seen"
printf '+= 6.0 5.0 add\nadd_ 6.0 6.0 add_\n' | diff - "$folder/seen" || { echo "torch.fx behaves otherwise now"; exit 1; }
echo "as described"
