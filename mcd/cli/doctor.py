"""`mcd doctor`: one line for each thing that must be right, and for each that is not, the next step.

It looks and changes nothing. A check that cannot be made because an earlier one failed is left out.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import typer

from mcd import __version__
from mcd.cli.options import OutputOption
from mcd.cli.output import FAILED, Form, age, lasting, paint, plain, show_data
from mcd.errors import Code, McdError

SOON_DAYS = 7
SHOWN = 5
"""Apps of each state that are named."""

_MARKS = {"[+": "ok", "[!": "warning", "[-": "problem"}


@dataclass(frozen=True, slots=True)
class Check:
    """One line. `state` is ok, problem, warning for what works and should be mended, or note for what is not needed.
    `product_line` is of an App; `since`, RFC 3339, when what is wrong began, where that is known."""

    name: str
    state: str
    message: str
    next_step: str = ""
    product_line: str = ""
    since: str = ""


def doctor(output: OutputOption = Form.TABLE) -> None:
    """Check server, sign-in, clusters, Apps, versions and local tools.

    Exit code 1 when there is a problem. A warning works and should be mended; a note is nothing that must be.

    Example: mcd doctor
    """
    checks = [*local(), *remote()]
    if output in (Form.JSON, Form.YAML):
        show_data({"checks": [asdict(c) for c in checks]}, output)
    else:
        width = max(len(c.name) for c in checks)
        for check in checks:
            step = f" {check.next_step}" if check.next_step else ""
            print(f"{paint(f'{check.state:<7}')}  {check.name:<{width}}  {plain(check.message)}{plain(step)}")
    if any(check.state == "problem" for check in checks):
        raise typer.Exit(FAILED)


def local() -> Iterator[Check]:
    """This machine: Python, git, app.yaml."""
    version = ".".join(str(n) for n in sys.version_info[:3])
    yield Check("mcd", "ok", f"{__version__} on Python {version}")
    git = shutil.which("git")
    if git:
        yield Check("git", "ok", git)
    else:
        yield Check("git", "problem", "git is not on PATH.", "Install it: a deploy is a `git push`.")
    from pathlib import Path

    from mcd.cli.options import appname_of

    if Path("app.yaml").is_file():
        name = appname_of(Path("app.yaml"))
        yield (
            Check("app.yaml", "ok", f"here, App {name}")
            if name
            else Check("app.yaml", "problem", "app.yaml here has no appname that can be read.", "Run `mcd validate`.")
        )
    else:
        yield Check("app.yaml", "note", "there is none in this folder; `mcd init` writes one")


def remote() -> Iterator[Check]:
    """The server, from the address to the clusters. Ends at the first thing without which the rest cannot be asked."""
    from mcd.cli.client import Client
    from mcd.cli.contexts import chosen, is_loopback

    try:
        context = chosen()
    except McdError as error:
        yield _problem("server", error)
        return
    client = Client(context)
    try:
        try:
            told = client.get("//version")
            theirs = str(told["version"])
        except McdError as error:
            yield _problem("server", error)
            return
        except (KeyError, TypeError):
            yield Check("server", "problem", f"{context.server} is no MCD.", "Check the address: `mcd login URL`.")
            return
        yield Check("server", "ok", f"{context.server}, version {theirs}")
        if context.server.startswith("http:") and not is_loopback(context.server):
            yield Check("encryption", "problem", "http sends the token in the clear.", "Ask for an https address.")
        if theirs.split(".")[:2] != __version__.split(".")[:2]:
            yield Check(
                "versions", "problem", f"mcd here is {__version__}, the server {theirs}.", "Update the older one."
            )
        yield from ready(client)
        yield from signed_in(client)
    finally:
        client.close()


def ready(client: Any) -> Iterator[Check]:
    """What the server says of its own parts (`[+] name: said` lines)."""
    import httpx

    try:
        lines = client.http.get("readyz", params={"verbose": "1"}).text.splitlines()
    except httpx.HTTPError as error:
        yield Check("readiness", "problem", f"no answer: {error}.", "Look at the server's log.")
        return
    for line in lines[:50]:
        mark, _, rest = line.partition("] ")
        if mark in _MARKS:
            name, _, said = rest.partition(": ")
            yield Check(name, _MARKS[mark], said)


def signed_in(client: Any) -> Iterator[Check]:
    """The token, its rights, and what it may see."""
    if not client.context.token:
        yield Check("sign-in", "problem", "nobody is signed in.", "Run `mcd login`.")
        return
    try:
        who = client.get("/whoami")
    except McdError as error:
        yield _problem("sign-in", error)
        return
    roles = ", ".join(f"{role} of {line}" for line, role in sorted((who.get("roles") or {}).items()))
    rights = "admin" if who.get("admin") else roles or "no role anywhere"
    yield Check("sign-in", "ok", f"{who.get('name')} ({rights}), token for {who.get('scope')}")
    if not who.get("admin") and not roles:
        yield Check("rights", "problem", "you are in no product line.", "Ask its owner: `mcd member add NAME -p LINE`.")
    yield from expiry(client, str(who.get("name")))
    yield from parts(client, "/clusters", "cluster")
    yield from parts(client, "/product-lines", "product line")
    yield from apps(client)


def expiry(client: Any, person: str) -> Iterator[Check]:
    """How long the token of this call is good for."""
    from datetime import UTC, datetime

    from mcd.cli.client import segment

    words = client.context.token.split("_")
    try:
        mine = next(t for t in client.items(f"/people/{segment(person)}/tokens") if words[2:3] == [t.get("id")])
        left = datetime.fromisoformat(mine["expires_at"]) - datetime.now(UTC)
    except (McdError, StopIteration, KeyError, ValueError, TypeError):
        return
    days = left.days
    if days < SOON_DAYS:
        yield Check("token", "problem", f"it expires in {max(days, 0)} days.", "Run `mcd login` again.")
    else:
        yield Check("token", "ok", f"good for {days} days")


def parts(client: Any, path: str, noun: str) -> Iterator[Check]:
    """Every cluster or product line that may be seen: whether it is as it was wished."""
    try:
        items = client.items(path, limit=100)
    except McdError as error:
        if error.code is not Code.FORBIDDEN:
            yield _problem(f"{noun}s", error)
        return
    if not items:
        yield Check(f"{noun}s", "note", "you see none")
    for item in items:
        name = f"{noun} {item.get('name')}"
        if item.get("state") == "ready":
            more = f"Kubernetes {item['kubernetes']}" if item.get("kubernetes") else "ready"
            yield Check(name, "ok", more)
        else:
            said = f"{since(item)}: {item.get('reason')}: {item.get('message')}"
            yield Check(name, "problem", said, since=str(item.get("since") or ""))


def since(item: Any) -> str:
    """The state, and since when it is not ready: `not ready since 2026-05-03T10:00:00Z (12m)`."""
    try:
        ready = next(c for c in item["conditions"] if c["type"] == "Ready" and c["status"] != "True")
        return f"not ready since {ready['last_transition']} ({age(ready['last_transition'])})"
    except (StopIteration, KeyError, TypeError):
        return str(item.get("state"))


def apps(client: Any) -> Iterator[Check]:
    """How many Apps are not well, and of each state the first of them with their reason. An App that a person must mend
    is no fault of the server, so it is a warning."""
    from mcd.model import AppState

    waiting = "waiting"
    try:
        items = client.items("/apps")
    except McdError as error:
        if error.code is not Code.FORBIDDEN:
            yield _problem("apps", error)
        return
    states = (AppState.STALLED, AppState.HELD, AppState.UNKNOWN)
    found = {str(word): [item for item in items if item.get("state") == word] for word in states}
    found[waiting] = [item for item in items if item.get("state") == AppState.PROGRESSING and _waits_long(item)]
    count = sum(map(len, found.values()))
    if not count:
        yield Check("apps", "ok", f"{len(items)}, all are well" if items else "you see none")
        return
    counts = ", ".join(f"{len(some)} {word}" for word, some in found.items())
    yield Check("apps", "warning", f"{count} of {len(items)} are not well: {counts}")
    for word, some in found.items():
        yield from map(_app, some[:SHOWN])
        if len(some) > SHOWN:
            state = AppState.PROGRESSING.value if word == waiting else word
            yield Check("apps", "warning", f"and {len(some) - SHOWN} more {word} (mcd app list --state {state})")


def _waits_long(item: Any) -> bool:
    """Whether an App is on its way for so long that it may wait for something that does not come."""
    from datetime import UTC, datetime

    from mcd.model import WAITS_LONG

    began = (item.get("live") or {}).get("since")
    return began is not None and datetime.now(UTC) - datetime.fromisoformat(began) >= WAITS_LONG


def _app(item: Any) -> Check:
    live = item.get("live") or {}
    name, line, began = str(item.get("name")), str(item.get("product_line") or ""), live.get("since")
    state = " ".join(word for word in (str(item["state"]), lasting(began)) if word)
    said = str(live.get("message"))
    if item["state"] == "unknown":
        # What the cluster says is told of the cluster, once, and not of each of its Apps.
        said = f"{said.partition('. ')[0].rstrip('.')}."
    message = f"in {line}: {state}: {live.get('reason')}: {said}"
    return Check(f"app {name}", "warning", message, f"See `mcd status {name}`.", product_line=line, since=began or "")


def _problem(name: str, error: McdError) -> Check:
    return Check(name, "problem", error.message, error.hint)
