#!/usr/bin/env bash
# Brian2: switching codegen.loop_invariant_optimisations off has no effect on code that the process has generated before.
#
# Versions: brian2 2.9.0, numpy 2.3.5, Python 3.11. Seen: 2026-11-30.
#
# Guess before it was run: the preference is read whenever a run generates code, so a model that is built and run after
# `prefs["codegen.loop_invariant_optimisations"] = False` is evaluated as it is written.
#
# Behaviour: generated statements are remembered by their text and variables, not by the preference. A model with the
# same lines as an earlier one gets the earlier code, optimised or not. Shown by "a = b + 0.0; a = a + c": optimised, it
# becomes the plain copy "a = b", which on the NumPy target shares memory with b (b changes, though it is only read);
# as written it does not. In a fresh process the preference does what it says.
#
# Output seen (preference during the runs, one after another; b after three steps from b = 2, c = 1):
#     off 2.0
#     on 5.0 off 5.0
#     off 2.0 on 2.0
#
# Why it matters: whoever needs numbers that are computed as written (tests of bit-equality, cells that must be exactly
# at rest) and shares a process with other Brian2 models, in a notebook say, gets optimised arithmetic all the same.
# Set the preference before anything else runs.
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "brian2==2.9.0" "numpy==2.3.5" "setuptools<81"
cat > "$folder/remembers.py" <<'PY'
import sys

import brian2 as b2

b2.prefs.codegen.target = "numpy"
for setting in sys.argv[1:]:
    b2.prefs["codegen.loop_invariant_optimisations"] = setting == "on"
    group = b2.NeuronGroup(2, "a : 1\nb : 1\nc : 1")
    group.b, group.c = 2, 1
    group.run_regularly("a = b + 0.0\na = a + c", dt=1 * b2.ms)
    b2.Network(group).run(3 * b2.ms)
    print(setting, float(group.b[0]))
PY
for order in "off" "on off" "off on"; do
  # shellcheck disable=SC2086
  "$folder/venv/bin/python" "$folder/remembers.py" $order 2>/dev/null | tr '\n' ' '; echo
done | tee "$folder/seen"
printf 'off 2.0 \non 5.0 off 5.0 \noff 2.0 on 2.0 \n' | diff - "$folder/seen" \
  || { echo "Brian2 behaves otherwise than described above"; exit 1; }
echo "as described"
