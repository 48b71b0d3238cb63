"""A run as one plain PyTorch script, which does not need Antigrad and reads like the lecture's.

It is a pure function of the request and the environment. The code of a layer, loss, optimizer or schedule comes from
its entry (`source`), that of a criterion from `criteria.py`. Only what the run uses is written.
"""

from app.insight.script.specification import ScriptSpec
from app.insight.script.writing import script

__all__ = ["ScriptSpec", "script"]
