"""`python -m bench NAME`: run a benchmark, and print each figure next to its target."""

import argparse
import importlib

NAMES = (
    "train", "conv", "activations", "augmentation", "lecture", "start", "predict", "queue", "api", "diagnosis",
    "import", "defaults", "attack", "curves", "web", "many", "storage", "queue_day", "sweeps", "ray",
)  # fmt: skip
SCALED = ("storage", "queue_day")
MODULES = {"import": "importing", "ray": "ray_cluster"}  # names that Python or a library has taken

parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
parser.add_argument("name", choices=NAMES)
parser.add_argument("--fix", action="store_true", help="of diagnosis: make the changes that it proposes")
parser.add_argument("--runs", type=int, help="of storage and queue_day: the number of runs")
asked = parser.parse_args()
if asked.fix and asked.name != "diagnosis":
    parser.error("only the diagnosis proposes changes")
if asked.runs is not None and asked.name not in SCALED:
    parser.error(f"only {' and '.join(SCALED)} have a number of runs")
name = "fixes" if asked.fix else MODULES.get(asked.name, asked.name)
importlib.import_module(f"bench.{name}").main(*([] if asked.runs is None else [asked.runs]))
