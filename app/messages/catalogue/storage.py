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
        "{@again:{run}}"
    ),
    "model_race": "another request changed the model {model!r} at the same moment; send yours again",
    "no_such_model": (
        "no model is called {model!r}; there are {models:, }{~models:none yet; {@point:{{name}}} creates one}"
    ),
    "run_serves_model": "the model {models:, } points at this run, or did before; delete the model first",
    "tag_malformed": "a tag is written key:value",
    "run_has_ended": "the run {phrase}; only a queued or running one can be paused",
    "resume_race": "another request resumed or deleted the run at the same moment; {@run:{run}} shows its state now",
    "no_such_checkpoint": (
        "the run {run} has no checkpoint of step {step}; there are {?steps:those of {steps:, }}{~steps:none yet}"
    ),
}
