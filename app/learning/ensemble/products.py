"""Choice of the products of matrices in an ensemble, by measurement.

Batched products start one call for all members, which pays for small networks. For larger ones each member's own
products pay: they can add the gradient to the parameters at once, and the parameters of one network stay in the
processor's cache. Where the limit lies depends on the optimizer, the batch and the processor.
"""

import math
import time
from dataclasses import replace
from typing import Literal

import torch

from app.learning.data import Data
from app.learning.ensemble.ensemble import TURN, Ensemble
from app.learning.ensemble.member import Member, StackedMember
from app.learning.recipe import Recipe
from app.learning.stopping import Stop

Products = Literal["batched", "own"]
MEMBERS: dict[Products, type[Member]] = {"batched": StackedMember, "own": Member}
ROUNDS = 4  # the first one allocates memory


def quicker(recipe: Recipe, data: Data, members: int) -> Products:
    """Let ensembles of `members` take some steps with either products; return those that took less time for one.

    Measures the processor's time, on which other processes have the least effect.
    """
    if members == 1:
        return "own"
    trial = replace(recipe, stop=Stop(max_steps=ROUNDS * TURN + 1))
    rivals = {products: _filled(kind, trial, data, members) for products, kind in MEMBERS.items()}
    best: dict[Products, float] = dict.fromkeys(MEMBERS, math.inf)
    for _ in range(ROUNDS):
        for products, ensemble in rivals.items():
            begun = time.process_time()
            steps = max(1, len(ensemble.step()))
            best[products] = min(best[products], (time.process_time() - begun) / steps)
    return min(best, key=best.__getitem__)


def _filled(kind: type[Member], recipe: Recipe, data: Data, members: int) -> Ensemble:
    ensemble = Ensemble(members)
    for _ in range(members):
        ensemble.join(kind(recipe, data, torch.device("cpu")))
    return ensemble
