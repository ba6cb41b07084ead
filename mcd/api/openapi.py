"""The description of the API: made from the routes, completed with what they all share, committed as docs/openapi.json.

Every operation says who may do it, how one signs in and each way in which it can refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from starlette.requests import Request

from mcd.api.access import PUBLIC, RouteFact
from mcd.api.errors import DOCUMENTED, MEDIA_TYPE, TITLES
from mcd.api.shapes import ProblemDetails
from mcd.api.strict import StrictRoute
from mcd.errors import Code

DESCRIPTION = """\
MCD runs Apps on Kubernetes: people wish, controllers make it true and write down what they saw.

A wish is a POST, PUT or PATCH that stores something and answers at once; what becomes of it is read at the thing itself
(`state`, `conditions`) or watched as a stream of Events. Every refusal is `application/problem+json` with a `code` that
never changes its meaning. Lists are in a stable order and paged by an opaque cursor. Times are RFC 3339 in UTC.
"""

TAGS = [
    {"name": "sessions", "description": "Sign in and out, and who one is."},
    {"name": "people", "description": "People and their API tokens."},
    {"name": "clusters", "description": "The Kubernetes APIs that MCD works on."},
    {"name": "node-pools", "description": "Nodes of a cluster under one label."},
    {"name": "product-lines", "description": "One namespace on one cluster, and its members."},
    {"name": "apps", "description": "Apps, and how they are."},
    {"name": "releases", "description": "Commits of an App that were read and built."},
    {"name": "rollouts", "description": "An App runs a Release with Settings."},
    {"name": "settings", "description": "What the platform owns for an App."},
    {"name": "secrets", "description": "Secrets: written, never read back."},
    {"name": "pods", "description": "What runs now: pods, logs, commands."},
    {"name": "events", "description": "What happened."},
    {"name": "validate", "description": "app.yaml checked and compared before it is pushed."},
    {"name": "health", "description": "What machines ask of MCD itself."},
    {"name": "git", "description": "MCD is a git remote."},
]

_SAYS: dict[int, tuple[Code, str]] = {
    401: (Code.UNAUTHENTICATED, "nobody is signed in. Sign in, or send Authorization: Bearer TOKEN."),
    403: (
        Code.FORBIDDEN,
        'app "shop": you may not deploy to product line "demo": your role there is viewer, and this needs developer. '
        "Ask an owner (li) or an admin to do it or to give you that role; `mcd member list -p demo` shows who they "
        "are.",
    ),
    404: (Code.NOT_FOUND, 'there is no app "shop" that you can see. Check the name.'),
    408: (Code.UNAVAILABLE, "the body was not whole in time, and nothing was done. Send it again, without a pause."),
    409: (Code.CONFLICT, 'the name "shop" is taken. Choose another name.'),
    412: (
        Code.PRECONDITION,
        'app "shop" changed since you read it (you read 3, it is at 4). Read it again, then decide again.',
    ),
    413: (Code.TOO_LARGE, "the body is over the limit of 1024 KiB. Send less at a time."),
    415: (Code.INVALID, "the body is not JSON by its content type. Send Content-Type: application/json."),
    422: (Code.INVALID, "name: it is missing. Give it."),
    428: (
        Code.PRECONDITION,
        "this would change a thing that you may not have seen. Send the ETag that you read as If-Match.",
    ),
    429: (Code.RATE_LIMITED, "more than 6000 requests a minute. Try again in 7 s."),
    500: (Code.INTERNAL, "MCD failed on this request. It is logged. Tell an administrator the request id 5f2c."),
    503: (Code.UNAVAILABLE, 'cluster "local" does not answer. Try again in a moment.'),
}

router = APIRouter(tags=["health"], route_class=StrictRoute)


async def _document(request: Request) -> dict[str, Any]:
    document: dict[str, Any] = request.app.openapi()
    return document


@router.get("/api/v1/openapi.json", operation_id="openapi", dependencies=[PUBLIC], response_model=dict[str, Any])
async def openapi(document: Annotated[dict[str, Any], Depends(_document)]) -> JSONResponse:
    """This description."""
    return JSONResponse(document)


def install(app: FastAPI) -> None:
    """Makes `app.openapi()` answer the completed description."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(app)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _complete(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        license_info=app.license_info,
        routes=app.routes,
        tags=TAGS,
    )
    facts: dict[tuple[str, str], RouteFact] = {
        (fact.path, method): fact for fact in app.state.routes for method in fact.methods
    }
    for path, method, operation in _operations(document):
        _finish(path, method, operation, facts[path, method])
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["ProblemDetails"] = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    for name, schema in schemas["ProblemDetails"].pop("$defs", {}).items():
        schemas.setdefault(name, schema)
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    document["components"]["responses"] = {f"Refused{status}": _refusal(status) for status in _SAYS}
    document["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "A personal API token, `mcd_pat_…`."},
        "session": {"type": "apiKey", "in": "cookie", "name": "mcd", "description": "Set by POST /api/v1/sessions."},
    }
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method.upper(), operation


def _finish(path: str, method: str, operation: dict[str, Any], fact: RouteFact) -> None:
    responses = operation["responses"]
    # FastAPI describes refusals of form in a shape of its own.
    if "HTTPValidationError" in str(responses.get("422", "")):
        del responses["422"]
    for status in _refusals(path, method, operation, fact):
        responses.setdefault(str(status), {"$ref": f"#/components/responses/Refused{status}"})
    if fact.verb is None:
        operation["security"] = []
    else:
        operation["security"] = [{"token": []}, {"session": []}]
        operation["x-permission"] = fact.verb.value
    operation["responses"] = dict(sorted(responses.items()))


def _refusals(path: str, method: str, operation: dict[str, Any], fact: RouteFact) -> set[int]:
    found = {500}
    if path.startswith("/api/"):
        found |= {422, 429, 503}
    if fact.verb is not None:
        found |= {401, 403}
    if operation["operationId"] == "sign_in":
        found.add(401)
    elif "{" in path or "requestBody" in operation:
        found.add(404)
    if method != "GET":
        found |= {403, 409}
    if "requestBody" in operation:
        found |= {408, 413, 415}
    if any(p["name"].lower() == "if-match" for p in operation.get("parameters", ())):
        found.add(412)
        if "required" in str(operation.get("description", "")):
            found.add(428)
    return found


def _refusal(status: int) -> dict[str, Any]:
    code, detail = _SAYS[status]
    example = {
        "type": DOCUMENTED + code.value,
        "title": TITLES[status],
        "status": status,
        "detail": detail,
        "instance": "/api/v1/apps/shop",
        "code": code.value,
        "reason": "",
        "problems": [],
        "request_id": "5f2c9a1b7d3e4f60",
    }
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}, "example": example}}
    answer: dict[str, Any] = {"description": TITLES[status], "content": content}
    if status in (429, 503):
        answer["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return answer
