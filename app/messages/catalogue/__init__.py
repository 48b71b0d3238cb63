"""All messages by code, a module a room. Each code is a heading in docs/errors.md."""

from app.messages.catalogue.datasets import DATASETS
from app.messages.catalogue.drift import DRIFT
from app.messages.catalogue.http import HTTP
from app.messages.catalogue.inference import INFERENCE
from app.messages.catalogue.insight import CHANGES, INSIGHT
from app.messages.catalogue.learning import LEARNING
from app.messages.catalogue.remarks import NOTES
from app.messages.catalogue.runs import RUNS
from app.messages.catalogue.splits import SPLITS
from app.messages.catalogue.storage import STORAGE
from app.messages.catalogue.sweeps import SWEEPS
from app.messages.catalogue.training import TRAINING
from app.messages.catalogue.validation import VALIDATION

ROOMS = (
    LEARNING,
    INSIGHT,
    CHANGES,
    DATASETS,
    SPLITS,
    NOTES,
    STORAGE,
    RUNS,
    SWEEPS,
    TRAINING,
    HTTP,
    DRIFT,
    INFERENCE,
    VALIDATION,
)
MESSAGES: dict[str, str] = {code: template for room in ROOMS for code, template in room.items()}
