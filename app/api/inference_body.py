"""Body of an inference request: JSON, or JSON followed by the bytes of its tensors."""

import json
from typing import Any

from app.api.middleware import JSON_BYTES
from app.api.schemas.inference import InferRequest, InferResponse, RequestInput, RequestOutput, ResponseOutput
from app.errors import Invalid, Malformed, TooLarge, not_utf8
from app.learning.serialization import Trained
from app.runs.request_model import validated
from app.serving.tensors import INPUT, NAMES, Tensor, as_bytes, as_inputs, as_list, read_tensor, refuse_other_shape

HEADER = "Inference-Header-Content-Length"


def parse(body: bytes, json_length: str | None) -> tuple[InferRequest, bytes]:
    """The request, and the bytes behind its JSON of `json_length`. Raises Malformed, Invalid, FieldsInvalid and
    TooLarge."""
    length = len(body)
    if json_length is not None:
        if not (json_length.isascii() and json_length.isdigit() and int(json_length[:12]) <= len(body)):
            raise Invalid("json_length_malformed", HEADER, given=json_length[:100], bytes=len(body))
        length = int(json_length)
    if length > JSON_BYTES:
        raise TooLarge("inference_json_too_large", bytes=length, limit=JSON_BYTES)
    try:
        document = json.loads(body[:length])
    except UnicodeDecodeError as error:
        raise not_utf8(error) from error
    except (ValueError, RecursionError) as error:
        raise Malformed("inference_not_json", reason=str(error)) from error
    return validated(InferRequest, document, "body"), body[length:]


def read_inputs(request: InferRequest, behind: bytes, trained: Trained) -> Tensor:
    """The inputs of the network (n, *input_shape). Raises Invalid."""
    tensors = {}
    for place, described in enumerate(request.inputs):
        pointer = f"/inputs/{place}"
        if described.name != INPUT or described.name in tensors:
            raise Invalid("no_such_tensor", f"{pointer}/name", given=described.name, names=[INPUT])
        refuse_other_shape(described.shape, trained, pointer)
        data, behind = _data(described, behind, pointer)
        tensor = read_tensor(described.datatype, described.shape, data, pointer)
        tensors[described.name] = as_inputs(tensor, trained, pointer)
    if behind:
        raise Invalid("bytes_left_over", HEADER, bytes=len(behind))
    return tensors[INPUT]


def _data(described: RequestInput, behind: bytes, pointer: str) -> tuple[list[Any] | bytes, bytes]:
    """The data of a tensor, and the bytes that remain for those after it."""
    size = described.parameters.get("binary_data_size")
    if described.data is not None and size is None:
        return described.data, behind
    if described.data is not None or type(size) is not int or not 0 <= size <= len(behind):
        raise Invalid("tensor_without_data", pointer, bytes=len(behind))
    return behind[:size], behind[size:]


def write(answer: InferResponse, request: InferRequest, outputs: dict[str, Tensor]) -> tuple[bytes, int | None]:
    """The body of an answer with the outputs that the request wants; and the length of its JSON if bytes follow it.

    Raises Invalid.
    """
    all_binary = request.parameters.get("binary_data_output") is True
    behind = []
    for place, wanted in enumerate(request.outputs or [RequestOutput(name=name) for name in outputs]):
        if wanted.name not in outputs:
            raise Invalid("no_such_tensor", f"/outputs/{place}/name", given=wanted.name, names=list(outputs))
        tensor = outputs[wanted.name]
        described = ResponseOutput(name=wanted.name, datatype=NAMES[tensor.dtype], shape=list(tensor.shape))
        if wanted.parameters.get("binary_data", all_binary) is True:
            behind.append(as_bytes(tensor))
            described.parameters = {"binary_data_size": len(behind[-1])}
        else:
            described.data = as_list(tensor)
        answer.outputs.append(described)
    head = answer.model_dump_json().encode()
    return b"".join([head, *behind]), len(head) if behind else None
