"""Whether a push deploys an App, and why in words (app-yaml 3.3): its branch or tag, and the files that it changed.

Pure. It must not ask git, and not know what a Release is: every push makes one.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from mcd.appyaml.record import record
from mcd.appyaml.schema.deploy import Deploy
from mcd.errors import echo

_ANY = "**"
_SHOWN = 5


@record
class Pushed:
    """A push of one commit to a branch or of a tag. `changed` are the files that differ from the commit before, from
    the root of the repository; None where nobody knows, as with the first push. `file` is the App's app.yaml."""

    default_branch: str
    file: str
    changed: Sequence[str] | None
    branch: str = ""
    tag: str = ""


@record
class Decision:
    """`wanted`: the Release becomes a Rollout, at once or (`waits`) when a person deploys it. `why` is one sentence."""

    wanted: bool
    waits: bool
    why: str


def decide(deploy: Deploy, pushed: Pushed) -> Decision:
    """What `deploy` of the pushed commit says of the push."""
    matched, why = _tag(deploy, pushed) if pushed.tag else _branch(deploy, pushed)
    if not matched:
        return Decision(wanted=False, waits=False, why=why)
    file = _counting(deploy, pushed)
    if file is None:
        return Decision(wanted=False, waits=False, why=f"nothing of deploy.paths changed ({_list(deploy.paths)}).")
    if file:
        why = f"{why}, and {echo(file)} changed"
    if not deploy.auto:
        return Decision(wanted=True, waits=True, why=f"{why}; deploy.auto is false, so a person deploys it.")
    return Decision(wanted=True, waits=False, why=f"{why}.")


def _branch(deploy: Deploy, pushed: Pushed) -> tuple[bool, str]:
    branch = pushed.branch
    if deploy.branch is None:
        if branch == pushed.default_branch:
            return True, f"branch {echo(branch)} is the default branch"
        return False, f"branch {echo(branch)} is not the default branch ({echo(pushed.default_branch)})."
    for glob in deploy.branch:
        if matches(glob, branch):
            return True, f"branch {echo(branch)} is in deploy.branch"
    return False, f"branch {echo(branch)} is not in deploy.branch ({_list(deploy.branch)})."


def _tag(deploy: Deploy, pushed: Pushed) -> tuple[bool, str]:
    for glob in deploy.tags:
        if matches(glob, pushed.tag):
            return True, f"tag {echo(pushed.tag)} is in deploy.tags"
    return False, f"tag {echo(pushed.tag)} is not in deploy.tags ({_list(deploy.tags)})."


def _counting(deploy: Deploy, pushed: Pushed) -> str | None:
    """The first changed file that counts; "" where every push does; None where none counts."""
    if not deploy.paths or pushed.changed is None:
        return ""
    for file in pushed.changed:
        if file == pushed.file or any(matches_file(glob, file) for glob in deploy.paths):
            return file
    return None


def _list(globs: Sequence[str]) -> str:
    shown = [echo(glob) for glob in globs[:_SHOWN]]
    return ", ".join([*shown, "…"] if len(globs) > _SHOWN else shown) or "none"


def matches(glob: str, name: str) -> bool:
    """Whether a name of git fits a glob: `*` and `?` stop at /, `**` is any number of steps, none at its start or in
    its middle, at least one at its end."""
    return _steps(glob.split("/"), name.split("/"))


def matches_file(glob: str, file: str) -> bool:
    """As `matches`, from the root of the repository. A folder by its name is all that is in it."""
    wanted = [step for step in glob.split("/") if step not in ("", ".")]
    if not wanted:
        return True  # the root itself
    steps = file.split("/")
    folder = glob.endswith("/") or not any(sign in wanted[-1] for sign in "*?[")
    return (not glob.endswith("/") and _steps(wanted, steps)) or (folder and _steps([*wanted, _ANY], steps))


def _steps(wanted: Sequence[str], steps: Sequence[str]) -> bool:
    """Goes back to the last `**` alone, so that no glob takes longer than the product of the two lengths."""
    at = step = 0
    retry: tuple[int, int] | None = None
    while step < len(steps):
        if at < len(wanted) and wanted[at] == _ANY:
            if at == len(wanted) - 1:
                return True
            retry = (at, step)
            at += 1
        elif at < len(wanted) and fnmatchcase(steps[step], wanted[at]):
            at, step = at + 1, step + 1
        elif retry is not None:
            retry = (retry[0], retry[1] + 1)
            at, step = retry[0] + 1, retry[1]
        else:
            return False
    return at == len(wanted)
