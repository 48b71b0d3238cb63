"""The tables. Times are seconds since 1970 by the database's clock."""

from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, defer, mapped_column

from app.access import NO_OWNER
from app.storage.measured import MEASURED, PARTS, measured


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


class Owned(Table):
    """A table whose rows have an owner: what `app.storage.visibility` hides from other owners."""

    __abstract__ = True

    owner: Mapped[str] = mapped_column(default=NO_OWNER, server_default=text("''"))


class Claimable(Owned):
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
    bytes: Mapped[int | None] = mapped_column(BigInteger)  # of the upload, then of the arrays; NULL if unknown
    created_at: Mapped[float]

    __table_args__ = (UniqueConstraint("owner", "name", "version"),)


def ranked_by(metrics: Mapped[dict[str, Any]]) -> list[Index]:
    """Indexes of the runs that have a metric, by its value."""
    values = {f"ix_runs_{part}_{name}": measured(metrics, part, name) for part in PARTS for name in MEASURED}
    return [
        Index(name, value, "id", sqlite_where=value.is_not(None), postgresql_where=value.is_not(None))
        for name, value in values.items()
    ]


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
    pause_epoch: Mapped[int | None]  # after this epoch it pauses, at a rung of its sweep; NULL: at none
    environment: Mapped[dict[str, Any]]
    progress: Mapped[dict[str, Any]]
    metrics: Mapped[dict[str, Any]] = mapped_column()
    warnings: Mapped[list[Any] | None]  # known before the training
    evaluation: Mapped[dict[str, Any] | None]
    checkpoint: Mapped[str | None]  # the file from which the training continues
    weights: Mapped[str | None]  # the file that is served
    device: Mapped[str | None]
    stack: Mapped[str | None]  # the signature of runs that train as one program; NULL for a run that trains alone
    bytes: Mapped[int | None] = mapped_column(BigInteger)  # of files and curve; NULL for a run of an older version
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]

    __table_args__ = (
        Index(
            "ix_runs_open",  # each owner's runs in the order of claiming: the next is found without sorting all of them
            "owner",
            priority.desc(),
            "id",
            sqlite_where=text("status IN ('queued', 'running')"),
            postgresql_where=text("status IN ('queued', 'running')"),
        ),
        Index(
            "ix_runs_running",
            "owner",
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
        Index(
            "ix_runs_stack",
            "stack",
            priority.desc(),
            "id",
            sqlite_where=text("status = 'queued'"),
            postgresql_where=text("status = 'queued'"),
        ),
        Index(
            "ix_runs_succeeded",
            "finished_at",
            sqlite_where=text("status = 'succeeded'"),
            postgresql_where=text("status = 'succeeded'"),
        ),
        # Not on SQLite: without statistics it would prefer them to those of the queue.
        Index("ix_runs_owner", "owner", "id").ddl_if(dialect="postgresql"),
        Index("ix_runs_status", "status", "id").ddl_if(dialect="postgresql"),
        *ranked_by(metrics),
    )


# An option of queries. An evaluation is larger than all the rest of a run.
WITHOUT_EVALUATION = defer(Run.evaluation, raiseload=True)


class Batch(Claimable):
    """Predictions of a run for a whole dataset or an upload; its status is a BatchStatus.

    `source` is {"dataset": id, "inputs": number of its examples} or {"upload": its kind}. An upload is stored under
    `batches/<id>`, like the result.
    """

    __tablename__ = "batches"

    run: Mapped[str]
    weights: Mapped[str]
    source: Mapped[dict[str, Any]]
    progress: Mapped[dict[str, Any]] = mapped_column(default=dict)
    turn: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))  # its place among all owners'
    result: Mapped[str | None]  # the file with the table
    bytes: Mapped[int | None] = mapped_column(BigInteger)  # of the upload, then of the result; NULL if unknown
    error: Mapped[dict[str, Any] | None]
    created_at: Mapped[float]
    finished_at: Mapped[float | None]

    __table_args__ = (
        Index(
            "ix_batches_open",  # in the order of claiming
            "turn",
            "id",
            sqlite_where=text("status IN ('queued', 'running')"),
            postgresql_where=text("status IN ('queued', 'running')"),
        ),
    )


class Sweep(Claimable):
    """Many runs as one job; its status is a SweepStatus. Whoever claims the row tells results and starts trials.

    `request` has the shape in which it was sent, with every default filled in; `rungs` are the epochs after which
    trials are compared. `knowledge` holds results of earlier runs: `{"run", "params", "value"}`. `caller` is the key
    that made the sweep: its runs are made as by that key. `due_at` is the time at which there is something to do even
    if no run has ended; a run's end matters once no more than `wake_at` runs are open.
    """

    __tablename__ = "sweeps"

    name: Mapped[str | None]
    task: Mapped[str]
    dataset: Mapped[str]
    request: Mapped[dict[str, Any]]
    rungs: Mapped[list[Any]]
    knowledge: Mapped[list[Any]]
    caller: Mapped[dict[str, Any]]
    due_at: Mapped[float | None]
    wake_at: Mapped[int] = mapped_column(default=0)
    error: Mapped[dict[str, Any] | None]
    chosen: Mapped[str | None]  # the run that was best on the validation part when the sweep ended
    created_at: Mapped[float]
    finished_at: Mapped[float | None]

    __table_args__ = (
        Index(
            "ix_sweeps_running",
            "id",
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
    )


class SweepTrial(Table):
    """A configuration that a sweep tries: values by parameter. `refusal` is the message if no run could be made of
    it."""

    __tablename__ = "sweep_trials"

    sweep: Mapped[str] = mapped_column(ForeignKey("sweeps.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    params: Mapped[dict[str, Any]]
    refusal: Mapped[dict[str, Any] | None]


class SweepRun(Table):
    """A trial's run with one seed, and what the sweep knows of it, which stays when the run is deleted.

    It trains up to the rung `rung`, an index of the sweep's rungs, or their number for the end. `told`: its result
    there is known. `values` are the metric's values by rung, and at its end. `outcome` is how it ended.
    """

    __tablename__ = "sweep_runs"

    sweep: Mapped[str] = mapped_column(ForeignKey("sweeps.id", ondelete="CASCADE"), primary_key=True)
    trial: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seed: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    run: Mapped[str] = mapped_column(unique=True)
    rung: Mapped[int]
    told: Mapped[bool] = mapped_column(default=False)
    values: Mapped[dict[str, Any]]
    outcome: Mapped[str | None]

    __table_args__ = (
        Index("ix_sweep_runs_untold", "sweep", sqlite_where=text("told = 0"), postgresql_where=text("NOT told")),
    )


class OwnerTurn(Table):
    """An owner's turn in the queue of runs: the seconds by which `app.storage.queue.turns` compares it with others."""

    __tablename__ = "turns"

    owner: Mapped[str] = mapped_column(primary_key=True)
    served: Mapped[float]
    joined: Mapped[str]  # the run with which the owner began to wait: of owners served alike, the first comes first


class CurveChunk(Table):
    """Consecutive points of one series of one run: steps as little-endian int64, values as float64."""

    __tablename__ = "curve_chunks"

    run: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    series: Mapped[str] = mapped_column(primary_key=True)
    first_step: Mapped[int] = mapped_column(primary_key=True)
    last_step: Mapped[int]
    steps: Mapped[bytes] = mapped_column(LargeBinary)
    values: Mapped[bytes] = mapped_column(LargeBinary)


class CurveBlock(Table):
    """Consecutive buckets of a level of a series' pyramid, packed like a chunk: `app.storage.pyramid`."""

    __tablename__ = "curve_blocks"

    run: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    series: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    block: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    steps: Mapped[bytes] = mapped_column(LargeBinary)
    values: Mapped[bytes] = mapped_column(LargeBinary)
    stands_for: Mapped[bytes] = mapped_column(LargeBinary)  # int64: the points that each one represents
    means: Mapped[bytes] = mapped_column(LargeBinary)  # float64: of the bucket of each one


class CheckpointRow(Table):
    """A checkpoint that was committed, that is named in its run."""

    __tablename__ = "checkpoints"

    run: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    epoch: Mapped[int]
    file: Mapped[str]
    bytes: Mapped[int | None] = mapped_column(BigInteger)  # of the file; NULL if an older version wrote it
    metrics: Mapped[dict[str, Any] | None]  # of the last epoch before it
    created_at: Mapped[float]


class RunEvent(Table):
    """A change of a run's status, or a new attempt at it. A trigger of migration 0024 writes it with the change.

    `worker` holds the run from then on, if one does. `died`: a process of the attempt has ended without its result.
    """

    __tablename__ = "run_events"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    run: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    at: Mapped[float]
    status: Mapped[str]
    attempt: Mapped[int]
    worker: Mapped[str | None]
    died: Mapped[bool]


class ModelVersion(Owned):
    """The run that an owner's name points at since `created_at`; such a run is not deleted. The newest version counts.

    split: the share of the requests by run, where several runs share them; `run` is then the one with the most.
    shadow: a run that predicts for comparison only, and its share, as `{"run", "share"}`.
    log: the share of the requests whose predictions are logged.
    """

    __tablename__ = "model_versions"

    owner: Mapped[str] = mapped_column(primary_key=True, default=NO_OWNER, server_default=text("''"))
    model: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    run: Mapped[str]
    split: Mapped[dict[str, Any] | None]
    shadow: Mapped[dict[str, Any] | None]
    log: Mapped[float | None]
    created_at: Mapped[float]

    @property
    def shares(self) -> dict[str, float]:
        """Shares of the requests by run."""
        return self.split or {self.run: 1.0}

    @property
    def runs(self) -> set[str]:
        """All runs that it names."""
        return {*self.shares, *([self.shadow["run"]] if self.shadow else ())}

    def is_like(self, other: "ModelVersion") -> bool:
        """True if both treat requests in the same way."""
        same_shares = list(self.shares.items()) == list(other.shares.items())
        return same_shares and (self.shadow, self.log) == (other.shadow, other.log)


class OfVersion(Table):
    """A table about a version of a model; its rows go with the model."""

    __abstract__ = True

    owner: Mapped[str]
    model: Mapped[str]
    version: Mapped[int]


class ShadowTally(OfVersion):
    """Comparisons of a version's answers with those of the run in its shadow.

    mirrored: inputs in the shadow's share. Older versions counted the compared requests here.
    compared: inputs, of which both agreed on `agreed`. failed: inputs for which the shadow had an error.
    live_seconds, shadow_seconds: of each compared input's batch, in sum.
    """

    __tablename__ = "shadow_tallies"

    owner: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    compared: Mapped[int]
    agreed: Mapped[int]
    failed: Mapped[int]
    mirrored: Mapped[int] = mapped_column("requests")
    live_seconds: Mapped[float]
    shadow_seconds: Mapped[float]


class ShadowDifference(OfVersion):
    """An input on which a version and its shadow disagreed: as an .npy file, with both predictions.

    sender: the owner who sent it; None for those that older versions stored.
    """

    __tablename__ = "shadow_differences"

    id: Mapped[str] = mapped_column(primary_key=True)
    sender: Mapped[str | None]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    live: Mapped[dict[str, Any]]
    shadow: Mapped[dict[str, Any]]
    created_at: Mapped[float]

    __table_args__ = (Index("ix_shadow_differences_version", "owner", "model", "version"),)


class Prediction(Owned):
    """A logged prediction. Its owner is who asked; `true_label` or `true_value` is what is right, once that is known.

    content: the input as an .npy file.
    """

    __tablename__ = "predictions"

    id: Mapped[str] = mapped_column(primary_key=True)
    model_owner: Mapped[str]
    model: Mapped[str]
    version: Mapped[int]
    run: Mapped[str]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    label: Mapped[str | None]
    probability: Mapped[float | None]
    value: Mapped[float | None]
    true_label: Mapped[str | None]
    true_value: Mapped[float | None]
    labelled_at: Mapped[float | None]
    created_at: Mapped[float]

    __table_args__ = (Index("ix_predictions_model", "model_owner", "model", "id"),)


class IdempotencyKey(Table):
    """The run, dataset or sweep that an owner's request with this key created, and the hash of the request's body."""

    __tablename__ = "idempotency_keys"

    owner: Mapped[str] = mapped_column(primary_key=True, default=NO_OWNER, server_default=text("''"))
    key: Mapped[str] = mapped_column(primary_key=True)
    body_sha256: Mapped[str]
    run: Mapped[str | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    dataset: Mapped[str | None] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    sweep: Mapped[str | None] = mapped_column(ForeignKey("sweeps.id", ondelete="CASCADE"))


class Worker(Table):
    """A worker process that is, or was, alive."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    concurrency: Mapped[int]
    started_at: Mapped[float]
    heartbeat_at: Mapped[float]


class ApiKey(Table):
    """A key: who may use the service, and for what (a list of Scope). The secret itself is not stored."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(unique=True)  # the SHA-256 of the secret, in hexadecimal
    owner: Mapped[str]
    scopes: Mapped[list[Any]]
    created_at: Mapped[float]
    expires_at: Mapped[float | None]
    revoked_at: Mapped[float | None]
    limits: Mapped[dict[str, Any] | None]  # by field of Limits, in place of the settings'; null is no limit


class AuditEntry(Table):
    """Something that was changed, and by whom; `key` is null without a key and for the command line."""

    __tablename__ = "audit"

    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[float]
    owner: Mapped[str]
    key: Mapped[str | None]
    action: Mapped[str]
    target: Mapped[str]  # the id or name of what was changed


class Share(Owned):
    """A link that shows the runs of one address to whoever has it, until it expires or is deleted."""

    __tablename__ = "shares"

    id: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str]
    runs: Mapped[list[Any]]
    created_at: Mapped[float]
    expires_at: Mapped[float]


class Secret(Table):
    """A secret that all processes share, such as the one that signs sessions."""

    __tablename__ = "secrets"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
