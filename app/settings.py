"""What can be set, from the environment (`ANTIGRAD_*`) or a `.env` file; everything has a default."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of one process."""

    model_config = SettingsConfigDict(env_prefix="ANTIGRAD_", env_file=".env", extra="ignore")

    home: Path = Field(Path("data"), description="where the SQLite database and the files lie")
    database_url: str = Field("", description="postgresql+psycopg://… for Postgres; SQLite under home when empty")
    files_url: str = Field(
        "", description="s3://bucket/prefix for an object store; the folder files under home if empty"
    )
    api_key: SecretStr | None = Field(None, description="when set, every route but /healthz asks for it")
    lease_seconds: float = Field(30, gt=0, description="how long a worker may be silent before its runs are taken over")
    heartbeat_seconds: float = Field(5, gt=0, description="how often a worker renews its leases")
    poll_seconds: float = Field(0.02, gt=0, description="how often an idle worker looks for work")
    checkpoint_seconds: float = Field(5, ge=0, description="how often a running training is checkpointed")
    threads: int | None = Field(None, ge=1, description="CPU threads of a training; by default its share of the cores")
    flush_seconds: float = Field(0.5, gt=0, description="how often losses are written to the database")

    @field_validator("api_key")
    @classmethod
    def _empty_is_none(cls, key: SecretStr | None) -> SecretStr | None:
        """`ANTIGRAD_API_KEY=` is no key: nobody shall take a service for locked that is not."""
        return key if key is not None and key.get_secret_value().strip() else None

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{(self.home / 'antigrad.db').resolve()}"

    @property
    def files(self) -> Path:
        """The folder of datasets, checkpoints and weights, where no `files_url` is given."""
        return self.home / "files"
