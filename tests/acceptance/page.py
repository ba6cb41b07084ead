"""docs/quick-start.md, typed word for word on the real cluster: its blocks, and what it says that they show.

Only the address, the name of the App and the folder are ours. It must not know a command that the page does not have.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.world import Ran, World, typed

ROOT = Path(__file__).resolve().parents[2]
QUICK_START = (ROOT / "docs" / "quick-start.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
APP = "acc-page"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def block(page: str, word: str, *, just: bool = False) -> str:
    """The first block to be typed that has the word; with `just`, that has one line, which begins with it."""
    for kind, text in _FENCE.findall(page):
        if kind == "sh" and (text.startswith(word) and text.count("\n") == 1 if just else word in text):
            return str(text)
    raise ValueError(f"the page has no block with {word!r}")


def shown(page: str, after: str) -> str:
    """What the page shows as the answer to a block."""
    found = _FENCE.findall(page)
    place = next(number for number, (_, text) in enumerate(found) if text == after)
    kind, text = found[place + 1]
    if kind:
        raise ValueError("the page shows no answer to this block")
    return str(text).strip()


def steps(world: World) -> Seen:
    """Steps 2 to 4: push, change, break, look, go back."""
    folder = world.work / "page"
    shutil.rmtree(folder, ignore_errors=True)
    world.kept.setdefault("apps", set()).add(APP)
    first, ask = block(QUICK_START, "cp -r examples/hello"), block(QUICK_START, "curl", just=True)
    change = block(QUICK_START, "app.py")
    copy = first.splitlines()
    at = next(number for number, line in enumerate(copy) if line.startswith("git init"))
    # The name of the App is ours, so that a developer's own `hello` is never touched.
    copy.insert(at, f"sed -i 's/appname: hello/appname: {APP}/' app.yaml")
    _type(world, folder, "\n".join(copy), world.checkout).ok()
    _says(_type(world, folder, ask, folder), shown(QUICK_START, ask))
    _says(_type(world, folder, change, folder), shown(QUICK_START, change))
    good = world.live(APP)
    _broken(world, folder)
    looked, back = block(QUICK_START, "mcd rollback").splitlines()
    status = _type(world, folder, looked, folder)
    if "404" not in status.text:
        raise Miss(f"{looked} does not say what the check got: {status.text.strip()[-400:]}")
    _says(_type(world, folder, ask, folder), shown(QUICK_START, change))
    returned = _type(world, folder, back, folder).ok()
    now = world.live(APP)
    if now.get("state") != "ready" or now.get("release") != good.get("release"):
        raise Miss(
            f"{back}: {returned.said}; before {good.get('release')}, now {now.get('release')} {now.get('state')}"
        )
    _says(_type(world, folder, ask, folder), shown(QUICK_START, change))
    return Seen(f"curl: {shown(QUICK_START, change)}; {returned.said}; Release {now['release']} is ready again")


def _broken(world: World, folder: Path) -> None:
    """The push that never gets ready: watched until it says what the check got, then Ctrl-C."""
    text = block(QUICK_START, "app.yaml")
    log = world.work / "page.log"
    with log.open("wb") as out:
        pushing = subprocess.Popen(
            ["bash", "-e", "-c", _ours(world, folder, text)], cwd=folder, env=_hands(world), stdin=subprocess.DEVNULL,
            stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
        try:
            world.until(
                lambda: "404" in log.read_text(errors="replace") or None,
                120,
                lambda: f"the push does not say what the check got: {log.read_text(errors='replace')[-600:]}",
                0.3,
            )
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pushing.pid, signal.SIGINT)
            try:
                pushing.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(pushing.pid, signal.SIGKILL)
                pushing.wait(timeout=10)


def _type(world: World, folder: Path, text: str, cwd: Path) -> Ran:
    return typed(["bash", "-e", "-c", _ours(world, folder, text)], _hands(world), cwd, None, 300.0)


def _ours(world: World, folder: Path, text: str) -> str:
    ours = text.replace("http://127.0.0.1:7070", world.url).replace("/tmp/hello", str(folder))
    return re.sub(r"\bhello(?=\.git)|(?<=mcd open )hello|(?<=mcd diff )hello|(?<=mcd status )hello|"
                  r"(?<=mcd rollback )hello", APP, ours)  # fmt: skip


def _hands(world: World) -> dict[str, str]:
    """A person's terminal: no more than a name for git, and a curl that knows *.localhost."""
    hands = world.hands(
        GIT_CONFIG_NOSYSTEM="1", GIT_CONFIG_GLOBAL="/dev/null", GIT_TERMINAL_PROMPT="0", GIT_AUTHOR_NAME="Ada",
        GIT_AUTHOR_EMAIL="ada@example.com", GIT_COMMITTER_NAME="Ada", GIT_COMMITTER_EMAIL="ada@example.com",
    )  # fmt: skip
    return {**hands, "PATH": f"{world.bin}:{hands['PATH']}"}


def _says(ran: Ran, wanted: str) -> None:
    if ran.code != 0 or ran.out.strip().splitlines()[-1:] != [wanted]:
        raise Miss(f"{ran.typed.splitlines()[-1]}: not {wanted!r} but {ran.text.strip()[-600:]!r} [exit {ran.code}]")


CHECKS = (
    Check("page.quick-start", "docs/quick-start.md, steps 2 to 4, word for word",
          "each answer that the page shows; what the broken check got; the rollback ends Ready with the Release before",
          steps, 400, needs_node=True),
)  # fmt: skip
