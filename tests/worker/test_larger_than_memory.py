"""A dataset larger than the memory can be trained on: it is read from the disk as needed."""

import subprocess
import sys
from pathlib import Path

import pytest

LIMIT_MB = 160
SIZE_MB = 320
SCRIPT = f"""
import json, resource, sys
from pathlib import Path
import numpy as np
import torch
from app.datasets.arrays import Arrays
from app.datasets.formats.disk_array import DiskArray
from app.learning.data import Data
from app.storage.files import LocalFiles
from worker.job_setup import prepare

torch.set_num_threads(1)
home, normalise, layers = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
files, shape = LocalFiles(home), (3, 32, 32)
count = {SIZE_MB} * 2**20 // 3072
with (home / "raw").open("w+b") as raw:
    pixels = DiskArray(raw, shape, np.uint8)
    chance = np.random.default_rng(0)
    while pixels.count < count:
        pixels.append(chance.integers(0, 256, (min(4096, count - pixels.count), *shape), dtype=np.uint8))
    inputs = pixels.mapped()
Arrays(inputs, np.arange(count) % 2, ("a", "b")).save(files, "arrays/big")
del inputs, pixels
request = {{
    "split": {{"validation": 0.1, "test": 0.1, "seed": 0, "stratify": True}}, "normalise": normalise, "scaling": None,
    "model": {{"layers": layers}}, "loss": {{"name": "cross_entropy"}}, "optimizer": {{"name": "sgd", "lr": 0.01}},
    "schedule": {{"name": "constant"}}, "batch_size": 512, "accumulate": 1, "clip_norm": None, "precision": "fp32",
    "stop": {{"max_epochs": 1, "max_steps": None, "min_parameter_change": None, "target_loss": None,
             "max_seconds": None, "divergence": None, "patience": None}}, "seed": 0,
}}
status = Path("/proc/self/status").read_text().splitlines()
used = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
resource.setrlimit(resource.RLIMIT_DATA, (used + {LIMIT_MB} * 2**20,) * 2)
try:
    bytearray({SIZE_MB} * 2**20)
except MemoryError:
    print("the limit holds")
training, _ = prepare(request, "arrays/big", files, torch.device("cpu"))
steps = sum(1 for _ in training.steps())
print(steps, sorted(training.measure("train", "test")))
"""
STEPS = -(-SIZE_MB * 2**20 // 3072 * 8 // 10 // 512)  # of batches of 512 of the training part
DENSE = '[{"type": "linear", "units": 2}]'
CONV = '[{"type": "conv2d", "channels": 1, "stride": 4}, {"type": "relu"}, {"type": "linear", "units": 2}]'


def trained(folder: Path, normalise: str, layers: str) -> str:
    command = [sys.executable, "-c", SCRIPT, str(folder), normalise, layers]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.long
def test_a_dataset_twice_as_large_as_the_memory_is_trained_on(tmp_path: Path) -> None:
    """With gradients by hand and by autograd, and with the mean of all pictures, which needs another pass over them."""
    for normalise, layers in (("unit", DENSE), ("standard", CONV)):
        said = trained(tmp_path, normalise, layers)
        assert "the limit holds" in said and f"{STEPS} ['test', 'train']" in said, said
