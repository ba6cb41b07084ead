"""Deploys examples/shop the way a developer would: a git repository, a commit, a push to MCD's git remote.

It must not use anything that a developer does not have: git, a token, an address.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import httpx

from scripts.cluster import places
from scripts.cluster.problems import ClusterProblem

APP = "shop"
_ANSWER_SECONDS = 120.0
_PUSH_SECONDS = 900


def push(url: str, token: str, folder: Path) -> bool:
    """Pushes examples/shop as it is in the checkout. Says whether anything was new; git's output is shown live."""
    repository = folder / APP
    _copied(places.CHECKOUT / "examples" / APP, repository)
    if not (repository / ".git").is_dir():
        _git(repository, "init", "--quiet", "--initial-branch=main")
    _git(repository, "add", "--all")
    if _git(repository, "status", "--porcelain"):
        _git(repository, "commit", "--quiet", "--message", "shop, as it is in examples/")
    remote = f"{url}/git/{APP}.git"
    here = _git(repository, "rev-parse", "HEAD").strip()
    there = _git(repository, "ls-remote", remote, "refs/heads/main", token=token, may_fail=True).split("\t")[0]
    if here == there:
        return False
    command = ["git", "-C", str(repository), "push", "--force", remote, "main"]
    ended = subprocess.run(command, env=_environment(token), check=False, timeout=_PUSH_SECONDS)
    if ended.returncode != 0:
        raise ClusterProblem("the push of examples/shop was refused; what git said stands above.")
    return True


def answers(port: int, domain: str) -> str:
    """The first line of the page through the gateway, once it answers 200.

    Raises:
        ClusterProblem: it did not in time.
    """
    deadline = time.monotonic() + _ANSWER_SECONDS
    said = "no answer"
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/", headers={"Host": f"{APP}.{domain}:{port}"}, timeout=5.0)
        except httpx.HTTPError as error:
            said = type(error).__name__
        else:
            if answer.status_code == 200:
                return answer.text.splitlines()[0] if answer.text else ""
            said = f"status {answer.status_code}"
        time.sleep(0.3)
    raise ClusterProblem(
        f"http://{APP}.{domain}:{port}/ did not answer 200 within {_ANSWER_SECONDS:.0f} s: {said}. "
        f"See: mcd status {APP}"
    )


def _copied(source: Path, target: Path) -> None:
    """Makes the tree of `target` equal to `source`, its .git left alone."""
    target.mkdir(parents=True, exist_ok=True)
    for old in target.iterdir():
        if old.name != ".git":
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".git"))


def _git(repository: Path, *words: str, token: str = "", may_fail: bool = False) -> str:
    command = ["git", "-C", str(repository), *words]
    ended = subprocess.run(command, env=_environment(token), capture_output=True, text=True, check=False, timeout=60)
    if ended.returncode != 0 and not may_fail:
        raise ClusterProblem(f"git {words[0]}: {(ended.stderr.strip().splitlines() or ['failed'])[-1]}")
    return ended.stdout if ended.returncode == 0 else ""


def _environment(token: str) -> dict[str, str]:
    """Git without a person's configuration; the token goes through a variable, never through the process list."""
    said = {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "make up",
        "GIT_AUTHOR_EMAIL": "up@mcd.internal",
        "GIT_COMMITTER_NAME": "make up",
        "GIT_COMMITTER_EMAIL": "up@mcd.internal",
    }
    if token:
        said |= {
            "MCD_PUSH_TOKEN": token,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "credential.helper",
            "GIT_CONFIG_VALUE_0": '!f() { test "$1" = get && echo username=x && echo "password=$MCD_PUSH_TOKEN"; }; f',
        }
    return {**os.environ, **said}
