"""Worker processes with the database of a service."""

from app.settings import Settings
from tests.support.fork_server import Forked, fork_server


class Workers:
    """The workers of one service, which end with the test."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started: list[Forked] = []

    def start(self, *, checkpoint: float = 0.2, **variables: str) -> Forked:
        """Start a worker with further variables, which ends when its stdin is closed."""
        settings = self.settings
        self.started.append(
            fork_server().start(
                "worker",
                "--until-stdin-closes",
                pipes=["stdin"],
                ANTIGRAD_HOME=str(settings.home),
                ANTIGRAD_DATABASE_URL=settings.database_url,
                ANTIGRAD_FILES_URL=settings.files_url,
                ANTIGRAD_HEARTBEAT_SECONDS="1",
                ANTIGRAD_CHECKPOINT_SECONDS=str(checkpoint),
                **variables,
            )
        )
        return self.started[-1]

    def stop(self) -> None:
        """End all workers gracefully."""
        for process in self.started:
            process.close()
        for process in self.started:
            process.wait(120)
        self.started.clear()
