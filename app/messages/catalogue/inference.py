"""Refusals of the Open Inference Protocol."""

INFERENCE = {
    "inference_not_json": "the body is not JSON: {reason}",
    "inference_json_too_large": (
        "the JSON has {bytes:,} bytes, and at most {limit:,} are allowed; send the tensor as bytes behind the JSON "
        "(binary_data_size)"
    ),
    "json_length_malformed": (
        "{given!r} is not the length of the JSON; the body has {bytes:,} bytes, of which the first are JSON"
    ),
    "bytes_left_over": "{bytes:,} bytes behind the JSON belong to no tensor; binary_data_size counts those of each",
    "no_such_tensor": "no tensor is called {given!r}, or it comes twice; there are {names:, }",
    "tensor_without_data": (
        "the tensor needs either data, or binary_data_size with so many bytes behind the JSON; {bytes:,} are left"
    ),
    "tensor_datatype": "{datatype!r} is no type of numbers; use one of {datatypes:, }",
    "tensor_shape": (
        "the shape is [{given:, }]; give [n, {shape:, }] with n from 1 to {limit:,}, the number of inputs"
    ),
    "tensor_size": "the shape [{shape:, }] has {wanted:,} numbers, but the data have {given:,}",
    "tensor_bytes": ("the shape [{shape:, }] of {datatype} has {bytes:,} bytes, but binary_data_size is {given:,}"),
    "tensor_not_numbers": "the data are no numbers in lists; give them flat, or nested as the shape says",
    "tensor_out_of_range": "a number is out of the range of {datatype}",
    "inference_priority": "the priority is a whole number from 1, the first, to {limit:,}; {default} is the default",
    "inference_timeout": "the timeout is a whole number of microseconds, from 0 for none to {limit:,}",
}
