"""Reasons why a run failed."""

TRAINING = {
    "training_process_died": "the training process {how}{?maybe_memory: (out of memory is a common reason)}",
    "batch_process_died": "the process that predicts {how}{?maybe_memory: (out of memory is a common reason)}",
    "import_process_died": (
        "the import process {how}{?maybe_memory: (out of memory is a common reason)}; save the file again or in "
        "another format, then send it again"
    ),
    "training_broke_down": "{reason}",
    "run_files_away": (
        "{reason}. The run's files could not be read or written: check the disk or the object store, then "
        "{@resume:{run}}"
    ),
    "loss_not_finite": "the loss was {loss} at step {step}; try a smaller learning rate",
    "loss_not_finite_after": (
        "the loss was {loss} at step {step}; after this step it was {after} over the training part. Try a smaller "
        "learning rate"
    ),
    "loss_diverged": (
        "the loss was {loss} at step {step}; for {window} steps in a row it was more than {factor:g} × the larger of "
        "the first step's loss and that of the best constant prediction. Try a smaller learning rate"
    ),
}
