"""A connection to PostgreSQL by the driver alone, for what needs one of its own: to listen, to ask for marks, to ask
short questions.

Apart from `session.py`, because a laptop on SQLite has no psycopg. It must not know what is asked.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Any

import psycopg
from sqlalchemy.engine import URL

from mcd.store.address import APPLICATION

CONNECT_SECONDS = 5
GONE: dict[str, Any] = {
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""When a connection is over whose other end is gone without a word: milliseconds, seconds, tries."""

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


async def connect(url: URL, options: str = "") -> Connection:
    """Every statement is a transaction of its own unless it begins one. `options`: what the server is told at the
    start. Raises psycopg.Error, OSError."""
    return await psycopg.AsyncConnection.connect(
        url.set(drivername="postgresql").render_as_string(hide_password=False),
        autocommit=True, connect_timeout=CONNECT_SECONDS, options=options, application_name=APPLICATION,
        **GONE,
    )  # fmt: skip


def cut(connection: Connection) -> None:
    """Whoever waits for an answer on it gets psycopg.OperationalError at once. To cancel would be to ask the server."""
    with contextlib.suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)
