"""One git push, from its bytes to the wish: taken into quarantine, judged, stored, and told line by line.

The order makes every crash harmless: the objects are moved in, then the wish is committed, then the ref moves. A death
before the commit leaves objects that nobody names; one after it leaves a wish that is carried out and a ref that the
same push moves. It must not know HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from mcd.api.addresses import urls
from mcd.api.considered import Choice, Considered, consider
from mcd.api.plans import Planned, Plans, Target, plan_push, target_of
from mcd.api.stopping import Stopping
from mcd.api.unattended import unattended
from mcd.api.unavailable import say_unavailable
from mcd.api.variables import ASKED, asked_by
from mcd.api.what_there_is import with_models
from mcd.errors import Code, McdError, Severity, as_lines, echo, has_errors
from mcd.forge.body import Remembered, gunzipped
from mcd.forge.locks import locked
from mcd.forge.receive import Limits, Quarantine, quarantine
from mcd.forge.sayings import full_disk
from mcd.forge.updates import refusals
from mcd.forge.wire import PushRequest
from mcd.model import Actor, EventKind, Reason, Release
from mcd.model.why import Note, say
from mcd.observability import logs, metrics
from mcd.runtime import Runtime
from mcd.store import intents
from mcd.store.tx import Tx

MIB = 1024 * 1024

DRAINED = 4
"""A client that sends too much is listened to for so many times the limit: git shows an answer only to what it could
send whole."""

IN_PROTOCOL = frozenset({Code.TOO_LARGE, Code.UNAVAILABLE, Code.RATE_LIMITED})
"""What is told in git's own protocol although the body was not taken: of an HTTP status git shows the number only."""

SHOWN_DELETES = 50

SHOWN_REFS = 10

NOTED = 10
"""Releases that a push makes at most of what it does not deploy: the first push of an old repository brings hundreds of
branches."""

GRACE = 4.0
"""Seconds that a push still has when the server stops. One that does not come to be stored in that time is not."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a push ended. `results` are (ref, why not), with no reason for what was done. `release` is what is deployed,
    if anything, and `urls` where it will answer."""

    unpacked: str
    results: tuple[tuple[str, str], ...]
    release: Release | None = None
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wished:
    """What a push asks for: which ref deploys, and what that would do."""

    choice: Choice
    planned: Planned | None

    @property
    def noted(self) -> tuple[Considered, ...]:
        """The refs that become Releases which nobody works on. One commit is one Release, and what has no app.yaml
        is none."""
        by_commit = {one.commit.id: one for one in reversed(self.choice.rest) if one.app_yaml}
        return tuple(reversed(by_commit.values()))[:NOTED]


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a push: the Release that deploys, or waits to be deployed, and the others by their ref."""

    release: Release | None
    ignored: dict[str, Release]


@dataclass(slots=True)
class Push:
    """One push while it is carried out by a task of its own: who watches it may go away."""

    runtime: Runtime
    actor: Actor
    app: str
    room: asyncio.Semaphore
    refusal: McdError | None = None
    """Why nothing of it is taken, if that is known before it comes."""
    said: asyncio.Queue[str | Verdict] = field(default_factory=asyncio.Queue)
    """What is told while it goes on, and the verdict at the end."""
    taken: asyncio.Future[PushRequest] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Done when the body is in. Its exception is a refusal in which git's protocol had not begun."""
    stopping: Stopping = field(default_factory=Stopping)
    _left: asyncio.Timeout = field(default_factory=lambda: asyncio.timeout(None))
    """Ends the push, when the server stops."""
    _hurried: ExitStack = field(default_factory=ExitStack)
    """Open for as long as it may be ended."""

    @property
    def limits(self) -> Limits:
        return Limits(body=self.runtime.settings.push_limit * MIB)

    async def carry(self, chunks: AsyncIterator[bytes], encoding: Literal["identity", "gzip"]) -> None:
        """The whole push. Nothing is raised: it is in `taken` or in the verdict."""
        body = Remembered(gunzipped(chunks, self.limits.body) if encoding == "gzip" else chunks)
        try:
            async with self._left:
                with self._hurried:
                    self._hurried.enter_context(self.stopping.hurries(self._left, GRACE))
                    await self._taken_or_refused(body)
        except BaseException as error:
            # Whoever waits must wake up, whatever happened.
            if isinstance(error, TimeoutError) and self._left.expired():
                self._ended_by_stop(body)
                return
            if self.taken.done():
                logs.logger("git").error("bug", app=self.app, exc_info=error)
                told = McdError(Code.INTERNAL, "MCD failed on this push. It is logged.")
                self.said.put_nowait(_refused(self.taken.result(), told))
                raise
            if isinstance(error, asyncio.CancelledError):
                self.taken.cancel()
                raise
            self.taken.set_exception(error)

    def _ended_by_stop(self, body: Remembered) -> None:
        """In git's protocol, where it is known what was asked for."""
        if not self.taken.done():
            try:
                self.taken.set_result(body.request())
            except McdError:
                self.taken.set_exception(restarting())
                return
        metrics.GIT_PUSHES.labels("refused").inc()
        self.said.put_nowait(str(restarting()))
        self.said.put_nowait(_refused(self.taken.result(), restarting()))

    async def _taken_or_refused(self, body: Remembered) -> None:
        try:
            await self._taken_and_judged(body)
        except McdError as error:
            if self.taken.done():
                raise
            await self._refused_untaken(body, error)

    async def _taken_and_judged(self, body: Remembered) -> None:
        if self.refusal is not None:
            raise self.refusal
        async with quarantine(self.runtime.settings.repositories, self.limits) as q:
            asked = await q.take(body, "identity")
            self.taken.set_result(asked)
            if asked.updates:
                self.said.put_nowait(await self._judged(q, asked))

    async def _refused_untaken(self, body: Remembered, error: McdError) -> None:
        """The body could not be taken: hears the client out and refuses every ref that it asked for. Raises `error`
        where that cannot be done."""
        if error.code not in IN_PROTOCOL:
            raise error
        try:
            async with asyncio.timeout(self.limits.unpack_seconds):
                if not await body.drained(DRAINED * self.limits.body):
                    raise error
            asked = body.request()
        except (McdError, TimeoutError):
            raise error from None
        if asked.updates:
            metrics.GIT_PUSHES.labels("refused").inc()
            self.said.put_nowait(await self._told_refused(asked, error))
        self.taken.set_result(asked)

    async def _judged(self, q: Quarantine, asked: PushRequest) -> Verdict:
        """Carries the push out, or says why not. Raises only what is a bug of ours."""
        result = "failed"
        try:
            with metrics.GIT_PUSH_SECONDS.time():
                verdict = await self._accepted_or_refused(q, asked)
            result = "refused" if any(reason for _, reason in verdict.results) else "accepted"
        finally:
            metrics.GIT_PUSHES.labels(result).inc()
        return verdict

    async def _accepted_or_refused(self, q: Quarantine, asked: PushRequest) -> Verdict:
        try:
            # The App's lock first: a push that waits for another one to its App keeps no place from other Apps.
            repositories, seconds = self.runtime.settings.repositories, self.limits.lock_seconds
            async with locked(repositories, self.app, seconds), placed(self.room, seconds):
                verdict = await self._carried_out(q, asked)
        except McdError as error:
            if error.code is Code.INTERNAL:
                raise
            return await self._told_refused(asked, error)
        if verdict.release is None and any(reason for _, reason in verdict.results):
            await self._note_refused(verdict)
        return verdict

    async def _told_refused(self, asked: PushRequest, error: McdError) -> Verdict:
        if error.code is Code.UNAVAILABLE:
            say_unavailable(str(error), error.reason, f"/git/{self.app}.git", error.place)
        if error.reason == "StorageFull":
            # The same words, whichever of them was full.
            error = full_disk()
        for line in as_lines(error.problems) or [str(error)]:
            self.said.put_nowait(line)
        verdict = _refused(asked, error)
        if error.code is not Code.RATE_LIMITED:
            await self._note_refused(verdict, asked_by(error.problems))
        return verdict

    async def _carried_out(self, q: Quarantine, asked: PushRequest) -> Verdict:
        async with self.runtime.db.reading() as tx:
            target = await target_of(self.actor, tx, self.app, asked, self.runtime.now())
        current = q.open(self.app, target.app.id)
        refused = refusals(asked.updates, current, target.branch, (self.limits.updates, self.limits.refs))
        if refused:
            for shown in sorted({f"{echo(ref, 120)}: {reason}." for ref, reason in refused.items()})[:10]:
                self.said.put_nowait(shown)
            first = next(iter(refused))
            return Verdict(
                "ok",
                tuple((u.ref, refused.get(u.ref) or f"not stored, because {echo(first, 60)} was refused")
                      for u in asked.updates),
            )  # fmt: skip
        await q.unpack(asked, current)
        choice = await consider(self.runtime.compiler, q.forge, target, asked.updates)
        planned = await self._planned(q, target, choice)
        async with AsyncExitStack() as held:
            stored = await self._stored(q, asked, target, Wished(choice, planned), held)
            await q.move_refs()
        self._tell_stored(target, choice, stored)
        release = stored.release
        if release is not None and (said := await unattended(self.runtime)):
            self.said.put_nowait(said)
        if trouble := await self._tidied(q):
            logs.logger("git").warning("the packs of a repository were not put together", app=self.app, why=trouble)
        at = urls(planned.webs, self.runtime.settings.gateway_port) if planned else ()
        return Verdict("ok", tuple((u.ref, "") for u in asked.updates), release, tuple(at))

    async def _planned(self, q: Quarantine, target: Target, choice: Choice) -> Planned | None:
        """What the commit that is deployed would do. Raises McdError when it may not."""
        if choice.deployed is None:
            return None
        plans = Plans(self.runtime, self.actor, q.forge)
        planned = await plan_push(plans, target, choice.deployed.update, choice.branch, choice.tag)
        self._tell_plan(target, planned)
        return planned

    async def _not_to_be_ended(self) -> None:
        """From here on it is done in a moment, and nobody could say how far it came."""
        self._hurried.close()
        if self._left.expired():
            # Its end is on the way and comes here, not later.
            await asyncio.sleep(0)
        self._left.reschedule(None)

    async def _tidied(self, q: Quarantine) -> str:
        """What went wrong, or nothing. It takes long at times, and the next push does it as well."""
        try:
            async with asyncio.timeout(None) as left:
                with self.stopping.hurries(left, 0):
                    return await q.tidy()
        except TimeoutError:
            return ""

    async def _stored(
        self, q: Quarantine, asked: PushRequest, target: Target, wish: Wished, held: AsyncExitStack
    ) -> Stored:
        """One transaction. The objects move and the refs are held inside it, when nothing can refuse the wish any more;
        what cannot be committed takes them back."""
        wished = False
        try:
            async with self.runtime.db.writing() as tx:
                stored, owner = await self._wish(tx, target, wish)
                await self._not_to_be_ended()
                aside = q.migrate(target.branch, owner)
                await q.hold_refs(asked.updates, held)
                wished = True
        except McdError as error:
            # A database that went away in the middle of a commit may have done it: then the objects are needed.
            if not wished or error.reason == "StorageFull":
                await held.aclose()
                q.take_back()
            raise
        if aside:
            self.said.put_nowait(
                f'An App "{self.app}" was deleted here before: its commits are put aside and not in this repository.'
            )
        return stored

    async def _wish(self, tx: Tx, target: Target, wish: Wished) -> tuple[Stored, str]:
        """The Releases, and the id of the App. What deploys comes last and has the highest number: it is the newest."""
        now, app = self.runtime.now(), target.app
        if not app.id:
            app = await intents.create_app(
                self.actor, tx, now, app.name, product_line=target.line.name, branch=target.branch
            )
        ignored = {}
        for one in wish.noted:
            ignored[one.update.ref] = await intents.push(
                self.actor, tx, now, app.name, commit=one.commit.id, branch=one.update.branch, tag=one.tag,
                author=one.commit.author, title=one.commit.title, app_yaml=one.app_yaml, files=one.files,
                ignored=one.decision.why,
            )  # fmt: skip
        planned, choice = wish.planned, wish.choice
        if planned is None or choice.deployed is None:
            return Stored(None, ignored), app.id
        commit = planned.commit
        release = await intents.push(
            self.actor, tx, now, app.name, commit=commit.id, branch=choice.branch, author=commit.author,
            title=commit.title, app_yaml=planned.app_yaml, files=planned.files, tag=choice.tag, forced=planned.forced,
            deploys=not choice.deployed.decision.waits, wished_deletes=planned.deletes,
            footprint=planned.footprint,
        )  # fmt: skip
        return Stored(release, ignored), app.id

    def _tell_plan(self, target: Target, planned: Planned) -> None:
        """What is refused is raised, with every problem."""
        path = target.app.path
        if has_errors(planned.problems):
            errors = [p for p in planned.problems if p.severity is Severity.ERROR]
            count = f"{len(errors)} problem" + ("s" if len(errors) > 1 else "")
            told = with_models(planned.problems, target.pools, target.line.name)
            raise McdError(Code.INVALID, f"{path} has {count}", reason=Reason.INVALID_APP_YAML, problems=told)
        for line in as_lines(planned.problems):
            self.said.put_nowait(line)
        if planned.appname != self.app:
            self.said.put_nowait(f'{path} says appname: {echo(planned.appname)}; it is deployed as App "{self.app}".')
        self.said.put_nowait(f"{path} is fine: {', '.join(planned.components)}.")
        if planned.deletes:
            names = [str(ref) for ref in planned.deletes]
            more = f" and {len(names) - SHOWN_DELETES} more" if len(names) > SHOWN_DELETES else ""
            self.said.put_nowait(f"This push deletes: {', '.join(names[:SHOWN_DELETES])}{more}.")

    def _tell_stored(self, target: Target, choice: Choice, stored: Stored) -> None:
        if not target.app.id:
            self.said.put_nowait(f'App "{self.app}" was made in product line "{target.line.name}".')
        release = stored.release
        if release is not None and choice.deployed is not None:
            self.said.put_nowait(f"Release {release.number} of {self.app}: {release.commit[:12]} {release.title}")
            if choice.tag not in ("", release.tag):
                version = release.tag or release.commit[:12]
                self.said.put_nowait(f"It was read before {choice.tag} named it: MCD_VERSION stays {version}.")
            if choice.deployed.decision.waits:
                deploy = f"mcd deploy {self.app} --release {release.number}"
                self.said.put_nowait(f"It is not deployed yet: {choice.deployed.decision.why} Deploy it: {deploy}")
        if release is None and target.app.id and target.live is None:
            self.said.put_nowait(f"Nothing of {self.app} runs yet, and this push deploys nothing.")
        for one in choice.rest[:SHOWN_REFS]:
            kept = stored.ignored.get(one.update.ref)
            still = kept is not None and kept.ignored
            how = f" Deploy it all the same: mcd deploy {self.app} --release {kept.number}" if kept and still else ""
            self.said.put_nowait(f"{one.update.shown}: stored, not deployed: {one.decision.why}{how}")
        if len(choice.rest) > SHOWN_REFS:
            self.said.put_nowait(f"{len(choice.rest) - SHOWN_REFS} more: stored, not deployed.")

    async def _note_refused(self, verdict: Verdict, required: Sequence[str] = ()) -> None:
        """An Event for the App's timeline, with the variables that people have to fill in before it is pushed again; a
        push that would have made the App has none."""
        reasons = sorted({reason for _, reason in verdict.results if reason})
        try:
            async with self.runtime.db.writing() as tx:
                said = say(Note.PUSH_REFUSED, app=self.app, why=echo(reasons[0], 200))
                data = {ASKED: list(required)} if required else None
                await intents.tell(self.actor, tx, self.runtime.now(), EventKind.PUSH_REFUSED, self.app, said, data)
        except McdError as error:
            # The refusal itself stands and was told. Not found: there is no App. Others: the store has its own alarm.
            logs.logger("git").info("a refused push is not in the timeline", app=self.app, why=str(error))


@asynccontextmanager
async def placed(room: asyncio.Semaphore, seconds: float) -> AsyncIterator[None]:
    """Holds one of the places for pushes that are unpacked at the same time. Raises McdError(unavailable) after
    `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await room.acquire()
    except TimeoutError:
        said = f"MCD is busy with other pushes and had no place for this one for {seconds:g} seconds."
        raise McdError(Code.UNAVAILABLE, said, "Push again later.") from None
    try:
        yield
    finally:
        room.release()


def restarting() -> McdError:
    said = "MCD is restarting, nothing of this push was stored."
    return McdError(Code.UNAVAILABLE, said, "Push again in a moment.", reason="Restarting")


def _refused(asked: PushRequest, error: McdError) -> Verdict:
    said = error.message.rstrip(".")
    unpacked = said if error.reason in ("PackRefused", "GitProtocol", "PushTooLarge") else "ok"
    return Verdict(unpacked, tuple((u.ref, said) for u in asked.updates))
