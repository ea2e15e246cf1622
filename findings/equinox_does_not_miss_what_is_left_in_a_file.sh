#!/usr/bin/env bash
# Equinox: tree_deserialise_leaves reads a file of a larger model into a smaller one, and swaps layers whose fields
# changed places, without a word.
#
# Versions: equinox 0.11.12, jax 0.4.38, Python 3.11. Seen: 2026-12-01.
#
# Guess before it was run: shapes and dtypes are checked, so the number of arrays and their names are, too; a file
# with arrays left over is refused.
#
# Behaviour: the file is one np.save after another, without names or a count. Leaves are read in the order of the
# pytree of `like` as long as it asks for them: a file of three equal layers loads into a model of two; and if two
# fields of equal shape have changed places in the class since, their weights are exchanged. A changed shape or dtype
# is refused.
#
# Output seen:
#     three layers into two: loaded
#     fields in another order: exchanged
#     another shape: RuntimeError
#
# Why it matters: jpc (and other predictive-coding libraries in JAX) keep models so. A checkpoint of another depth, or
# of the class before a field was moved, gives a model that runs and is wrong. Our from_jpc reads the whole file and
# refuses arrays that do not follow each other (tests/formats/test_weights_of_jpc.py).
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "jax==0.4.38" "jaxlib==0.4.38" "equinox==0.11.12" "numpy==2.3.5"
cat > "$folder/shows.py" <<'PY'
import tempfile
from pathlib import Path

import equinox as eqx
import jax.random as jr

path = Path(tempfile.mkdtemp()) / "model.eqx"


def layers(n, seed, size=3):
    return [eqx.nn.Linear(3, size, key=jr.PRNGKey(seed + k)) for k in range(n)]


class UpDown(eqx.Module):
    up: eqx.nn.Linear
    down: eqx.nn.Linear

    def __init__(self, seed):
        self.up, self.down = layers(2, seed)


class DownUp(eqx.Module):
    down: eqx.nn.Linear
    up: eqx.nn.Linear

    def __init__(self, seed):
        self.up, self.down = layers(2, seed)


three = layers(3, 0)
eqx.tree_serialise_leaves(path, three)
two = eqx.tree_deserialise_leaves(path, layers(2, 9))
print("three layers into two:", "loaded" if (two[1].weight == three[1].weight).all() else "other numbers")
before = UpDown(0)
eqx.tree_serialise_leaves(path, before)
after = eqx.tree_deserialise_leaves(path, DownUp(5))
print("fields in another order:", "exchanged" if (after.down.weight == before.up.weight).all() else "kept")
try:
    eqx.tree_deserialise_leaves(path, layers(2, 0, size=4))
except RuntimeError as error:
    print("another shape:", type(error).__name__)
PY
"$folder/venv/bin/python" "$folder/shows.py" 2>/dev/null | tee "$folder/seen"
diff - "$folder/seen" <<'SEEN' || { echo "Equinox behaves otherwise than described above"; exit 1; }
three layers into two: loaded
fields in another order: exchanged
another shape: RuntimeError
SEEN
echo "as described"
