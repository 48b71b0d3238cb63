"""Every optimizer, found by inspection."""

import inspect

from app.learning import optimizers
from app.learning.optimizers import (
    AdamW,
    Momentum,
    Optimizer,
)

ENTRIES: list[type[Optimizer]] = [
    entry for _, entry in inspect.getmembers(optimizers, inspect.isclass) if hasattr(entry, "formula")
]


EVERY_OPTIMIZER = [entry() for entry in ENTRIES] + [
    Momentum(dampening=0.5, weight_decay=0.01),
    Momentum(nesterov=True),
    AdamW(weight_decay=0.1),
]
