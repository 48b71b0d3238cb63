"""Limits of a form's inputs, from the models of the requests that it sends."""

from functools import cache
from typing import Any

from pydantic import BaseModel

ATTRIBUTES = {"minimum": "min", "exclusiveMinimum": "min", "maximum": "max", "maxLength": "maxlength"}


@cache
def limits(model: type[BaseModel], field: str) -> dict[str, Any]:
    """The HTML attributes of an input for a field such as `stop/max_epochs`."""
    schema = model.model_json_schema()
    node: dict[str, Any] = schema
    for name in field.split("/"):
        node = _resolved(node, schema)["properties"][name]
    kinds = [node, *node.get("anyOf", ())]
    found = {attribute: kind[key] for kind in kinds for key, attribute in ATTRIBUTES.items() if key in kind}
    below = next((kind["exclusiveMaximum"] for kind in kinds if "exclusiveMaximum" in kind), None)
    return found if below is None else found | {"max": below - 1}


def _resolved(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The definition that a node refers to, or the node itself."""
    reference = next((each["$ref"] for each in [node, *node.get("anyOf", ())] if "$ref" in each), None)
    definition: dict[str, Any] = schema["$defs"][reference.rpartition("/")[2]] if reference else node
    return definition
