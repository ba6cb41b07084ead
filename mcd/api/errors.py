"""Refusals as RFC 9457 problem+json: the one table from `Code` to HTTP status, and a body for every way to fail.

No answer of this API has another form for an error. It never shows a stack, a secret or more than a little of the
input, and what is a bug is told with a request id only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError, ResponseValidationError, WebSocketRequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.websockets import WebSocket

from mcd.api.forms import words_of
from mcd.api.shapes import Problem, ProblemDetails
from mcd.api.unavailable import say_unavailable
from mcd.errors import Code, McdError, echo
from mcd.kube.cluster import KubeError
from mcd.observability import logs, metrics

DOCUMENTED = "https://mcd.internal/docs/reference/problems#"
MEDIA_TYPE = "application/problem+json"

STATUS: Mapping[Code, int] = {
    Code.INVALID: 422,
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.CONFLICT: 409,
    Code.PRECONDITION: 412,
    Code.TOO_LARGE: 413,
    Code.RATE_LIMITED: 429,
    Code.UNAVAILABLE: 503,
    Code.INTERNAL: 500,
}
"""The HTTP column of the table of codes."""

TITLES: Mapping[int, str] = {
    401: "Nobody is signed in",
    403: "This is not yours to do",
    404: "There is no such thing that you can see",
    405: "This cannot be done to that",
    406: "This is not answered in the form that was asked for",
    408: "The body did not come in time",
    409: "Somebody or something else holds it",
    412: "It changed since it was read",
    413: "The input is over a limit",
    415: "The body is not JSON",
    422: "The input is wrong",
    428: "Say which version you read",
    429: "Too many requests",
    500: "A bug in MCD",
    503: "Something that is needed does not answer",
}

LAST: Mapping[str, str] = {"Connection": "close"}
"""Headers of an answer after which the rest of the body is of no use."""

PRECONDITION_REQUIRED = "PreconditionRequired"
"""`reason` of a refusal for a missing If-Match; its status is 428."""

_CODES: Mapping[int, Code] = {
    **{status: code for code, status in STATUS.items()},
    405: Code.INVALID,
    406: Code.INVALID,
    408: Code.UNAVAILABLE,
    415: Code.INVALID,
    400: Code.INVALID,
}


class HttpRefusal(McdError):
    """A refusal whose status is not in the table of codes, because it is about HTTP itself (405, 406, 408, 415 …)."""

    def __init__(
        self, status: int, message: str, hint: str = "", *, reason: str = "", code: Code | None = None
    ) -> None:
        super().__init__(code or _CODES.get(status, Code.INVALID), message, hint, reason=reason)
        self.status = status


def precondition_required(noun: str) -> McdError:
    return HttpRefusal(
        428,
        f"this would change a {noun} that you may not have seen.",
        "Send the ETag that you read as If-Match.",
        reason=PRECONDITION_REQUIRED,
        code=Code.PRECONDITION,
    )


def request_id(scope: Mapping[str, Any]) -> str:
    """Set by the middleware for every request."""
    return str(scope.get("state", {}).get("request_id", ""))


def _ours(error: McdError) -> McdError:
    """A cluster that refuses MCD's own credential says nothing about the person's: 401 would sign them out."""
    if isinstance(error, KubeError) and error.code in (Code.UNAUTHENTICATED, Code.FORBIDDEN):
        return McdError(Code.UNAVAILABLE, error.message, error.hint, reason=error.reason)
    return error


def answer(error: McdError, scope: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """The whole response for a refusal."""
    error = _ours(error)
    status = error.status if isinstance(error, HttpRefusal) else STATUS[error.code]
    if status == 503:
        say_unavailable(str(error), error.reason, str(scope.get("path", "")), error.place)
    body = ProblemDetails(
        type=DOCUMENTED + error.code.value,
        title=TITLES[status],
        status=status,
        detail=_printable(str(error)),
        instance=echo(str(scope.get("path", "")), 200),
        code=error.code,
        reason=error.reason,
        problems=[Problem.of(p) for p in error.problems],
        request_id=request_id(scope),
    )
    return shown(scope, body, {**_headers(error, status), **(headers or {})})


def shown(scope: Mapping[str, Any], body: ProblemDetails, headers: Mapping[str, str]) -> Response:
    """As problem+json; or as a page, where the application has pages and a person asks for one."""
    page = getattr(scope["app"].state, "refusal_page", None) if "app" in scope else None
    answered: Response | None = None
    if page is not None:
        try:
            answered = page(scope, body, headers)
        except Exception as error:  # noqa: BLE001
            # What failed may be the very thing that makes pages: the refusal is told all the same.
            logs.logger("api").error("bug", path=scope.get("path"), method=scope.get("method"), exc_info=error)
    return answered if answered is not None else problem(body, headers)


def problem(body: ProblemDetails, headers: Mapping[str, str]) -> Response:
    return Response(
        body.model_dump_json(),
        status_code=body.status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **headers},
    )


def _printable(text: str) -> str:
    """A lone surrogate cannot be sent as UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def _headers(error: McdError, status: int) -> dict[str, str]:
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="mcd"'
    if status in (429, 503):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after or 5)))
    return headers


# --- bodies and queries of the wrong form ----------------------------------------------------------------------------

UNKNOWN, REPEATED = "unknown_parameter", "repeated_parameter"
"""Kinds of problems of a query, beside those of pydantic."""

_PROBLEM_CODES = {
    UNKNOWN: "schema.unknown_key",
    REPEATED: "schema.type",
    "missing": "schema.missing",
    "extra_forbidden": "schema.unknown_key",
    "string_pattern_mismatch": "value.format",
    "enum": "value.choice",
    "literal_error": "value.choice",
    "json_invalid": "schema.type",
}


def _problem_of(error: Mapping[str, Any]) -> Problem:
    """A pydantic error as a Problem. The input is never repeated: it may be a password."""
    kind = str(error["type"])
    where, *path = error["loc"]
    code = _PROBLEM_CODES.get(kind) or ("value.range" if _is_range(kind) else "schema.type")
    hint = ""
    if kind == UNKNOWN:
        message, hint = "there is no such parameter here.", _known(error["ctx"])
    elif kind == REPEATED:
        message, hint = "it stands there more than once.", "Give it once."
    elif kind == "json_invalid":
        message, path = f"this is not JSON: {error.get('ctx', {}).get('error', '')}.", []
    else:
        message, hint = words_of(error)
    return Problem(
        code=code, severity="error", file=str(where), line=None, column=None, field=_dotted(path), message=message,
        hint=hint,
    )  # fmt: skip


def _known(context: Mapping[str, Any]) -> str:
    if context["near"]:
        return f'Did you mean "{context["near"][0]}"?'
    return f"Known: {', '.join(context['known'])}." if context["known"] else "None is known here: remove it."


def _is_range(kind: str) -> bool:
    return kind.startswith(("greater_", "less_", "too_")) or kind.endswith(("_too_long", "_too_short"))


def _dotted(path: list[str | int]) -> str:
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step != "[key]":  # pydantic's word for a name that is wrong itself, which stands before it
            text += ("." if text else "") + echo(str(step))
    return text


def _validation(scope: Mapping[str, Any], errors: list[dict[str, Any]]) -> Response:
    problems = [_problem_of(error) for error in errors[:100]]
    first = problems[0]
    where = first.field if first.field and first.file == "body" else f"{first.file}: {first.field}".removesuffix(": ")
    more = f" And {len(errors) - 1} more." if len(errors) > 1 else ""
    detail = f"{where}: {first.message} {first.hint}".rstrip() + more
    body = ProblemDetails(
        type=DOCUMENTED + Code.INVALID.value,
        title=TITLES[422],
        status=422,
        detail=_printable(detail),
        instance=echo(str(scope.get("path", "")), 200),
        code=Code.INVALID,
        problems=problems,
        request_id=request_id(scope),
    )
    return shown(scope, body, {})


_CUT_SHORT: Mapping[int, McdError] = {
    408: HttpRefusal(408, "the body was not whole in time, and nothing was done.", "Send it again, without a pause."),
    413: McdError(Code.TOO_LARGE, "the body is over the limit."),
    503: McdError(
        Code.UNAVAILABLE,
        "MCD is restarting, and the body was not whole: nothing was done.",
        "Send it again in a moment.",
        reason="Restarting",
    ),
}
"""Why a body was not read to its end, by the status."""


# --- every way out ---------------------------------------------------------------------------------------------------


def bug(scope: Mapping[str, Any], error: BaseException) -> Response:
    """The answer to an error that nobody foresaw: logged with its frames, told with the request id only."""
    metrics.HTTP_BUGS.inc()
    logs.logger("api").error("bug", path=scope.get("path"), method=scope.get("method"), exc_info=error)
    told = McdError(
        Code.INTERNAL,
        "MCD failed on this request. It is logged.",
        f"Tell an administrator the request id {request_id(scope)}.",
    )
    return answer(told, scope)


def refusal(error: McdError, scope: Mapping[str, Any]) -> Response:
    """What an McdError that a route raised is answered with."""
    return bug(scope, error) if error.code is Code.INTERNAL else answer(error, scope)


async def _mcd_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, McdError)
    return refusal(error, request.scope)


async def _http_error(request: Request, error: Exception) -> Response:
    """What Starlette and FastAPI refuse themselves: unknown routes, methods, bodies."""
    assert isinstance(error, HTTPException)
    path = echo(request.url.path)
    if error.status_code == 404:
        return answer(McdError(Code.NOT_FOUND, f"there is nothing at {path}.", "Check the address."), request.scope)
    if error.status_code == 405:
        method = echo(request.method, 20)
        allowed = (error.headers or {}).get("Allow", "")
        told = HttpRefusal(405, f"{method} cannot be done to {path}.", f"Use {allowed}." if allowed else "")
        return answer(told, request.scope, {"Allow": allowed} if allowed else None)
    if (cut := _CUT_SHORT.get(error.status_code)) is not None:
        return answer(cut, request.scope, LAST)
    code = _CODES.get(error.status_code, Code.INVALID)
    return answer(McdError(code, str(error.detail)), request.scope)


async def _wrong_form(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _validation(request.scope, [dict(e) for e in error.errors()])


async def _wrong_answer(request: Request, error: Exception) -> Response:
    """Our own answer did not fit its shape. The error holds the answer, so only its type is kept."""
    assert isinstance(error, ResponseValidationError)
    return bug(request.scope, TypeError("an answer did not fit its shape"))


async def _wrong_socket(websocket: WebSocket, error: Exception) -> None:
    await websocket.close(1008, "the address of this WebSocket is not of the right form")


def install(app: FastAPI) -> None:
    """Registers the handlers. What they do not catch, the middleware does."""
    app.add_exception_handler(McdError, _mcd_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _wrong_form)
    app.add_exception_handler(ResponseValidationError, _wrong_answer)
    app.add_exception_handler(WebSocketRequestValidationError, _wrong_socket)
