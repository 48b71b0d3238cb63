"""Logs as lines of text or of JSON, with the request that a line belongs to."""

import logging
from contextvars import ContextVar
from typing import Any, Literal

LogFormat = Literal["text", "json"]

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def configure(log_format: LogFormat, level: int = logging.WARNING) -> None:
    """Write all logs of this process to stderr. With JSON, each line has `event`, `level`, `logger`, `timestamp`, and
    where they are known `request`, `run` and `owner`."""
    logging.basicConfig(level=level, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("antigrad").setLevel(logging.INFO)
    if log_format == "json":
        import structlog  # imported late: text needs none of it

        processors: list[Any] = [
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_request,
        ]
        final: list[Any] = [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
        formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=processors, processors=final)
        for handler in logging.getLogger().handlers:
            handler.setFormatter(formatter)


def _with_request(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """Add the request's id; leave out what is unknown."""
    known = {name: value for name, value in event.items() if value is not None or name not in ("run", "owner")}
    own = request_id.get()
    return known if own is None else known | {"request": own}
