"""Reads a kubeconfig that a person hands us, strictly: a server, its CA and one credential, all inside the text.

Whatever would run a program, read a file, use a proxy, weaken TLS or act as somebody else is refused by name. Nothing
else may read a kubeconfig: the client library's own reader runs programs that the file names.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import yaml

from mcd.errors import Code, McdError, echo

MAX_BYTES = 256 * 1024
"""A kubeconfig with client certificates of every size that is in use stays far below this."""

_UNSAFE_CLUSTER = ("certificate-authority", "insecure-skip-tls-verify", "proxy-url", "disable-compression")
_UNSAFE_USER = (
    "exec", "auth-provider", "tokenFile", "client-certificate", "client-key", "username", "password", "as", "as-uid",
    "as-groups", "as-user-extra",
)  # fmt: skip
_HARMLESS = frozenset({"disable-compression"})


@dataclass(frozen=True, slots=True)
class Connection:
    """How one cluster is reached. Texts in PEM form; the credential never appears in `repr`."""

    server: str
    ca: str = ""
    """PEM of the authorities to be believed; empty: those of the system."""
    token: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    server_name: str = ""
    """The name that the server's certificate must have, when it is not the host of `server`."""


def parse_kubeconfig(text: str, context: str = "", *, token: str = "") -> Connection:
    """The connection of `context`, or of the file's current context; `token` replaces the credential of the file.
    Raises McdError(invalid, KubeconfigUnsafe) with every key that is not accepted, or McdError(invalid) for what cannot
    be read."""
    doc = _mapping(_load(text), "the kubeconfig")
    name = context or doc.get("current-context") or ""
    contexts = _named(doc, "contexts", "context")
    if not name and len(contexts) == 1:
        name = next(iter(contexts))
    chosen = _chosen(contexts, name, "context")
    cluster = _chosen(_named(doc, "clusters", "cluster"), chosen.get("cluster"), "cluster")
    user = _chosen(_named(doc, "users", "user"), chosen.get("user"), "user")
    _refuse_unsafe(cluster, user)
    if token:
        user = {"token": token}
    certificate = _pem(user, "client-certificate-data", "CERTIFICATE")
    key = _pem(user, "client-key-data", "PRIVATE KEY")
    token = _token(user)
    if bool(certificate) != bool(key):
        raise _invalid("client-certificate-data and client-key-data belong together.", "Give both, or a token.")
    if not token and not certificate:
        raise _invalid("the kubeconfig's user has no credential.", "It needs a token, or a client certificate and key.")
    return Connection(
        _server(cluster.get("server")),
        _pem(cluster, "certificate-authority-data", "CERTIFICATE"),
        token,
        certificate,
        key,
        _server_name(cluster.get("tls-server-name", "")),
    )


def _invalid(message: str, hint: str, reason: str = "KubeconfigInvalid") -> McdError:
    return McdError(Code.INVALID, message, hint, reason=reason)


def _load(text: str) -> Any:
    if len(text.encode()) > MAX_BYTES:
        raise _invalid(
            "the kubeconfig is larger than 256 KiB.", "Keep only the cluster, user and context that are used."
        )
    try:
        for events, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
            if isinstance(event, yaml.AliasEvent) or events > 20_000:
                raise _invalid("the kubeconfig has aliases or too many parts.", "Write it out plainly.")
        return yaml.load(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" near line {mark.line + 1}" if mark is not None else ""
        # The parser's own words may quote the credential, so they are not shown.
        raise _invalid(f"the kubeconfig cannot be read as YAML{where}.", "Check that it was copied whole.") from None


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(k, str) for k in value):
        raise _invalid(f"{what} is not a mapping of names.", "A kubeconfig has clusters, users and contexts.")
    return value


def _named(doc: Mapping[str, Any], plural: str, singular: str) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    rows = doc.get(plural)
    for row in rows if isinstance(rows, list) else ():
        name = _mapping(row, f"an item of {plural}").get("name")
        if not isinstance(name, str) or name in found:
            raise _invalid(f"an item of {plural} has no name, or one that is there twice.", "Names must be unique.")
        found[name] = _mapping(row.get(singular) or {}, f"{plural}: {echo(name)}")
    return found


def _chosen(rows: Mapping[str, Mapping[str, Any]], name: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(name, str) or name not in rows:
        known = ", ".join(echo(n, 40) for n in list(rows)[:5]) or "none"
        raise _invalid(f'the kubeconfig has no {what} "{echo(str(name or ""))}".', f"It has: {known}.")
    return rows[name]


def _refuse_unsafe(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> None:
    found = [k for k in _UNSAFE_CLUSTER if cluster.get(k) and k not in _HARMLESS]
    found += [k for k in _UNSAFE_USER if user.get(k)]
    found += [k for k in user if k.startswith(("as-", "impersonate")) and k not in found and user.get(k)]
    if found:
        raise _invalid(
            f"the kubeconfig uses {', '.join(echo(k, 40) for k in found)}, which MCD does not accept.",
            "Give server, certificate-authority-data and a token or client-certificate-data with client-key-data: "
            "nothing that runs a program, reads a file, uses a proxy, skips TLS checks or acts as somebody else.",
            "KubeconfigUnsafe",
        )


def _server(value: Any) -> str:
    parts = urlsplit(value) if isinstance(value, str) else None
    try:
        port_is_fine = parts is not None and (parts.port is None or parts.port > 0)
    except ValueError:
        port_is_fine = False
    if (
        parts is None
        or not port_is_fine
        or parts.scheme != "https"
        or not parts.hostname
        or parts.username is not None
        or parts.query
        or parts.fragment
        or not re.fullmatch(r"[A-Za-z0-9._:/\[\]~%-]+", value)
    ):
        raise _invalid(f'the server "{echo(str(value or ""))}" is not an https address.', "Use https://HOST:PORT.")
    return str(value).rstrip("/")


def _server_name(value: Any) -> str:
    if value and not (isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9.-]{1,253}", value)):
        raise _invalid("tls-server-name is not a host name.", "Leave it out, or write the name in the certificate.")
    return str(value or "")


def _token(user: Mapping[str, Any]) -> str:
    token = user.get("token") or ""
    if token and not (isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]{1,16384}", token)):
        raise _invalid("the token has characters that a token never has.", "Copy it again, in one line.")
    return str(token)


def _pem(row: Mapping[str, Any], key: str, label: str) -> str:
    value = row.get(key)
    if not value:
        return ""
    try:
        text = base64.b64decode(value, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, TypeError, ValueError):
        raise _invalid(f"{key} is not base64 of a PEM text.", "Copy the kubeconfig again.") from None
    if not re.search(rf"-----BEGIN [A-Z ]*{label}-----", text):
        raise _invalid(f"{key} holds no {label.lower()} in PEM form.", "Copy the kubeconfig again.")
    return text
