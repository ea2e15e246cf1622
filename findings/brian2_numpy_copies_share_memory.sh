#!/usr/bin/env bash
# Brian2: on the NumPy target, a plain copy of one state into another shares its memory for the rest of the code block.
#
# Versions: brian2 2.9.0, numpy 2.3.5, Python 3.11. Seen: 2026-11-30.
#
# Guess before it was run: in run_regularly("a = b\na = a + c") the state b is only read, so with b = 2 and c = 1 it
# stays 2, and a is 3 after every step.
#
# Behaviour: on the NumPy target b changes. The generated code makes `a` the very array (a view of the state's memory)
# that b is, and Brian2 writes `a = a + c` as `a += c`, in place: so b grows by c in every step, and a with it.
# The Cython target computes what the code says (b stays 2). `a = 1.0*b` is no way out: Brian2 simplifies it to b.
# `a = -(-b)` makes a true copy.
#
# Output seen (target, right side of a = …; a and b after three steps):
#     numpy b 5.0 5.0
#     numpy 1.0*b 5.0 5.0
#     numpy -(-b) 3.0 2.0
#     cython b 3.0 2.0
#
# Why it matters: reset statements, run_regularly and on_pre code that first copies a state ("v_old = v") and then
# changes one of the two gives other numbers on NumPy than on Cython or C++, without a word. Who develops on the NumPy
# target (nothing to compile) and simulates on another one gets two models. Our engine writes copies as -(-b).
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "brian2==2.9.0" "numpy==2.3.5" "setuptools<81"
cat > "$folder/shares.py" <<'PY'
import sys

import brian2 as b2


def run(copy):
    """Three steps; a and b of the first cell."""
    group = b2.NeuronGroup(2, "a : 1\nb : 1\nc : 1")
    group.b, group.c = 2, 1
    group.run_regularly(f"a = {copy}\na = a + c", dt=1 * b2.ms)
    b2.Network(group).run(3 * b2.ms)
    return float(group.a[0]), float(group.b[0])


for target, copy in [("numpy", "b"), ("numpy", "1.0*b"), ("numpy", "-(-b)"), ("cython", "b")]:
    b2.prefs.codegen.target = target
    print(target, copy, *run(copy))
PY
"$folder/venv/bin/python" "$folder/shares.py" 2>/dev/null | tee "$folder/seen"
printf 'numpy b 5.0 5.0\nnumpy 1.0*b 5.0 5.0\nnumpy -(-b) 3.0 2.0\ncython b 3.0 2.0\n' \
  | diff - "$folder/seen" || { echo "Brian2 behaves otherwise than described above"; exit 1; }
echo "as described"
