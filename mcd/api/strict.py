"""Strict queries and strict JSON in: one reading, or a refusal. Used by every route through its route class.

Who may not do it is refused before the body is read. Refused then: a parameter that the route does not have, or that
stands twice where it may stand once; another content type, two equal keys, NaN and Infinity, numbers that nobody can
hold, depth over 32, NUL and halves of surrogate pairs in any text. It knows no route.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from difflib import get_close_matches
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.requests import Request

from mcd.api.access import permissions
from mcd.api.errors import REPEATED, UNKNOWN, HttpRefusal

DEPTH = 32


def _refuse(what: str) -> json.JSONDecodeError:
    # FastAPI turns exactly this class into a refusal of the body's form.
    return json.JSONDecodeError(what, "", 0)


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        raise _refuse("the same key stands twice in one object")
    return seen


def _no_constant(_name: str) -> float:
    raise _refuse("NaN and Infinity are not JSON")


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _refuse("a number is too large")
    return value


def _integer(text: str) -> int:
    if len(text) > 20:
        raise _refuse("a number is too large")
    return int(text)


def loads(raw: bytes) -> Any:
    """The value of a JSON text in UTF-8. Raises JSONDecodeError with what is wrong, never with the input."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _refuse("it is not UTF-8") from None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_no_twins,
            parse_constant=_no_constant,
            parse_float=_number,
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        raise _refuse(f"{error.msg} (at character {error.pos + 1})" if error.doc else error.msg) from None
    except RecursionError:
        raise _refuse(f"it is nested deeper than {DEPTH}") from None
    _check(value, DEPTH)
    return value


def _check(value: Any, depth: int) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise _refuse("a text holds a NUL character")
        if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
            raise _refuse("a text holds half of a surrogate pair")
        return
    if isinstance(value, dict):
        children = [*value, *value.values()]
    elif isinstance(value, list):
        children = value
    else:
        return
    if depth == 0:
        raise _refuse(f"it is nested deeper than {DEPTH}")
    for child in children:
        _check(child, depth - 1)


class StrictRequest(Request):
    async def json(self) -> Any:
        return loads(await self.body())


class StrictRoute(APIRoute):
    """A route that asks first who it is, then reads JSON bodies strictly and refuses every other content type."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        wants_body = self.body_field is not None
        declared = list(permissions(self.dependant))
        parameters = _parameters(self.dependant)

        async def strict(request: Request) -> Response:
            strictly = StrictRequest(request.scope, request.receive)
            for permission in declared:
                await permission.admit(strictly)
            _require_known(strictly, parameters)
            if wants_body:
                await _require_json(strictly)
            return await handle(strictly)

        return strict


def _parameters(dependant: Dependant) -> dict[str, bool]:
    """The query parameters of a route, and whether each may stand there more than once."""
    found = {f.alias: "list[" in str(f.field_info.annotation) for f in dependant.query_params}
    for child in dependant.dependencies:
        found |= _parameters(child)
    return found


def _require_known(request: Request, parameters: Mapping[str, bool]) -> None:
    """Raises RequestValidationError that names all that is wrong."""
    wrong = []
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in parameters:
            near = get_close_matches(name.lower().replace("-", "_"), parameters, n=1)
            context: dict[str, object] = {"near": near, "known": list(parameters)}
            wrong.append({"type": UNKNOWN, "loc": ("query", name), "msg": "", "ctx": context})
        elif times > 1 and not parameters[name]:
            wrong.append({"type": REPEATED, "loc": ("query", name), "msg": "", "ctx": {}})
    if wrong:
        raise RequestValidationError(wrong)


async def _require_json(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return
    if await request.body():
        raise HttpRefusal(415, "the body is not JSON by its content type.", "Send Content-Type: application/json.")
