"""What an API server's refusal means: status, headers and body in, one KubeError out.

Pure, and the only place that knows the wire: a plain-text 404 is a kind that is not served, three different things are
403, a 500 can be our own mistake. What was seen on which version stands in tests/kube/test_wire.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from mcd.errors import Code, echo
from mcd.kube.cluster import KubeError, KubeReason
from mcd.kube.refusals import namespace_going, never_changes, no_right, not_served

WORDS = 400
"""How much of the server's own words is shown, in characters."""

_MANAGER = re.compile(r'conflict with "([^"]*)"')
_RBAC = re.compile(r'cannot (\S+) resource "([^"]*)"')
_TYPED_PATCH = "failed to create typed patch object"
_IMMUTABLE = ("field is immutable", "is immutable after creation", "updates to statefulset spec for fields other than")


def status_of(body: bytes) -> Mapping[str, Any]:
    """The `Status` object of a body, or {} when it is none: the server also answers in plain text."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) and found.get("kind") == "Status" else {}


def refusal(
    what: str, code: int, body: bytes, headers: Mapping[str, str] | None = None, *, wrote: bool = False
) -> KubeError:
    """The error for an answer that is not a success. `what` names object or kind; `wrote`: the request was a write,
    so an answer that tells nothing leaves its outcome unknown."""
    status = status_of(body)
    raw = _raw(status, body)
    said = _said(what, status, raw)
    table = {400: _bad, 403: _forbidden, 404: _absent, 409: _conflict, 422: _invalid}
    if code in table:
        return table[code](what, raw, said, status)
    if code == 401:
        return KubeError(
            Code.UNAVAILABLE, KubeReason.UNAUTHORIZED, "the cluster does not accept our credential.",
            "Give it a new kubeconfig: mcd cluster set NAME --kubeconfig FILE.",
        )  # fmt: skip
    if code == 410:
        return KubeError(Code.PRECONDITION, KubeReason.EXPIRED, f"{what}: the version asked for is too old.")
    if code in (405, 406, 413, 415):
        return KubeError(Code.INVALID, KubeReason.INVALID, f"{what}: the cluster refused the request: {said}")
    if code == 429:
        wait = _seconds((headers or {}).get("Retry-After"))
        return KubeError(
            Code.UNAVAILABLE, KubeReason.OVERLOADED, "the cluster has too many requests just now.", retry_after=wait
        )
    return _server_error(what, code, raw, said, wrote=wrote)


def _server_error(what: str, code: int, raw: str, said: str, *, wrote: bool) -> KubeError:
    if _TYPED_PATCH in raw:
        # Seen on 1.37: a body that does not fit the schema answers 500. Retrying would never help.
        rest = said.split("): ", 1)[-1]
        return KubeError(Code.INVALID, KubeReason.INVALID, f"{what}: it does not fit the kind's schema: {rest}")
    if "failed calling webhook" in raw or "admission webhook" in raw:
        return KubeError(Code.UNAVAILABLE, KubeReason.ADMISSION, f"{what}: {said}", "The cluster's admission is away.")
    if 300 <= code < 400:
        return KubeError(
            Code.UNAVAILABLE, KubeReason.UNREACHABLE, f"{what}: the cluster answered with a redirect ({code}).",
            "MCD follows none. Check the server address.",
        )  # fmt: skip
    reason = KubeReason.UNKNOWN_OUTCOME if wrote else KubeReason.UNREACHABLE
    return KubeError(Code.UNAVAILABLE, reason, f"{what}: the cluster answered {code}: {said}")


def _bad(what: str, raw: str, said: str, status: Mapping[str, Any]) -> KubeError:
    if "denied the request" in raw:
        return KubeError(Code.INVALID, KubeReason.ADMISSION, f"{what}: {said}")
    return KubeError(Code.INVALID, KubeReason.INVALID, f"{what}: {said}")


def _forbidden(what: str, raw: str, said: str, status: Mapping[str, Any]) -> KubeError:
    if any(c.get("reason") == "NamespaceTerminating" for c in _causes(status)):
        return namespace_going(what)
    _, found, quota = raw.partition("exceeded quota: ")
    if found:
        # About a Secret no word of the server is repeated.
        words = "a Secret more is too many" if what.startswith("Secret/") else echo(quota, WORDS)
        return KubeError(
            Code.FORBIDDEN, KubeReason.QUOTA, f"{what}: exceeded quota: {words}",
            "Free something, or ask the owners of the product line for more.",
        )  # fmt: skip
    rbac = _RBAC.search(raw)
    if rbac is not None or not status:
        act = echo(f"{rbac[1]} {rbac[2]}") if rbac is not None else "this"
        return no_right(what, act)
    if "is attempting to grant RBAC permissions" in raw:
        return KubeError(Code.FORBIDDEN, KubeReason.FORBIDDEN, f"{what}: {said}")
    return KubeError(Code.INVALID, KubeReason.ADMISSION, f"{what}: {said}")


def _absent(what: str, raw: str, said: str, status: Mapping[str, Any]) -> KubeError:
    details = status.get("details") or {}
    if not status or not details.get("name"):
        # Plain text for a group that is not there; JSON without a name for a version that is not there.
        return not_served(what)
    if details.get("kind") == "namespaces":
        name = echo(str(details["name"]))
        return KubeError(Code.NOT_FOUND, KubeReason.NAMESPACE_MISSING, f'{what}: there is no namespace "{name}".')
    return KubeError(Code.NOT_FOUND, KubeReason.STALE, f"{what}: it does not exist.")


def _conflict(what: str, raw: str, said: str, status: Mapping[str, Any]) -> KubeError:
    pairs = [
        (match[1] if (match := _MANAGER.search(str(cause.get("message", "")))) else "?", str(cause.get("field", "")))
        for cause in _causes(status)
        if cause.get("reason") == "FieldManagerConflict"
    ]
    if pairs:
        words = ", ".join(f'"{echo(manager)}" holds {echo(field.lstrip("."))}' for manager, field in pairs[:5])
        return KubeError(Code.CONFLICT, KubeReason.CONFLICT, f"{what}: {words}.", managers=pairs)
    return KubeError(
        Code.PRECONDITION, KubeReason.STALE, f"{what}: it changed since it was read, was replaced, or is gone."
    )


def _invalid(what: str, raw: str, said: str, status: Mapping[str, Any]) -> KubeError:
    causes = _causes(status)
    if any(c.get("field") == "metadata.uid" for c in causes):
        return KubeError(Code.PRECONDITION, KubeReason.STALE, f"{what}: it was replaced by another object.")
    if any(words in raw for words in _IMMUTABLE):
        return never_changes(what, sorted({str(c["field"]) for c in causes if c.get("field")}))
    if "denied the request" in raw:
        return KubeError(Code.INVALID, KubeReason.ADMISSION, f"{what}: {said}")
    return KubeError(Code.INVALID, KubeReason.INVALID, f"{what}: {said}")


def _causes(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    details = status.get("details")
    found = details.get("causes") if isinstance(details, dict) else None
    return [c for c in found if isinstance(c, dict)] if isinstance(found, list) else []


def _raw(status: Mapping[str, Any], body: bytes) -> str:
    words = str(status["message"]) if status.get("message") else body[: 4 * WORDS].decode("utf-8", "replace")
    return " ".join(words.split())


def _said(what: str, status: Mapping[str, Any], raw: str) -> str:
    """The server's own words as they may be shown. About a Secret only the fields are named: the words may quote it."""
    if what.startswith("Secret/"):
        fields = ", ".join(sorted({str(c["field"]) for c in _causes(status) if c.get("field")}))
        return f"{echo(fields, 200)} is not accepted" if fields else "it is not accepted"
    return echo(raw, WORDS) or "no words"


def _seconds(text: str | None) -> float | None:
    """`Retry-After` in seconds, within reason: a hostile server must not park us for a year."""
    return min(float(text), 300.0) if text and text.strip().isdigit() else None
