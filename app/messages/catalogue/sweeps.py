"""Refusals of sweeps, and what is said about their results."""

SWEEPS = {
    "no_such_sweep": "no sweep has the id {sweep!r}",
    "sweep_without_sampler": "say what varies: give one of {samplers:, }",
    "sweep_with_samplers": "only one of these may be given: {samplers:, }",
    "sweep_without_trials": "{sampler} has no end of its own; give trials, the number of configurations",
    "sweep_path_malformed": (
        "a parameter is a path into the run's request: names in lower case and numbers of list items, joined by dots, "
        "such as optimizer.lr or model.layers.0.units"
    ),
    "sweep_path_missing": "{path} leads nowhere: the base has nothing at {part!r}; write it out in base",
    "sweep_field_fixed": "{field} cannot vary, since trials are compared on the same examples; fixed are {fixed:, }",
    "sweep_condition_unknown": "{name!r} is no other parameter of this space{?names:; it has {names:, }}",
    "sweep_conditions_circular": "these parameters exist only if the others do, in a circle: {names:, }",
    "sweep_range_empty": "high must be above low",
    "sweep_range_not_log": "a range with log begins above 0, and has no step",
    "sweep_range_not_whole": "a range of integers has whole numbers as low, high and step",
    "sweep_range_in_grid": "a grid has lists of values; give some of this range, or use random or tpe",
    "sweep_grid_too_large": "the grid has more than {limit:,} combinations; use random or tpe, or fewer values",
    "sweep_metric_malformed": (
        "give a metric of the validation part, such as validation.accuracy; whoever chooses by the test part has no "
        "test part left"
    ),
    "sweep_metric_of_other_task": "the dataset's task has other metrics: {metrics:, }",
    "sweep_without_validation": "trials are compared on the validation part, which is empty; give it some examples",
    "sweep_halving_needs_epochs": "halving compares trials after some epochs; give base.stop.max_epochs",
    "sweep_known_without_tpe": "results of earlier runs guide only tpe, not {sampler}",
    "sweep_knows_nothing": (
        "none of the {runs} runs has succeeded on the same dataset and split with values of this space"
    ),
    "sweep_deadline_passed": "the deadline has passed; give a later one, or null for none",
    "sweep_is_running": "the sweep runs; cancel it first",
    "sweep_without_best": "no trial has trained to its end yet",
    "sweep_without_result": "none of the {trials} trials has a result",
    "sweep_too_few_trials": (
        "{trials} trials have a value; importance takes {needed}, since a few explain nothing but chance"
    ),
    "sweep_without_differences": "all trials are equally good by {metric}, so no parameter explains a difference",
    "sweep_importance": (
        "{name} matters most: it explains {share}% ({low} to {high}%) of the differences in {metric} between {trials} "
        "trials{?unclear:; {unclear:, } may matter as much}"
    ),
    "sweep_process_died": (
        "the process that advances the sweep {how}{?maybe_memory: (out of memory is a common reason)}"
    ),
    "test_part_held_back": (
        "a sweep measures the test part once, for the run that it chooses; this run has {filled:, }"
    ),
}
