"""Which server, as whom: the contexts that `mcd login` stores, and what the environment says instead.

One JSON file of mode 0600 in the person's configuration folder holds server and token of each context. It must not
talk to a server, and a token must never leave it for another server than its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mcd.cli.output import note
from mcd.errors import Code, McdError, echo

FILE = "contexts.json"


@dataclass(frozen=True, slots=True)
class Context:
    """One server and the credential for it. `token` is empty when nobody is signed in."""

    name: str
    server: str
    token: str = field(default="", repr=False)
    person: str = ""


@dataclass(frozen=True, slots=True)
class Contexts:
    """All that is stored. `current` is a name of `all`, or empty."""

    current: str = ""
    all: Mapping[str, Context] = field(default_factory=dict)


def config_home() -> Path:
    """The folder of the command's own file: MCD_CONFIG_HOME, else the system's place for a person's configuration."""
    told = os.environ.get("MCD_CONFIG_HOME")
    if told:
        return Path(told).expanduser()
    from platformdirs import user_config_path

    return user_config_path("mcd", appauthor=False)


def load() -> Contexts:
    """What is stored. Raises McdError(invalid) when the file cannot be read; a file that others can read is closed to
    them and a line says so, since the tokens in it may be known."""
    path = config_home() / FILE
    try:
        text = path.read_text(encoding="utf-8")
        mode = path.stat().st_mode & 0o777
    except FileNotFoundError:
        return Contexts()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, getattr(error, "strerror", None) or "it is not text") from error
    if mode & 0o077:
        with contextlib.suppress(OSError):
            path.chmod(0o600)
        note(f"warning: others could read {path} (mode {mode:04o}). It is 0600 now; sign in again to be safe.")
    try:
        return _parsed(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _unreadable(path, "it is not what mcd wrote") from error


def _parsed(data: Any) -> Contexts:
    known = {
        name: Context(name, str(entry["server"]), str(entry.get("token", "")), str(entry.get("person", "")))
        for name, entry in data["contexts"].items()
    }
    current = str(data.get("current", ""))
    return Contexts(current if current in known else "", known)


def _unreadable(path: Path, why: str) -> McdError:
    return McdError(Code.INVALID, f"{path}: {why}.", "Mend or remove it, then run `mcd login`.")


def save(contexts: Contexts) -> Path:
    """Writes the file as a whole, mode 0600 from its first byte, in a folder of mode 0700. Raises McdError(invalid)."""
    home = config_home()
    data = {
        "version": 1,
        "current": contexts.current,
        "contexts": {
            c.name: {"server": c.server, "token": c.token, "person": c.person}
            for c in sorted(contexts.all.values(), key=lambda c: c.name)
        },
    }
    path = home / FILE
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=FILE, dir=home)  # mkstemp makes it 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                json.dump(data, out, indent=2, ensure_ascii=False)
                out.write("\n")
                out.flush()
                os.fsync(out.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise McdError(
            Code.INVALID, f"{path} cannot be written: {error.strerror}.", "Set MCD_CONFIG_HOME to a folder of yours."
        ) from error
    return path


def remember(context: Context) -> Path:
    """Stores a context under its name and makes it the current one."""
    known = load()
    return save(Contexts(context.name, {**known.all, context.name: context}))


def forget_token(name: str) -> None:
    """Keeps the server of a context, drops its token."""
    known = load()
    if name in known.all:
        save(Contexts(known.current, {**known.all, name: replace(known.all[name], token="", person="")}))


def use(name: str) -> Context:
    """Makes a stored context the current one. Raises McdError(not_found)."""
    known = load()
    if name not in known.all:
        have = ", ".join(sorted(known.all)) or "none"
        raise McdError(
            Code.NOT_FOUND, f'there is no context "{echo(name)}".', f"Known: {have}. `mcd login URL` makes one."
        )
    save(Contexts(name, known.all))
    return known.all[name]


def remove(name: str) -> None:
    """Forgets a context, server and token. Raises McdError(not_found)."""
    use_from = load()
    if name not in use_from.all:
        raise McdError(Code.NOT_FOUND, f'there is no context "{echo(name)}".', "`mcd context list` shows them.")
    left = {n: c for n, c in use_from.all.items() if n != name}
    save(Contexts(use_from.current if use_from.current in left else "", left))


def chosen() -> Context:
    """The server and token of this call: MCD_SERVER and MCD_TOKEN before what is stored.

    With MCD_SERVER alone the token is the stored one of that very server, or none: a token is never sent to a server
    that did not make it. Raises McdError(unauthenticated) when no server is known.
    """
    server = os.environ.get("MCD_SERVER", "").strip()
    token = os.environ.get("MCD_TOKEN", "").strip()
    if server:
        address = server_address(server)
        if token:
            return Context("", address, token)
        stored = load()
        mine = [c for c in stored.all.values() if c.server == address]
        mine.sort(key=lambda c: c.name != stored.current)
        return mine[0] if mine else Context("", address)
    stored = load()
    if not stored.current:
        raise McdError(
            Code.UNAUTHENTICATED,
            "no server is known.",
            "Run `mcd login http://SERVER`, or set MCD_SERVER and MCD_TOKEN.",
        )
    current = stored.all[stored.current]
    return replace(current, token=token, person="") if token else current


def server_address(text: str) -> str:
    """A server's address as it is stored: scheme, host, port, perhaps a path. Raises McdError(invalid)."""
    wrong = McdError(
        Code.INVALID, f'"{echo(text)}" is not the address of a server.', "Write it like https://mcd.example.com."
    )
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        port = parts.port
    except ValueError as error:
        raise wrong from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise wrong
    if parts.username or parts.password:
        raise McdError(Code.INVALID, "an address with a password in it is not stored.", "Leave out the user@ part.")
    if any(c.isspace() or not c.isprintable() for c in text):
        raise wrong
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def is_loopback(server: str) -> bool:
    """Whether the address names this machine, so that no proxy is asked and http is nobody else's to read."""
    host = urlsplit(server).hostname or ""
    return host in ("localhost", "::1") or host.endswith(".localhost") or bool(re.fullmatch(r"127(\.\d{1,3}){3}", host))


def default_name(server: str) -> str:
    """The name of a context that nobody named: host, with the port when there is one."""
    return urlsplit(server).netloc
