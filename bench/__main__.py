"""`python -m bench NAME`: run a benchmark, and print each figure next to its target."""

import argparse
import importlib

NAMES = (
    "train", "conv", "activations", "augmentation", "lecture", "start", "predict", "queue", "api", "diagnosis",
    "import", "defaults", "attack",
)  # fmt: skip
MODULES = {"import": "importing"}  # `import` is a keyword

parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
parser.add_argument("name", choices=NAMES)
name = parser.parse_args().name
importlib.import_module(f"bench.{MODULES.get(name, name)}").main()
