"""`mcd rollback`: which Rollout it goes back to, what it asks before, and the wish.

It never takes what was not Ready once unless a person named it, never goes further back than MCD went by itself unless
a person says so, and never takes Settings back unasked.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer

from mcd.cli.client import Client, segment
from mcd.cli.options import (
    AppArgument,
    AppOption,
    OutputOption,
    QuietOption,
    TimeoutOption,
    WaitOption,
    YesOption,
    seconds,
    server,
    which_app,
)
from mcd.cli.output import Form, note, plain
from mcd.cli.remote.deploys import ConfirmOption, DryRunOption, Waiting, carry_out, plan, show_plan
from mcd.errors import Code, McdError, echo
from mcd.model.triggers import BACK
from mcd.model.way_back import Past, WentBack, before, taken_back, went_back

Row = Mapping[str, Any]
"""A Rollout as the API answers it."""

CONFIRMS = "PruneNeedsConfirmation"
"""Why a Rollout waits for `--confirm`."""


def rollback(
    app: AppArgument = None,
    name: AppOption = None,
    to: Annotated[int | None, typer.Option("--to", min=1, metavar="N", help="A Rollout of `mcd history`.")] = None,
    keep_settings: Annotated[
        bool, typer.Option("--keep-settings", help="Only the Release goes back; Settings stay as they run now.")
    ] = False,
    dry_run: DryRunOption = False,
    confirm: ConfirmOption = "",
    yes: YesOption = False,
    wait: WaitOption = False,
    timeout: TimeoutOption = "10m",
    quiet: QuietOption = False,
    output: OutputOption = Form.TABLE,
) -> None:
    """Run again what ran well before: its Release with its Settings, as a new Rollout.

    Without --to: what ran before, of all that was Ready once. A second rollback goes further back, never forward to
    what the first one left; --to goes anywhere, with a warning when that was never Ready. When MCD went back already,
    because a new version failed, it says so and goes no further without --to.

    Where Settings would go back too (pods, variables, secrets), it names each value and asks; --yes says so beforehand,
    --keep-settings leaves them. Components that the older Release does not have are deleted, and named in the answer;
    what holds data stays.

    Example: mcd rollback shop --to 4 --wait
    """
    limit = seconds(timeout, "--timeout")
    which = which_app(app, name)
    with server() as client:
        rows = client.items(f"/apps/{segment(which)}/rollouts")
        older = earlier(rows, which, to, confirm=bool(confirm))
        live = next((row for row in rows if row.get("live")), older)
        revision = live["settings"] if keep_settings else older["settings"]
        wish = {"release": older["release"], "settings": revision, "rollback": True, "confirmed_prune": confirm}
        if warning := doubt(older):
            note(warning)
        if dry_run:
            kept = " --keep-settings" if keep_settings else ""
            show_plan(which, plan(client, which, wish), output, f"mcd rollback {which} --to {older['number']}{kept}")
            return
        if revision != live["settings"] and not yes:
            _ask(client, which, wish, _Change(older, live))
        said = f"back to Rollout {older['number']}: Release {older['release']}, Settings {revision}."
        carry_out(client, which, wish, output, Waiting(wait, limit, timeout, quiet), said=said)


class _Change:
    """From the Settings of one Rollout to those of another."""

    def __init__(self, older: Row, live: Row) -> None:
        self.older, self.live = older, live

    def lines(self, client: Client, app: str) -> tuple[str, ...]:
        now, then = (
            client.get(f"/apps/{segment(app)}/settings/{row['settings']}")["values"] for row in (self.live, self.older)
        )
        return taken_back(now, then)


def _ask(client: Client, app: str, wish: Mapping[str, Any], change: _Change) -> None:
    """Whether the Settings are to go back too. Raises McdError when they are not, when nobody can be asked, and, before
    any question, for what would be refused anyway."""
    changes = change.lines(client, app)
    if not changes:
        return
    try:
        plan(client, app, wish)
    except McdError as error:
        # A cluster that is away can be asked nothing now; the wish waits for it.
        if error.code is not Code.UNAVAILABLE:
            raise
    if not sys.stdin.isatty():
        raise _nobody_to_ask(change, changes)
    older, live = change.older, change.live
    print(
        plain(f"Rollout {older['number']} ran with Settings {older['settings']}; Settings {live['settings']} run now:"),
        *(plain(f"  {line}") for line in changes),
        sep="\n",
        file=sys.stderr,
    )
    if not typer.confirm("Do the Settings go back too?", err=True):
        raise McdError(
            Code.INVALID, "nothing was changed.", f"`mcd rollback {app} --keep-settings` takes only the Release back."
        )


def _nobody_to_ask(change: _Change, changes: Sequence[str]) -> McdError:
    older, live = change.older, change.live
    return McdError(
        Code.INVALID,
        f"Rollout {older['number']} ran with Settings {older['settings']}; Settings {live['settings']} run now: "
        f"{'; '.join(changes)}. There is no terminal to ask on.",
        "Say --yes if the Settings go back too, or --keep-settings to leave them as they are.",
    )


# --- where it goes ----------------------------------------------------------------------------------------------------


def earlier(rollouts: Iterable[Row], app: str, to: int | None, *, confirm: bool = False) -> Row:
    """The Rollout to go back to: the one that is named, else the one before what runs now among those that were Ready.
    With `confirm`, a rollback that waits for a confirmation goes on. Raises McdError(not_found) when there is none,
    conflict when MCD went back already: to go further is for a person to say."""
    rows = list(rollouts)
    if to is not None:
        named = next((r for r in rows if r["number"] == to), None)
        if named is None:
            raise McdError(
                Code.NOT_FOUND, f"{echo(app)} has no Rollout {to}.", f"`mcd history {echo(app)}` shows them."
            )
        return named
    live = next((row for row in rows if row.get("live")), None)
    if confirm and live is not None and _waits(live) and live.get("trigger") in BACK:
        return live
    past = [_past(row) for row in rows]
    found = before(past)
    if (back := went_back(past)) is not None:
        raise _already(echo(app), back, found)
    if found is None:
        raise McdError(
            Code.NOT_FOUND,
            f"{echo(app)} has nothing to go back to: nothing else was Ready before.",
            f"`mcd history {echo(app)} -o wide` shows what there was; `mcd rollback {echo(app)} --to N` names one.",
        )
    return next(row for row in rows if row["number"] == found.number)


def _already(app: str, back: WentBack, further: Past | None) -> McdError:
    left = f"Rollout {back.failed.number} (Release {back.failed.release}) failed, and " if back.failed else ""
    runs = f"Release {back.to.release} with Settings {back.to.settings} runs since Rollout {back.to.number}"
    hint = "Mend what failed and push. Nothing else was Ready before."
    if further is not None:
        pair = f"Release {further.release}, Settings {further.settings}"
        hint = f"Mend what failed and push. To go further back ({pair}): `mcd rollback {app} --to {further.number}`."
    return McdError(Code.CONFLICT, f"MCD went back already: {left}{runs}.", hint)


def _past(row: Row) -> Past:
    return Past(
        number=int(row["number"]),
        release=int(row["release"]),
        settings=int(row["settings"]),
        trigger=str(row.get("trigger") or ""),
        live=bool(row.get("live")),
        ready=bool(row.get("ready_at")),
    )


def doubt(older: Row) -> str:
    """What a person should know before going back to a Rollout that was never Ready; empty for one that was."""
    if older.get("ready_at"):
        return ""
    said = " ".join(str(older.get("message") or "").split())
    return f"warning: Rollout {older['number']} was never Ready: {older.get('reason')}: {said}".rstrip(": ")


def _waits(row: Row) -> bool:
    return row.get("state") == "stalled" and row.get("reason") == CONFIRMS
