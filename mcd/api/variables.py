"""Which variables an App's people may fill in: those that its app.yaml calls required, and no other, because a value
that nothing reads would be kept in silence.

Asked before the wish is stored. It writes nothing, and of an App that was never pushed it lets every name pass.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcd.errors import Code, McdError, Problem, echo
from mcd.model import Actor, EventKind
from mcd.runtime import Runtime
from mcd.store import reads
from mcd.store.reads import Part

ASKED = "required"
"""In the data of the Event of a refused push: the variables that it was refused for. What a file asks for that could
not be pushed is known from there alone."""


def asked_by(problems: tuple[Problem, ...]) -> list[str]:
    """The variables that a push was refused for, because nobody has filled them in."""
    return sorted({problem.field.rpartition(".")[2] for problem in problems if problem.code == "env.required"})


async def refuse_unasked(runtime: Runtime, actor: Actor, app: str, wanted: Mapping[str, str | None]) -> None:
    """Raises McdError(invalid) for a variable that no app.yaml of the App calls required; what is filled in already can
    always be taken away, and nothing is said of an App that has no Release yet."""
    async with runtime.db.reading() as tx:
        held = (await reads.settings(actor, tx, app)).values.get("env", {})
    names = [name for name, value in wanted.items() if not (value is None and name in held)]
    if not names:
        return
    wanted_by = await asked(runtime, actor, app)
    if wanted_by is None:
        return
    for name in names:
        if name not in wanted_by:
            known = f" Required are: {', '.join(sorted(wanted_by))}." if wanted_by else ""
            raise McdError(
                Code.INVALID,
                f'"{echo(name)}" is not set here: no app.yaml of {app} calls it required.{known}',
                f"Write it under env: in app.yaml and push, or keep it with `mcd secret set`; for a value that people "
                f"fill in write {echo(name)}: {{required: true}} there.",
            )


async def asked(runtime: Runtime, actor: Actor, app: str) -> set[str] | None:
    """The variables that people are to fill in, by the live Release, the newest one, and the last push that was
    refused. None when there is no Release."""
    async with runtime.db.reading() as tx:
        newest = (await reads.releases(actor, tx, app, Part(1))).items
        if not newest:
            return None
        numbers = {newest[0].number}
        if (live := await reads.live_rollout(actor, tx, app)) is not None:
            numbers.add(live.release)
        line = (await reads.app(actor, tx, app)).product_line
        texts = [(await reads.release(actor, tx, app, number)).app_yaml for number in sorted(numbers)]
        refused = (await reads.events(actor, tx, Part(1), app=app, kinds=[EventKind.PUSH_REFUSED])).items
    found = {name for event in refused for name in event.data.get(ASKED, ())}
    for text in texts:
        found |= await runtime.compiler.required(text, line)
    return found
