"""Refusals of traces, diagrams and curves, and the changes that a diagnosis proposes."""

INSIGHT = {
    "trace_too_large": (
        "one example needs {products:,} multiply-adds and {bytes:,} bytes for the backward pass; a trace allows at "
        "most {most_products:,} and {most_bytes:,}: use a smaller network"
    ),
    "trace_batch_too_large": (
        "{examples:,} examples need {products:,} multiply-adds and {bytes:,} bytes for the backward pass; a trace "
        "allows at most {most_products:,} and {most_bytes:,}: use a batch_size of at most {limit:,}"
    ),
    "not_by_hand": "{layer} is not supported by hand; use linear layers, {activations:, } or leaky_relu",
    "by_hand_too_many_layers": "by hand, a network has at most {limit} linear layers",
    "by_hand_too_large": (
        "the batch needs {products:,} multiply-adds forward; by hand, the limit is {most_products:,}: use a smaller "
        "network"
    ),
    "by_hand_batch_too_large": (
        "the batch needs {products:,} multiply-adds forward; by hand, the limit is {most_products:,}: use a batch_size "
        "of at most {limit:,}"
    ),
    "diagram_too_large": (
        "the diagram would have {bodies:,} bodies, but at most {limit} fit; consecutive layers of one kind and shape "
        "are drawn as one body"
    ),
    "axis_not_known": (
        "the number of steps in one {axis} is known only once the run has started; use {@option:axis=step} until then"
    ),
}

CHANGES = {
    "set_field": "{@set:{path}={json}}",
    "relu_instead_of": 'use {{"type": "relu"}} instead of {layer}',
    "relu_instead": 'use {{"type": "relu"}} instead',
    "default_init": 'remove "init" from the layers, or set it to "he"',
    "he_init": 'set "init": "he" in the layers',
    "fitting_init": 'set "init": "{init}" in the layers before it',
    "no_zeros_init": 'remove "init": "zeros" from the layers',
    "leaky_relu_at": 'use {{"type": "leaky_relu"}} at {pointer}',
    "add_hidden_layer": 'add a hidden layer: {{"type": "linear", "units": 64}}, {{"type": "relu"}}',
    "widen_layer": "widen the layer with {units} unit{?several:s} to {wanted} units",
    "add_dropout": 'put {{"type": "dropout"}} after the hidden layers',
    "train_longer": '{@resume:{run}} with {{"stop": {{"max_epochs": {epochs}}}}}',
    "train_to_later_end": "{@resume:{run}} with a higher limit in stop",
    "look_at_examples": "look at some examples ({@preview:{dataset}}): are their labels correct?",
    "look_at_confused": "look at the examples of {a} and {b} in {@evaluation:{run}}: are their labels correct?",
    "lower_threshold": 'lower the "threshold" of the loss below 0.5',
    "relu_between": 'put {{"type": "relu"}} between the linear layers',
    "leave_softmax_out": "remove the softmax: predictions contain probabilities without it",
}
