#!/usr/bin/env bash
# Brian2: floor(x) and int(x) beyond 2^31 are the smallest 32-bit number on the NumPy target, and right in C++.
#
# Versions: brian2 2.9.0, numpy 2.3.5, Python 3.11, g++ 12.2 (brian2 2.10.1 with numpy 2.5.5 does the same). Seen: 2026-12-01.
#
# Guess before it was run: the other way round: int(3e9) is 3000000000 on the NumPy target, whose integers have 64 bits,
# and overflows in C++, whose int has 32; floor(3e9) is 3e9 everywhere.
#
# Behaviour: on the NumPy target floor(3e9), int(3e9) and int(-3e9) are all -2147483648, without a word. In cpp_standalone
# they are right, but int(a) % 10, which goes on computing with one, is 2 on both targets.
#
# Output seen (target; int(a), floor(a), int(a) % 10 with a = 3e9, and int of -3e9):
#     numpy -2147483648.0 -2147483648.0 2.0 -2147483648.0
#     cpp_standalone 3000000000.0 3000000000.0 2.0 -3000000000.0
#
# Why it matters: counters, hashes and generators of random numbers that are written into equations
# (floor(a/b), int(seed*1103515245) % 2**31) give other numbers on the target with which models are tested than on
# the one with which they run. Our engine and the scripts of cn.to_brian2 use neither: they bring a floor of doubles
# of their own, and conditions count by where(c, 1.0, 0.0).
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "brian2==2.9.0" "numpy==2.3.5" "setuptools<81"
cat > "$folder/large.py" <<'PY'
import sys

import brian2 as b2

target = sys.argv[1]
if target == "cpp_standalone":
    b2.set_device(target, directory=None)
else:
    b2.prefs.codegen.target = target
group = b2.NeuronGroup(2, "a : 1\ncut : 1\nbelow : 1\ndigit : 1")
group.a = [3e9, -3e9]
group.run_regularly("cut = int(a)\nbelow = floor(a)\ndigit = int(a) % 10", dt=1 * b2.ms)
b2.Network(group).run(1 * b2.ms)
print(target, float(group.cut[0]), float(group.below[0]), float(group.digit[0]), float(group.cut[1]))
PY
for target in numpy cpp_standalone; do
  "$folder/venv/bin/python" "$folder/large.py" "$target" 2>/dev/null
done | tee "$folder/seen"
diff - "$folder/seen" <<'SEEN' || { echo "Brian2 behaves otherwise than described above"; exit 1; }
numpy -2147483648.0 -2147483648.0 2.0 -2147483648.0
cpp_standalone 3000000000.0 3000000000.0 2.0 -3000000000.0
SEEN
echo "as described"
