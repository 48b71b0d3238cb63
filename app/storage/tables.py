"""The tables. Times are seconds since 1970 by the database's clock."""

from typing import Any, ClassVar

from sqlalchemy import JSON, Float, ForeignKey, Index, LargeBinary, MetaData, String, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


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


class Claimable(Table):
    """A table whose rows are jobs: `app.storage.queue.claims` is their queue."""

    __abstract__ = True

    id: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str]
    attempt: Mapped[int] = mapped_column(default=0)  # counts the claims; the fencing token
    deaths: Mapped[int] = mapped_column(default=0)  # of child processes in a row, without a new checkpoint in between
    worker: Mapped[str | None]  # the worker that holds the row, or held it last
    lease_expires_at: Mapped[float | None]


class Dataset(Claimable):
    """A version of a dataset; its status is a DatasetStatus. The row is the job that imports the upload.

    The upload is stored under `datasets/<id>` until the import ends. The arrays of a `ready` dataset are in `folder`,
    which is named after their content: datasets with the same content share it. `source` holds the roles of the
    upload's files and the import options.
    """

    __tablename__ = "datasets"

    name: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)
    source: Mapped[dict[str, Any]] = mapped_column(default=dict)
    progress: Mapped[dict[str, Any]] = mapped_column(default=dict)
    folder: Mapped[str | None]
    about: Mapped[dict[str, Any]]
    skipped: Mapped[list[Any]]
    error: Mapped[str | None]
    created_at: Mapped[float]

    __table_args__ = (UniqueConstraint("name", "version"),)


class Run(Claimable):
    """A training run; its status is a RunStatus, or DELETED. The row is the job that trains it."""

    __tablename__ = "runs"

    name: Mapped[str | None]
    requested_action: Mapped[str | None] = mapped_column("wanted")  # a RequestedAction
    stop_reason: Mapped[str | None]
    error: Mapped[dict[str, Any] | None]
    task: Mapped[str]
    dataset: Mapped[str]
    request: Mapped[dict[str, Any]]
    fault: Mapped[str | None] = mapped_column("slip")  # the deliberate mistake of an experiment's trial
    tags: Mapped[dict[str, Any]]
    priority: Mapped[int] = mapped_column(default=0)
    environment: Mapped[dict[str, Any]]
    progress: Mapped[dict[str, Any]]
    metrics: Mapped[dict[str, Any]]
    warnings: Mapped[list[Any] | None]  # known before the training
    evaluation: Mapped[dict[str, Any] | None]
    checkpoint: Mapped[str | None]  # the file from which the training continues
    weights: Mapped[str | None]  # the file that is served
    device: Mapped[str | None]
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]

    __table_args__ = (
        Index(
            "ix_runs_open",  # in the order of claiming: the next run is found without sorting all queued ones
            priority.desc(),
            "id",
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
    """A checkpoint that was committed, that is named in its run."""

    __tablename__ = "checkpoints"

    run: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    epoch: Mapped[int]
    file: Mapped[str]
    metrics: Mapped[dict[str, Any] | None]  # of the last epoch before it
    created_at: Mapped[float]


class ModelVersion(Table):
    """The run that a name points at since `created_at`; such a run is not deleted. The newest version counts."""

    __tablename__ = "model_versions"

    model: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    run: Mapped[str]
    created_at: Mapped[float]


class IdempotencyKey(Table):
    """The run or dataset that a request with this key created, and the hash of the request's body."""

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(primary_key=True)
    body_sha256: Mapped[str]
    run: Mapped[str | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    dataset: Mapped[str | None] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))


class Worker(Table):
    """A worker process that is, or was, alive."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    concurrency: Mapped[int]
    started_at: Mapped[float]
    heartbeat_at: Mapped[float]
