"""Tests. They run on each core at once: more threads in a process would only wait for one another."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # `make test-machines` asks for 2, too
os.environ.setdefault("ANTIGRAD_THREADS", os.environ["OMP_NUM_THREADS"])
os.environ.setdefault("ANTIGRAD_STACK_SIZE", "1")  # each run has a process of its own, unless a test says otherwise
