"""What each activation costs, forward and back, beside ReLU (lecture: "exponentials are costly", "ReLU works faster").

Nothing is wanted: it is the lecture's claim in numbers. Over 128 examples of 4,096 numbers in fp32, as PyTorch has
them; in turn, in many rounds, the best of each.
"""

import time

import torch
from torch import nn

from app.learning.layers import LAYERS
from app.learning.layers.activations import ENTRIES
from bench.report import figure

ROUNDS, TIMES, SHAPE = 20, 20, (128, 4096)
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def seconds(module: nn.Module, x: torch.Tensor, gradient: torch.Tensor) -> float:
    """Of one pass there and back, on average."""
    begun = time.perf_counter()
    for _ in range(TIMES):
        x.grad = None
        module(x).backward(gradient)
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - begun) / TIMES


def main() -> None:
    torch.set_num_threads(1)
    numbers = torch.Generator().manual_seed(0)
    x = torch.rand(SHAPE, generator=numbers).add_(0.1).to(DEVICE).requires_grad_()  # where a logarithm is a number too
    gradient = torch.ones(SHAPE, device=DEVICE)
    modules = {entry.type: LAYERS[entry.type]().module((SHAPE[1],)).to(DEVICE) for entry in ENTRIES}
    best = dict.fromkeys(modules, float("inf"))
    for _ in range(ROUNDS):
        for name, module in modules.items():
            best[name] = min(best[name], seconds(module, x, gradient))
    figure("relu, there and back", 1e6 * best["relu"], "µs")
    for name, took in best.items():
        if name != "relu":
            figure(f"{name} : relu", took / best["relu"], "×")
