"""One App on its pages: how it is, why, what it says, what it is made of. For everybody, in both languages."""

from __future__ import annotations

import asyncio
import re
import time
from html import unescape

import pytest
from sqlalchemy import func, insert, select, update

from mcd.runtime import connect
from mcd.store import tables as t
from tests.api.test_status import crashing
from tests.controllers.world import HELLO
from tests.portal.browsing import Site
from tests.portal.previews import confirm, get, send

pytestmark = pytest.mark.asyncio(loop_scope="session")

APP = """
appname: hello
components:
  web: {type: web, image: "registry.test/hello:1", env: {SITE_NAME: {required: true}}}
"""

PAGES = (
    "/apps/hello", "/apps/hello/pods", "/apps/hello/timeline", "/apps/hello/timeline?show=rollouts",
    "/apps/hello/timeline?show=releases&from=rollout:1&to=rollout:2", "/apps/hello/timeline?show=settings",
    "/apps/hello/rollouts/2", "/apps/hello/releases/1", "/apps/hello/objects", "/apps/hello/drift",
    "/apps/hello/logs", "/apps/hello/shell", "/apps/hello/settings", "/apps/hello/deploy", "/apps/hello/rollback",
    "/apps/hello/scale", "/apps/hello/restart", "/apps/hello/offline", "/apps/hello/delete", "/clusters",
    "/clusters/local", "/node-pools", "/node-pools/local/gpu",
)  # fmt: skip


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: c
clusters: [{{name: c, cluster: {{server: "https://127.0.0.1:{port}"}}}}]
users: [{{name: u, user: {{token: t}}}}]
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
"""


def stamped(*lines: bytes) -> list[bytes]:
    return [b"2026-05-03T10:00:%02d.000000000Z " % number + line for number, line in enumerate(lines)]


def pod_of(site: Site) -> str:
    return next(ref.name for ref in site.api.world.kube.objects("Pod"))


async def dressed(site: Site) -> None:
    """An App with everything: two Rollouts, Settings, a secret, a pool with devices."""
    await site.api.deployed(APP.replace(", env: {SITE_NAME: {required: true}}", ""))
    answer = await site.api.ask("PUT", "/api/v1/apps/hello/secrets/pay", {"values": {"token": "s3cr3t-value"}}, "olaf")
    assert answer.status_code == 200, answer.text
    pool = {"labels": {"pool": "gpu"}, "devices": [{"vendor": "nvidia", "model": "T4", "resource": "nvidia.com/gpu"}]}
    answer = await site.api.ask("PUT", "/api/v1/node-pools/local/gpu", pool, "root")
    assert answer.status_code == 200, answer.text
    node = {
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "gpu-1", "labels": {"pool": "gpu"}},
        "status": {"allocatable": {"nvidia.com/gpu": "4", "cpu": "16", "memory": "64Gi"},
                   "conditions": [{"type": "Ready", "status": "True"}]},
    }  # fmt: skip
    site.api.world.kube.person(node, manager="kubelet")
    await site.api.world.settle()
    site.api.world.kube.set_logs("demo", pod_of(site), "web", stamped(b"listening on 8080"))


@pytest.mark.parametrize(("language", "width"), [("en-GB", 360), ("zh-CN", 360)])
async def test_every_page_of_an_app_can_be_read_by_everybody(living: Site, language: str, width: int) -> None:
    await dressed(living)
    async with living.visitor("olaf", language=language, width=width) as olaf:
        for path in PAGES:
            await olaf.visit(path)
            await olaf.fits()
            if language == "zh-CN":
                await olaf.axe()
            assert "s3cr3t-value" not in await olaf.page.content()


SPOKEN = (
    "/", "/apps", "/apps/hello", "/apps/hello/timeline", "/apps/hello/timeline?show=rollouts",
    "/apps/hello/timeline?show=releases", "/apps/hello/rollouts/2", "/events", "/clusters", "/clusters/local",
    "/product-lines", "/product-lines/demo",
)  # fmt: skip


async def test_a_chinese_page_tells_what_mcd_says_in_chinese_and_what_is_older_as_it_is(living: Site) -> None:
    """A Release that dies and is put back, read while that is on its way: no sentence of it is English."""
    api = living.api
    await api.deployed()
    assert (await api.ask("PATCH", "/api/v1/apps/hello/settings", {"components": {"web": {"replicas": 2}}})).is_success
    await api.world.settle()
    api.world.pods_run = False
    await api.world.push(HELLO.replace("hello:1", "hello:2"))
    await crashing(api, "RolledBack")
    async with api.world.runtime.db.reading() as tx:
        said = set(await tx.values(select(t.event.c.message)))
        for table in (t.rollout, t.release, t.cluster, t.product_line):
            said |= {c["message"] for row in await tx.values(select(table.c.conditions)) for c in row if c["message"]}
        last = await tx.value(select(func.max(t.event.c.sequence)))
    said = {words for words in said if len(words.split()) > 2}
    async with api.as_("root", Accept="text/html", **{"Accept-Language": "zh-CN"}) as root:
        for path in SPOKEN:
            page = unescape((await root.get(path)).text)
            assert [words for words in said if words in page] == [], path
        page = unescape((await root.get("/apps/hello")).text)
        assert "这是版本 2 的情况，它没有在运行；现在运行的是版本 1" in page
        assert "(自动回滚)" in page
        assert page.index("正在等待控制器处理。") < page.index("程序反复崩溃，退出码 1"), "what runs comes first"
        async with api.world.runtime.db.writing() as tx:
            await tx.run(update(t.event).where(t.event.c.sequence == last).values(message="written long ago", data={}))
        assert "written long ago" in (await root.get("/apps/hello/timeline")).text


async def test_lines_of_a_log_are_text_whatever_they_say(living: Site) -> None:
    await living.api.deployed()
    hostile = (
        b"<script>document.title='ran'</script>",
        b"\x1b[1;31mred\x1b[0m\x1b[2J\x07 \xe2\x80\xaereversed",
        b"\xff\xfe no utf-8",
    )
    living.api.world.kube.set_logs("demo", pod_of(living), "web", stamped(*hostile))
    for scripts in (True, False):
        async with living.visitor("dora", scripts=scripts) as dora:
            await dora.visit("/apps/hello/logs")
            said = await dora.text("#log")
            assert "<script>document.title='ran'</script>" in said
            assert "red\\x1b[2J\\x07 \\u202ereversed" in said
            assert "05-03 10:00:01.000" in said
            assert await dora.page.title() == "hello · Logs · MCD"
            await dora.visit("/apps/hello/logs?q=RED")
            said = await dora.text("#log")
            assert "reversed" in said
            assert "utf-8" not in said


async def test_new_lines_of_a_log_come_by_themselves_and_can_be_held(living: Site) -> None:
    await living.api.deployed()
    kube = living.api.world.kube
    kube.set_logs("demo", pod_of(living), "web", stamped(b"first"))
    async with living.visitor("dora") as dora:
        await dora.visit("/apps/hello/logs")
        await dora.page.get_by_text("Live: new lines appear by themselves.").wait_for()
        await dora.page.get_by_role("button", name="Pause").click()
        # A run that began anew is another source: what it says comes too.
        kube.set_logs("demo", pod_of(living), "web", stamped(b"first", b"<i>second</i>"))
        (ref,) = kube.objects("Pod")
        pod = kube.objects("Pod")[ref]
        for status in pod["status"]["containerStatuses"]:
            status["restartCount"] = 1
        kube.set_status(ref, pod["status"])
        await dora.page.get_by_text("Paused; new lines: 1").wait_for()
        assert "second" not in await dora.text("#log")
        await dora.page.get_by_role("button", name="Go on").click()
        assert "<i>second</i>" in await dora.text("#log")
        assert (await dora.text("#log")).count("first") == 1, "what was shown already was sent again"
        await dora.page.get_by_label("With the text").fill("SECOND")
        assert await dora.page.locator("#log .line:visible").count() == 1


async def test_a_shell_opens_in_the_browser_without_an_exception_from_the_policy(living: Site) -> None:
    await living.api.deployed()
    colours = b"\x1b[38;2;10;200;30mhello\x1b[0m from "
    living.api.world.kube.set_commands(lambda command: (colours + " ".join(command).encode(), b"", 3))
    async with living.visitor("dora") as dora:
        await dora.visit("/apps/hello/shell")
        await dora.page.get_by_label("Command").fill("cat /etc/hosts")
        await dora.page.get_by_role("button", name="Open").click()
        await dora.page.get_by_text("Ended with code 3.").wait_for()
        await dora.page.locator("#terminal", has_text="hello from cat /etc/hosts").wait_for()
        await dora.axe()
        await dora.visit("/apps/hello/shell?component=nope")
        await dora.page.get_by_role("button", name="Open").click()
        await dora.page.get_by_text("there is no component nope. Known: web.").wait_for()
    async with living.visitor("dora", scripts=False) as dora:
        await dora.visit("/apps/hello/shell")
        assert "mcd exec hello/web" in await dora.text()
        assert await dora.page.get_by_role("button", name="Open").count() == 0


async def test_a_cluster_that_says_nothing_holds_no_page(living: Site) -> None:
    await living.api.deployed()
    gave_up: list[asyncio.StreamWriter] = []

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gave_up.append(writer)

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    runtime = living.api.world.runtime
    await runtime.disconnect()
    runtime.connect = lambda _text, _token: connect(KUBECONFIG.format(port=port), "")
    try:
        async with living.visitor("dora") as dora:
            began = time.monotonic()
            await dora.visit("/apps/hello")
            assert "1 of 1 ready" in await dora.text("#now")
            assert time.monotonic() - began < 5, "the page waited for the cluster"
            await dora.page.locator("#now", has_text="The cluster has not answered yet.").wait_for()
            await dora.visit("/apps/hello/logs")
            assert "The cluster answers slowly" in await dora.text()
            await dora.visit("/node-pools")
            await dora.visit("/clusters/local")
            assert time.monotonic() - began < 40
    finally:
        await living.api.app.state.looks.close()
        await runtime.disconnect()
        for writer in gave_up:
            writer.close()
        server.close()


async def test_settings_are_changed_after_a_preview_and_no_secret_is_in_it(living: Site) -> None:
    await living.api.deployed(APP.replace("env: {SITE_NAME: {required: true}}", "replicas: 1"))
    value = "hunter2-%s" % ("x" * 40)
    preview = await send(
        living, "/apps/hello/settings/secret", {"name": "pay", "lines": f"# mine\ntoken={value}"}, "olaf"
    )
    assert preview.status == 200
    assert preview.says("+  pay:")
    assert value not in preview.text
    # It is of olaf, of this secret and of this App.
    assert (await confirm(living, preview, "root")).says("not good any more")
    other = [(n, "other" if n == "name" else v) for n, v in preview.fields]
    assert (await send(living, preview.action, other, "olaf")).says("not good any more")
    assert (await confirm(living, preview, "olaf")).status == 303
    said = await get(living, "/apps/hello/settings", "olaf")
    assert "pay" in said
    assert value not in said
    wrong = await send(living, "/apps/hello/settings/secret", {"name": "pay", "lines": f"token {value}"}, "olaf")
    assert (wrong.status, wrong.says("line 1 is not KEY=VALUE"), value in wrong.text) == (422, True, False)
    texts = {"name": "site", "key": "a.conf", "text": "one\r\ntwo"}
    preview = await send(living, "/apps/hello/settings/config", texts, "olaf")
    assert (await confirm(living, preview, "olaf")).status == 303
    assert "one\ntwo" in await get(living, "/apps/hello/settings", "olaf")
    preview = await send(living, "/apps/hello/settings/back", {"revision": "1"}, "olaf")
    assert preview.says("-    a.conf")
    assert (await confirm(living, preview, "olaf")).status == 303
    said = await get(living, "/apps/hello/timeline?show=settings&from=settings:2&to=settings:3", "olaf")
    assert "-    a.conf" in said
    assert "olaf" in said
    assert (await send(living, "/apps/hello/settings/back", {"revision": "1"}, "dora")).status == 403
    gone = await send(living, "/apps/hello/settings/secret", {"name": "pay", "unset": "yes"}, "olaf")
    assert (await confirm(living, gone, "olaf", typed="pay")).status == 303
    assert (await send(living, "/apps/hello/settings/env", {"name": "NOBODY", "value": "1"}, "olaf")).status == 422


async def test_what_people_told_of_a_cluster_reads_as_they_may_write_it(living: Site) -> None:
    facts = {"base_domain": "apps.localhost", "dns_cidrs": ["10.43.0.0/16"]}
    url = "/api/v1/clusters/local"
    answer = await living.api.ask("PATCH", url, {"facts": facts}, "root", headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text
    said = unescape(await get(living, "/clusters/local", "root"))
    assert '<dd>["10.43.0.0/16"]</dd>' in said
    assert "<dd>apps.localhost</dd>" in said


async def test_what_holds_devices_is_told_by_name_only_to_who_may_see_it(living: Site) -> None:
    await dressed(living)
    gpu = {"containers": [{"name": "c", "resources": {"limits": {"nvidia.com/gpu": "1"}}}], "nodeName": "gpu-1"}
    ours = {"app.kubernetes.io/managed-by": "mcd"}
    for name, namespace, app in (("a", "demo", "train"), ("b", "other", "elsewhere"), ("c", "kube-system", "")):
        labels = {**ours, "app.kubernetes.io/instance": app} if app else {}
        meta = {"name": name, "namespace": namespace, "labels": labels}
        living.api.world.kube.add_namespace(namespace)
        living.api.world.kube.person({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": gpu})
    said = await get(living, "/node-pools")
    assert "train</a>" in said
    assert "in each node" in said
    assert "elsewhere" not in said
    assert "others 2" in said
    assert re.search(r'data-label="Free">1<', said)
    # The same count is good for everybody for a while: another one, who may see more, sees more of it.
    assert "elsewhere" in await get(living, "/node-pools", "root")
    assert "3 / 4" not in await get(living, "/node-pools/local/gpu")
    assert "nvidia.com/gpu 1 / 4" in await get(living, "/node-pools/local/gpu")


async def test_what_a_simulated_node_plays_is_called_so_wherever_it_is_told(living: Site) -> None:
    """A GPU program on a node of the local cluster that only plays one: its pod says that it is ready."""
    await dressed(living)
    api = living.api
    (ref,) = [ref for ref in api.world.kube.objects("Node") if ref.name == "gpu-1"]
    node = api.world.kube.objects("Node")[ref]
    node["metadata"]["labels"]["type"] = "kwok"
    api.world.kube.person(node, manager="kubelet")
    for pod_ref, pod in api.world.kube.objects("Pod").items():
        pod["spec"]["nodeName"] = "gpu-1"
        api.world.kube.person(pod, manager="kube-scheduler")
        assert api.world.kube.objects("Pod")[pod_ref]["spec"]["nodeName"] == "gpu-1"
    api.world.clock.forward(700)
    await api.world.settle()
    words = "1 of its pods is on a simulated node: nothing runs in it."
    (why,) = (await api.get("/api/v1/apps/hello/why")).json()["items"]
    assert (why["well"], why["beside"]) == (True, [words])
    status = (await api.get("/api/v1/apps/hello/status")).json()
    assert words in status["components"][0]["message"]
    assert "On simulated nodes, where nothing runs: web" in status["rollout"]["message"]
    page = await get(living, "/apps/hello/pods")
    assert "simulated: nothing runs in it" in page
    assert words in await get(living, "/apps/hello")
    assert "1 simulated node: nothing runs in it" in await get(living, "/node-pools")
    assert "simulated: nothing runs in it" in await get(living, "/node-pools/local/gpu")


async def test_ten_thousand_things_that_happened_are_pages(site: Site) -> None:
    world = site.api.world
    async with world.runtime.db.writing() as tx:
        row = await tx.row(select(t.event).where(t.event.c.app == "own-dora").limit(1))
        assert row is not None
        last = int(await tx.value(select(func.max(t.event.c.sequence))))
        rows = [{**row, "sequence": last + n, "message": f"thing {n}"} for n in range(1, 10_001)]
        await tx.run(insert(t.event), rows)
    said = await get(site, "/apps/own-dora/timeline")
    assert said.count("<tr>") == 51
    assert "thing 10000<" in said
    following = re.search(r'rel="next" href="([^"]*)"', said)
    assert following is not None
    assert "thing 9950<" in await get(site, following[1])
