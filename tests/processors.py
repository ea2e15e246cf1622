"""Runs the tests as other processors, with two threads, and with other seeds; prints a line for each.

    make processors                                  # everything
    make processors TESTS="tests/models -n 2"        # what pytest is given

A test that fails in one of the lines hangs on last bits, on the number of threads or on one seed: give it a
bar with a margin (docstring: mean, s.d., how many seeds), or settings that learn.
"""

import os
import subprocess
import sys
import time

import torch

#: What torch and oneDNN find is what this processor has; less can be asked for, more cannot.
LEVELS = ["default", "avx2", "avx512"]
HAS = torch.backends.cpu.get_cpu_capability().lower()
RUNS = [
    *({"ATEN_CPU_CAPABILITY": level} for level in LEVELS[: LEVELS.index(HAS) + 1 if HAS in LEVELS else 1]),
    *({"ONEDNN_MAX_CPU_ISA": level} for level in ("SSE41", "AVX2")),
    {"CORTICALNET_TEST_THREADS": "2", "OMP_NUM_THREADS": "2"},
    *({"CORTICALNET_TEST_SEED": str(seed)} for seed in (1, 2, 3)),
]


def main(given: list[str]) -> int:
    """The number of runs with failures."""
    failed = 0
    for settings in RUNS:
        begin = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", "--tb=line", "-p", "no:cacheprovider", *given]
        done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True)
        lines = done.stdout.splitlines()
        broken = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
        failed += done.returncode != 0
        name = " ".join(f"{key}={value}" for key, value in settings.items())
        verdict = f"{len(broken)} failed" if broken else "passed" if not done.returncode else "did not run"
        print(f"{name:55} {verdict} ({time.monotonic() - begin:.0f} s)", flush=True)
        for line in broken or (lines + done.stderr.splitlines())[-5:] * (done.returncode != 0):
            print(f"    {line}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
