"""Refusals of traces, diagrams and curves, and the changes that a diagnosis proposes."""

INSIGHT = {
    "trace_too_large": (
        "one example takes {products:,} products and {bytes:,} bytes for the backward pass; a trace has at most "
        "{most_products:,} and {most_bytes:,}: use a smaller network"
    ),
    "trace_batch_too_large": (
        "{examples:,} examples take {products:,} products and {bytes:,} bytes for the backward pass; a trace has at "
        "most {most_products:,} and {most_bytes:,}: use a batch_size of at most {limit:,}"
    ),
    "not_by_hand": (
        "{layer} is not written out by hand; linear layers, {activations:, } and leaky_relu are: use one of those"
    ),
    "by_hand_too_many_layers": "by hand a network has at most {limit} linear layers",
    "by_hand_too_large": (
        "the batch takes {products:,} products forward; by hand the limit is {most_products:,}: use a smaller network"
    ),
    "by_hand_batch_too_large": (
        "the batch takes {products:,} products forward; by hand the limit is {most_products:,}: use a batch_size of at "
        "most {limit:,}"
    ),
    "diagram_too_large": (
        "the picture would have {bodies:,} bodies, at most {limit} fit; neighbours of one kind and shape are one"
    ),
    "axis_not_known": (
        "the number of steps in one {axis} is known once the run has begun; use {@option:axis=step} until then"
    ),
}

CHANGES = {
    "set_field": "{@set:{path}={json}}",
    "relu_instead_of": 'use {{"type": "relu"}} instead of {layer}',
    "relu_instead": 'use {{"type": "relu"}} instead',
    "default_init": 'leave "init" out of the layers, or set it to "he"',
    "he_init": 'set "init": "he" in the layers',
    "fitting_init": 'set "init": "{init}" in the layers before it',
    "no_zeros_init": 'leave "init": "zeros" out of the layers',
    "leaky_relu_at": 'use {{"type": "leaky_relu"}} at {pointer}',
    "add_hidden_layer": 'add a hidden layer: {{"type": "linear", "units": 64}}, {{"type": "relu"}}',
    "widen_layer": "give the layer of {units} unit{?several:s} {wanted} units",
    "add_dropout": 'put {{"type": "dropout"}} after the hidden layers',
    "train_longer": '{@resume:{run}} with {{"stop": {{"max_epochs": {epochs}}}}}',
    "train_to_later_end": "{@resume:{run}} with a later end",
    "look_at_examples": "look at some examples ({@preview:{dataset}}): do the labels belong to them?",
    "look_at_confused": "look at the examples of {a} and {b} in {@evaluation:{run}}: are the labels right?",
    "lower_threshold": 'lower "threshold" of the loss, below 0.5',
    "relu_between": 'put {{"type": "relu"}} between the linear layers',
    "leave_softmax_out": "leave the softmax out: predictions contain probabilities all the same",
}
