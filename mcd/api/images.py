"""The images that a Release will have, before it is made: pinned as the controller pins them, built images by their
inputs.

Whoever rehearses a wish compiles with these, so that what is shown is what is written. Nothing is built here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcd.appyaml.spec.app import AppSpec, BuildSpec
from mcd.build import inputs
from mcd.build.builder import Builder
from mcd.build.pins import pin_all
from mcd.errors import Code, McdError
from mcd.forge import trees
from mcd.forge.trees import Folder
from mcd.model import ConditionType, RolloutItem
from mcd.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Foretold:
    """`images` are those of `Release.images`; `to_build` names the components whose image is not there yet: they will
    change, and to what nobody knows before."""

    images: Mapping[str, str]
    to_build: tuple[str, ...] = ()


async def foretell(
    runtime: Runtime, item: RolloutItem, spec: AppSpec, builds: Mapping[str, str], folder: Folder | None
) -> Foretold:
    """The images of the item's Release once it is ready. `builds` are inputs → image of the App's earlier builds;
    `folder` is the build context, for a commit that is not here yet. Raises McdError: invalid (an image is not in the
    registry, there is nothing to build from), unavailable."""
    release = item.release
    if release.state.is_now(ConditionType.READY):
        return Foretold(release.images)
    pinned = await pin_all(runtime.pin, spec.written_images)
    if spec.build is None:
        return Foretold(pinned.images)
    folder = folder or await _at_commit(runtime, item, spec.build)
    image = ""
    if folder is not None:
        bare = any(not component.command for component in spec.built)
        made = inputs.made_of(spec.build, folder.tree, folder.names, needs_command=bare)
        image = builds.get(made.digest, "")
    names = [component.name for component in spec.built]
    if not image or not await _is_kept(runtime.builder, image):
        return Foretold(pinned.images, tuple(names))
    return Foretold({**pinned.images, **dict.fromkeys(names, image)})


async def _at_commit(runtime: Runtime, item: RolloutItem, build: BuildSpec) -> Folder | None:
    """The context at the Release's commit; None when the commit is not in the repository, as before a push."""
    app, commit = item.app, item.release.commit
    context = trees.below(app.path, build.context)
    try:
        return await trees.folder(runtime.forge(app.repository), app.repository, commit, context, without=app.path)
    except McdError as error:
        if error.code is not Code.NOT_FOUND:
            raise
        return None


async def _is_kept(builder: Builder | None, image: str) -> bool:
    """Whether the registry still has the image. The controller waits for one that does not answer, then takes it."""
    try:
        return builder is None or await builder.exists(image)
    except McdError as error:
        if error.code is not Code.UNAVAILABLE:
            raise
        return True
