"""What the first push of an App says that is refused, and what another try of the same commit cannot mend."""

from __future__ import annotations

import asyncio

import pytest

from mcd.model import Noun, Reason, Result, Stalled
from tests.api.git.test_pushes import until_there
from tests.api.git.world import APP_YAML, Site

SECRET = APP_YAML.replace("appname: shop", "appname: shop\nenv: {KEY: {secret: pay/key}}")


async def test_a_secret_that_a_new_app_lacks_is_told_with_how_to_make_the_app_first(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": SECRET})
    said = "\n".join((await clone.tried("push", here.remote(), "main")).remote)
    assert 'there is no secret "pay".' in said
    assert "First `mcd app create shop -p demo` and `mcd secret set shop pay KEY=VALUE`, then push again." in said


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
