"""`mcd deploy`, `restart`, and `diff` with what runs: wishes about what an App runs. Each is a Rollout, or shows one.

A wish is answered at once; --wait only watches. It must not decide what a deploy changes: the server does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from mcd.cli.changes import blocks
from mcd.cli.client import Client, segment
from mcd.cli.options import (
    AppArgument,
    AppOption,
    OutputOption,
    QuietOption,
    TimeoutOption,
    WaitOption,
    appname_of,
    seconds,
    server,
    which_app,
)
from mcd.cli.output import Form, Progress, note, paint, plain, show_data
from mcd.errors import Code, McdError, echo

CommitOption = Annotated[str | None, typer.Option("--commit", metavar="SHA", help="This commit, 7 to 40 digits.")]
ReleaseOption = Annotated[int | None, typer.Option("--release", min=1, metavar="N", help="This Release.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would change, change nothing.")]
ConfirmOption = Annotated[
    str, typer.Option("--confirm", metavar="DIGEST", help="The list of deletes that was shown is meant.")
]
TakeOverOption = Annotated[
    bool, typer.Option("--take-over", help="Adopt objects of the same name that somebody else made.")
]


def deploy(
    app: AppArgument = None,
    name: AppOption = None,
    commit: CommitOption = None,
    release: ReleaseOption = None,
    dry_run: DryRunOption = False,
    take_over: TakeOverOption = False,
    confirm: ConfirmOption = "",
    wait: WaitOption = False,
    timeout: TimeoutOption = "10m",
    quiet: QuietOption = False,
    output: OutputOption = Form.TABLE,
) -> None:
    """Run a Release: the newest one, or one that is named.

    A commit whose build failed is tried again; of a Release that failed, the pods that did so are made anew. --confirm
    alone goes on with the Rollout that waits for it, whatever Release that runs. With --wait it ends when the new pods
    are healthy (0), when a person must act (1) or when the time is over (124); Ctrl-C stops watching, not deploying.

    Example: mcd deploy shop --wait
    """
    limit = seconds(timeout, "--timeout")
    which = which_app(app, name)
    with server() as client:
        named = {} if confirm and not (commit or release) else target(client, which, commit, release)
        wish = {**named, "take_over": take_over, "confirmed_prune": confirm}
        if dry_run:
            show_plan(which, plan(client, which, wish), output, again(which, wish))
            return
        carry_out(client, which, wish, output, Waiting(wait, limit, timeout, quiet))


def again(app: str, wish: Mapping[str, Any]) -> str:
    """The command that carries out what was only shown: it names the very Release, which need not be the newest."""
    words = ["mcd deploy", app]
    words += [f"--{word} {wish[word]}" for word in ("commit", "release") if wish.get(word)]
    return " ".join([*words, "--take-over"] if wish.get("take_over") else words)


class Waiting:
    """Whether and how long to watch what was wished."""

    def __init__(self, wait: bool, limit: float, limit_text: str, quiet: bool) -> None:
        self.wait, self.limit, self.limit_text, self.quiet = wait, limit, limit_text, quiet


def target(client: Client, app: str, commit: str | None, release: int | None) -> dict[str, Any]:
    """The Release that is meant: by commit, by number, else the newest that its push deploys, or lets a person deploy.
    A newest one that failed is asked for by its commit, which tries it again."""
    if commit and release:
        raise McdError(Code.INVALID, "--commit and --release say the same thing.", "Keep one.")
    if commit:
        import re

        if not re.fullmatch(r"[0-9a-f]{7,40}", commit.lower()):
            raise McdError(Code.INVALID, f'--commit: "{echo(commit)}" is not a commit.', "Write 7 to 40 hex digits.")
        return {"commit": commit.lower()}
    if release:
        return {"release": release}
    newest = client.items(f"/apps/{segment(app)}/releases", limit=1, ignored="false")
    if not newest:
        raise McdError(Code.INVALID, f"{echo(app)} has no Release yet.", "Push a commit first.")
    if newest[0].get("state") == "stalled" and newest[0].get("commit"):
        return {"commit": newest[0]["commit"]}
    return {"release": newest[0]["number"]}


def carry_out(
    client: Client, app: str, wish: Mapping[str, Any], output: Form, waiting: Waiting, *, said: str = ""
) -> None:
    """Sends the wish and shows the Rollout; watches it when asked to. Exits with the verdict. `said` is told once the
    wish is accepted, and not before a refusal."""
    answer = client.post(f"/apps/{segment(app)}/rollouts", _said_of(wish))
    if said and not waiting.quiet and output is Form.TABLE:
        note(said)
    told(client, answer.body, output, waiting, new=answer.status == 202)


def told(client: Client, rollout: Mapping[str, Any], output: Form, waiting: Waiting, *, new: bool) -> None:
    """Shows a Rollout that was wished just now, before or after watching it."""
    watching = waiting.wait and rollout.get("state") not in ("ready",)
    if output in (Form.TABLE, Form.WIDE):
        already = "runs this already" if rollout.get("state") == "ready" else "is on its way already"
        said = "is requested" if new else already
        of = f"(Release {rollout['release']}, Settings {rollout['settings']})"
        print(plain(f"Rollout {rollout['number']} of {rollout['app']} {said} {of}"))
        if deletes := [f"{ref['kind']}/{ref['name']}" for ref in rollout.get("deletes") or []]:
            note(f"deletes what the older Release does not have: {', '.join(deletes)}.")
    elif output is Form.NAME:
        print(plain(f"rollout/{rollout['id']}"))
    code = 0
    if watching:
        rollout, code = watched(client, rollout, waiting)
        if code == 0 and output in (Form.TABLE, Form.WIDE):
            print(plain(f"Rollout {rollout['number']} of {rollout['app']} is Ready"))
    elif new and not waiting.quiet and output in (Form.TABLE, Form.WIDE):
        note(f"`mcd status {rollout['app']} -w` watches it.")
    if output in (Form.JSON, Form.YAML):
        show_data(rollout, output)
    if code:
        raise typer.Exit(code)


def watched(client: Client, rollout: Mapping[str, Any], waiting: Waiting) -> tuple[dict[str, Any], int]:
    """The Rollout when it has settled or the time is over, and the exit code that says which."""
    from mcd.cli.watch import verdict, watch

    settled = watch(client, rollout, waiting.limit, Progress(waiting.quiet))
    return settled, verdict(settled, waiting.limit_text)


def rollout_with(client: Client, app: str, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """The Rollout that a new revision of Settings made, or None while nothing of the App runs."""
    rollouts = client.items(f"/apps/{segment(app)}/rollouts", limit=5)
    return next((r for r in rollouts if r.get("live") and r.get("settings") == settings.get("revision")), None)


# --- what would change ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Target:
    """What `mcd diff` is asked about instead of the working file or the newest Release."""

    commit: str | None
    release: int | None
    take_over: bool
    product_line: str | None


def diff_with_what_runs(app: str | None, name: str | None, file: Path | None, of: Target, output: Form) -> None:
    """Shows what a push of a file, or a deploy of what is named, would write."""
    which = which_app(app, name)
    if file is None and not of.commit and not of.release and appname_of(Path("app.yaml")) == which:
        file = Path("app.yaml")
    with server() as client:
        if file is not None:
            show_plan(which, plan_of_file(client, which, file, of.product_line), output)
            return
        wish = {**target(client, which, of.commit, of.release), "take_over": of.take_over}
        show_plan(which, plan(client, which, wish), output, again(which, wish))


def plan(client: Client, app: str, wish: Mapping[str, Any]) -> dict[str, Any]:
    """The server's dry run of a wish."""
    found: dict[str, Any] = client.post(f"/apps/{segment(app)}/rollouts", _said_of(wish) | {"dry_run": True}).body
    return found


def _said_of(wish: Mapping[str, Any]) -> dict[str, Any]:
    """Without what was not said. Settings 0 are: every App begins with them."""
    return {k: v for k, v in wish.items() if v is not None and v is not False and v != ""}


def plan_of_file(client: Client, app: str, file: Path, product_line: str | None) -> dict[str, Any]:
    """The server's dry run of a push of this file. A tree without uncommitted changes is pushed as its commit; with
    some, as `git commit -a` would make it."""
    from mcd.cli.documents import text_from
    from mcd.cli.remote.worktree import build_context, clean_commit, files_named

    text = text_from(file)
    ask: dict[str, Any] = {"app_yaml": text, "commit": clean_commit(file), "product_line": product_line}
    ask["files"] = files_named(file, text)
    try:
        ask["context"] = build_context(file, text, client.get(f"/apps/{segment(app)}")["path"])
    except McdError as error:
        # An App that is not there yet has built nothing.
        if error.code is not Code.NOT_FOUND:
            raise
    ask = {key: value for key, value in ask.items() if value}
    try:
        found: dict[str, Any] = client.post(f"/apps/{segment(app)}/diff", ask).body
    except McdError as error:
        line = client.get("/whoami").get("default_product_line") if error.code is Code.NOT_FOUND else None
        if not line or product_line:
            raise
        found = client.post(f"/apps/{segment(app)}/diff", {**ask, "product_line": line}).body
    return found


def show_plan(app: str, found: Mapping[str, Any], output: Form, command: str = "") -> None:
    """One block for each object that would be written, what it would be written with, and the sum on stderr. `command`
    is what carries it out; empty: a push does, which confirms what it deletes."""
    if output in (Form.JSON, Form.YAML):
        show_data(found, output)
        return
    for head, lines in blocks(found.get("changes") or [], names_only=output is Form.NAME):
        print(head if output is Form.NAME else paint(head), *lines, sep="\n")
    for problem in found.get("warnings") or []:
        where = problem.get("field") or problem.get("file")
        note(f"warning: {where}: {problem.get('message')} {problem.get('hint') or ''}".rstrip())
    for line in found.get("settings_changes") or []:
        note(f"Settings {found.get('settings')}: {line}.")
    for line in replacing(found):
        note(line)
    if found.get("to_build"):
        note(
            f"{app}: nothing is built now. The image is built by the push, no earlier one is equal; the tag shown "
            f"stands for the digest that it will have. For: {', '.join(found['to_build'])}."
        )
    if found.get("message"):
        note(f"{app}: nothing is written yet: {found['message']}")
    writes = found.get("writes", 0)
    count = "nothing would be written" if not writes else f"{writes} {'write' if writes == 1 else 'writes'}"
    pair = f"Release {found.get('release')}, Settings {found.get('settings')}"
    note(f"{app}: {count}, {found.get('unchanged', 0)} unchanged ({pair}).")
    if found.get("confirm_prune") and command:
        note(f"The deletes wait for a confirmation: `{command} --confirm {found['confirm_prune']}`")


def replacing(found: Mapping[str, Any]) -> list[str]:
    """What a dry run tells of pods that run."""
    return [f"{part}: the pods that run are replaced, one after the other." for part in found.get("replaces") or []]


# --- again ----------------------------------------------------------------------------------------------


def restart(
    app: AppArgument = None,
    name: AppOption = None,
    component: Annotated[
        list[str] | None, typer.Option("-c", "--component", help="Only this one; can be repeated. Default: all.")
    ] = None,
    wait: WaitOption = False,
    timeout: TimeoutOption = "10m",
    quiet: QuietOption = False,
    output: OutputOption = Form.TABLE,
) -> None:
    """Replace the pods of an App, one after the other, though nothing changed.

    Example: mcd restart shop -c web --wait
    """
    limit = seconds(timeout, "--timeout")
    which, _, part = which_app(app, name).partition("/")
    with server() as client:
        chosen = component or ([part] if part else long_running(client, which))
        carry_out(client, which, {"restart": chosen}, output, Waiting(wait, limit, timeout, quiet))


def long_running(client: Client, app: str) -> list[str]:
    """The components that have pods all the time."""
    found = client.get(f"/apps/{segment(app)}/status").get("components") or []
    names = [c["component"] for c in found if c.get("type") in ("web", "service", "daemon")]
    if not names:
        raise McdError(Code.INVALID, f"{echo(app)} has no component that runs all the time.", "See `mcd status`.")
    return names
