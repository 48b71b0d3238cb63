"""All messages by code, a module a room. Each code is a heading in docs/errors.md."""

from app.messages.catalogue.datasets import DATASETS, NOTES
from app.messages.catalogue.http import HTTP
from app.messages.catalogue.insight import CHANGES, INSIGHT
from app.messages.catalogue.learning import LEARNING
from app.messages.catalogue.runs import RUNS
from app.messages.catalogue.storage import STORAGE
from app.messages.catalogue.training import TRAINING
from app.messages.catalogue.validation import VALIDATION

ROOMS = (LEARNING, INSIGHT, CHANGES, DATASETS, NOTES, STORAGE, RUNS, TRAINING, HTTP, VALIDATION)
MESSAGES: dict[str, str] = {code: template for room in ROOMS for code, template in room.items()}
