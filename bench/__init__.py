"""Benchmarks: each measures Antigrad against a rival in the same run, and prints ratios: `python -m bench NAME`."""
