"""Available memory: the tightest limit of machine, process and container."""

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # workers never load torch, only their children do
    import torch

CGROUPS = Path("/sys/fs/cgroup")


def free_memory(device: "torch.device") -> int:
    """Bytes on the device that are free for this process."""
    if device.type == "cuda":
        import torch

        return torch.cuda.mem_get_info(device)[0]
    return max(0, min(_free()))


def data_bytes() -> int:
    """Bytes of this process that RLIMIT_DATA counts."""
    return _bytes_of("VmData", Path("/proc/self/status"))


def _free() -> Iterator[int]:
    """Free bytes by each limit: the machine's, the process's and the container's, if they exist."""
    yield _bytes_of("MemAvailable", Path("/proc/meminfo"))
    limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if limit != resource.RLIM_INFINITY:
        yield limit - data_bytes()
    group = Path("/proc/self/cgroup").read_text().rpartition("::/")[2].strip()
    for folder in (CGROUPS / group, CGROUPS):  # inside a container, its group is the root
        try:
            limit_of_group = (folder / "memory.max").read_text().strip()
            held = next(int(line.split()[1]) for line in (folder / "memory.stat").open() if line.startswith("anon "))
        except (OSError, StopIteration):
            continue
        if limit_of_group != "max":
            yield int(limit_of_group) - held  # the kernel evicts cached file pages


def _bytes_of(name: str, path: Path) -> int:
    """Bytes from the line `name` of a file in /proc, which has kB."""
    return next(int(line.split()[1]) * 1024 for line in path.read_text().splitlines() if line.startswith(name))
