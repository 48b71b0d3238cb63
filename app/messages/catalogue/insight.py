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
    "in_time_to_learn": "{change}; and give it time to learn: {@set:stop={stop}}",
    "relu_instead_of": 'use {{"type": "relu"}} instead of {layer}, and "init": "he" in the layers before it',
    "relu_instead": 'use {{"type": "relu"}} instead, and "init": "he" in the layers before it',
    "he_init": 'set "init": "he" in the layers',
    "default_init": 'set "init" of each hidden layer to what fits: "he" before ReLU, "xavier" before tanh and sigmoid',
    "no_zeros_init": 'use "init": "he" before ReLU, "xavier" before tanh and sigmoid, in place of "zeros"',
    "leaky_relu": (
        'use {{"type": "leaky_relu"}} in place of the ReLU at {pointer} and of the others, "init": "he" before them'
        "{?units:, and {units} units or more in each hidden layer}"
    ),
    "add_hidden_layer": 'add a hidden layer: {{"type": "linear", "units": {units}}}, {{"type": "relu"}}',
    "widen_layer": "widen the layer with {units} unit{?several:s} to {wanted} units",
    "add_dropout": 'put {{"type": "dropout"}} after the hidden layers',
    "train_longer": """{@resume:{run}} {@http:with {{"stop": {stop}}}}{@cli:--set stop='{stop}'}""",
    "look_at_pictures": "look at some examples ({@preview:{dataset}}): are their labels correct?",
    "look_at_rows": "look at some rows ({@rows:{dataset}}): do the targets belong to them?",
    "look_at_inputs": (
        "look at the pictures ({@preview:{dataset}}); if they are white on transparency, import them again with "
        "{@option:background=black}"
    ),
    "look_at_columns": "look at the columns ({@statistics:{dataset}}): none of them varies",
    "leave_copies_out": "leave the copies out of one part; {@duplicates:{dataset}} lists them",
    "look_at_confused": "look at the examples of {a} and {b} in {@evaluation:{run}}: are their labels correct?",
    "relu_between": 'put {{"type": "relu"}} between the linear layers',
    "leave_softmax_out": "remove the softmax: predictions contain probabilities without it",
}
