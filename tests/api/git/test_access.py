"""Into which product line a push goes, who may push, and who may fetch."""

from __future__ import annotations

import httpx
import pytest

from mcd.model import Role, Scope
from mcd.store import intents, reads
from tests.api.git.world import APP_YAML, TWO, Clone, Site, pushed, refused
from tests.store.world import ADMIN


async def test_a_push_option_chooses_the_product_line_of_a_new_app(here: Site) -> None:
    await here.person("bob", Role.DEVELOPER, line="other", default="demo")
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone, "-o", "product-line=other", "main", who="bob")
    async with here.world.db.reading() as tx:
        assert (await reads.app(ADMIN, tx, "shop")).product_line == "other"


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("product-line=other", 'there is no product-line "other" that you can see'),
        ("product-line=none", 'there is no product-line "none" that you can see'),
        ("product-line=", "there is no push option"),
        ("ci.skip", 'there is no push option "ci.skip"'),
    ],
)
async def test_a_push_option_that_cannot_be_followed_refuses_the_push(here: Site, option: str, words: str) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    lines = await refused(here, clone, "-o", option, "main")
    assert any(words in line for line in lines), lines


async def test_the_hint_in_app_yaml_only_warns(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML + "product_line: elsewhere\n"})
    lines = await pushed(here, clone)
    assert any("warning" in line and "product_line" in line for line in lines), lines


async def test_another_name_in_app_yaml_is_told(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML.replace("appname: shop", "appname: hello")})
    lines = await pushed(here, clone)
    assert 'app.yaml says appname: hello; it is deployed as App "shop".' in lines


async def test_a_token_is_needed_and_asked_for_in_the_way_git_understands(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    said = await clone.tried("push", f"{here.url}/git/shop.git", "main")
    assert said.code == 128
    here.tokens["wrong"] = here.tokens["alice"][:-1] + ("A" if here.tokens["alice"][-1] != "A" else "B")
    lines = await refused(here, clone, who="wrong")
    assert any("Authentication failed" in line for line in lines)


async def test_a_token_for_reading_cannot_push_and_may_clone(here: Site) -> None:
    await here.person("reader", Role.DEVELOPER, Scope.READ)
    clone = here.clone()
    commit = clone.commit({"app.yaml": APP_YAML})
    lines = await refused(here, clone, who="reader")
    assert any("your token is only for read" in line for line in lines), lines
    await pushed(here, clone)
    other = here.clone("other")
    assert (await other.tried("pull", here.remote(who="reader"), "main")).code == 0
    assert other.git("rev-parse", "HEAD") == commit


async def test_a_viewer_cannot_push(here: Site) -> None:
    await here.person("viewer", Role.VIEWER)
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    clone.commit({"app.yaml": TWO})
    lines = await refused(here, clone, who="viewer")
    assert any("you may not deploy to" in line for line in lines), lines


async def test_what_may_not_be_seen_answers_like_what_is_not_there(here: Site) -> None:
    await here.person("mallory", Role.DEVELOPER, line="other")
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    async with httpx.AsyncClient(auth=("x", here.tokens["mallory"]), base_url=here.url) as client:
        bodies = []
        for app in ("shop", "none"):
            for path in ("info/refs?service=git-upload-pack",):
                answer = await client.get(f"/git/{app}.git/{path}")
                bodies.append((answer.status_code, answer.text.replace(app, "APP")))
            answer = await client.post(
                f"/git/{app}.git/git-upload-pack", content=b"0000",
                headers={"Content-Type": "application/x-git-upload-pack-request"},
            )  # fmt: skip
            bodies.append((answer.status_code, answer.text.replace(app, "APP")))
    assert bodies[:2] == bodies[2:]
    assert {status for status, _ in bodies} == {404}
    stolen = here.clone("stolen")
    stolen.commit({"app.yaml": APP_YAML})
    lines = await refused(here, stolen, "-f", "main", who="mallory")
    assert any('the name "shop" is taken' in line for line in lines), lines
    assert not any("demo" in line or "alice" in line for line in lines)


async def test_a_clone_has_what_was_pushed(here: Site) -> None:
    clone = here.clone()
    for number in range(5):
        clone.commit({"app.yaml": APP_YAML, "f": f"{number}\n" * 1000})
    await pushed(here, clone)
    said = await clone.tried("clone", "-q", here.remote(), str(here.folder / "copy"))
    assert said.code == 0, said.text
    copy = Clone(here.folder / "copy")
    assert copy.git("log", "--format=%H") == clone.git("log", "--format=%H")
    assert copy.git("rev-parse", "--abbrev-ref", "HEAD") == "main"
    for version in ("0", "1", "2"):
        again = await clone.tried("-c", f"protocol.version={version}", "ls-remote", here.remote())
        assert "refs/heads/main" in again.text
    shallow = await clone.tried("clone", "-q", "--depth", "1", here.remote(), str(here.folder / "shallow"))
    assert shallow.code == 0, shallow.text


async def test_an_app_without_commits_says_so_to_who_may_see_it(here: Site) -> None:
    async with here.world.db.writing() as tx:
        await intents.create_app(ADMIN, tx, here.runtime.now(), "empty", product_line="demo")
    said = await here.clone().tried("clone", here.remote("empty"), "x")
    assert "empty has no commits here yet" in said.text


async def test_an_app_from_elsewhere_takes_no_pushes(here: Site) -> None:
    async with here.world.db.writing() as tx:
        await intents.create_app(ADMIN, tx, here.runtime.now(), "shop", product_line="demo", repository="file:shop")
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    lines = await refused(here, clone)
    assert any("shop is deployed from file:shop" in line for line in lines), lines
