"""Refusals of runs: requests that cannot be resolved, repeated or resumed."""

REQUESTS = {
    "field_for_other_inputs": "{field} applies only to {inputs}; leave it out for this dataset",
    "dataset_deleted": "the dataset {dataset!r} has just been deleted",
    "dataset_not_ready": "the dataset {dataset!r} is {status}; only datasets that are ready can be trained on",
    "dataset_unreadable": (
        "the dataset {dataset!r} is {status}{?reason:: {reason}}{~reason:; its examples can be read when it is ready}"
    ),
    "dataset_without_parts": "the dataset {dataset!r} comes without a split; leave own out and give fractions",
    "full_batch_accumulates": (
        "a full batch already uses all the data in each step; leave accumulate out, or set batch_size to a number"
    ),
    "no_end": "no criterion is certain to end the run; give max_epochs, max_steps or max_seconds",
    "validation_part_empty": (
        '{criterion} watches the validation part, which is empty; give split.validation, or set "part": "train"'
    ),
    "schedule_needs_end": "{schedule} needs the length of the run; give stop.max_epochs or stop.max_steps",
    "preset_for_other_inputs": (
        "{preset} is made for {made_for}, but this dataset has {inputs}{?fitting:; presets that fit: {fitting:, }}"
    ),
    "loss_for_other_task": "{loss} is for {made_for}, but this dataset is for {task}; use {default}",
    "loss_for_two_classes": "{loss} is for two classes, but this dataset has {classes}; use cross_entropy",
    "class_weights_differ": "there are {weights} weights for {classes} classes; give one for each class",
    "size_follows_from_dataset": "{field} follows from the dataset; leave it out, or leave the dataset out",
    "layers_and_preset": "give layers or a preset, not both",
    "not_a_fraction_or_count": "give a fraction below 1, or a whole number of examples",
    "fold_without_folds": "fold needs folds, the number of folds",
    "fold_out_of_range": "fold must be from 0 to {limit}",
    "folds_and_own": "give folds or own, not both",
    "test_part_given_twice": "{given_by} already defines the test part; leave test out",
    "parts_too_large": "validation + test must be below 1, so that some examples are left to train on",
    "reserved_tag": "tags that start with {prefix!r} are reserved for the service; rename {tag!r}",
    "tag_with_colon": "the key {tag!r} contains a colon, so no filter key:value could name it; leave it out",
    "text_with_control": (
        "contains a character that controls a terminal or the direction of text ({character}, character {place}); "
        "remove it"
    ),
    "name_malformed": (
        "a name has up to 100 characters (letters A to Z, digits, dots, dashes, underscores) and starts with a letter "
        "or a digit"
    ),
    "group_malformed": (
        "runs are grouped by dataset, optimizer, lr, batch_size, seed, name, owner, or by a tag's key after tag:, "
        "such as tag:course"
    ),
    "run_list_malformed": "give the ids of 1 to 20 runs, separated by commas",
    "baseline_not_compared": "the baseline {baseline!r} is none of the runs that are compared; name one of them",
    "sort_malformed": (
        "sort by created_at, finished_at, name, bytes, or a metric of a part such as test.accuracy; with a minus "
        "before it, the largest come first"
    ),
    "duration_malformed": "a duration is a number and a unit, s, m, h, d or w, such as 30d for 30 days",
    "series_malformed": "give a metric of a part, such as train.loss or validation.accuracy",
    "top_malformed": "give a number of labels from 1 to 999999, or all",
    "seeds_repeat": "a seed is given twice, which would only repeat a result; give each seed once",
    "too_many_trajectory_steps": "{optimizers} optimizers may take at most {limit:,} steps each",
    "spike_after_end": "there are only {steps} steps; choose one of them",
}

CHANGED_RUNS = {
    "too_many_tags": "the run would have {count} tags; it may have {limit}: remove some of them with null",
    "nothing_to_fix": "the run {phrase}, and its diagnosis finds nothing to change",
    "no_change_known": "the first finding is {finding}, for which no change can be made without looking: {advice}",
    "run_about_to_end": "the run is about to be {action}; resume it once it is",
    "run_goes_on": "the run is {status}; it continues without a resume",
    "run_of_experiment": "an experiment uses this run, so it cannot be changed; {@again:{run}} makes a copy to change",
    "run_has_diverged": "the run has diverged and would diverge again; {@again:{run}} with a smaller learning rate",
    "run_goes_wrong_on_purpose": (
        "this run has a deliberate fault ({fault}) for the experiment {experiment}, and only the experiment can repeat "
        "it; {@repeat:} for a run without the fault"
    ),
    "criterion_reached": "the run has already done {done}, counted from its start; give a larger number",
    "criterion_still_holds": (
        "the run was ended by {criterion}, which still holds; change it, or turn it off with null"
    ),
    "no_such_race": "no race has the id {race!r}",
    "no_such_performance": "no performance of {experiment} has the id {id!r}",
}

WAITING_RUNS = {
    "waits_for_worker": "no worker is alive; antigrad serve and antigrad worker start one",
    "waits_to_continue": "its worker {worker} has gone; another one continues it from its last checkpoint",
    "waits_for_claim": "a worker is about to take it",
    "waits_for_place": "it is next; the workers train {places} at once, and all of these places are taken",
    "waits_behind": (
        "{?several:{ahead:,} waiting runs come}{~several:one waiting run comes} first{?urgent:, {urgent:,} with a "
        "higher priority}{?others:, {others:,} of other owners}"
    ),
}

RUNS = REQUESTS | CHANGED_RUNS | WAITING_RUNS
