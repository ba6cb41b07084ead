"""Which ref of a push deploys the App, and why the others do not: `deploy` in the app.yaml of each pushed commit says
so (app-yaml 3.3).

Reads the pushed commits and writes nothing. It must not judge the rest of an app.yaml: of a commit that does not deploy
nobody asks whether it may run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mcd.api.plans import PUSHED, Target
from mcd.appyaml.deploys import Decision, Pushed, decide
from mcd.appyaml.schema.deploy import Deploy
from mcd.compiling.asks import Said
from mcd.compiling.compiler import Compiler
from mcd.errors import Code, McdError
from mcd.forge.beside import files_beside
from mcd.forge.forge import Commit, Forge
from mcd.forge.text import read_text
from mcd.forge.wire import ZERO, RefUpdate

_TAGS = "refs/tags/"


@dataclass(frozen=True, slots=True)
class Considered:
    """A ref of a push and what is to become of it. `app_yaml` is empty where the commit has none that can be read."""

    update: RefUpdate
    commit: Commit
    app_yaml: str
    decision: Decision
    files: Mapping[str, bytes | None]
    """Those that app.yaml names, of a commit that is kept and not deployed: who deploys it later asks nobody."""

    @property
    def tag(self) -> str:
        return self.update.ref.removeprefix(_TAGS) if self.update.ref.startswith(_TAGS) else ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a push deploys: at most one commit, with the branch and the tag that it brings it under, each perhaps empty.
    `rest` are the other refs, each with the reason."""

    deployed: Considered | None
    branch: str
    tag: str
    rest: tuple[Considered, ...]


Texts = dict[str, Said | None]
"""What each app.yaml of a push says, by its text: branches mostly have the same one."""


async def consider(compiler: Compiler, forge: Forge, target: Target, updates: tuple[RefUpdate, ...]) -> Choice:
    """Decides of every ref that a push moves. Raises McdError(unavailable)."""
    texts: Texts = {}
    found = [await _considered(compiler, forge, target, update, texts) for update in updates if not update.deletes]
    wanted = [one for one in found if one.decision.wanted]
    if not wanted:
        return Choice(None, "", "", tuple([await _with_files(forge, target, one, texts) for one in found]))
    # The newest commit; of several refs of one commit the branch that always deploys, then any other branch.
    best = max(wanted, key=lambda o: (o.commit.committed_at, o.update.branch == target.branch, bool(o.update.branch)))
    same = [one for one in found if one.commit.id == best.commit.id]
    branch = best.update.branch or next((one.update.branch for one in same if one.update.branch), "")
    tag = best.tag or next((one.tag for one in same if one.tag), "")
    rest = [_overtaken(one, best) if one.decision.wanted else one for one in found if one not in same]
    return Choice(best, branch, tag, tuple([await _with_files(forge, target, one, texts) for one in rest]))


async def _considered(compiler: Compiler, forge: Forge, target: Target, update: RefUpdate, texts: Texts) -> Considered:
    commit = await forge.resolve(PUSHED, update.new)
    app_yaml = await _app_yaml(forge, commit.id, target.app.path)
    deploy = Deploy()
    if app_yaml:
        if app_yaml not in texts:
            texts[app_yaml] = await compiler.said(app_yaml, target.app.path)
        said = texts[app_yaml]
        deploy = said.deploy if said is not None else deploy
    found = Considered(update, commit, app_yaml, Decision(wanted=False, waits=False, why=""), {})
    decision = decide(deploy, _pushed(target, found, None))
    if decision.wanted and deploy.paths and (before := await _before(forge, update)):
        decision = decide(deploy, _pushed(target, found, await forge.changed(PUSHED, before, commit.id)))
    return replace(found, decision=decision)


def _pushed(target: Target, one: Considered, changed: list[str] | None) -> Pushed:
    return Pushed(
        default_branch=target.branch, file=target.app.path, changed=changed, branch=one.update.branch, tag=one.tag
    )


async def _app_yaml(forge: Forge, commit: str, path: str) -> str:
    """Empty where there is none, or none that can be read: of a commit that deploys, the plan says why."""
    try:
        return await read_text(forge, PUSHED, commit, path)
    except McdError as error:
        if error.code is Code.UNAVAILABLE:
            raise
        return ""


async def _before(forge: Forge, update: RefUpdate) -> str:
    """The commit that the ref named before, empty where it is new."""
    if update.old == ZERO:
        return ""
    try:
        return (await forge.resolve(PUSHED, update.old)).id
    except McdError as error:
        if error.code is Code.UNAVAILABLE:
            raise
        return ""


def _overtaken(one: Considered, best: Considered) -> Considered:
    why = f"the same push brought {best.update.shown}, which is newer and deployed instead."
    return replace(one, decision=Decision(wanted=False, waits=False, why=why))


async def _with_files(forge: Forge, target: Target, one: Considered, texts: Texts) -> Considered:
    said = texts[one.app_yaml] if one.app_yaml else None
    paths = said.sources if said is not None else ()
    if not paths:
        return one
    try:
        files = await files_beside(forge, PUSHED, one.commit.id, target.app.path, paths)
    except McdError as error:
        if error.code is Code.UNAVAILABLE:
            raise
        return one  # said when somebody deploys it
    return replace(one, files=files)
