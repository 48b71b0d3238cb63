"""`python -m bench NAME`: measures, and prints each figure beside the wanted one."""

import argparse
import importlib

NAMES = ("train", "conv", "activations", "lecture", "start", "predict", "queue", "api", "diagnosis")

parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
parser.add_argument("name", choices=NAMES)
importlib.import_module(f"bench.{parser.parse_args().name}").main()
