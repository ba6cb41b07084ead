"""What is done to an App from its page: previewed exactly, confirmed, refused when something changed meanwhile."""

from __future__ import annotations

import re
from html import unescape

import pytest
from sqlalchemy import update

from mcd.kube.play import Fate, play
from mcd.model import ConditionType
from mcd.objects import Object
from mcd.store import tables as t
from tests.controllers.world import HELLO
from tests.portal.browsing import Site, Visitor
from tests.portal.previews import Preview, confirm, get, send

pytestmark = pytest.mark.asyncio(loop_scope="session")

CRASHING = """
appname: hello
components:
  web: {type: web, image: "registry.test/hello:2", rollout: {on_fail: keep}}
"""


async def press(visitor: Visitor, name: str, role: str = "button") -> None:
    await visitor.page.get_by_role(role, name=name, exact=True).first.click()  # type: ignore[arg-type]


async def live_of(site: Site, app: str = "hello") -> tuple[int, int, int]:
    """Number, Release and Settings of the live Rollout."""
    live = await site.api.world.live(app)
    assert live is not None
    return live.number, live.release, live.settings


async def crashed(site: Site) -> None:
    """Release 1 runs well; Release 2 dies again and again, and is not put back by itself."""
    await site.api.deployed(HELLO)
    world = site.api.world
    world.pods_run = False
    await world.push(CRASHING)
    for _ in range(40):
        await world.turn()
        play(world.kube, lambda _workload: Fate.CRASH)
        for ref, pod in world.kube.objects("Pod").items():
            if "ready" not in pod["status"].get("phase", "") and pod["status"]["containerStatuses"][0]["restartCount"]:
                said = [b"starting", b"<script>alert(1)</script> cannot open /etc/hello.conf"]
                world.kube.set_logs("demo", ref.name, "web", said, previous=True)
                world.kube.set_logs("demo", ref.name, "web", said)
        world.clock.forward(15)
        live = await world.live()
        if live is not None and live.release == 2 and live.state.is_now(ConditionType.STALLED):
            return
    raise AssertionError(await world.said())


async def test_a_crash_is_understood_and_rolled_back_from_the_page_alone(living: Site) -> None:
    await crashed(living)
    async with living.visitor("dora") as dora:
        await dora.visit("/apps/hello")
        said = await dora.text()
        assert "the program ends with exit 1" in said
        assert "<script>alert(1)</script> cannot open /etc/hello.conf" in said
        await press(dora, "Roll back", "link")
        await press(dora, "Preview")
        await dora.axe()
        said = await dora.text()
        assert "Roll back to Rollout 1: Release 1 with Settings 0" in said
        assert '- spec.template.spec.containers[web].image: "registry.test/hello:2"' in said
        assert '+ spec.template.spec.containers[web].image: "registry.test/hello:1"' in said
        assert "mcd rollback hello --to 1" in await dora.text("footer")
        await press(dora, "Roll back")
        assert "It goes back." in await dora.text("#notice")
        # From here on the page follows by itself.
        living.api.world.pods_run = True
        await living.api.world.settle()
        await dora.page.locator("#now", has_text="1 of 1 ready").wait_for()
        await dora.page.locator("#now", has_text="Rollout 3 of Release 1").wait_for()
        assert dora.page.url == f"{living.url}/apps/hello"
    assert (await live_of(living))[1] == 1


async def test_the_form_to_deploy_proposes_no_release_that_failed(living: Site) -> None:
    await crashed(living)
    page = await get(living, "/apps/hello/deploy")
    chosen = re.findall(r'name="release" value="(\d+)" checked', page)
    assert chosen == ["1"], "Release 2 was built and never became ready"
    second = page.partition('id="r-2"')[2].partition("</p>")[0]
    assert ">failed<" in re.sub(r"<svg.*?</svg>", "", second)
    assert "web: the program ends with exit 1" in second
    page = await get(living, "/apps/hello/timeline?show=releases")
    assert "the program ends with exit 1" in page
    assert await get(living, "/apps/hello/releases/2")


async def test_of_two_people_who_press_the_second_is_told_who_was_first(living: Site) -> None:
    await living.api.deployed()
    async with living.visitor("dora") as dora, living.visitor("olaf", language="zh-CN") as olaf:
        for visitor, count in ((dora, "2"), (olaf, "3")):
            await visitor.visit("/apps/hello/scale")
            await visitor.page.locator("input[name=replicas]").fill(count)
            await visitor.page.locator("form.card button.main").click()
        await dora.page.locator("form.confirm button.main").click()
        assert "The number of pods is set." in await dora.text("#notice")
        async with olaf.page.expect_navigation() as answered:
            await olaf.page.locator("form.confirm button.main").click()
        response = await answered.value
        assert response.status == 409
        said = await olaf.page.get_by_role("alert").inner_text()
        assert "dora" in said
        assert "发布 2" in said
        await olaf.axe()
        assert await live_of(living) == (2, 1, 1)
        # What is shown now is what would happen now: from two pods to three.
        assert "replicas: 3" in await olaf.text()
        await olaf.page.locator("form.confirm button.main").click()
        assert await live_of(living) == (3, 1, 2)
        # The page of the other one has followed.
        await dora.page.locator("#now", has_text="Rollout 3").wait_for()
        assert ": components.web.replicas: " in await get(living, "/apps/hello")


async def test_a_preview_is_of_what_is_there_and_no_longer_good_when_that_changed(living: Site) -> None:
    await living.api.deployed()
    world = living.api.world
    preview = await send(living, "/apps/hello/restart", {"component": "web"})
    assert preview.status == 200
    (ref,) = world.kube.objects("Deployment")

    def by_hand(obj: Object) -> None:
        obj["spec"]["replicas"] = 7

    world.kube.edit(ref, by_hand)
    again = await confirm(living, preview)
    assert again.status == 409
    assert again.says("It changed since you looked. Nothing was done.")
    assert again.says("- spec.replicas: 7")
    assert await live_of(living) == (1, 1, 0)
    assert (await confirm(living, again)).status == 303
    assert (await live_of(living))[0] == 2


async def test_it_needs_neither_a_mouse_nor_scripts(living: Site) -> None:
    await living.api.deployed()
    async with living.visitor("dora") as dora:
        await dora.visit("/apps/hello")
        for wanted in ("Restart", "Preview", "Restart"):
            for _ in range(60):
                await dora.page.keyboard.press("Tab")
                held = await dora.page.evaluate("document.activeElement.textContent.trim()")
                if held == wanted:
                    break
            assert held == wanted
            async with dora.page.expect_navigation():
                await dora.page.keyboard.press("Enter")
        assert "The pods are replaced." in await dora.text("#notice")
    async with living.visitor("dora", scripts=False, width=360) as dora:
        await dora.visit("/apps/hello")
        assert "1 of 1 ready" in await dora.text() or "progressing" in await dora.text()
        await press(dora, "Take offline", "link")
        await dora.fits()
        await press(dora, "Take offline")
        await living.api.world.settle()
        await dora.visit("/apps/hello/scale")
        await press(dora, "Bring back", "link")
        await press(dora, "Bring back")
    assert (await live_of(living))[0] == 4


async def test_deleting_takes_the_name_and_an_open_page_ends_in_a_sentence(living: Site) -> None:
    await living.api.deployed()
    async with living.visitor("vera") as vera:
        async with vera.page.expect_response(re.compile("/apps/hello/live")):
            await vera.visit("/apps/hello")
        assert await vera.page.get_by_role("link", name="Delete").count() == 0
        preview = await send(living, "/apps/hello/delete", {}, "olaf")
        assert preview.says("Deployment/hello-web")
        wrong = await confirm(living, preview, "olaf", typed="hell")
        assert (wrong.status, wrong.says("The name is not right. Nothing was done.")) == (422, True)
        right = await confirm(living, preview, "olaf", typed="hello")
        assert (right.status, right.answer.headers["location"]) == (303, "/apps")
        await living.api.world.settle()
        await vera.page.get_by_text("There is nothing here that you can see").wait_for(timeout=25_000)
        await vera.axe()


async def test_who_may_not_is_told_so_and_who_may_not_see_is_told_nothing(site: Site) -> None:
    said = await get(site, "/apps/own-dora", "vera")
    assert "/apps/own-dora/deploy" not in said
    assert "/apps/own-dora/logs" not in said
    for path in ("deploy", "rollback", "scale", "restart", "offline", "logs", "shell", "drift"):
        assert "your role there is viewer" in await get(site, f"/apps/own-dora/{path}", "vera", 403)
    assert "your role there is developer" in await get(site, "/apps/own-dora/delete", "dora", 403)
    refused = await send(site, "/apps/own-dora/deploy", {"release": "1"}, "vera")
    assert refused.status == 403
    for path in ("", "/timeline", "/objects", "/settings", "/live", "/logs/live"):
        said = await get(site, f"/apps/own-dora{path}", "nina", 404)
        assert "There is nothing here that you can see" in said


async def test_forms_that_mean_nothing_are_refused_in_a_sentence(site: Site) -> None:
    for path, fields, words in (
        ("deploy", {}, "it is not said what to deploy"),
        ("deploy", {"release": "99"}, "there is no release"),
        ("deploy", {"commit": "xyz"}, "commit"),
        ("rollback", {"rollout": "99"}, "there is no rollout"),
        ("scale", {"component": "web"}, "each component needs its number"),
        ("scale", {"component": "nope", "replicas": "1"}, "there is no component nope"),
        ("scale", {"component": "web", "replicas": "501"}, "out of range"),
        ("restart", {}, "it is not said what to restart"),
        ("restart", {"component": "<b>"}, "there is no component <b>"),
        ("confirm", {}, "no Rollout waits for a confirmation"),
        ("online", {}, "no component of own-dora is set to 0 pods"),
        ("deploy", {"release": "1", "extra": "1"}, "extra"),
    ):
        answer = await send(site, f"/apps/own-dora/{path}", fields)
        assert 400 <= answer.status < 500, (path, fields, answer.status)
        assert answer.says(words), (path, fields, answer.text)
        assert "<b>" not in answer.text


async def test_a_commit_is_deployed_and_the_same_twice_changes_nothing(living: Site) -> None:
    await living.api.deployed()
    await living.api.world.push(HELLO.replace("hello:1", "hello:2"))
    await living.api.world.settle()
    preview = await send(living, "/apps/hello/deploy", {"release": "1"})
    assert preview.says('+ spec.template.spec.containers[web].image: "registry.test/hello:1"')
    assert (await confirm(living, preview)).status == 303
    await living.api.world.settle()
    same = await send(living, "/apps/hello/deploy", {"release": "1"})
    assert same.says("No object would change.")
    before = await live_of(living)
    done = await confirm(living, same)
    assert (done.status, await live_of(living)) == (303, before)
    assert "as-it-was" in done.answer.headers["set-cookie"]


async def test_strangers_words_are_words(living: Site) -> None:
    hostile = '<img src=x onerror="document.title=1">\'"&{{ 7*7 }}'
    await living.api.deployed()
    world = living.api.world
    await world.push(HELLO.replace("hello:1", "hello:2"))
    async with world.runtime.db.writing() as tx:
        await tx.run(update(t.release).values(title=hostile, author=hostile, branch=hostile))
    for ref in world.kube.objects("Pod"):
        world.kube.set_status(ref, {"phase": hostile, "reason": hostile, "message": hostile})
    async with living.visitor("olaf") as olaf:
        for path in ("", "/pods", "/deploy", "/rollback", "/timeline?show=releases&from=release:1&to=release:2"):
            await olaf.visit(f"/apps/hello{path}")
            assert await olaf.page.locator("img").count() == 0
            assert not re.search(r"<img src=x", await olaf.page.content())
            assert "49" not in await olaf.page.title()
        for query in ("from=<b>&to=rollout:1", "show=<b>", "from=rollout:99&to=rollout:1", "cursor=zzz"):
            await olaf.page.goto(f"{living.url}/apps/hello/timeline?{query}")
            assert await olaf.page.locator("b").count() == 0
            await olaf.whole()


async def test_what_deletes_much_shows_every_delete_and_takes_the_name(living: Site) -> None:
    await living.api.deployed()
    more = "".join(f'  w{n}: {{type: service, image: "registry.test/hello:1", port: 80{n:02}}}\n' for n in range(6))
    await living.api.world.push(HELLO.rstrip() + "\n" + more)
    await living.api.world.settle()
    preview = await send(living, "/apps/hello/deploy", {"release": "1"})
    assert preview.status == 200
    for n in range(6):
        assert preview.says(f"<code>Deployment/hello-w{n}</code>")
    assert preview.text.count("would be deleted") >= 12
    before = await live_of(living)
    assert (await confirm(living, preview)).status == 422
    assert await live_of(living) == before
    assert (await confirm(living, preview, typed="hello")).status == 303
    await living.api.world.settle()
    assert [ref.name for ref in living.api.world.kube.objects("Deployment")] == ["hello-web"]


async def test_a_rollout_that_waits_for_a_confirmation_goes_on_from_the_page(living: Site) -> None:
    await living.api.deployed()
    more = "".join(f'  w{n}: {{type: service, image: "registry.test/hello:1", port: 80{n:02}}}\n' for n in range(6))
    await living.api.world.push(HELLO.rstrip() + "\n" + more)
    await living.api.world.settle()
    answer = await living.api.post("/api/v1/apps/hello/rollouts", {"release": 1})
    assert answer.status_code == 202
    await living.api.world.settle()
    said = await get(living, "/apps/hello")
    assert "Rollout 3 waits: what it deletes must be confirmed." in said
    preview = Preview(await living.api.get("/apps/hello/confirm", headers={"Accept": "text/html"}))
    assert preview.says("would be deleted")
    assert (await confirm(living, preview, typed="hello")).status == 303
    await living.api.world.settle()
    assert [ref.name for ref in living.api.world.kube.objects("Deployment")] == ["hello-web"]


async def test_a_way_back_shows_the_settings_that_go_with_it_and_goes_no_further_than_mcd_went(living: Site) -> None:
    """Release 1 with three pods runs; Release 2 crashed and was put back: nothing is chosen for who goes back."""
    await living.api.deployed()
    assert "/apps/hello/rollback" not in await get(living, "/apps/hello")  # Nothing ran before.
    answer = await living.api.ask("PATCH", "/api/v1/apps/hello/settings", {"components": {"web": {"replicas": 3}}})
    assert answer.status_code == 200
    await living.api.world.settle()
    assert "/apps/hello/rollback" in await get(living, "/apps/hello")
    assert '<input type="radio" id="r-1" name="rollout" value="1" checked' in await get(living, "/apps/hello/rollback")
    preview = await send(living, "/apps/hello/rollback", {"rollout": "1"})
    assert preview.says("How the Settings change")
    assert preview.says("replicas: 3")
    assert preview.says("Pods that run are replaced, one after the other, of: web")
    world = living.api.world
    world.pods_run = False
    await world.push(CRASHING.replace(", rollout: {on_fail: keep}", ""))
    for _ in range(40):
        await world.turn()
        play(world.kube, lambda _workload: Fate.CRASH)
        world.clock.forward(15)
        live = await world.live()
        if live is not None and live.trigger == "auto-rollback":
            break
    said = await get(living, "/apps/hello/rollback")
    assert "MCD went back by itself already: Release 1 with Settings 1 runs since Rollout 4." in said
    assert "What failed was Release 2." in said
    assert " checked" not in said
    async with living.api.as_("dora", Accept="text/html", **{"Accept-Language": "zh-CN"}) as client:
        said = unescape((await client.get("/apps/hello/rollback")).text)
    assert "MCD 已经自动回滚：自发布 4 起运行的是版本 1，设置 1。" in said
    assert "<br>版本 1 · <span" in said
    assert "Release" not in said
    assert "选择一个 Rollout" not in said
