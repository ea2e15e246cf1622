#!/usr/bin/env bash
# torch: torch.sqrt on a processor is not correctly rounded, NumPy's and C's are.
#
# Versions: torch 2.13.0 (the wheel for processors, with MKL 2024.2), Python 3.11, AMD EPYC with AVX-512.
# Seen: 2026-12-01.
#
# Guess before it was run: the same bits, since IEEE 754 asks for the nearest number of a square root as of + - * /,
# and processors have an instruction that gives it.
#
# Behaviour: torch hands square roots to MKL's vector functions. On this processor 1 in 100 float64 and 1 in 6 float32
# results are the neighbour of the nearest number; those of squares of whole numbers are right, and so is division.
#
# Output seen (type; share of square roots that are not NumPy's; the same of quotients):
#     float32 0.17 0.0
#     float64 0.01 0.0
#
# Why it matters: compiled code (C, Numba, Brian2) and torch differ in the last bit in an operation that nobody suspects,
# so a comparison to the last bit fails, and a threshold on it may be crossed in one and not in the other. Our compiled
# steps therefore call MKL's square root where torch does (corticalnet/engines/torch_engine/native).
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "torch==2.13.0" "numpy==2.3.5"
cat > "$folder/roots.py" <<'PY'
import numpy as np
import torch

x, y = np.random.default_rng(0).random((2, 200_000)) * 3
for kind in (np.float32, np.float64):
    a, b = x.astype(kind), y.astype(kind)
    roots = torch.sqrt(torch.from_numpy(a)).numpy() != np.sqrt(a)
    quotients = (torch.from_numpy(a) / torch.from_numpy(b)).numpy() != a / b
    print(kind.__name__, round(roots.mean(), 2), quotients.mean())
    assert roots.any() and not quotients.any(), "torch's square root is the nearest number now (or here)"
PY
"$folder/venv/bin/python" "$folder/roots.py"
