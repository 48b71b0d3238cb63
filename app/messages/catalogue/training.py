"""Reasons why a run failed."""

TRAINING = {
    "training_process_died": "the training process {how}{?maybe_memory: (out of memory is a common reason)}",
    "import_process_died": (
        "the process that reads it {how}{?maybe_memory: (out of memory is a common reason)}; save the file again, or "
        "in another format, and send it again"
    ),
    "training_broke_down": "{reason}",
    "run_files_away": (
        "{reason}. The run's files cannot be written or read: check the disk or the object store, then {@resume:{run}}"
    ),
    "loss_not_finite": "the loss was {loss} at step {step}; try a smaller learning rate",
    "loss_not_finite_after": (
        "the loss was {loss} at step {step}, and after it {after} over the training part; try a smaller learning rate"
    ),
    "loss_diverged": (
        "the loss was {loss} at step {step}, and for {window} steps in a row over {factor:g} × the larger of the first "
        "step's and of the best constant prediction's; try a smaller learning rate"
    ),
}
