"""Model cards of runs."""

from fastapi import Response

from app.api.deps import DatabaseDep, FilesDep, RunDep
from app.api.problems import problems
from app.api.router import Router
from app.api.schemas.card import CardAnswer, card_answer
from app.api.scopes import READ
from app.errors import Invalid, NotFound
from app.insight.diagnosis import diagnose
from app.runs.card import Card, card_of
from app.runs.card_markdown import card_markdown
from app.runs.facts import facts_of
from app.storage import datasets, runs
from app.storage.database import Database
from app.storage.files import Files
from app.storage.tables import Run

router = Router(prefix="/runs/{id}", tags=["runs"], responses=problems(NotFound, Invalid), dependencies=[READ])

MARKDOWN = "text/markdown"
EXAMPLE = """---
library_name: antigrad
pipeline_tag: image-classification
---

# letters, baseline
"""


@router.get(
    "/card",
    summary="Get the model card as Markdown",
    response_class=Response,
    responses={200: {"content": {MARKDOWN: {"schema": {"type": "string"}, "example": EXAMPLE}}}},
)
def get_card(run: RunDep, database: DatabaseDep, files: FilesDep) -> Response:
    """Data, training, figures of each class, calibration, diagnosis, limits, and how to predict. The head is the YAML
    that Hugging Face reads."""
    return Response(card_markdown(_card(run, database, files)), media_type=MARKDOWN)


@router.get("/card.json", summary="Get the model card as JSON")
def get_card_json(run: RunDep, database: DatabaseDep, files: FilesDep) -> CardAnswer:
    """All facts of `GET /runs/{id}/card`."""
    return card_answer(_card(run, database, files))


def _card(run: Run, database: Database, files: Files) -> Card:
    runs.served_file(run)
    with database.read() as db:
        dataset = datasets.get(db, run.dataset)
        columns, _ = datasets.columns(db, run.id)
    return card_of(run, dataset, columns, diagnose(facts_of(run, database, files)))
