"""Refusals of the learning core."""

LEARNING = {
    "too_many_layers": "with this layer the network has over {limit:,} layers; use fewer",
    "layers_too_deep": "layers are nested more than {limit} deep; use fewer levels",
    "too_many_parameters": "with this layer the network has {parameters:,} parameters; at most {limit:,} are allowed",
    "nothing_trainable": 'no layer is trainable; leave out "trainable": false somewhere',
    "batch_statistics_of_one": "{layer} needs batches of at least 2 examples: one number has no spread",
    "augment_changes_nothing": "changes nothing; give at least one of {fields:, }, or leave augment out",
    "residual_shape_changed": "the layers return [{out:, }], which cannot be added to [{shape:, }]",
    "residual_stride_uneven": (
        "no single stride leads from [{shape:, }] to the [{out:, }] that the layers return; "
        "shrink height and width by the same factor"
    ),
    "window_too_large": (
        "a window of {kernel_size} does not fit on {size} pixels{?padding: and {padding} of padding on each side}; "
        "at most {limit}"
    ),
    "needs_pictures": "{layer} takes pictures (channels, height, width), but its input is [{shape:, }]",
    "nesterov_needs_momentum": "nesterov needs a momentum above 0 and a dampening of 0",
}
