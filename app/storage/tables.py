"""The tables. Times are seconds since 1970 by the database's clock."""

from typing import Any, ClassVar

from sqlalchemy import JSON, Float, ForeignKey, Index, LargeBinary, MetaData, String, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

OPEN = ("queued", "running", "paused")
ENDED = ("succeeded", "failed", "cancelled")
DELETED = "deleted"  # gone for every reader; what is left of it is being removed


class Table(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        dict[str, Any]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
        float: Float(53),
        str: String(),
    }


class Dataset(Table):
    """A version of a dataset. Once it is `ready` its arrays lie in `folder`, which its content has its name from, so
    that datasets of the same content share it; the upload lies under `datasets/<id>` until then.

    `source` is how it came: the roles of the upload's files, and how they are to be read. While it is `importing` the
    row is the job, as a run's is: `attempt` is the fencing token, and `worker` is who holds it, if anybody.
    """

    __tablename__ = "datasets"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)
    status: Mapped[str]
    source: Mapped[dict[str, Any]] = mapped_column(default=dict)
    progress: Mapped[dict[str, Any]] = mapped_column(default=dict)
    folder: Mapped[str | None]
    about: Mapped[dict[str, Any]]
    skipped: Mapped[list[Any]]
    error: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(default=0)
    deaths: Mapped[int] = mapped_column(default=0)  # of the child that imports it
    worker: Mapped[str | None]
    lease_expires_at: Mapped[float | None]
    created_at: Mapped[float]

    __table_args__ = (UniqueConstraint("name", "version"),)


class Run(Table):
    """A training run. The row is the job: `status`, `attempt` (the fencing token) and the lease are the queue."""

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    status: Mapped[str]
    wanted: Mapped[str | None]  # "cancel" or "pause": what the running child shall do between two steps
    stop_reason: Mapped[str | None]
    error: Mapped[dict[str, Any] | None]
    task: Mapped[str]
    dataset: Mapped[str]
    request: Mapped[dict[str, Any]]
    fault: Mapped[str | None] = mapped_column("slip")  # what it does wrong on purpose, as the trial of an experiment
    tags: Mapped[dict[str, Any]]
    priority: Mapped[int] = mapped_column(default=0)
    environment: Mapped[dict[str, Any]]
    progress: Mapped[dict[str, Any]]
    metrics: Mapped[dict[str, Any]]
    warnings: Mapped[list[Any] | None]  # known before the training
    evaluation: Mapped[dict[str, Any] | None]
    checkpoint: Mapped[str | None]  # the file to go on from
    weights: Mapped[str | None]  # the file that is served
    attempt: Mapped[int] = mapped_column(default=0)
    deaths: Mapped[int] = mapped_column(default=0)  # of the child in a row, without a new checkpoint between them
    worker: Mapped[str | None]
    device: Mapped[str | None]
    lease_expires_at: Mapped[float | None]
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]

    __table_args__ = (
        Index(
            "ix_runs_open",  # in the order of claiming: the next run is found without sorting all that wait
            priority.desc(),
            id,
            sqlite_where=text("status IN ('queued', 'running')"),
            postgresql_where=text("status IN ('queued', 'running')"),
        ),
    )


class CurveChunk(Table):
    """Consecutive points of one series of one run: steps as little-endian int64, values as float64."""

    __tablename__ = "curve_chunks"

    run: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    series: Mapped[str] = mapped_column(primary_key=True)
    first_step: Mapped[int] = mapped_column(primary_key=True)
    last_step: Mapped[int]
    steps: Mapped[bytes] = mapped_column(LargeBinary)
    values: Mapped[bytes] = mapped_column(LargeBinary)


class CheckpointRow(Table):
    """A checkpoint that was named in its run."""

    __tablename__ = "checkpoints"

    run: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    epoch: Mapped[int]
    file: Mapped[str]
    metrics: Mapped[dict[str, Any] | None]  # of the last epoch before it
    created_at: Mapped[float]


class ModelVersion(Table):
    """What a name points at since `created_at`; the newest version counts. A run that one points at is not deleted."""

    __tablename__ = "model_versions"

    model: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    run: Mapped[str]
    created_at: Mapped[float]


class IdempotencyKey(Table):
    """What a creating request with this key made, a run or a dataset, and the hash of its body."""

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(primary_key=True)
    body_sha256: Mapped[str]
    run: Mapped[str | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    dataset: Mapped[str | None] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))


class Worker(Table):
    """A worker that is or was alive."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    concurrency: Mapped[int]
    started_at: Mapped[float]
    heartbeat_at: Mapped[float]
