"""One App on its pages: how it is, why, what it says, what it is made of. For everybody, in both languages."""

from __future__ import annotations

import pytest

from tests.portal.browsing import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

APP = """
appname: hello
components:
  web: {type: web, image: "registry.test/hello:1", env: {SITE_NAME: {required: true}}}
"""

PAGES = (
    "/apps/hello", "/apps/hello/pods", "/apps/hello/timeline", "/apps/hello/timeline?show=rollouts",
    "/apps/hello/timeline?show=releases&from=rollout:1&to=rollout:2", "/apps/hello/timeline?show=settings",
    "/apps/hello/objects", "/apps/hello/drift", "/apps/hello/logs", "/apps/hello/shell", "/apps/hello/settings",
    "/apps/hello/deploy", "/apps/hello/rollback", "/apps/hello/scale", "/apps/hello/restart", "/apps/hello/offline",
    "/apps/hello/delete", "/clusters", "/clusters/local", "/node-pools", "/node-pools/local/gpu",
)  # fmt: skip


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


@pytest.mark.parametrize(("language", "width"), [("en-GB", 1280), ("zh-CN", 360)])
async def test_every_page_of_an_app_can_be_read_by_everybody(living: Site, language: str, width: int) -> None:
    await dressed(living)
    async with living.visitor("olaf", language=language, width=width) as olaf:
        for path in PAGES:
            await olaf.visit(path)
            await olaf.fits()
            await olaf.axe()
            assert "s3cr3t-value" not in await olaf.page.content()
            await olaf.page.screenshot(path="/tmp/shots/" + language + path.replace("/", "_").replace("?", "_") + ".png", full_page=True)
