"""A run as one plain PyTorch script, which needs nothing of Antigrad and reads like the lecture's.

A pure function of what was asked for and where it ran. The code of a layer, loss, optimizer or schedule comes from its
entry (`source`), that of a criterion from `criteria.py`; only what the run uses is written.
"""

from app.insight.script.specification import ScriptSpec
from app.insight.script.writing import script

__all__ = ["ScriptSpec", "script"]
