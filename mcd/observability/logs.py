"""Structured logs to standard output: one JSON object a line, ids as fields, an `event` word to filter on.

It never writes a secret: fields whose name says that they hold one are masked, and nobody logs bodies.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

_SECRET_NAME = re.compile(r"(?i)(passw|secret|token|authorization|cookie|credential|kubeconfig|private|api_?key)")
_TOKEN = re.compile(r"mcd_pat_[0-9A-Za-z_]+")
_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)(?:[^/\s@:]*:[^\s\"'<>?#]{0,512}@|[^/\s@]+@)")
"""A password may have an `@` or a `/` in it that nobody escaped."""
_BEARER = re.compile(r"(?i)\b(bearer|basic|authorization: token) [0-9A-Za-z._~+/=-]{8,}")
_HEADER = re.compile(r"(?i)\b(private-token|x-[a-z-]*token): \S+")
_TICKET = re.compile(r"(?i)([?&](?:ticket|access_token|private_token|token)=)[^&\s\"']+")
MASK = "***"


def clean(text: str) -> str:
    """A text without our tokens, without credentials in URLs or in the form of a header."""
    if " " not in text and "://" not in text and "=" not in text and "mcd_pat_" not in text:
        # None of them can be in it, and most texts of most lines are so.
        return text
    text = _TOKEN.sub("mcd_pat_" + MASK, text)
    text = _USERINFO.sub(r"\1" + MASK + "@", text)
    text = _BEARER.sub(r"\1 " + MASK, text)
    text = _HEADER.sub(r"\1: " + MASK, text)
    return _TICKET.sub(r"\1" + MASK, text)


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {k: MASK if _SECRET_NAME.search(str(k)) else _masked(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_masked(v) for v in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    # An exception, bytes, a path: it would become a text after this step.
    return clean(str(value))


def mask(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """The last step before a line is written."""
    masked: EventDict = _masked(dict(event_dict))
    return masked


def processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        # Frames without their local variables: a local may be anybody's secret.
        structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
        mask,
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    ]


@dataclass(frozen=True, slots=True)
class _Out:
    """Where lines go since `configure`, and from which level on. `steps` tells whether somebody configured anew."""

    stream: TextIO
    least: int
    steps: list[Processor]


_out: _Out | None = None
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO}
_json = json.JSONEncoder(ensure_ascii=False, default=str).encode


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Called once, by `mcd serve`, before anything is logged. Lines of libraries come out in the same form."""
    global _out
    out = stream or sys.stdout
    number = logging.getLevelNamesMapping()[level.upper()]
    steps = processors()
    _out = _Out(out, number, steps)
    structlog.configure(
        processors=steps,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *processors()],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(number, logging.INFO))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        # Requests are logged by the API's own middleware, once, with route and request id.
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = name != "uvicorn.access"
    # At info it writes the whole address of each request that we make, whatever is in it.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # At info it says with every look at the tables that it looks.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # At info it writes the address of each WebSocket, with the ticket in it.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


def logger(room: str) -> FilteringBoundLogger:
    """The logger of a room. `logger("api").info("signed_in", person=…)`: a word first, ids as fields."""
    log: FilteringBoundLogger = structlog.get_logger(room=room)
    return log


def tell(room: str, level: str, event: str, fields: dict[str, Any]) -> None:
    """The line that `logger(room)` writes at this level (debug or info), for what is told thousands of times a second.
    No name of a field may be that of a secret, and no value hold others: those are masked on the long way only."""
    out = _out
    if out is None or structlog.get_config()["processors"] is not out.steps:
        getattr(logger(room), level)(event, **fields)
        return
    if _LEVELS[level] < out.least:
        return
    line = {"room": room, **fields, "event": event, **structlog.contextvars.get_contextvars(), "level": level}
    for name, value in line.items():
        if value.__class__ is str:
            line[name] = clean(value)
    line["at"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    out.stream.write(_json(line) + "\n")
    out.stream.flush()


class Once:
    """Whether something that may happen a thousand times a second is worth a line: the first time, and then once in so
    many seconds."""

    def __init__(self, seconds: float, most: int = 200) -> None:
        self._seconds = seconds
        self._most = most
        self._said: dict[str, tuple[float, int]] = {}
        """Key → when its last line was written, and how often it was passed over since."""

    def due(self, key: str, now: float) -> int | None:
        """How often it was passed over since its last line; None: it is passed over now. `now` in seconds of any one
        clock."""
        last, passed_over = self._said.get(key, (float("-inf"), 0))
        if now - last < self._seconds:
            self._said[key] = (last, passed_over + 1)
            return None
        if key not in self._said and len(self._said) >= self._most:
            self._said.clear()
        self._said[key] = (now, 0)
        return passed_over


class Spell:
    """Trouble that is met again and again for a while: it is worth a line when it begins, one in so many seconds, and
    one when it has ended. `now` in seconds of any one clock."""

    def __init__(self, seconds: float = 60.0) -> None:
        self._seconds = seconds
        self._once = Once(seconds)
        self._began: float | None = None
        self._last = 0.0
        self._count = 0

    def met(self, kind: str, now: float) -> int | None:
        """How often this kind was passed over since its last line; None: it is passed over now."""
        if self._began is None:
            self._began, self._count, self._once = now, 0, Once(self._seconds)
        self._last = now
        self._count += 1
        return self._once.due(kind, now)

    def over(self, now: float, quiet: float = 0.0) -> tuple[int, float] | None:
        """It has ended: how often it was met, and the seconds from its first time to its last. None when there was
        none, or when it was met within the last `quiet` seconds."""
        if self._began is None or now - self._last < quiet:
            return None
        lasted, self._began = self._last - self._began, None
        return self._count, lasted
