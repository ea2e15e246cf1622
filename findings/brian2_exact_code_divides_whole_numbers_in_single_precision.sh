#!/usr/bin/env bash
# Brian2: who takes its rewriting of formulas away gets quotients of whole numbers in single precision in C++ programs.
#
# Versions: brian2 2.9.0, numpy 2.3.5, Python 3.11, g++ 12.2 (brian2 2.10.1 with numpy 2.5.5 does the same). Seen: 2026-12-01.
#
# Guess before it was run: quotients of integers are in double precision on every target and with every preference; or,
# since the generated C++ holds "1.0f*", in single precision in cpp_standalone always.
#
# Behaviour: neither. By default 1/3 and i/3 are doubles everywhere, for SymPy has made them factors (0.333… * i) before
# any code is written. With prefs.codegen.loop_invariant_optimisations = False, which is what keeps floor(n/49.0) and
# Kahan's sum exact, cpp_standalone writes 1.0f*i/3, and computes in float: 1/3 is 0.3333333432674408, and the whole
# number 16777217 divided by 1 is 16777216. The NumPy and Cython targets give doubles. Nothing is printed.
#
# Output seen (preference, target; 1/3, i/3 of the second cell, k/1 with k = 16777217):
#     True numpy 0.3333333333333333 0.3333333333333333 16777217.0
#     True cpp_standalone 0.3333333333333333 0.3333333333333333 16777217.0
#     False numpy 0.3333333333333333 0.3333333333333333 16777217.0
#     False cpp_standalone 0.3333333432674408 0.3333333432674408 16777216.0
#
# Why it matters: exact arithmetic in Brian2 needs that preference off, so "(1/3)*dt" or "i/N" (a phase, a preferred
# orientation) then has seven digits in the compiled program and sixteen in the one that was tested on NumPy. Our engine
# and the scripts of cn.to_brian2 write every number with a point (1.0 / 3.0), and divide no integers.
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "brian2==2.9.0" "numpy==2.3.5" "setuptools<81"
cat > "$folder/divides.py" <<'PY'
import sys

import brian2 as b2

rewrites, target = sys.argv[1] == "True", sys.argv[2]
b2.prefs.codegen.loop_invariant_optimisations = rewrites
if target == "cpp_standalone":
    b2.set_device(target, directory=None)
else:
    b2.prefs.codegen.target = target
group = b2.NeuronGroup(2, "third : 1\nshare : 1\nwhole : 1\nk : integer (constant)")
group.k = 16777217
group.run_regularly("third = 1/3\nshare = i/3\nwhole = k/1", dt=1 * b2.ms)
b2.Network(group).run(1 * b2.ms)
print(rewrites, target, float(group.third[0]), float(group.share[1]), float(group.whole[0]))
PY
for rewrites in True False; do
  for target in numpy cpp_standalone; do
    "$folder/venv/bin/python" "$folder/divides.py" "$rewrites" "$target" 2>/dev/null
  done
done | tee "$folder/seen"
diff - "$folder/seen" <<'SEEN' || { echo "Brian2 behaves otherwise than described above"; exit 1; }
True numpy 0.3333333333333333 0.3333333333333333 16777217.0
True cpp_standalone 0.3333333333333333 0.3333333333333333 16777217.0
False numpy 0.3333333333333333 0.3333333333333333 16777217.0
False cpp_standalone 0.3333333432674408 0.3333333432674408 16777216.0
SEEN
echo "as described"
