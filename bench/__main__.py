"""`python -m bench NAME`: measures, and prints each figure beside the wanted one."""

import argparse
import importlib

NAMES = (
    "train", "conv", "activations", "augmentation", "lecture", "start", "predict", "queue", "api", "diagnosis",
    "import", "defaults",
)  # fmt: skip
MODULES = {"import": "importing"}  # where it cannot be called so

parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
parser.add_argument("name", choices=NAMES)
name = parser.parse_args().name
importlib.import_module(f"bench.{MODULES.get(name, name)}").main()
