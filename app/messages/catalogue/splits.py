"""Refusals of splits."""

SPLITS = {
    "no_own_parts": "the dataset has no parts of its own; leave own out",
    "nothing_left_to_train_on": (
        "the test part leaves {rest:,} of {examples:,} examples, and validation takes {validation:g} of all: nothing "
        "is left to train on; use smaller parts"
    ),
    "too_few_for_folds": (
        "{folds} folds need at least {folds} examples{?stratify: of each class}; use fewer folds"
        "{?stratify:, or {@set:split.stratify=false}}"
    ),
    "split_impossible": (
        "the {part} part would have {taken:,} of {examples:,} examples, but both it and the rest need one; use another "
        "fraction or count"
    ),
    "too_few_for_classes": (
        "the {part} part would have {taken:,} of {examples:,} examples and leave {left:,}, but both need one of each "
        "of the {classes:,} classes; {?fits:{@set:split.{part}={classes}}}{~fits:add examples}, or "
        "{@set:split.stratify=false}"
    ),
    "all_classes_of_one_example": (
        "the {part} part cannot have an example of each class: each of the {classes:,} classes that it is drawn from "
        "has only one, which is to be trained on; add examples, or {@set:split.{part}=0}"
    ),
    "no_training_examples": "no example is left to train on; use smaller parts",
}
