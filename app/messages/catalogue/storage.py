"""Refusals of the storage."""

STORAGE = {
    "no_such_dataset": "no dataset is called {dataset!r}; there are {datasets:, }{?near:; did you mean {near!r}?}",
    "built_in_name": "{dataset!r} is a built-in dataset, which has no versions; choose another name",
    "built_in_stays": "{dataset} is a built-in dataset and cannot be deleted",
    "dataset_in_use": "the dataset is used by {runs:, }{?more: and more}; delete those runs first",
    "no_such_run": "no run has the id {run!r}; {@runs:} lists them",
    "run_is_running": "the run is running; {@cancel:{run}} first",
    "idempotency_key_race": "another request with this Idempotency-Key arrived at the same moment; send this one again",
    "idempotency_key_reused": "this Idempotency-Key was used with another body; send a new key for a new request",
    "idempotency_key_of_other_kind": "this Idempotency-Key was used for a {kind}; send a new key for a new request",
    "model_needs_weights": "the run {phrase}; a model can point at it once it has succeeded",
    "model_of_diverged_run": (
        "the run {run} diverged, so its predictions are worthless; look at its diagnosis, and repeat it with changes: "
        '{@again:{run}}; or {@http:send "force": true}{@cli:add --force} all the same'
    ),
    "model_named_like_run": (
        "{given!r} begins with {prefix} like the id of a run, and would be taken for one; choose another name"
    ),
    "model_classes_differ": (
        "the run {run} knows the classes {given:, }, but the model predicts {wanted:, }; "
        '{@http:send "force": true}{@cli:add --force} to replace it all the same'
    ),
    "model_inputs_differ": (
        "the run {run} is a {task} of inputs of {given:×}, but the model is a {wanted_task} of {wanted:×}; "
        '{@http:send "force": true}{@cli:add --force} to replace it all the same'
    ),
    "model_columns_differ": (
        "the run {run} takes other columns than the model: {?missing:it lacks {missing:, }}{?unknown:, it has "
        "{unknown:, } besides}{?same:the same ones in another order}; "
        '{@http:send "force": true}{@cli:add --force} to replace it all the same'
    ),
    "shares_do_not_sum": "the shares sum to {sum:g}; together they are 1, such as 0.9 and 0.1",
    "run_or_runs": "give either run, or runs with their shares",
    "no_shadow": (
        "no run is in the shadow of the model {model!r}; point it at its run with a shadow as well{@cli:: antigrad "
        "promote RUN {model} --shadow OTHER}"
    ),
    "no_such_prediction": (
        "no logged prediction has the id {prediction!r}; an answer has the ids in logged, a second before they are "
        "stored, and the oldest ones are deleted"
    ),
    "feedback_of_other_kind": "this prediction needs a {wanted}",
    "label_or_value": "give either a label or a value",
    "nothing_corrected": "no logged prediction of the model {model!r} has a correction yet",
    "model_changed": "the model {model!r} is now at version {version}; look at it, and send the change again",
    "no_earlier_version": "the model {model!r} has only one version; there is nothing to go back to",
    "no_such_model": (
        "no model is called {model!r}; there are {models:, }{~models:none yet; {@point:{{name}}} creates one}"
    ),
    "no_such_model_version": "the model {model!r} has no version {version!r}; the newest is {newest}",
    "run_serves_model": "the model {models:, } points at this run, or did before; delete the model first",
    "run_not_of_model": "the model {model!r} has never pointed at the run {run}; leave one of them out",
    "cursor_malformed": "this is no cursor of a list in this order; leave it out to begin with the first page",
    "tag_malformed": "a tag is written key:value",
    "search_field_unknown": (
        "runs have no field {field!r} to search{?near:; did you mean {near}?}{~near:; there are {fields:, }}"
    ),
    "search_status_unknown": (
        "no run has the status {value!r}{?near:; did you mean {near}?}{~near:; there are {statuses:, }}"
    ),
    "search_not_compared": "{field} is no number, so nothing is above or below it; write for example {field}:value",
    "search_value_no_number": "{field} is a number, and {value!r} is none; write for example {field}>0.5",
    "search_pattern_wrong": (
        "/{pattern}/ is no regular expression, or one with a backreference; write for example /wide|deep/"
    ),
    "run_has_ended": "the run {phrase}; only a queued or running one can be paused",
    "resume_race": "another request resumed or deleted the run at the same moment; {@run:{run}} shows its state now",
    "no_such_checkpoint": (
        "the run {run} has no checkpoint of step {step}; there are {?steps:those of {steps:, }}{~steps:none yet}"
    ),
}
