"""The sign-in that `make up` makes for the person: a context of `mcd` with a name of its own, and its end.

The person's file may hold other servers and other clones: theirs are never written over, and only the context that was
made here is removed. It must not print or keep a token.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

from mcd.cli import contexts
from mcd.errors import McdError
from scripts.cluster import state
from scripts.cluster.problems import ClusterProblem

_FILE = "context"


def name(home: Path) -> str:
    """The context of the MCD in `home`: the name of its clone for people, and a mark that no other clone has."""
    clone = home.parent.parent.name if home.parent.name == ".local" else home.name
    readable = re.sub(r"[^a-z0-9]+", "-", clone.lower()).strip("-")[:30] or "mcd"
    return f"make-up-{readable}-{hashlib.sha256(str(home).encode()).hexdigest()[:6]}"


def sign_in(home: Path, url: str, person: str, password: str) -> str:
    """Signs in with a new password, or finds the sign-in of the last time, and makes it the one that `mcd` uses.
    Answers its token.

    Raises:
        ClusterProblem: the person has signed out or in as somebody else; it says how to sign in again.
    """
    mine = name(home)
    before = _known().current
    if password:
        mcd = str(Path(sys.executable).with_name("mcd"))
        words = [mcd, "login", url, "--name", person, "--password-stdin", "--context", mine]
        ended = subprocess.run(words, input=f"{password}\n", capture_output=True, text=True, check=False, timeout=60)
        if ended.returncode != 0:
            raise ClusterProblem(f"mcd login: {ended.stderr.strip()}")
    known = _known()
    kept = known.all.get(mine) or _of_older(known, url)
    if kept is None or kept.server != url or not kept.token or kept.person != person:
        raise ClusterProblem(
            f"mcd is not signed in at {url} as {person} any more. Run: .venv/bin/mcd login {url} --name {person} "
            f"--context {mine}. A new password: MCD_DATA={home}/data .venv/bin/mcd admin create-admin {person}"
        )
    if kept.name == mine and before != mine:
        contexts.use(mine)
        state.write(home / _FILE, json.dumps({"name": mine, "before": before}) + "\n")
        if before:
            print(f"sign-in: mcd talks to this one now. Back: mcd context use {before}", file=sys.stderr, flush=True)
    return kept.token


def forget(home: Path) -> str:
    """Removes the context that `make up` made here, and makes the one before it current again. Answers its name, or
    an empty text when there is none."""
    try:
        read = json.loads((home / _FILE).read_text())
        mine, before = str(read["name"]), str(read["before"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    known = _known()
    if mine != name(home) or mine not in known.all:
        return ""
    contexts.remove(mine)
    if known.current == mine and before in known.all:
        contexts.use(before)
    return mine


def _of_older(known: contexts.Contexts, url: str) -> contexts.Context | None:
    """Before it had a name of its own it was kept under the server's."""
    found = known.all.get(contexts.default_name(url))
    return found if found is not None and found.server == url else None


def _known() -> contexts.Contexts:
    try:
        return contexts.load()
    except McdError as error:
        raise ClusterProblem(f"{error.message} {error.hint}") from error
