"""Makes a Release ready: read the commit, compile, pin its images by digest, build.

A tuple of small steps over one pass; the first that does not go on decides the outcome. No cluster is touched here: a
Release that cannot be compiled or built changes nothing that runs.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mcd.appyaml.live import Desired
from mcd.appyaml.spec.app import AppSpec, BuildSpec
from mcd.build import inputs
from mcd.build.builder import Builder, BuildRequest, LogSink
from mcd.build.pins import Pin, pin_all
from mcd.compiling.compiler import Compiler
from mcd.errors import Code, McdError, Problem, has_errors
from mcd.forge import trees
from mcd.forge.beside import files_beside
from mcd.forge.forge import Forge
from mcd.forge.text import read_text
from mcd.model import (
    EventKind,
    EventNote,
    Outcome,
    Ready,
    Reason,
    ReleaseItem,
    ReleaseObserved,
    Result,
    Stalled,
    Waiting,
)
from mcd.model.why import Note, Saying, say, told
from mcd.observability import metrics

CONTEXT_LIMIT = 1024 * 1024 * 1024
"""Bytes that the sources of one build may have."""
FROZEN_LOOKS_AGAIN = 24 * 3600.0
"""Seconds. A frozen Release never changes; it is looked at only so that a lost wish for it costs a day at most."""
SOON = 5.0


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a Release is made with. `pin` finds the digest of an image that app.yaml names; `builder` is None where
    nothing builds; `registry` is where images go; `timeout` in seconds."""

    forge: Forge
    pin: Pin
    builder: Builder | None
    registry: str
    timeout: float
    log: LogSink
    compiler: Compiler


@dataclass(slots=True)
class _Pass:
    item: ReleaseItem
    shop: Workshop
    seen: ReleaseObserved
    wanted: Desired | None = None
    problems: tuple[Problem, ...] = ()
    left: tuple[EventNote, ...] = ()
    """Of the images that could not be pinned."""
    events: list[EventNote] = field(default_factory=list)

    @property
    def files(self) -> Mapping[str, bytes | None]:
        """Of the repository, as they were read in this pass or are kept with the Release."""
        return self.seen.files or self.item.release.files or {}

    @property
    def spec(self) -> AppSpec:
        """What was compiled without an error."""
        assert self.wanted is not None
        assert self.wanted.compiled.spec is not None
        return self.wanted.compiled.spec


async def reconcile(item: ReleaseItem, shop: Workshop) -> Result:
    """One pass. A build runs inside it, minutes at the most, while the loop keeps the lease."""
    release = item.release
    work = _Pass(
        item,
        shop,
        ReleaseObserved(release.commit, release.author, release.title, release.app_yaml, dict(release.images)),
    )
    for step in STEPS:
        outcome = await step(work)
        if outcome is not None:
            return _result(work, outcome)
    # Said once: a Release becomes ready once, however often it was looked at before.
    work.events.extend(work.left)
    return _result(work, Ready(_summary(work), again_in=FROZEN_LOOKS_AGAIN))


def _result(work: _Pass, outcome: Outcome) -> Result:
    footprint = work.wanted.footprint if work.wanted is not None else None
    observed = replace(work.seen, problems=work.problems)
    return Result(outcome, events=tuple(work.events), observed=observed, footprint=footprint)


async def _read(work: _Pass) -> Outcome | None:
    """app.yaml at the commit, unless the push brought it along, and the files that it names."""
    app, release = work.item.app, work.item.release
    if release.app_yaml:
        return await _read_files(work)
    try:
        commit = await work.shop.forge.resolve(app.repository, release.commit)
        text = await read_text(work.shop.forge, app.repository, commit.id, app.path)
    except McdError as error:
        return _unreadable(error)
    work.seen = replace(
        work.seen,
        commit=commit.id,
        author=commit.author,
        title=commit.title,
        app_yaml=text,
    )
    return await _read_files(work)


async def _read_files(work: _Pass) -> Outcome | None:
    """All of them at once, unless they are kept with the Release."""
    app = work.item.app
    said = await work.shop.compiler.said(work.seen.app_yaml) if "source" in work.seen.app_yaml else None
    named = said.sources if said is not None else ()
    if all(path in work.files for path in named):
        return None
    try:
        files = await files_beside(work.shop.forge, app.repository, work.seen.commit, app.path, named)
    except McdError as error:
        if error.code is Code.TOO_LARGE:
            return Stalled(Reason.INVALID_APP_YAML, str(error))
        return _unreadable(error)
    work.seen = replace(work.seen, files=files)
    return None


def _unreadable(error: McdError) -> Outcome:
    if error.code is Code.UNAVAILABLE:
        return Waiting(Reason.READING, str(error), error.retry_after or SOON)
    return Stalled(Reason.COMMIT_NOT_FOUND, str(error))


async def _compile(work: _Pass) -> Outcome | None:
    read = replace(work.item.release, commit=work.seen.commit, app_yaml=work.seen.app_yaml, files=work.files)
    work.wanted = await work.shop.compiler.desired(replace(work.item, release=read), None, None)
    work.problems = work.wanted.problems
    if has_errors(work.problems):
        errors = [p for p in work.problems if has_errors([p])]
        more = f" And {len(errors) - 1} more." if len(errors) > 1 else ""
        work.events.append(EventNote(EventKind.RELEASE_FAILED, f"{errors[0]}{more}"))
        return Stalled(Reason.INVALID_APP_YAML, f"{errors[0]}{more}")
    return None


async def _pin(work: _Pass) -> Outcome | None:
    """The digest of each image that app.yaml names: a tag that moves later changes nothing that runs."""
    try:
        pinned = await pin_all(work.shop.pin, work.spec.written_images)
    except McdError as error:
        if error.code is not Code.INVALID:
            raise
        work.events.append(EventNote(EventKind.RELEASE_FAILED, str(error)))
        return Stalled(Reason.IMAGE_MISSING, str(error))
    work.left = tuple(
        EventNote(EventKind.WARNING, say(Note.IMAGE_NOT_PINNED, image=image, why=why))
        for image, why in pinned.left.items()
    )
    work.seen = replace(work.seen, images={**work.seen.images, **pinned.images})
    return None


async def _build(work: _Pass) -> Outcome | None:
    """One image for all components that name none. Equal inputs take the digest of the earlier build."""
    if work.spec.build is None:
        return None
    if work.shop.builder is None:
        return Stalled(
            Reason.BUILD_UNAVAILABLE,
            say(Note.NO_BUILDER),
        )
    try:
        image = await _built(work, work.spec.build, work.shop.builder)
    except McdError as error:
        return _build_failed(work, error)
    work.seen = replace(work.seen, images={**work.seen.images, **{c.name: image for c in work.spec.built}})
    return None


async def _built(work: _Pass, build: BuildSpec, builder: Builder) -> str:
    item, shop = work.item, work.shop
    repository, commit = item.app.repository, work.seen.commit
    context = trees.below(item.app.path, build.context)
    folder = await trees.folder(shop.forge, repository, commit, context, without=item.app.path)
    bare = any(not component.command for component in work.spec.built)
    made = inputs.made_of(build, folder.tree, folder.names, needs_command=bare)
    known = item.builds.get(made.digest, "")
    if known and await builder.exists(known):
        metrics.BUILDS_REUSED.inc()
        await shop.log(f"nothing that goes into the image changed: {known} is used again")
        return known
    clock = asyncio.get_running_loop().time
    began = clock()
    try:
        with tempfile.TemporaryDirectory(prefix="mcd-build-") as scratch:
            await shop.forge.export(repository, commit, context, Path(scratch), limit=CONTEXT_LIMIT)
            image = await _timed(
                builder,
                BuildRequest(
                    context=Path(scratch),
                    dockerfile="" if made.text else build.dockerfile,
                    dockerfile_text=made.text,
                    repository=f"{shop.registry}/{item.app.name}",
                    tag=commit[:12],
                    target=build.target,
                    args=dict(build.args),
                    commit=commit,
                    timeout=shop.timeout,
                ),
                shop.log,
            )
    finally:
        begun = say(Note.BUILDING_IMAGE, commit=commit[:12])
        work.events.append(EventNote(EventKind.BUILD_STARTED, begun, ago=clock() - began))
    work.events.append(EventNote(EventKind.BUILD_FINISHED, say(Note.IMAGE_BUILT, image=image)))
    work.seen = replace(work.seen, builds={made.digest: image})
    return image


async def _timed(builder: Builder, request: BuildRequest, log: LogSink) -> str:
    clock = asyncio.get_running_loop().time
    began = clock()
    result = "failed"
    try:
        image = await builder.build(request, log)
        result = "built"
    finally:
        metrics.BUILD_SECONDS.labels(result).observe(clock() - began)
    return image


def _build_failed(work: _Pass, error: McdError) -> Outcome:
    if error.code is Code.UNAVAILABLE:
        return Waiting(Reason.BUILDING, say(Note.BUILD_COULD_NOT_RUN, said=str(error)), error.retry_after or SOON)
    work.events.append(EventNote(EventKind.RELEASE_FAILED, str(error)))
    return Stalled(Reason.BUILD_FAILED, str(error))


Step = Callable[[_Pass], Awaitable[Outcome | None]]

STEPS: tuple[Step, ...] = (_read, _compile, _pin, _build)


def _summary(work: _Pass) -> Saying:
    images = sorted(set(work.seen.images.values()))
    if not images:
        return say(Note.NOTHING_BUILT)
    others = told(Note.AND_MORE, n=len(images) - 1) if len(images) > 1 else ""
    return say(Note.IMAGES_ARE, image=images[0], others=others)
