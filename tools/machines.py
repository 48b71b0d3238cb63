"""Tests of learning under the instruction sets and thread counts of other machines: `make test-machines`.

PyTorch's own kernels, MKL's matrix products and oneDNN's convolutions each choose code for the processor, so sums are
rounded differently. A claim about learning must hold for each choice. The experiments (in their short forms) and the
accuracy of the defaults run with twenty seeds under every setting. This takes about an hour on two cores.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

SEEDS = os.environ.get("MACHINE_SEEDS", "20")
TESTS = ("tests/insight/experiments/test_experiments.py", "tests/test_accuracy.py")
KERNELS = {
    "plain": {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE", "ONEDNN_MAX_CPU_ISA": "SSE41"},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "own": {},  # the machine's own choice
}
THREADS = (1, 2)


def run(kernels: dict[str, str], threads: int, report: Path) -> int:
    """Run the tests under one setting; returns pytest's exit status."""
    chosen = {name: value for name, value in os.environ.items() if name not in KERNELS["plain"]}
    chosen |= kernels | {
        "OMP_NUM_THREADS": str(threads),
        "ANTIGRAD_THREADS": str(threads),
        "EXPERIMENT_SEEDS": SEEDS,
        "ACCURACY_SEEDS": SEEDS,
    }
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", "--timeout", "3600"]
    command += [f"--junitxml={report}", *TESTS, "-k", "every_seed or defaults_train_well"]
    return subprocess.run(command, env=chosen, check=False, stdout=subprocess.DEVNULL).returncode


def outcomes(report: Path) -> dict[str, str]:
    """The outcome of each test of a report: ok, FAILED or skipped."""
    cases = ElementTree.parse(report).getroot().iter("testcase")
    return {case.attrib["name"]: outcome(case) for case in cases}


def outcome(case: ElementTree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "FAILED"
    return "skipped" if case.find("skipped") is not None else "ok"


def main() -> None:
    settings = {f"{name}/{threads}": (kernels, threads) for name, kernels in KERNELS.items() for threads in THREADS}
    columns: dict[str, dict[str, str]] = {}
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name, (kernels, threads) in settings.items():
            began, report = time.monotonic(), Path(folder) / f"{len(columns)}.xml"
            failed |= run(kernels, threads, report) != 0
            columns[name] = outcomes(report)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    tests = sorted({test for column in columns.values() for test in column})
    width = max(map(len, tests))
    print(f"{SEEDS} seeds; kernels/threads")
    print(" " * width, *(f"{name:>8}" for name in columns))
    for test in tests:
        print(f"{test:<{width}}", *(f"{column.get(test, '–'):>8}" for column in columns.values()))
    sys.exit(failed)


if __name__ == "__main__":
    main()
