"""The query parameters of a route as one model, declared and read here.

FastAPI's own way with them takes as long over nine parameters as a small network over a picture (0.13 ms each), which
is too long where all else is quick.
"""

from typing import Any

from fastapi import Request
from pydantic import BaseModel

from app.runs.request_model import Model, validated


def parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    """What the OpenAPI document says of them; all may be left out."""
    return [
        {"name": name, "in": "query", "required": False, "schema": schema, "description": schema["description"]}
        for name, schema in model.model_json_schema()["properties"].items()
    ]


def read_query(model: type[Model], request: Request) -> Model:
    """Of a parameter that comes twice the last one counts. Raises RequestValidationError."""
    return validated(model, dict(request.query_params), "query")
