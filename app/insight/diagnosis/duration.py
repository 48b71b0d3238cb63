"""Duration of the run that a change is tried in: its network learns otherwise, so it gets the default time at least."""

import json
from dataclasses import replace
from typing import Any

from app.insight.diagnosis.facts import Facts
from app.insight.diagnosis.rule import Change, resumption
from app.learning import defaults
from app.messages import Message

FEW = 100  # steps, in which hardly any network learns at a usual learning rate


def ended_early(facts: Facts) -> bool:
    """True if a limit ended the run after a few steps."""
    return facts.stop_reason in ("max_epochs", "max_steps") and facts.loss.steps[-1] < FEW


def in_time_to_learn(facts: Facts, change: Change) -> Change:
    """The change, and as many steps as a run has by default if this one was shorter."""
    if change.again is None or "stop" in change.again:
        return change
    stop = _default_duration(facts)
    if not stop:
        return change
    told = Message.of("in_time_to_learn", change=change.message, stop=json.dumps(stop))
    return replace(change, message=told, again={**change.again, "stop": stop})


def longer(facts: Facts) -> Change:
    """The run goes on to twice the limit of the criterion that ended it, or for as long as a run takes by default."""
    criterion = str(facts.stop_reason)
    stop = {criterion: 2 * facts.request["stop"][criterion]}
    by_default = _default_duration(facts)
    if by_default.get(criterion, 0) > stop[criterion]:
        stop = by_default
    return resumption(facts.run, stop)


def _default_duration(facts: Facts) -> dict[str, Any]:
    """Stop criteria of a run with the default number of steps; empty for one that has as many, or if they are not
    known."""
    stop, examples = facts.request["stop"], facts.examples
    if stop["max_epochs"] is None:
        return {} if (stop["max_steps"] or defaults.STEPS) >= defaults.STEPS else {"max_steps": defaults.STEPS}
    if examples is None:
        return {}
    batch = facts.request["batch_size"]
    duration = defaults.duration(examples, None if batch == "full" else batch * facts.request["accumulate"])
    if stop["max_epochs"] >= duration.max_epochs:
        return {}
    watched = stop["patience"] is not None or not facts.curve("validation.loss").values
    patience = {} if watched or duration.patience is None else {"patience": duration.patience}
    return {"max_epochs": duration.max_epochs, **patience}
