"""Refusals of the learning core."""

LEARNING = {
    "too_many_layers": "this layer exceeds the limit of {limit:,} layers; use fewer",
    "layers_too_deep": "layers are nested more than {limit} deep; use fewer levels",
    "too_many_parameters": "with this layer the network has {parameters:,} parameters; at most {limit:,} are allowed",
    "nothing_trainable": 'no layer is trainable; remove "trainable": false from at least one',
    "batch_statistics_of_one": "{layer} needs batches of at least 2 examples: one number has no variance",
    "augment_changes_nothing": "no field is above 0; set at least one of {fields:, }, or leave augment out",
    "residual_shape_changed": "the layers output [{out:, }], which cannot be added to the input [{shape:, }]",
    "residual_stride_uneven": (
        "no single stride shrinks the input [{shape:, }] to the layers' output [{out:, }]; "
        "shrink height and width by the same factor"
    ),
    "window_too_large": (
        "a window of {kernel_size} does not fit on {size} pixels{?padding: with {padding} of padding on each side}; "
        "use at most {limit}"
    ),
    "needs_pictures": "{layer} needs pictures (channels, height, width), but its input has the shape [{shape:, }]",
    "nesterov_needs_momentum": "nesterov needs a momentum above 0 and a dampening of 0",
}
