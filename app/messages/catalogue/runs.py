"""Refusals of runs: requests that cannot be resolved, repeated or resumed."""

REQUESTS = {
    "field_for_other_inputs": "{field} is for {inputs}; leave it out for this dataset",
    "dataset_deleted": "the dataset {dataset!r} has just been deleted",
    "dataset_not_ready": "the dataset {dataset!r} is {status}; it can be trained on when it is ready",
    "dataset_unreadable": (
        "the dataset {dataset!r} is {status}{?reason:: {reason}}{~reason:; its examples can be read when it is ready}"
    ),
    "dataset_without_parts": "the dataset {dataset!r} has no parts of its own; leave own out, and give fractions",
    "full_batch_accumulates": (
        "a full batch has all the data in each step already; leave accumulate out, or give batch_size a number"
    ),
    "no_end": "nothing is left that must end the run; give max_epochs or max_steps or max_seconds",
    "validation_part_empty": (
        '{criterion} watches the validation part, and there is none; give split.validation or "part": "train"'
    ),
    "schedule_needs_end": "{schedule} needs to know how long the run is; give stop.max_epochs or stop.max_steps",
    "preset_for_other_inputs": (
        "{preset} is made for {made_for}, this dataset has {inputs}{?fitting:, for which there are {fitting:, }}"
    ),
    "loss_for_other_task": "{loss} is for {made_for}, this dataset is for {task}; use {default}",
    "loss_for_two_classes": "{loss} is for two classes, this dataset has {classes}; use cross_entropy",
    "class_weights_differ": "there are {weights} weights for {classes} classes; give one a class",
    "layers_and_preset": "give layers or a preset, not both",
    "not_a_fraction_or_count": "a fraction is less than 1, and a number of examples is whole",
    "fold_without_folds": "fold needs folds: how many there are",
    "fold_out_of_range": "fold counts from 0 to {limit}",
    "folds_and_own": "give folds or own, not both",
    "test_part_given_twice": "the test part is given by {given_by}; leave test out",
    "parts_too_large": "validation + test must be below 1, so that something is left to train on",
    "reserved_tag": "tags that begin with {prefix!r} are the service's own; call {tag!r} another name",
    "text_with_nul": "holds the character NUL, which no text may; leave it out",
    "name_malformed": (
        "a name has up to 100 of the letters A to Z, digits, dots, dashes and underscores, no others, and begins with "
        "a letter or a digit"
    ),
    "series_malformed": "give a part's metric, such as train.loss or validation.accuracy",
    "top_malformed": "give a number of labels, from 1 to 999999, or all",
    "seeds_repeat": "a seed is given twice: it would show the same again",
    "too_many_trajectory_steps": "{optimizers} optimizers may take {limit:,} steps each, not more",
    "spike_after_end": "there are only {steps} steps; name one of them",
}

CHANGED_RUNS = {
    "run_about_to_end": "the run is about to be {action}; resume it when it is",
    "run_goes_on": "the run is {status}; it goes on by itself",
    "run_of_experiment": "an experiment observes this run as it is; {@again:{run}} makes one of your own",
    "run_has_diverged": "the run has diverged, and would again; {@again:{run}} with a smaller learning rate",
    "run_goes_wrong_on_purpose": (
        "this run goes wrong on purpose ({fault}), as part of the experiment {experiment}: only that can repeat it; "
        "{@repeat:} for a run that does as it should"
    ),
    "criterion_reached": "the run has done {done} already, counted from its start; give more than that",
    "criterion_still_holds": "the run has ended by {criterion}, which still holds; change it, or turn it off with null",
    "no_such_race": "no race has the id {race!r}",
    "no_such_performance": "no {experiment} has the id {id!r}",
}

RUNS = REQUESTS | CHANGED_RUNS
