"""A real Ray cluster of several nodes on this machine, in a process of its own.

As a module it is that process: it prints the cluster's address, starts a node with the variables of each line `add …`,
kills one for each line `kill HOME`, and ends with its standard input.
"""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # otherwise Ray takes the machine's own address for 127.0.0.1
NODE = {
    "node_ip_address": "127.0.0.1",
    "object_store_memory": 80 * 2**20,  # the smallest that Ray takes
    "include_dashboard": False,
}


class RayCluster:
    """A cluster whose nodes are machines with a home each, one CPU, and the same storage.

    environment: the settings of each node, in addition to those of this process.
    """

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder, self.nodes = folder, 0
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": os.urandom(16).hex()}
        self.environment = os.environ | environment | token | LOOPBACK

    def __enter__(self) -> Self:
        self.log = (self.folder / "ray.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=self.environment,
            text=True,
        )
        self.address = self._answer()
        return self

    def _answer(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, (self.folder / "ray.log").read_text()[-5000:]
        return line

    def _order(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        self._answer()

    def add_node(self, **environment: str) -> Path:
        """Start a node with one CPU; returns its home."""
        self.nodes += 1
        home = self.folder / f"node-{self.nodes}"
        variables = {"ANTIGRAD_HOME": str(home)} | environment
        self._order(" ".join(["add", *(f"{name}={value}" for name, value in variables.items())]))
        return home

    def kill_node(self, home: Path) -> None:
        """Kill a node as a power cut does: its node manager and its workers."""
        self._order(f"kill {home}")

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(120)
        self.process.stdout.close()
        self.log.close()


def kill(cluster: Any, node: Any) -> None:
    """Kill the processes of a node at once. Ray's own removal leaves the workers to notice it within a minute."""
    manager = psutil.Process(node.all_processes["raylet"][0].process.pid)
    for process in (manager, *manager.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    cluster.remove_node(node, allow_graceful=False)


def main() -> None:
    from ray.cluster_utils import Cluster  # only this process loads Ray

    orders = os.fdopen(os.dup(0))
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # Ray prints there
    cluster = Cluster(initialize_head=True, head_node_args=NODE | {"num_cpus": 0})
    nodes = {}
    answers.write(f"{cluster.address}\n")
    for line in orders:
        order, *words = line.split()
        if order == "add":
            variables = dict(word.split("=", 1) for word in words)
            os.environ.update(variables)
            nodes[variables["ANTIGRAD_HOME"]] = cluster.add_node(**NODE, num_cpus=1)
        else:
            kill(cluster, nodes.pop(words[0]))
        answers.write("done\n")
    cluster.shutdown()


if __name__ == "__main__":
    main()
