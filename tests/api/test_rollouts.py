"""What is deployed: dry runs that tell exactly what is written, Rollouts as resources, Events as a stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from mcd.errors import Code
from mcd.kube.cluster import KubeError, KubeReason
from mcd.kube.play import Fate, play
from mcd.model import EventKind
from mcd.objects import Ref
from mcd.store import intents, reads
from tests.api.client import OTHER, Api
from tests.api.serving import Stream, serving
from tests.controllers.world import ADMIN, HELLO

TWO = """
appname: hello
components:
  web: {type: web, image: "registry.test/hello:2"}
  worker: {type: daemon, image: "registry.test/worker:1", command: [run]}
"""


async def rollout(api: Api, wish: dict[str, object], status: int = 202, app: str = "hello") -> dict[str, object]:
    answer = await api.post(f"/api/v1/apps/{app}/rollouts", wish)
    assert answer.status_code == status, answer.text
    body: dict[str, object] = answer.json()
    return body


def named(changes: list[dict[str, object]]) -> set[tuple[str, str]]:
    """(what is done, object) of a ChangeSet."""
    return {(str(c["action"]), f"{c['object']['kind']}/{c['object']['name']}") for c in changes}  # type: ignore[index]


def written(api: Api, since: int) -> set[tuple[str, str]]:
    words = {
        "create": "created",
        "patch": "configured",
        "apply": "configured",
        "update": "configured",
        "delete": "deleted",
    }
    return {("created" if w.created else words[w.verb], str(w.ref)) for w in list(api.world.kube.ours())[since:]}


async def test_a_dry_run_names_exactly_what_is_written_then(live: Api) -> None:
    await live.deployed()
    await live.deployed(TWO)
    before = live.world.written
    told = await rollout(live, {"release": 1, "dry_run": True}, 200)
    assert live.world.written == before
    assert (await live.world.live()).release == 2  # type: ignore[union-attr]
    done = await rollout(live, {"release": 1})
    assert done["trigger"] == "deploy", "an older Release that is deployed is no rollback unless somebody says so"
    await live.world.settle()
    held = {ref for action, ref in named(told["changes"]) if action == "held"}  # type: ignore[arg-type]
    foretold = {(a, ref) for a, ref in named(told["changes"]) if a != "held"}  # type: ignore[arg-type]
    assert written(live, before) == foretold
    assert told["writes"] == len(foretold)
    assert not held or told["confirm_prune"]


async def test_a_rollback_is_what_a_person_calls_one_and_names_its_release(live: Api) -> None:
    await live.deployed()
    await live.post("/api/v1/apps/hello/rollouts", {"release": 1, "restart": ["web"]})
    done = await rollout(live, {"release": 1, "settings": 0, "rollback": True, "take_over": True})
    assert done["trigger"] == "rollback", "back to older Settings of the same Release is one too"
    answer = await live.post("/api/v1/apps/hello/rollouts", {"rollback": True})
    assert answer.status_code == 422
    assert "names the release" in answer.text


async def test_a_dry_run_of_settings_names_exactly_what_is_written_then(live: Api) -> None:
    await live.deployed(TWO)
    before = live.world.written
    change = {"components": {"web": {"replicas": 3}}}
    told = await live.ask("PATCH", "/api/v1/apps/hello/settings", {**change, "dry_run": True}, "olaf")
    assert told.status_code == 200
    found = told.json()
    assert found["settings"] == 1
    assert (await live.get("/api/v1/apps/hello/settings")).json()["revision"] == 0
    web = next(
        c for c in found["changes"] if c["object"]["name"] == "hello-web" and c["object"]["kind"] == "Deployment"
    )
    assert "- spec.replicas: 2" in web["diff"] or "- spec.replicas: 1" in web["diff"]
    assert "+ spec.replicas: 3" in web["diff"]
    await live.ask("PATCH", "/api/v1/apps/hello/settings", change, "olaf")
    await live.world.settle()
    assert written(live, before) == named(found["changes"])


async def test_a_diff_of_the_working_file_names_exactly_what_its_push_writes(live: Api) -> None:
    await live.deployed(TWO)
    before = live.world.written
    events = (await live.get("/api/v1/events?limit=1", "root")).json()
    told = (await live.post("/api/v1/apps/hello/diff", {"app_yaml": HELLO, "commit": f"{3:040x}"})).json()
    assert ("deleted", "Deployment/hello-worker") in named(told["changes"])
    assert (await live.get("/api/v1/events?limit=1", "root")).json() == events
    assert len((await live.get("/api/v1/apps/hello/releases")).json()["items"]) == 1
    async with live.world.runtime.db.reading() as tx:
        wished = [e.ref for e in await reads.inventory(ADMIN, tx, "hello") if "worker" in e.ref.name]
    async with live.world.runtime.db.writing() as tx:
        await intents.push(
            ADMIN, tx, live.world.clock(), "hello", commit=f"{3:040x}", branch="main", app_yaml=HELLO,
            wished_deletes=wished,
        )  # fmt: skip
    await live.world.settle()
    assert written(live, before) == named(told["changes"])


WITH_SECRET = """
appname: hello
components:
  web: {type: web, image: "registry.test/hello:1", env: {TOKEN: {secret: payment/token}}}
"""


async def test_no_dry_run_and_no_answer_shows_a_secret(live: Api, capsys: pytest.CaptureFixture[str]) -> None:
    await live.world.push(HELLO)
    path = "/api/v1/apps/hello/secrets/payment"
    assert (await live.ask("PUT", path, {"values": {"token": "canary-one"}}, "olaf")).status_code == 200
    await live.deployed(WITH_SECRET)
    assert (await live.get("/api/v1/apps/hello/status")).json()["rollout"]["state"] == "ready"
    held = next(o for o in live.world.kube.objects().values() if o["kind"] == "Secret")
    value = held["data"]["token"]
    told = [
        (await live.post("/api/v1/apps/hello/diff", {"app_yaml": WITH_SECRET.replace("hello:1", "hello:9")})).text,
        (await rollout(live, {"release": 1, "dry_run": True}, 200)),
    ]
    before = live.world.written
    await live.ask("PUT", path, {"values": {"token": "canary-two"}}, "olaf")
    told.append(await rollout(live, {"settings": 1, "dry_run": True}, 200))
    await live.world.settle()
    assert any(ref.startswith("Secret/") for _, ref in written(live, before))
    for look in ("status", "rollouts", "releases", "settings", "settings/history", "secrets", "pods"):
        told.append((await live.get(f"/api/v1/apps/hello/{look}")).text)
    told.append((await live.get("/api/v1/events?limit=500", "root")).text)
    told.append((await live.get("/metrics")).text)
    said = str(told) + capsys.readouterr().out
    assert "canary" not in said
    assert value not in said


async def test_a_diff_for_an_app_that_is_not_there_yet_makes_none(live: Api) -> None:
    ask = {"app_yaml": HELLO, "product_line": "demo"}
    told = (await live.post("/api/v1/apps/hello/diff", ask)).json()
    assert {action for action, _ in named(told["changes"])} == {"created"}
    assert told["confirm_prune"] == ""
    assert (await live.get("/api/v1/apps/hello")).status_code == 404
    assert (await live.post("/api/v1/apps/hello/diff", {"app_yaml": HELLO})).status_code == 404
    assert (await live.post("/api/v1/apps/hello/diff", {**ask, "product_line": OTHER})).status_code == 404


async def test_a_dry_run_of_a_wrong_file_tells_all_its_problems(live: Api) -> None:
    await live.deployed()
    wrong = "appname: hello\ncomponents: {web: {type: web, image: x, port: 0, replicsa: 1}}\n"
    answer = await live.post("/api/v1/apps/hello/diff", {"app_yaml": wrong})
    assert answer.status_code == 422
    assert answer.json()["reason"] == "InvalidAppYaml"
    assert [p["field"] for p in answer.json()["problems"] if p["severity"] == "error"] == [
        "components.web.port",
        "components.web.replicsa",
    ]


async def test_asking_for_what_is_live_changes_nothing(live: Api) -> None:
    await live.deployed()
    before = live.world.written
    same = await rollout(live, {"release": 1}, 200)
    assert same["number"] == 1
    assert (await rollout(live, {"release": 1, "dry_run": True}, 200))["writes"] == 0
    await live.world.settle()
    assert live.world.written == before


async def test_a_restart_replaces_the_pods_of_the_component_that_is_named(live: Api) -> None:
    await live.deployed(TWO)
    before = live.world.written
    done = await rollout(live, {"restart": ["web"]})
    assert (done["trigger"], done["release"]) == ("restart", 1)
    await live.world.settle()
    assert written(live, before) == {("configured", "Deployment/hello-web")}
    assert (await live.post("/api/v1/apps/hello/rollouts", {"release": 9})).status_code == 404
    assert (await live.post("/api/v1/apps/hello/rollouts", {"release": 1, "commit": "abcdef1"})).status_code == 422


async def test_a_rollout_shows_health_changes_and_inventory(live: Api) -> None:
    await live.deployed(TWO)
    answer = await live.get("/api/v1/apps/hello/rollouts")
    brief = answer.json()["items"][0]
    shown = (await live.get(f"/api/v1/rollouts/{brief['id']}")).json()
    assert shown["state"] == "ready"
    assert {c["type"]: c["status"] for c in shown["conditions"]} == {
        "Ready": "True", "Reconciling": "False", "Stalled": "False",
    }  # fmt: skip
    assert {c["component"]: c["state"] for c in shown["components"]} == {"web": "healthy", "worker": "healthy"}
    assert ("created", "Deployment/hello-web") in named(shown["changes"])
    assert "Deployment/hello-web" in {f"{e['object']['kind']}/{e['object']['name']}" for e in shown["inventory"]}
    assert all(e["uid"] for e in shown["inventory"])


async def test_status_tells_urls_health_and_what_to_do_next(live: Api) -> None:
    await live.deployed(TWO)
    status = (await live.get("/api/v1/apps/hello/status", "vera")).json()
    web = next(c for c in status["components"] if c["component"] == "web")
    assert web["urls"] == ["http://hello.apps.localhost/"]
    assert (web["state"], web["type"]) == ("healthy", "web")
    assert status["next_step"] == ""
    assert status["app"]["live"]["state"] == "ready"
    live.world.pods_run = False
    await live.world.push(TWO.replace("hello:2", "hello:3"))
    for _ in range(6):
        await live.world.turn()
        play(live.world.kube, lambda workload: Fate.CRASH if "web" in workload["metadata"]["name"] else Fate.READY)
        live.world.clock.forward(15)
    for _ in range(3):
        await live.world.turn()
    status = (await live.get("/api/v1/apps/hello/status", "vera")).json()
    assert status["rollout"]["state"] in ("stalled", "progressing"), status["rollout"]
    if status["rollout"]["state"] == "stalled":
        assert "mcd logs --previous hello" in status["next_step"] or status["next_step"]
    web = next(c for c in status["components"] if c["component"] == "web")
    assert web["reason"] == "CrashLooping"


async def test_a_cluster_that_does_not_answer_is_a_503_and_no_sign_out(live: Api) -> None:
    await live.deployed()
    live.world.kube.faults.refuse = lambda verb, ref: KubeError(
        Code.UNAUTHENTICATED, KubeReason.UNAUTHORIZED, "the cluster does not accept the credential."
    )
    answer = await live.get("/api/v1/apps/hello/pods")
    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable"
    assert answer.headers["Retry-After"]
    assert (await live.get("/api/v1/apps/hello/status")).status_code == 200


# --- streams ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def url(live: Api) -> AsyncIterator[str]:
    async with serving(live.app) as address:
        yield address


def client(live: Api, person: str = "dora", **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(headers={"Authorization": f"Bearer {live.tokens[person]}", **headers}, timeout=20)


async def test_a_rollout_is_watched_until_it_is_ready(live: Api, url: str) -> None:
    await live.deployed()
    wish = await rollout(live, {"restart": ["web"]})
    async with client(live) as http, http.stream("GET", f"{url}/api/v1/rollouts/{wish['id']}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-accel-buffering"] == "no"
        stream = Stream(response)
        first = await stream.until("rollout")
        assert json.loads(first[-1]["data"])["state"] == "progressing"
        await live.world.settle()
        rest = await stream.until("end")
        assert json.loads(rest[-1]["data"])["state"] == "ready"
        assert await stream.next() == {}
        kinds = [json.loads(m["data"])["kind"] for m in (*first, *rest) if m.get("event") == "event"]
        assert kinds[0] == "rollout_requested"
        ids = [int(m["id"]) for m in (*first, *rest) if "id" in m]
        assert ids == sorted(ids)


async def test_a_rollout_that_is_taken_over_says_so_and_ends(live: Api, url: str) -> None:
    await live.deployed()
    wish = await rollout(live, {"restart": ["web"]})
    async with client(live) as http, http.stream("GET", f"{url}/api/v1/rollouts/{wish['id']}/events") as response:
        stream = Stream(response)
        await stream.until("rollout")
        await rollout(live, {"restart": ["web"]})
        end = (await stream.until("end"))[-1]
        assert json.loads(end["data"])["state"] == "superseded"


async def test_events_stream_from_now_and_resume_where_they_broke_off(live: Api, url: str) -> None:
    accept = {"Accept": "text/event-stream"}
    path = f"{url}/api/v1/events?product_line=demo"
    async with client(live, **accept) as http:
        async with http.stream("GET", path) as response:
            stream = Stream(response)
            await live.post("/api/v1/apps", {"name": "first", "product_line": "demo"})
            told = await stream.next()
            assert json.loads(told["data"])["message"] == "App first was made in demo."
        await live.post("/api/v1/apps", {"name": "second", "product_line": "demo"})
        await live.post("/api/v1/apps", {"name": "third", "product_line": OTHER}, "root")
        async with http.stream("GET", path, headers={"Last-Event-ID": told["id"]}) as response:
            stream = Stream(response)
            assert json.loads((await stream.next())["data"])["name"] == "second"
            await live.post("/api/v1/apps", {"name": "fourth", "product_line": "demo"})
            assert json.loads((await stream.next())["data"])["name"] == "fourth"


async def test_a_stream_ends_when_the_person_may_no_longer_look(live: Api, url: str) -> None:
    async with client(live, Accept="text/event-stream") as http, http.stream("GET", f"{url}/api/v1/events") as response:
        stream = Stream(response)
        await live.post("/api/v1/apps", {"name": "first", "product_line": "demo"})
        await stream.next()
        await live.ask("PATCH", "/api/v1/people/dora", {"disabled": True}, "root")
        error = (await stream.until("error"))[-1]
        assert json.loads(error["data"])["code"] == "unauthenticated"
        assert await stream.next() == {}


async def test_a_person_has_at_most_twenty_streams(live: Api, url: str) -> None:
    async with client(live, Accept="text/event-stream") as http:
        open_ones = []
        for _ in range(20):
            request = http.build_request("GET", f"{url}/api/v1/events")
            response = await http.send(request, stream=True)
            lines = response.aiter_lines()
            await anext(lines)
            # Kept: an iterator that nobody holds closes its response.
            open_ones.append((response, lines))
        refused = await http.get(f"{url}/api/v1/events")
        assert refused.status_code == 429
        assert refused.json()["reason"] == "TooManyStreams"
        for response, _ in open_ones:
            await response.aclose()

        async def accepted() -> None:
            while True:
                async with http.stream("GET", f"{url}/api/v1/events") as again:
                    if again.status_code == 200:
                        return
                await asyncio.sleep(0.02)

        await asyncio.wait_for(accepted(), 10)


async def test_a_list_in_another_form_is_not_acceptable(live: Api) -> None:
    assert (await live.get("/api/v1/events", headers={"Accept": "text/csv"})).status_code == 406
    assert (await live.get("/api/v1/events", headers={"Accept": "application/json"})).status_code == 200


async def test_events_are_filtered_and_paged(live: Api) -> None:
    await live.deployed()
    kinds = {e["kind"] for e in (await live.get("/api/v1/events?app=hello&limit=500")).json()["items"]}
    assert {"pushed", "release_ready", "rollout_requested", "ready"} <= kinds
    only = (await live.get("/api/v1/events?app=hello&kind=pushed&kind=ready")).json()["items"]
    assert {e["kind"] for e in only} == {EventKind.PUSHED, EventKind.READY}
    first = (await live.get("/api/v1/events?after=0&limit=2", "root")).json()["items"]
    assert [e["sequence"] for e in first] == [1, 2]


async def test_what_a_rollout_of_others_streams_is_not_there(live: Api, url: str) -> None:
    await live.deployed()
    wish = await rollout(live, {"restart": ["web"]})
    async with client(live, "nina") as http:
        answer = await http.get(f"{url}/api/v1/rollouts/{wish['id']}/events")
    assert answer.status_code == 404
    assert live.world.kube.objects()[Ref("apps/v1", "Deployment", "demo", "hello-web")]
