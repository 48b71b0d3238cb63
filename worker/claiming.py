"""Claims of jobs, with the channels of their children. A job whose child cannot be started stays in the queue."""

import json
import socket
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.storage.database import Database, database_now
from app.storage.queue.claims import Group
from app.storage.queue.run_claims import run_claims
from worker.child_process import QUEUES, Channel, Kind, Stack


@dataclass(frozen=True)
class Claimed:
    """Jobs that one process does, and the channels of their children. `stack`: runs that train as one program."""

    kind: Kind
    members: list[dict[str, Any]]  # id and attempt of each
    channels: list[Channel]
    stack: Stack | None

    @property
    def process(self) -> str:
        """The key of the process: that of its first job."""
        return f"{self.members[0]['id']}/{self.members[0]['attempt']}"

    def hand_over(self, server: socket.socket) -> None:
        """Send the jobs to the server that forks their process."""
        job: dict[str, Any] = {"kind": self.kind, "key": self.process}
        if self.stack is None:
            self.channels[0].hand_over(server, json.dumps(job | self.members[0]).encode())
        else:
            job |= {"kind": "stack", "members": self.members}
            self.stack.hand_over(server, json.dumps(job).encode(), self.channels)


def kinds_to_claim(database: Database) -> list[Kind]:
    """The kinds of which there is a job to claim, by a single query."""
    now = database_now()
    with database.read() as db:
        found = db.execute(select(*(queue.has_claimable(now) for queue in QUEUES.values()))).one()
    return [kind for kind, waits in zip(QUEUES, found, strict=True) if waits]


def claim(database: Database, kind: Kind, worker: str, lease_seconds: float, group: Group) -> Claimed | None:
    """Claim the jobs that the next process does; None if there is none. Raises OSError if it cannot be started."""
    with ExitStack() as unless_claimed:
        channels = [unless_claimed.enter_context(closing(Channel()))]
        with database.write() as db:
            rows = QUEUES[kind].claim_together(db, worker, database_now(), lease_seconds, group)
            channels += [unless_claimed.enter_context(closing(Channel(channels[0]))) for _ in rows[1:]]
            signature = rows[0].stack if rows and kind == "train" else None
            stack = None if signature is None else unless_claimed.enter_context(closing(Stack(signature)))
        if not rows:
            return None
        unless_claimed.pop_all()
    return Claimed(kind, [{"id": row.id, "attempt": row.attempt} for row in rows], channels, stack)


def claim_joining(
    database: Database, worker: str, lease_seconds: float, stack: Stack, first: Channel
) -> tuple[dict[str, Any], Channel] | None:
    """Claim the run whose turn it is for a stack, and send it to its process; None if it cannot join or the others have
    ended. Raises OSError. `first` is the channel of one of the others."""
    with database.read() as db:
        if not run_claims.joins(db, database_now(), stack.signature):
            return None
    with ExitStack() as unless_sent:
        channel = unless_sent.enter_context(closing(Channel(first)))
        with database.write() as db:
            run = run_claims.claim_joining(db, worker, database_now(), lease_seconds, stack.signature)
        if run is None:
            return None
        member = {"id": run.id, "attempt": run.attempt}
        if not stack.send(member, channel):
            with database.write() as db:
                run_claims.give_back(db, run.id, run.attempt)
            return None
        unless_sent.pop_all()
    return member, channel
