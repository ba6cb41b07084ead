"""The stage that every check plays on: one MCD on one real Kubernetes, and the hands of a person in front of it.

It types what a person types (mcd, git, curl, kubectl) and answers what they would see. It must not judge anything, and
it reaches MCD only from outside.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.acceptance.rows import Miss
from tests.acceptance.server import Server, environment
from tests.acceptance.witness import Witness

T = TypeVar("T")

PREFIX = "acc-"
"""What the names of our Apps begin with: a developer's own are never touched."""


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    typed: str
    code: int
    out: str
    err: str
    seconds: float = 0.0

    @property
    def said(self) -> str:
        """The last line that it wrote, stderr before stdout, with the exit code."""
        lines = [line for line in (self.err.strip() or self.out.strip()).splitlines() if line.strip()]
        return f"{lines[-1] if lines else '(nothing)'} [exit {self.code}]"

    @property
    def text(self) -> str:
        return f"{self.out}\n{self.err}"

    def json(self) -> Any:
        if self.code != 0:
            raise Miss(f"{self.typed}: {self.said}")
        return json.loads(self.out)

    def ok(self) -> Ran:
        """Itself, when it ended with 0. Raises Miss otherwise."""
        if self.code != 0:
            raise Miss(f"{self.typed}: {self.said}")
        return self


@dataclass
class World:
    """One stage. `line` is the product line that belongs to this run, and its namespace."""

    checkout: Path
    bin: Path
    work: Path
    cluster: Mapping[str, Any]
    url: str
    token: str
    line: str
    config: Path
    server: Server | None = None
    local: str = "local"
    """The cluster's name in `python -m scripts.cluster`."""
    kept: dict[str, Any] = field(default_factory=dict)
    """What one check leaves for the next of its module: an App that takes a while to make."""
    later: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    """What ends with this stage."""

    # --- what is there ----------------------------------------------------------------------------------------------

    @property
    def described(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.cluster["clusters"][self.local]
        return found

    @property
    def real(self) -> bool:
        """Whether pods truly run."""
        return bool(self.described["node"] == "real")

    @property
    def witness(self) -> Witness:
        return Witness(Path(self.described["audit_log"]))

    @property
    def gateway(self) -> int:
        return int(self.cluster["gateway"]["port"])

    def kubeconfig(self, user: str) -> Path:
        return Path(self.described["kubeconfigs"][user])

    def hands(self, **more: str) -> dict[str, str]:
        """The environment of a person who is signed in to this MCD."""
        return environment({"MCD_CONFIG_HOME": str(self.config), "NO_COLOR": "1", "COLUMNS": "250", **more})

    def entered(self, block: AbstractContextManager[T]) -> T:
        """Enters a block that ends with this stage."""
        return self.later.enter_context(block)

    # --- what is typed ----------------------------------------------------------------------------------------------

    def mcd(
        self, *words: str, cwd: Path | None = None, given: str | None = None, seconds: float = 120.0, **more: str
    ) -> Ran:
        """`mcd …` as the signed-in person, who may have set variables (`MCD_TOKEN="…"`)."""
        return typed([str(self.bin / "mcd"), *words], self.hands(**more), cwd or self.work, given, seconds)

    def kubectl(self, *words: str, user: str = "admin", given: str | None = None, seconds: float = 60.0) -> Ran:
        command = [str(self.bin / "kubectl"), "--kubeconfig", str(self.kubeconfig(user)), *words]
        return typed(command, self.hands(), self.work, given, seconds)

    def api(self, method: str, path: str, body: Any = None, *, token: str | None = None, **more: Any) -> httpx.Response:
        """A request to /api/v1, as the admin unless another token is given ("" for none)."""
        used = self.token if token is None else token
        headers = {**({"Authorization": f"Bearer {used}"} if used else {}), **more.pop("headers", {})}
        where = path if path.startswith("/git/") else f"/api/v1{path}"
        if body is not None:
            more["json"] = body
        return httpx.request(method, f"{self.url}{where}", headers=headers, timeout=30.0, **more)

    def page(self, app: str, path: str = "/") -> httpx.Response:
        """`curl http://APP.apps.localhost:PORT/`, through the gateway. Raises httpx.HTTPError."""
        host = f"{app}.{self.cluster['base_domain']}:{self.gateway}"
        return httpx.get(f"http://127.0.0.1:{self.gateway}{path}", headers={"Host": host}, timeout=5.0)

    # --- git --------------------------------------------------------------------------------------------------------

    def git(self, *words: str, cwd: Path, token: str | None = None, seconds: float = 300.0) -> Ran:
        """git without a person's configuration; the token goes through a variable, never the process list."""
        return typed(["git", *words], self.git_hands(token), cwd, None, seconds)

    def git_hands(self, token: str | None = None) -> dict[str, str]:
        helper = '!f() { test "$1" = get && echo username=x && echo "password=$MCD_PUSH_TOKEN"; }; f'
        return self.hands(
            GIT_CONFIG_NOSYSTEM="1", GIT_CONFIG_GLOBAL="/dev/null", GIT_TERMINAL_PROMPT="0",
            GIT_AUTHOR_NAME="Ada", GIT_AUTHOR_EMAIL="ada@example.com",
            GIT_COMMITTER_NAME="Ada", GIT_COMMITTER_EMAIL="ada@example.com",
            MCD_PUSH_TOKEN=self.token if token is None else token,
            GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="credential.helper", GIT_CONFIG_VALUE_0=helper,
        )  # fmt: skip

    def remote(self, app: str) -> str:
        return f"{self.url}/git/{app}.git"

    def repository(self, name: str, files: Mapping[str, str] | Path) -> Path:
        """A fresh repository of these files, or of a copy of an example, with one commit on main."""
        folder = self.work / "repositories" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if isinstance(files, Path):
            shutil.copytree(files, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            lay(folder, files)
        self.git("init", "-q", "-b", "main", cwd=folder).ok()
        self.commit(folder, f"{name}, the first")
        return folder

    def commit(self, folder: Path, title: str) -> str:
        """Commits everything in the folder and answers the commit."""
        self.git("add", "-A", cwd=folder).ok()
        self.git("commit", "-q", "-m", title, cwd=folder).ok()
        return self.head(folder)

    def head(self, folder: Path) -> str:
        return self.git("rev-parse", "HEAD", cwd=folder).ok().out.strip()

    def push(self, folder: Path, app: str, *words: str, ref: str = "main", seconds: float = 300.0) -> Ran:
        """`git push http://…/git/APP.git main`. It ends when the Rollout has a verdict."""
        ran = self.git("push", *words, self.remote(app), ref, cwd=folder, seconds=seconds)
        self.kept.setdefault("apps", set()).add(app)
        return ran

    # --- waiting ----------------------------------------------------------------------------------------------------

    def status(self, app: str) -> dict[str, Any]:
        answer = self.api("GET", f"/apps/{app}/status")
        if answer.status_code != 200:
            raise Miss(f"GET /apps/{app}/status: {answer.status_code} {answer.text[:200]}")
        found: dict[str, Any] = answer.json()
        return found

    def live(self, app: str) -> dict[str, Any]:
        """The live Rollout, or an empty dict."""
        return self.status(app).get("rollout") or {}

    def ready(self, app: str, seconds: float = 90.0, *, release: int = 0) -> dict[str, Any]:
        """Waits until the live Rollout (of this Release, or a newer one) is ready and answers it. Raises Miss."""

        def look() -> dict[str, Any] | None:
            found = self.live(app)
            return found if found.get("state") == "ready" and found["release"] >= release else None

        return self.until(look, seconds, lambda: f"{app}: {_short(self.live(app))}")

    def until(self, look: Callable[[], T | None], seconds: float, why: Callable[[], str], pause: float = 0.1) -> T:
        """What `look` answers once it answers something. Raises Miss with `why()` when the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            found = look()
            if found is not None and found is not False:
                return found
            if time.monotonic() >= deadline:
                raise Miss(f"not within {seconds:.0f} s: {why()}")
            time.sleep(pause)

    def pods(self, app: str, component: str = "") -> dict[str, str]:
        """Name → UID of the App's pods that are not going."""
        chosen = f"app.kubernetes.io/instance={app}"
        if component:
            chosen += f",app.kubernetes.io/component={component}"
        found = self.kubectl("get", "pods", "-n", self.line, "-l", chosen, "-o", "json").json()["items"]
        alive = [pod["metadata"] for pod in found if not pod["metadata"].get("deletionTimestamp")]
        return {meta["name"]: meta["uid"] for meta in alive}

    def objects(self, kind: str, app: str) -> list[dict[str, Any]]:
        chosen = f"app.kubernetes.io/instance={app}"
        found = self.kubectl("get", kind, "-n", self.line, "-l", chosen, "-o", "json").json()
        items: list[dict[str, Any]] = found["items"]
        return items


def typed(
    command: list[str], env: Mapping[str, str], cwd: Path, given: str | None = None, seconds: float = 120.0
) -> Ran:
    """Runs a command as typed. One that does not end in its time is a Ran with code -9 and says so."""
    began = time.monotonic()
    shown = " ".join([Path(command[0]).name, *command[1:]])
    try:
        done = subprocess.run(
            command, env=dict(env), cwd=cwd, input=given, capture_output=True, timeout=seconds, check=False, text=True,
            errors="replace", stdin=subprocess.DEVNULL if given is None else None,
        )  # fmt: skip
    except subprocess.TimeoutExpired as over:
        said = (over.stderr or b"").decode(errors="replace") if isinstance(over.stderr, bytes) else ""
        return Ran(shown, -9, "", f"{said}\ndid not end within {seconds:.0f} s", seconds)
    return Ran(shown, done.returncode, done.stdout, done.stderr, time.monotonic() - began)


def lay(folder: Path, files: Mapping[str, str]) -> None:
    """Writes the files into the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _short(rollout: Mapping[str, Any]) -> str:
    words = ("number", "release", "state", "reason", "message")
    return ", ".join(f"{word} {rollout[word]}" for word in words if rollout.get(word)) or "no Rollout"


def percentile(values: list[float], share: float) -> float:
    """The value that `share` (0 to 1) of all are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]
