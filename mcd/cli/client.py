"""One door to a server's REST API: address, token, time-outs, and every answer that is not a yes as one McdError.

It must not know what a path means, print anything, or send a token to another place than the server it belongs to:
redirects are never followed.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from mcd import __version__
from mcd.cli.contexts import Context, is_loopback
from mcd.errors import Code, McdError, Problem, Severity, echo

API = "/api/v1"
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0
"""A dry run asks a whole cluster; everything else answers in milliseconds."""
PATIENCE = 3.0
"""The longest Retry-After that is waited for instead of told."""
PAGE = 500
_BODY_LIMIT = 64 * 1024 * 1024

_BY_STATUS: Mapping[int, Code] = {
    400: Code.INVALID,
    401: Code.UNAUTHENTICATED,
    403: Code.FORBIDDEN,
    404: Code.NOT_FOUND,
    409: Code.CONFLICT,
    412: Code.PRECONDITION,
    413: Code.TOO_LARGE,
    422: Code.INVALID,
    428: Code.PRECONDITION,
    429: Code.RATE_LIMITED,
    500: Code.INTERNAL,
    502: Code.UNAVAILABLE,
    503: Code.UNAVAILABLE,
    504: Code.UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said yes with. `tag` is the ETag, for If-Match; `location` the row that a wish made."""

    status: int
    body: Any
    tag: str = ""
    location: str = ""


def segment(name: str) -> str:
    """A name as one part of a path, whatever is in it. Raises McdError(invalid) for what would leave the path."""
    if not name or name in (".", "..") or len(name) > 300:
        raise McdError(Code.INVALID, f'"{echo(name)}" is not a name.', "Check what was typed.")
    return quote(name, safe="")


@dataclass(slots=True)
class Client:
    """Calls of one server. Every method raises McdError, never an exception of the HTTP library."""

    context: Context
    transport: httpx.BaseTransport | None = None
    warn: Callable[[str], None] = field(default=lambda _said: None)
    """Told what the server wants the person to know beside its answer."""
    _http: httpx.Client | None = field(default=None, init=False, repr=False)

    @property
    def http(self) -> httpx.Client:
        if self._http is None:
            headers = {"User-Agent": f"mcd/{__version__}", "Accept": "application/json"}
            if self.context.token:
                headers["Authorization"] = f"Bearer {self.context.token}"
            self._http = httpx.Client(
                base_url=self.context.server + "/",
                headers=headers,
                timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
                follow_redirects=False,
                trust_env=not is_loopback(self.context.server),
                # reading the certificate store costs 40 ms, and plain http has no use for it
                verify=self.context.server.startswith("https:"),
                transport=self.transport,
            )
        return self._http

    def close(self) -> None:
        if self._http is not None:
            self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        return self.ask("GET", path, query=query).body

    def post(self, path: str, body: Any = None) -> Answer:
        """A wish. It carries an Idempotency-Key, so it can be sent again when the answer got lost on the way."""
        return self.ask("POST", path, body, headers={"Idempotency-Key": str(uuid.uuid4())})

    def post_once(self, path: str, body: Any = None) -> Answer:
        """A POST whose answer is a secret, which the server keeps for nobody: never sent again."""
        return self.ask("POST", path, body)

    def delete(self, path: str, **query: Any) -> Answer:
        return self.ask("DELETE", path, query=query)

    def change(self, method: str, path: str, body: Any, tag: str = "") -> Answer:
        """PUT or PATCH of what was read with this ETag; without one, of whatever is there."""
        return self.ask(method, path, body, headers={"If-Match": tag} if tag else {})

    def items(self, path: str, limit: int | None = None, **query: Any) -> list[dict[str, Any]]:
        """All pages of a list, or its first `limit` items."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            size = PAGE if limit is None else min(PAGE, limit - len(found))
            page = self.get(path, **query, limit=size, cursor=cursor)
            try:
                found.extend(page["items"])
                cursor = page.get("next_cursor")
            except (TypeError, KeyError, AttributeError) as error:
                raise self._stranger(f"{path} is not a list there") from error
            if not cursor or (limit is not None and len(found) >= limit):
                return found

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request below `/api/v1` (a path that begins with `//` is one of the server itself: `//version`). What may
        safely be said twice is sent once more when the answer got lost on the way, or when the server asks for a moment
        of patience (a database that is busy)."""
        send = dict(headers or {})
        twice = method in ("GET", "DELETE") or "Idempotency-Key" in send  # also when the first may have been done
        for left in (1, 0):
            try:
                response = self.http.request(method, self._url(path), json=body, params=_query(query), headers=send)
            except (httpx.RemoteProtocolError, httpx.ReadError) as error:
                if not left or not twice:
                    raise self._unreachable(error) from error
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                raise self._unreachable(error) from error
            else:
                patience = _seconds(response.headers.get("Retry-After"))
                if not left or response.status_code != 503 or patience is None or not 0 <= patience <= PATIENCE:
                    return self._answer(response)
                time.sleep(patience)
        raise AssertionError("the loop above ends by itself")

    @contextmanager
    def stream(
        self, path: str, *, accept: str, silence: float | None, last_id: str = "", **query: Any
    ) -> Iterator[Iterator[str]]:
        """The lines of an answer as they come. `silence` is the longest pause in seconds (None: any). Raises
        McdError(unavailable) when the connection breaks."""
        headers = {"Accept": accept}
        if last_id:
            headers["Last-Event-ID"] = last_id
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS, read=silence)
        with ExitStack() as stack:
            try:
                asked = self.http.stream("GET", self._url(path), params=_query(query), headers=headers, timeout=timeout)
                response = stack.enter_context(asked)
                if response.status_code >= 300:
                    response.read()
                    self._answer(response)
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                raise self._unreachable(error) from error
            # What goes wrong with whoever reads the lines, a closed pipe, is not the server's.
            yield self._lines(response)

    def _lines(self, response: httpx.Response) -> Iterator[str]:
        try:
            yield from response.iter_lines()
        except (httpx.HTTPError, OSError) as error:
            raise self._unreachable(error) from error

    def _url(self, path: str) -> str:
        return path[2:] if path.startswith("//") else f"{API[1:]}{path}"

    def _answer(self, response: httpx.Response) -> Answer:
        if len(response.content) > _BODY_LIMIT:
            raise self._stranger("its answer is over 64 MiB")
        if response.status_code >= 300:
            raise self._refusal(response)
        for warning in _warnings(response):
            self.warn(warning)
        body: Any = None
        if response.status_code != 204 and response.content:
            try:
                body = response.json()
            except ValueError as error:
                raise self._stranger(f"it answered {response.status_code} without JSON") from error
        return Answer(
            response.status_code, body, response.headers.get("ETag", ""), response.headers.get("Location", "")
        )

    def _refusal(self, response: httpx.Response) -> McdError:
        """problem+json as the McdError that it was on the server; anything else is not from MCD."""
        try:
            told = response.json()
        except ValueError:
            told = None
        if not isinstance(told, dict) or "code" not in told:
            status = f"{response.status_code} {response.reason_phrase}".strip()
            if response.status_code in (502, 503, 504):
                return McdError(
                    Code.UNAVAILABLE,
                    f"{self._where()} answered {status}: what stands before MCD does not reach it.",
                    "Try again, or ask who runs it.",
                )
            return self._stranger(f"it answered {status}")
        code = _code(told.get("code"), response.status_code)
        hint = str(told.get("hint") or "")
        if code is Code.UNAUTHENTICATED and "authorization" in response.request.headers and not _says_what_helps(told):
            hint = "Sign in: `mcd login`."
        return McdError(
            code,
            str(told.get("detail") or told.get("title") or response.reason_phrase),
            hint,
            reason=str(told.get("reason") or ""),
            problems=_problems(told.get("problems")),
            retry_after=_seconds(response.headers.get("Retry-After")),
        )

    def _where(self) -> str:
        return f"the server {self.context.server}"

    def _stranger(self, why: str) -> McdError:
        return McdError(
            Code.UNAVAILABLE,
            f"{self._where()} does not speak as MCD does: {why}.",
            "Check the address: `mcd context list`, MCD_SERVER.",
        )

    def _unreachable(self, error: Exception) -> McdError:
        where, reason = self._where(), str(error)
        if isinstance(error, httpx.ConnectTimeout):
            why, hint = f"{where} does not answer within {CONNECT_SECONDS:.0f} s.", "Check address and network."
        elif isinstance(error, httpx.TimeoutException):
            why, hint = f"{where} took the request and did not answer in time.", "Try again."
        elif "CERTIFICATE_VERIFY_FAILED" in reason:
            why = f"the certificate of {self.context.server} is not trusted here ({_certificate(reason)})."
            hint = "Set SSL_CERT_FILE to your site's CA file."
        elif isinstance(error, httpx.ConnectError):
            known = ("Connection refused", "Name or service not known", "No route to host", "Network is unreachable")
            short = next((k.lower() for k in known if k in reason), echo(reason) or "no connection")
            started = "started (`make up`, `mcd serve`)" if is_loopback(self.context.server) else "running"
            why = f"{where} cannot be reached ({short})."
            hint = f"Is it {started}, and is the address right (`mcd context list`, MCD_SERVER)?"
        elif isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
            why, hint = f"{where} is not an address ({echo(reason)}).", "Set MCD_SERVER, or `mcd login URL`."
        else:
            why, hint = f"{where} broke off the connection.", "Try again."
        return McdError(Code.UNAVAILABLE, why, hint, reason="ServerUnreachable")


def _says_what_helps(told: Mapping[str, Any]) -> bool:
    """The server named the command already, or who can help: signing in helps nobody whose account is disabled."""
    return "mcd login" in str(told.get("detail")) or told.get("reason") == "AccountDisabled"


def _warnings(response: httpx.Response) -> list[str]:
    """What stands in `Warning: 299 - "…"`, the first few."""
    return re.findall(r'299 [^ ,"]+ "([^"]{1,500})"', response.headers.get("Warning", ""))[:3]


def _certificate(reason: str) -> str:
    return echo(reason.rsplit("certificate verify failed: ", 1)[-1].split(" (_ssl", 1)[0])


def _query(query: Mapping[str, Any] | None) -> httpx.QueryParams:
    pairs: list[tuple[str, str | int | float | bool | None]] = []
    for key, value in (query or {}).items():
        values = value if isinstance(value, list | tuple) else [value]
        for one in values:
            if isinstance(one, bool):
                pairs.append((key, "true" if one else "false"))
            elif one is not None and one != "":
                pairs.append((key, str(one)))
    return httpx.QueryParams(pairs)


def _code(told: Any, status: int) -> Code:
    try:
        return Code(str(told))
    except ValueError:
        return _BY_STATUS.get(status, Code.INTERNAL if status >= 500 else Code.INVALID)


def _problems(told: Any) -> list[Problem]:
    """The problems of a file; one that is not shaped so is left out rather than hiding the refusal."""
    found = []
    for p in told if isinstance(told, list) else []:
        try:
            found.append(
                Problem(
                    code=str(p["code"]),
                    severity=Severity(p["severity"]),
                    file=str(p["file"]),
                    line=int(p["line"] or 0),
                    column=int(p["column"] or 0),
                    field=str(p.get("field") or ""),
                    message=str(p["message"]),
                    hint=str(p.get("hint") or ""),
                )
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
    return found


def _seconds(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
