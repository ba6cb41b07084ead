"""Versions in HTTP: an ETag of generation and content, If-None-Match (304) and If-Match (412, 428).

The ETag of a thing is `"<generation>-<hash of the answer>"`: what was seen is compared whole for a 304, and only the
wish's own generation for a change, because conditions move by themselves and must not refuse a person.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

from fastapi import Depends, Header
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.requests import Request

from mcd.api.errors import precondition_required
from mcd.errors import Code, McdError

_ETAG = re.compile(r'(?:W/)?"(\d{1,9})(?:-[0-9a-f]{12})?"')


def etag(generation: int, body: bytes) -> str:
    return f'"{generation}-{hashlib.sha256(body).hexdigest()[:12]}"'


def shown(request: Request, answer: BaseModel, generation: int, status: int = 200) -> Response:
    """The answer with its ETag, or 304 when the client has it already."""
    body = answer.model_dump_json().encode()
    known = request.headers.get("if-none-match", "") if request.method in ("GET", "HEAD") else ""
    return told(body, etag(generation, body), known, status)


def told(body: bytes, tag: str, known: str, status: int = 200) -> Response:
    """The same of an answer that is JSON already. `known` is the If-None-Match of who reads, empty for who writes."""
    # Revalidated every time, never reused blindly, never kept by a proxy: it depends on who asks.
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    if status == 200 and known and tag in _tags(known):
        return Response(status_code=304, headers=headers)
    return Response(body, status_code=status, media_type="application/json", headers=headers)


def _tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


_Header = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=200,
        description="The ETag of what you read: the change is refused when somebody changed it since. `*`: whatever "
        "it is now.",
        examples=['"3-5f2c9a1b7d3e"'],
    ),
]


async def _if_match(header: _Header = None) -> int | None:
    """The generation of If-Match; None when there is no header or it is `*`. Raises McdError(invalid)."""
    if header is None or header.strip() == "*":
        return None
    match = _ETAG.fullmatch(header.strip())
    if match is None:
        raise McdError(
            Code.INVALID, "If-Match is not an ETag of this API.", "Send the ETag of the answer that you read."
        )
    return int(match[1])


async def _required_match(header: _Header = None) -> int | None:
    if header is None:
        raise precondition_required("thing")
    return await _if_match(header)


IfMatch = Annotated[int | None, Depends(_if_match)]
"""The generation that the client read, if it says so."""

RequiredMatch = Annotated[int | None, Depends(_required_match)]
"""The same, and 428 without the header: for wishes that replace what somebody else may have changed. `*` means:
whatever it is."""
