"""Rotation from the wish to the objects of a real API server: only the pods that read the value are to be new.

There are no nodes: what restarts pods is the template of their workload, and nothing else does.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest

from mcd.kube.client import KubeClient
from mcd.kube.kinds import object_path
from mcd.kube.kubeconfig import parse_kubeconfig
from mcd.objects import Ref
from mcd.store import intents
from tests.controllers.world import ADMIN, LINE, World
from tests.kube import apiserver

pytestmark = pytest.mark.cluster

APP = """
appname: hello
components:
  env: {type: daemon, image: "registry.test/hello:1", env: {TOKEN: {secret: payment/token}}}
  file:
    type: daemon
    image: "registry.test/hello:1"
    files: {/etc/token: {secret: payment/token}}
  text:
    type: daemon
    image: "registry.test/hello:1"
    env: {TOKEN: {secret: payment/token}, SEED: {generate: secret}}
    files: {/etc/a.conf: {template: true, content: "t={{ .Env.TOKEN }} s={{ .Env.SEED }} <<secret:payment/token>>"}}
  seed: {type: daemon, image: "registry.test/hello:1", env: {KEY: {generate: secret}}}
  plain: {type: daemon, image: "registry.test/hello:1"}
  certificate: {type: daemon, image: "registry.test/hello:1", env: {CRT: {secret: cert/tls.crt}}}
"""


async def turned(real: World) -> None:
    """Several looks at everything: no pod ever becomes ready here, so it does not settle."""
    for _ in range(6):
        await real.turn()
        real.clock.forward(11)


async def live(server: apiserver.ApiServer, api_version: str, kind: str, name: str) -> dict[str, Any]:
    """An object as a person sees it, values and all."""
    person = KubeClient(parse_kubeconfig(server.kubeconfig("person")))
    try:
        answer = await person._transport.send("GET", object_path(Ref(api_version, kind, LINE, name)))
    finally:
        await person.close()
    assert answer.status == 200, answer.body
    found: dict[str, Any] = json.loads(answer.body)
    return found


async def templates(server: apiserver.ApiServer) -> dict[str, str]:
    """Component → the template of its pods: any change of it makes them new."""
    names = ("env", "file", "text", "seed", "plain", "certificate")
    found = {name: await live(server, "apps/v1", "Deployment", f"hello-{name}") for name in names}
    return {name: json.dumps(obj["spec"]["template"], sort_keys=True) for name, obj in found.items()}


async def data(server: apiserver.ApiServer, name: str) -> dict[str, str]:
    held = (await live(server, "v1", "Secret", name))["data"]
    return {key: base64.b64decode(value).decode() for key, value in held.items()}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name, template in after.items() if template != before[name]}


async def test_each_new_value_makes_exactly_its_readers_new(real: World, server: apiserver.ApiServer) -> None:
    async def put(secret: str, **values: str) -> None:
        async with real.runtime.db.writing() as tx:
            named = {key.replace("_", "."): value for key, value in values.items()}
            await intents.set_secret(ADMIN, tx, real.clock(), secret, named, app="hello")
        await turned(real)

    async def rotate(variable: str) -> None:
        async with real.runtime.db.writing() as tx:
            await intents.rotate_generated(ADMIN, tx, real.clock(), "hello", variable)
        await turned(real)

    async with real.runtime.db.writing() as tx:
        await intents.create_app(ADMIN, tx, real.clock(), "hello", product_line=LINE)
    await put("payment", token="first")
    await put("cert", tls_crt="crt", tls_key="key")
    await real.push(APP)
    await turned(real)
    assert await real.live() is not None, await real.release_conditions(await real.release(1))
    first, made = await templates(server), await data(server, "hello-generated")
    assert re.fullmatch(r"[A-Za-z0-9]{32}", made["KEY"])
    (text,) = (await data(server, "hello-text-secfiles")).values()
    assert text == f"t=first s={made['SEED']} <<secret:payment/token>>"

    await put("payment", token="second")
    second = await templates(server)
    assert changed(first, second) == {"env", "file", "text"}
    assert await data(server, "hello-secret-payment") == {"token": "second"}
    assert (await data(server, "hello-text-secfiles")).popitem()[1].startswith("t=second")

    await rotate("KEY")
    third, again = await templates(server), await data(server, "hello-generated")
    assert changed(second, third) == {"seed"}
    assert again["KEY"] != made["KEY"]
    assert again["SEED"] == made["SEED"]

    await rotate("SEED")
    fourth = await templates(server)
    assert changed(third, fourth) == {"text"}
    seed = (await data(server, "hello-generated"))["SEED"]
    assert f"s={seed} " in (await data(server, "hello-text-secfiles")).popitem()[1]

    assert (await live(server, "v1", "Secret", "hello-secret-cert"))["type"] == "Opaque"
    await real.push(APP.replace("cert/tls.crt}", "cert/tls.crt}, K: {secret: cert/tls.key}"))
    await turned(real)
    assert changed(fourth, await templates(server)) == {"certificate"}
    assert (await live(server, "v1", "Secret", "hello-secret-cert"))["type"] == "kubernetes.io/tls"
    assert await data(server, "hello-secret-cert") == {"tls.crt": "crt", "tls.key": "key"}
