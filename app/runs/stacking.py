"""Signatures of runs that can train as one program."""

import hashlib
import json
from typing import Any

from app.constants import EXPERIMENT_TAG
from app.learning.ensemble.eligibility import obstacle, pays
from app.learning.layers import Shape
from app.learning.recipe import Recipe

# What the members of a program share. Everything else is each one's own: seed, optimizer, schedule, stop criteria.
SHARED = ("dataset", "split", "normalise", "scaling", "model", "loss", "batch_size")


def stack_signature(request: dict[str, Any], input_shape: Shape) -> str | None:
    """The signature of a resolved request: runs with the same one can train as one program. None if it has to train
    alone, or if one program would take no less time.

    The trials of experiments train alone: one of them says that equal runs have equal bits, which depend on the form.
    """
    if EXPERIMENT_TAG in request["tags"]:
        return None
    recipe = Recipe.from_json(request, input_shape)
    if request["device"] == "cuda" or obstacle(recipe) is not None or not pays(recipe):
        return None
    shared = json.dumps([request.get(field) for field in SHARED], sort_keys=True)
    return hashlib.sha256(shared.encode()).hexdigest()[:32]
