"""Query parameters: refusal of those that a route does not have, and routes that read all of theirs as one model.

FastAPI takes 0.13 ms to read nine query parameters, as long as a small network takes for a picture. `python -m bench
predict` measures the difference.
"""

from collections import Counter
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from fastapi import Request
from pydantic import BaseModel
from starlette.datastructures import QueryParams

from app.api.problems import SHOWN
from app.errors import InvalidFields
from app.messages import FieldError, Message
from app.runs.request_model import Model, validated
from app.suggestions import closest

REF = "#/components/schemas/{model}"


def parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    """OpenAPI parameters of a query model; all are optional. Another route declares the choices that have names."""
    return [
        {"name": name, "in": "query", "required": False, "schema": schema, "description": schema["description"]}
        for name, schema in model.model_json_schema(ref_template=REF)["properties"].items()
    ]


def read_query(model: type[Model], request: Request) -> Model:
    """The query as a model. Raises FieldsInvalid, and InvalidFields for unknown and repeated parameters."""
    read: Model = _read(model, request.scope["query_string"])
    return read


@lru_cache(1024)
def _read(model: type[BaseModel], query: bytes) -> Any:
    """Clients repeat their queries, and the models are never changed."""
    given = QueryParams(query)
    refuse_unknown(given, list(model.model_fields))
    return validated(model, dict(given), "query")


def refuse_unknown(given: QueryParams, known: list[str], lists: Collection[str] = ()) -> None:
    """Refuse query parameters that are not `known`, and repeated ones that are not `lists`. Raises InvalidFields."""
    counts = Counter(name for name, _ in given.multi_items())
    repeated = {name: count for name, count in counts.items() if count > 1 and name in known and name not in lists}
    if repeated:
        raise InvalidFields(
            [FieldError(name, Message.of("parameter_repeated", count=count)) for name, count in repeated.items()]
        )
    unknown = [name for name in counts if name not in known]
    if unknown:
        raise InvalidFields(
            [
                FieldError(name[:100], Message.of("no_such_parameter", parameters=known, near=closest(name, known)))
                for name in unknown[:SHOWN]
            ],
            further=len(unknown[SHOWN:]),
        )
