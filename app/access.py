"""The sender of a request: the owner of its API key, and the key's scopes."""

from dataclasses import dataclass
from enum import StrEnum

NO_OWNER = ""  # of what is common: made without a key or with the key of the settings, or built in


class Scope(StrEnum):
    """A permission of a key. `admin` includes the others; apart from that, none includes another."""

    READ = "read"
    PREDICT = "predict"
    TRAIN = "train"
    ADMIN = "admin"


@dataclass(frozen=True)
class Limits:
    """Upper bounds on the use of a key; None is no bound. Runs and bytes are counted over all that its owner has."""

    runs: int | None = None  # and batches that have not ended
    seconds: float | None = None  # of the training of a run
    steps: int | None = None  # of a run
    bytes: int | None = None  # of stored runs, datasets and batches
    predictions: float | None = None  # in a second
    priority: int | None = None  # of a run


NO_LIMITS = Limits()


@dataclass(frozen=True)
class Caller:
    """The sender of a request.

    It sees what belongs to its owner and what is common. It changes what belongs to its owner, who also gets what it
    makes. An admin sees and changes everything, without limits. `key` is the id of its key, None without one. The
    caller of a link, whose id is `share`, sees the runs and datasets whose ids are in `only`, and nothing else.
    """

    owner: str
    scopes: frozenset[Scope]
    key: str | None = None
    expires_at: float | None = None
    only: frozenset[str] | None = None
    share: str | None = None
    limits: Limits = NO_LIMITS

    @property
    def is_admin(self) -> bool:
        return Scope.ADMIN in self.scopes

    def may(self, scope: Scope) -> bool:
        """True if the key has the scope."""
        return self.is_admin or scope in self.scopes


EVERYBODY = Caller(NO_OWNER, frozenset({Scope.ADMIN}))  # of a service that requires no key; the worker, and commands
ANONYMOUS = Caller(NO_OWNER, frozenset())  # without a key, on a service that requires one
