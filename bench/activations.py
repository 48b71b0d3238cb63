"""Time of each activation, forward and backward, relative to ReLU.

There is no target: the figures show the lecture's claims "exponentials are costly" and "ReLU works faster". Inputs are
128 examples of 4,096 numbers in fp32. PyTorch's modules run in turn, in many rounds; the best round of each counts.
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
    """Mean seconds of one forward and backward pass."""
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
    x = (
        torch.rand(SHAPE, generator=numbers).add_(0.1).to(DEVICE).requires_grad_()
    )  # positive, so that a logarithm is defined
    gradient = torch.ones(SHAPE, device=DEVICE)
    modules = {entry.type: LAYERS[entry.type]().module((SHAPE[1],)).to(DEVICE) for entry in ENTRIES}
    best = dict.fromkeys(modules, float("inf"))
    for _ in range(ROUNDS):
        for name, module in modules.items():
            best[name] = min(best[name], seconds(module, x, gradient))
    figure("relu, forward and backward", 1e6 * best["relu"], "µs")
    for name, took in best.items():
        if name != "relu":
            figure(f"{name} : relu", took / best["relu"], "×")
