"""Signed tokens: the sessions of browsers, and links that show a run."""

import hashlib
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer

SESSION = "antigrad_session"  # the cookie of a session
SESSION_SECONDS = 12 * 3600
SHARED = "/shared/"  # the address of a link, in front of its token
SIGNER: dict[str, Any] = {"digest_method": hashlib.sha256}


def without_token(path: str) -> str:
    """A path for a log, without the token of a link."""
    front, shared, rest = path.partition(SHARED)
    return path if not shared else f"{front}{shared}…{rest[rest.find('/') :] if '/' in rest else ''}"


class Tokens:
    """Tokens signed with the service's secret. A token of one kind is none of the other."""

    def __init__(self, secret: str) -> None:
        self.sessions = URLSafeTimedSerializer(secret, salt="session", signer_kwargs=SIGNER)
        self.shares = URLSafeSerializer(secret, salt="share", signer_kwargs=SIGNER)

    def of_session(self, key: str) -> str:
        """The token of a session with the key that has this id."""
        return str(self.sessions.dumps(key))

    def key_of(self, session: str) -> str | None:
        """The id of a session's key; None if the token is not valid, or expired."""
        try:
            return str(self.sessions.loads(session, max_age=SESSION_SECONDS))
        except BadSignature:
            return None

    def of_share(self, share: str) -> str:
        """The token of a link for the share with this id."""
        return str(self.shares.dumps(share))

    def share_of(self, token: str) -> str | None:
        """The id of a link's share; None if the token is not valid."""
        try:
            return str(self.shares.loads(token))
        except BadSignature:
            return None
