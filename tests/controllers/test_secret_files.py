"""Files with secrets in them: put together where the value is known, written anew with each text and each version."""

from __future__ import annotations

import io

from mcd.objects import Ref
from mcd.store import reads, secrets
from tests.controllers.test_generated import rotate
from tests.controllers.test_secret_values import CANARY, forms, lines
from tests.controllers.test_secrets import change_data, held, later, pods, set_secret, with_app
from tests.controllers.world import ADMIN, LINE, World

assert lines

NAME = "hello-web-secfiles"
LITERAL = "<<secret:hello-secret-api/TOKEN>>"
FILES = """
appname: hello
components:
  web:
    type: web
    image: "registry.test/hello:1"
    env:
      TOKEN: {secret: api/TOKEN}
      SHARED: {secret: shared/KEY}
      SEED: {generate: secret}
      LITERAL: "<<secret:hello-secret-api/TOKEN>>"
    files:
      /etc/a.conf: {template: true, content: "a={{ .Env.TOKEN }} s={{ .Env.SHARED }} g={{ .Env.SEED }}"}
      /etc/b.conf: {template: true, content: "<<secret:hello-secret-api/TOKEN>> {{ .Env.LITERAL }} {{ .Env.TOKEN }}"}
      /etc/c.conf: "<<secret:hello-secret-api/TOKEN>>"
      /etc/d.conf: {template: true, content: '{{ "<<secret:hello-secret-api/" }}TOKEN>>'}
  worker: {type: daemon, image: "registry.test/worker:1"}
"""


async def with_files(here: World, token: str = "t0ken", shared: str = "sh4red") -> dict[str, str]:
    await set_secret(here, "shared", app=None, KEY=shared)
    await with_app(here, FILES, TOKEN=token)
    return files(here)


def files(here: World) -> dict[str, str]:
    """File name → what stands in it, as its pod sees it."""
    found = held(here, NAME)
    assert found is not None
    return {key.partition("-")[2]: text for key, text in found.items()}


async def test_the_file_has_the_values_and_the_pod_mounts_it(here: World) -> None:
    found = await with_files(here)
    assert (await here.ready()).status, await here.said()
    seed = (held(here, "hello-generated") or {})["SEED"]
    assert found["a.conf"] == f"a=t0ken s=sh4red g={seed}"
    assert set(found) == {"a.conf", "b.conf"}
    wrote = here.writes_since(0)
    assert wrote.index(f"apply Secret/{NAME}") < wrote.index("apply Deployment/hello-web")
    (volume,) = here.ours()["Deployment/hello-web"]["spec"]["template"]["spec"]["volumes"][:1]
    assert {"name": NAME, "items": [*volume["projected"]["sources"][1]["secret"]["items"]]} == (
        volume["projected"]["sources"][1]["secret"]
    )


async def test_what_a_person_wrote_like_a_placeholder_stays_as_it_is(here: World) -> None:
    found = await with_files(here)
    assert found["b.conf"] == f"{LITERAL} {LITERAL} t0ken"
    config = here.ours()["ConfigMap/hello-web-files"]["data"]
    assert sorted(config.values()) == [LITERAL, LITERAL]


async def test_a_value_that_looks_like_a_placeholder_or_a_template_is_not_read_again(here: World) -> None:
    value = "<<secret:mcd-line-shared/KEY>> {{ .Env.SHARED }} $(SHARED)"
    found = await with_files(here, token=value)
    assert found["a.conf"].startswith(f"a={value} s=sh4red")


async def test_a_new_version_of_any_value_is_in_the_file_and_restarts_its_pods_alone(here: World) -> None:
    await with_files(here)
    worker = pods(here, "worker")
    for change, shown in (
        (set_secret(here, TOKEN="second"), "a=second"),
        (set_secret(here, "shared", app=None, KEY="third"), "s=third"),
    ):
        web = pods(here, "web")
        await change
        await here.settle()
        assert shown in files(here)["a.conf"]
        assert pods(here, "web").isdisjoint(web)
    web, before = pods(here, "web"), files(here)["a.conf"]
    await rotate(here, "SEED")
    await here.settle()
    assert files(here)["a.conf"] != before
    assert pods(here, "web").isdisjoint(web)
    assert pods(here, "worker") == worker
    assert (await here.ready()).status, await here.said()


async def test_another_text_is_in_the_file_and_restarts_its_pods(here: World) -> None:
    await with_files(here)
    web, worker = pods(here, "web"), pods(here, "worker")
    await here.push(FILES.replace("a={{", "new={{"))
    await here.settle()
    assert files(here)["a.conf"].startswith("new=t0ken")
    assert pods(here, "web").isdisjoint(web)
    assert pods(here, "worker") == worker


async def test_a_second_look_writes_nothing_and_a_hand_is_healed(here: World) -> None:
    first = await with_files(here)
    before = here.written
    await later(here)
    assert here.writes_since(before) == []
    key = next(key for key in held(here, NAME) or {} if key.endswith("a.conf"))
    change_data(here, NAME, **{key: "evil"})
    await later(here)
    assert files(here) == first
    healed = await here.events("healed")
    assert any(f"Secret/{NAME}" in said and "kubectl-edit" in said for said in healed)


async def test_files_that_are_too_large_with_their_values_are_refused_before_the_cluster_hears_of_them(
    here: World,
) -> None:
    many = "{{ .Env.TOKEN }}" * 12
    app = f"""
appname: hello
components:
  web:
    type: web
    image: "registry.test/hello:1"
    env: {{TOKEN: {{secret: api/TOKEN}}}}
    files:
      /etc/a.conf: {{template: true, content: "{many}"}}
"""
    await with_app(here, app, TOKEN="y" * 60_000)
    assert (await here.ready()).status, await here.said()
    await set_secret(here, TOKEN="z" * 65_000)
    await here.settle()
    assert len(files(here)["a.conf"]) == 12 * 65_000
    bigger = app.replace(many, "{{ .Env.TOKEN }}" * 17)
    await here.push(bigger)
    await here.settle()
    ready = await here.ready()
    assert not ready.status
    assert "with its values it has 1,105,000 bytes, and Kubernetes takes 1,048,576." in ready.message
    assert "zzz" not in ready.message


async def test_a_secret_that_is_not_stored_any_more_is_named_and_no_pod_is_touched(here: World) -> None:
    await with_files(here)
    web = pods(here, "web")
    async with here.runtime.db.writing() as tx:
        app = await reads.app(ADMIN, tx, "hello")
        await secrets.forget(tx, app.id, "api")
    here.kube.person_deletes(Ref("v1", "Secret", LINE, NAME))
    await later(here)
    ready = await here.ready()
    assert not ready.status
    assert '"api"' in ready.message
    assert pods(here, "web") == web


async def test_a_value_in_a_file_is_nowhere_else(here: World, lines: io.StringIO) -> None:
    await with_files(here, token=CANARY)
    here.kube.person_deletes(Ref("v1", "Secret", LINE, NAME))
    await later(here)
    await set_secret(here, TOKEN=f"{CANARY} again")
    await here.settle()
    assert CANARY in files(here)["a.conf"]
    async with here.runtime.db.reading() as tx:
        page = await reads.events(ADMIN, tx, after=0)
    places = {str(path): path.read_bytes() for path in here.runtime.settings.data.rglob("*") if path.is_file()}
    places |= {"logs": lines.getvalue().encode(), "events": repr(page.items).encode()}
    places |= {str(ref): repr(obj).encode() for ref, obj in here.kube.objects().items() if ref.kind != "Secret"}
    for form in forms(CANARY):
        assert not [where for where, content in places.items() if form in content], form


async def test_the_signing_in_of_a_line_is_there_before_the_pods(here: World) -> None:
    await set_secret(here, "mcd-oauth", app=None, **{"client-id": "c", "client-secret": "s", "cookie-secret": "k" * 32})
    await here.settle()
    assert held(here, "mcd-oauth") == {"client-id": "c", "client-secret": "s", "cookie-secret": "k" * 32}
