"""Constants that several layers share."""

from enum import StrEnum

BUSY_TIMEOUT_SECONDS = 10  # how long a writer waits for SQLite; a lease is at least three times as long
RESERVED_TAGS = "antigrad."  # the prefix of tags that only the service sets
EXPERIMENT_TAG = f"{RESERVED_TAGS}experiment"  # a run with this tag is a trial of the experiment with this id
SWEEP_TAG = f"{RESERVED_TAGS}sweep"  # a run with this tag belongs to the sweep with this id
TRIAL_TAGS = (EXPERIMENT_TAG, SWEEP_TAG)  # a run with one of these is a trial: it is never meant by default
RUN_PREFIX = "run_"  # prefix of a run's id
SETTINGS_PREFIX = "ANTIGRAD_"  # prefix of the environment variables that are settings


class RunStatus(StrEnum):
    """The status of a run as readers see it."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED)
DELETED = "deleted"  # stored status of a run that is hidden from readers while its rows and files are removed


class RequestedAction(StrEnum):
    """A user's request to a run that a worker holds; its child follows it between two steps."""

    CANCEL = "cancel"
    PAUSE = "pause"


STATUS_AFTER = {RequestedAction.CANCEL: RunStatus.CANCELLED, RequestedAction.PAUSE: RunStatus.PAUSED}


class BatchStatus(StrEnum):
    """The status of a batch of predictions."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class SweepStatus(StrEnum):
    """The status of a sweep."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


RUNG = "rung"  # stop reason of a paused run: its sweep decides if it goes on
PRUNED = "pruned"  # stop reason of a cancelled run: its sweep has ended, and other trials were better


class DatasetStatus(StrEnum):
    """The status of a version of a dataset."""

    IMPORTING = "importing"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"


METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # variable: where several API processes write their metrics

TASK_METRICS: dict[str, tuple[str, ...]] = {  # of each part
    "classification": ("loss", "accuracy"),
    "regression": ("loss", "mse", "mae", "r2", "mape"),
}
