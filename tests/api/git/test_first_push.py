"""What the first push of an App says that is refused, and what another try of the same commit cannot mend."""

from __future__ import annotations

import asyncio

import pytest

from mcd.api.variables import refuse_unasked
from mcd.errors import McdError
from mcd.model import Noun, Reason, Result, Stalled
from mcd.store import intents
from tests.api.git.test_pushes import until_there
from tests.api.git.world import APP_YAML, Clone, Site, pushed
from tests.store.world import ADMIN

SECRET = APP_YAML.replace("appname: shop", "appname: shop\nenv: {KEY: {secret: pay/key}}")


async def test_a_secret_that_a_new_app_lacks_is_told_with_how_to_make_the_app_first(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": SECRET})
    said = "\n".join((await clone.tried("push", here.remote(), "main")).remote)
    assert 'there is no secret "pay".' in said
    assert "First `mcd app create shop -p demo` and `mcd secret set shop pay KEY=VALUE`, then push again." in said


REQUIRED = APP_YAML.replace("appname: shop", "appname: shop\nenv: {SITE_NAME: {required: true}}")


async def test_what_people_must_fill_in_is_told_with_the_command_that_does_and_is_taken_after_that(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": REQUIRED})
    said = "\n".join((await clone.tried("push", here.remote(), "main")).remote)
    assert "SITE_NAME is required and has no value. The App is new: first `mcd app create shop -p demo`." in said
    assert "`mcd settings set shop env.SITE_NAME=VALUE`. Then push again." in said
    clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    clone.commit({"app.yaml": REQUIRED})
    told = "\n".join(await turned_away(here, clone))
    assert "or `mcd settings set shop env.SITE_NAME=VALUE`." in told
    await refuse_unasked(here.runtime, ADMIN, "shop", {"SITE_NAME": "Harbour"})
    with pytest.raises(McdError, match="calls it required"):
        await refuse_unasked(here.runtime, ADMIN, "shop", {"OTHER": "x"})
    async with here.world.db.writing() as tx:
        await intents.change_settings(ADMIN, tx, here.world.now, "shop", changes={"env": {"SITE_NAME": "Harbour"}})
    await pushed(here, clone)


async def turned_away(here: Site, clone: Clone) -> list[str]:
    said = await clone.tried("push", here.remote(), "main")
    assert said.code != 0
    return said.remote


@pytest.mark.parametrize(
    ("said", "last"),
    [
        ("Dockerfile:1: FROM python:3.11 cannot be fetched here. Write FROM mcd/python3.11.",
         "Mend it, commit and push again."),
        ('Dockerfile:4: RUN pip install ended with exit code 1. Last lines: "no network".', "To try the same commit"),
    ],
)  # fmt: skip
async def test_only_what_may_end_otherwise_is_offered_to_be_tried_again(here: Site, said: str, last: str) -> None:
    clone = here.clone()
    commit = clone.commit({"app.yaml": APP_YAML})
    pushing = asyncio.create_task(clone.tried("push", here.remote(), "main"))
    await until_there(here, commit)
    await here.finished(Noun.RELEASE, Result(Stalled(Reason.BUILD_FAILED, said)))
    assert (await pushing).remote[-1].startswith(last)
