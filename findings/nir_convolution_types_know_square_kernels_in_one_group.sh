#!/usr/bin/env bash
# nir: the output of a Conv2d is sized by the height of its kernel alone, and its input by one group: valid graphs are
# refused.
#
# Versions: nir 1.0.8, numpy 2.3.5, Python 3.11. Seen: 2026-12-01.
#
# Guess before it was run: a kernel of 3 × 5 on a sheet of 8 × 8 gives 6 × 4, and a depthwise convolution (4 groups,
# weights [4, 1, 3, 3]) takes 4 channels; graphs of both are accepted, written and read.
#
# Behaviour: the output type of the first is [2, 6, 6] (the kernel's height is taken for its width), the input type of
# the second [1, 8, 8] (weight.shape[1], whatever the groups). With the true sizes around them NIRGraph raises
# ValueError, type mismatch. Built with type_check=False they can be written, and nir.read refuses the file, unless it
# is called with type_check=False, too.
#
# Output seen:
#     3 x 5: output [2, 6, 6]
#     3 x 5: ValueError
#     depthwise: input [1, 8, 8]
#     depthwise: ValueError
#     depthwise, from a file: ValueError
#     depthwise, from a file, unchecked: read
#
# Why it matters: networks with strips as kernels, and all with depthwise convolutions (MobileNet and its kin), cannot
# be exchanged by nir's own functions, and the error names the user's sizes as the wrong ones. Our from_nir reads
# without nir's check and works the sizes out itself; tests/formats/test_nir_reading.py has both kernels.
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "nir==1.0.8" "numpy==2.3.5"
cat > "$folder/shows.py" <<'PY'
import tempfile
from pathlib import Path

import nir
import numpy as np


def conv(shape, groups=1):
    return nir.Conv2d(input_shape=(8, 8), weight=np.ones(shape, "f4"), stride=1, padding=0, dilation=1,
                      groups=groups, bias=np.zeros(shape[0], "f4"))


def graph(node, before, after, **how):
    ends = {"input": nir.Input(np.array(before)), "output": nir.Output(np.array(after))}
    return nir.NIRGraph({**ends, "conv": node}, [("input", "conv"), ("conv", "output")], **how)


def tried(name, make):
    try:
        make()
        print(f"{name}: read")
    except ValueError as error:
        print(f"{name}: {type(error).__name__}")


strip, depthwise = conv((2, 1, 3, 5)), conv((4, 1, 3, 3), 4)
print("3 x 5: output", strip.output_type["output"].tolist())
tried("3 x 5", lambda: graph(strip, [1, 8, 8], [2, 6, 4]))
print("depthwise: input", depthwise.input_type["input"].tolist())
tried("depthwise", lambda: graph(depthwise, [4, 8, 8], [4, 6, 6]))
path = Path(tempfile.mkdtemp()) / "conv.nir"
nir.write(path, graph(depthwise, [4, 8, 8], [4, 6, 6], type_check=False))
tried("depthwise, from a file", lambda: nir.read(path))
tried("depthwise, from a file, unchecked", lambda: nir.read(path, type_check=False))
PY
"$folder/venv/bin/python" "$folder/shows.py" 2>/dev/null | tee "$folder/seen"
diff - "$folder/seen" <<'SEEN' || { echo "nir behaves otherwise than described above"; exit 1; }
3 x 5: output [2, 6, 6]
3 x 5: ValueError
depthwise: input [1, 8, 8]
depthwise: ValueError
depthwise, from a file: ValueError
depthwise, from a file, unchecked: read
SEEN
echo "as described"
