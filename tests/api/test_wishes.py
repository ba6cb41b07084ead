"""Wishes: stored once, in the right version, told with where to look; lists in pages."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.api.client import Api

KEY = {"Idempotency-Key": "7c9e6679-7425-40de-944b-e07fc1f90ae7"}


async def count(api: Api, kind: str) -> int:
    answer = await api.get(f"/api/v1/events?kind={kind}&limit=500", "root")
    return len(answer.json()["items"])


# --- once ------------------------------------------------------------------------------------------------------------


async def test_the_same_wish_with_the_same_key_is_done_once_and_answered_alike(api: Api) -> None:
    wish = {"name": "fresh", "product_line": "demo"}
    first = await api.post("/api/v1/apps", wish, headers=KEY)
    again = await api.post("/api/v1/apps", wish, headers=KEY)
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert first.headers["Location"] == again.headers["Location"] == "/api/v1/apps/fresh"
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    without = await api.post("/api/v1/apps", wish)
    assert without.status_code == 409


async def test_a_key_is_refused_for_another_body_and_free_for_another_person(api: Api) -> None:
    await api.post("/api/v1/apps", {"name": "fresh", "product_line": "demo"}, headers=KEY)
    other = await api.post("/api/v1/apps", {"name": "fresh2", "product_line": "demo"}, headers=KEY)
    assert other.status_code == 422
    assert other.json()["reason"] == "IdempotencyKeyReused"
    theirs = await api.post("/api/v1/apps", {"name": "fresh3", "product_line": "demo"}, "olaf", headers=KEY)
    assert theirs.status_code == 201


async def test_a_key_is_bound_to_the_address_too(api: Api) -> None:
    assert (await api.post("/api/v1/apps/own-dora/rollouts", {"release": 1}, headers=KEY)).status_code in (200, 202)
    other = await api.post("/api/v1/apps/own-vera/rollouts", {"release": 1}, headers=KEY)
    assert other.status_code == 422


async def test_a_wish_that_was_refused_may_be_repeated_with_its_key(api: Api) -> None:
    wish = {"name": "fresh", "product_line": "demo"}
    assert (await api.post("/api/v1/apps", wish, "vera", headers=KEY)).status_code == 403
    await api.ask("PUT", "/api/v1/product-lines/demo/members/vera", {"role": "developer"}, "olaf")
    assert (await api.post("/api/v1/apps", wish, "vera", headers=KEY)).status_code == 201


async def test_ten_at_once_with_one_key_make_one_thing(api: Api) -> None:
    wish = {"restart": ["web"]}
    before = await count(api, "rollout_requested")
    answers = await asyncio.gather(*(api.post("/api/v1/apps/own-dora/rollouts", wish, headers=KEY) for _ in range(10)))
    assert {a.status_code for a in answers} <= {202, 409}
    assert len({a.headers["Location"] for a in answers if a.status_code == 202}) == 1
    assert await count(api, "rollout_requested") == before + 1


@pytest.mark.parametrize("key", ["", "x" * 201, "a\u00e9"])
async def test_a_key_that_is_none_is_refused(api: Api, key: str) -> None:
    answer = await api.post(
        "/api/v1/apps", {"name": "fresh", "product_line": "demo"}, headers={"Idempotency-Key": key.encode("latin-1")}
    )
    assert answer.status_code in (201, 422)
    if key in ("", "x" * 201):
        assert answer.status_code == 422


async def test_a_token_takes_no_key_because_nobody_keeps_it(api: Api) -> None:
    answer = await api.post("/api/v1/people/dora/tokens", {"name": "x", "days": 1}, headers=KEY)
    assert answer.status_code == 422
    assert (await api.get("/api/v1/people/dora/tokens")).json()["items"][0]["name"] == "test"


# --- versions --------------------------------------------------------------------------------------------------------


async def test_a_change_based_on_an_old_reading_is_refused(api: Api) -> None:
    path = "/api/v1/apps/own-olaf"
    tag = (await api.get(path, "olaf")).headers["ETag"]
    first = await api.ask("PATCH", path, {"branch": "trunk"}, "olaf", headers={"If-Match": tag})
    assert first.status_code == 200
    second = await api.ask("PATCH", path, {"branch": "other"}, "olaf", headers={"If-Match": tag})
    assert second.status_code == 412
    assert second.json()["code"] == "precondition"
    assert (await api.get(path, "olaf")).json()["branch"] == "trunk"
    newer = first.headers["ETag"]
    assert (await api.ask("PATCH", path, {"branch": "other"}, "olaf", headers={"If-Match": newer})).status_code == 200


async def test_settings_are_guarded_by_their_revision(api: Api) -> None:
    path = "/api/v1/apps/own-olaf/settings"
    tag = (await api.get(path, "olaf")).headers["ETag"]
    scale = {"components": {"web": {"replicas": 3}}}
    assert (await api.ask("PATCH", path, scale, "olaf", headers={"If-Match": tag})).json()["revision"] == 1
    late = await api.ask("PATCH", path, {"components": {"web": {"replicas": 4}}}, "olaf", headers={"If-Match": tag})
    assert late.status_code == 412
    merged = await api.ask("PATCH", path, {"components": {}}, "olaf")
    assert merged.json()["values"] == scale
    back = await api.ask("PATCH", path, {"components": {"web": {"replicas": None}}}, "olaf")
    assert back.json()["values"] == {}
    history = (await api.get(path + "/history", "olaf")).json()["items"]
    assert [s["revision"] for s in history] == [2, 1, 0]


async def test_what_replaces_needs_the_version_that_was_read(api: Api) -> None:
    for path, wish in (
        ("/api/v1/clusters/local", {"facts": {}}),
        ("/api/v1/product-lines/demo", {"wishes": {"timezone": "UTC"}}),
    ):
        answer = await api.ask("PATCH", path, wish, "root")
        assert answer.status_code == 428, answer.text
        assert answer.json()["reason"] == "PreconditionRequired"
        tag = (await api.get(path, "root")).headers["ETag"]
        assert (await api.ask("PATCH", path, wish, "root", headers={"If-Match": tag})).status_code == 200


@pytest.mark.parametrize("tag", ["1", "x", '"x"', '"1', '"-1"', '"99999999999999999999"', ""])
async def test_an_if_match_that_is_none_is_refused(api: Api, tag: str) -> None:
    answer = await api.ask("PATCH", "/api/v1/apps/own-olaf", {"branch": "x1"}, "olaf", headers={"If-Match": tag})
    assert answer.status_code == 422


async def test_what_did_not_change_is_not_sent_again(api: Api) -> None:
    for path in ("/api/v1/apps/own-dora", "/api/v1/product-lines/demo", "/api/v1/apps/own-dora/settings"):
        first = await api.get(path)
        again = await api.get(path, headers={"If-None-Match": f'"x", {first.headers["ETag"]}'})
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["ETag"] == first.headers["ETag"]
        assert (await api.get(path, headers={"If-None-Match": '"9-000000000000"'})).status_code == 200


# --- pages -----------------------------------------------------------------------------------------------------------


async def test_a_list_is_read_to_its_end_by_following_the_link(api: Api) -> None:
    seen: list[str] = []
    path = "/api/v1/apps?limit=2&product_line=demo"
    while path:
        answer = await api.get(path)
        seen += [app["name"] for app in answer.json()["items"]]
        link = answer.headers.get("Link", "")
        assert bool(link) == bool(answer.json()["next_cursor"])
        path = link.partition(">")[0].lstrip("<")
    assert seen == ["own-dora", "own-nina", "own-olaf", "own-rita", "own-root", "own-vera"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "limit=1e9", "cursor=x", "cursor=W10", "cursor=WyJcdWQ4MDAiXQ",
              "cursor=" + "x" * 1025, "cursor=WzFd", "cursor=bnVsbA"],
)  # fmt: skip
async def test_a_page_that_is_none_is_refused(api: Api, query: str) -> None:
    assert (await api.get(f"/api/v1/apps?{query}")).status_code == 422


async def test_a_list_shows_only_what_may_be_seen(api: Api) -> None:
    assert "alien" not in (await api.get("/api/v1/apps", "olaf")).text
    assert "alien" in (await api.get("/api/v1/apps", "root")).text
    assert (await api.get("/api/v1/apps", "nina")).json() == {"items": [], "next_cursor": None}
    assert (await api.get("/api/v1/apps?product_line=other", "olaf")).status_code == 404


# --- what the nouns say ----------------------------------------------------------------------------------------------


async def test_a_new_app_says_where_to_push(api: Api) -> None:
    await api.post("/api/v1/apps", {"name": "fresh", "product_line": "demo"})
    app = (await api.get("/api/v1/apps/fresh")).json()
    assert app["repository"] == "mcd:fresh"
    assert app["git_url"] == "http://127.0.0.1:7070/git/fresh.git"
    status = (await api.get("/api/v1/apps/fresh/status")).json()
    assert status["next_step"].startswith(
        "Push a commit with an app.yaml: git push http://127.0.0.1:7070/git/fresh.git"
    )


async def test_an_app_is_never_bound_to_the_repository_of_another_one(api: Api) -> None:
    wish = {"name": "thief", "product_line": "demo", "repository": "mcd:alien"}
    assert (await api.post("/api/v1/apps", wish)).status_code == 422
    bound = await api.ask("PATCH", "/api/v1/apps/own-olaf", {"repository": "mcd:alien"}, "olaf")
    assert bound.status_code == 422
    for url in ("https://evil.example/x", "file:///etc", "ext::sh -c id", "-x", "mcd"):
        wish = {"name": "thief", "product_line": "demo", "repository": url}
        assert (await api.post("/api/v1/apps", wish)).status_code == 422, url


async def test_a_secret_goes_in_and_never_comes_out(api: Api) -> None:
    path = "/api/v1/apps/own-olaf/secrets/payment"
    done = await api.ask("PUT", path, {"values": {"token": "canary-value"}}, "olaf")
    assert done.json() == {"name": "payment", "keys": ["token"], "version": 1, "generated": False}
    again = await api.ask("PUT", path, {"values": {"token": "canary-2", "id": "canary-3"}}, "olaf")
    assert again.json()["version"] == 2
    for look in ("/api/v1/apps/own-olaf/secrets", "/api/v1/apps/own-olaf/settings", "/api/v1/events?limit=500",
                 "/api/v1/apps/own-olaf/status"):  # fmt: skip
        assert "canary" not in (await api.get(look, "root")).text, look
    assert (await api.ask("DELETE", path, None, "olaf")).status_code == 204
    assert (await api.ask("DELETE", path, None, "olaf")).status_code == 404


async def test_wrong_facts_and_wishes_are_refused_with_their_fields(api: Api) -> None:
    facts = {"base_domian": "x", "kubernetes": "new"}
    answer = await api.ask("PATCH", "/api/v1/clusters/local", {"facts": facts}, "root", headers={"If-Match": "*"})
    assert answer.status_code == 422
    assert {p["field"] for p in answer.json()["problems"]} == {"facts.base_domian", "facts.kubernetes"}
    wishes = {"quota": {"cpu": "many"}, "security": "privileged"}
    answer = await api.ask("PATCH", "/api/v1/product-lines/demo", {"wishes": wishes}, "root", headers={"If-Match": "*"})
    assert answer.status_code == 422
    assert {p["field"] for p in answer.json()["problems"]} == {"wishes.quota.cpu", "wishes.security"}
    secrets = {"secrets": {"x": {"keys": []}}}
    answer = await api.ask(
        "PATCH", "/api/v1/product-lines/demo", {"wishes": secrets}, "root", headers={"If-Match": "*"}
    )
    assert answer.status_code == 422


async def test_an_unsafe_kubeconfig_is_refused_and_not_repeated(api: Api) -> None:
    kubeconfig = (
        "apiVersion: v1\nkind: Config\ncurrent-context: a\n"
        "clusters: [{name: a, cluster: {server: 'https://127.0.0.1:6443', insecure-skip-tls-verify: true}}]\n"
        "users: [{name: a, user: {exec: {command: canary}}}]\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n"
    )
    answer = await api.post("/api/v1/clusters", {"name": "evil", "kubeconfig": kubeconfig}, "root")
    assert answer.status_code == 422
    assert answer.json()["reason"] == "KubeconfigUnsafe"
    assert "canary" not in answer.text
    assert (await api.get("/api/v1/clusters/evil", "root")).status_code == 404


async def test_a_pool_is_put_shown_and_taken_out(api: Api) -> None:
    path = "/api/v1/node-pools/local/gpu-t4"
    wish = {
        "labels": {"mcd.internal/node-pool": "gpu-t4"},
        "devices": [{"vendor": "nvidia", "model": "T4", "per_node": 4, "memory": "15360Mi"}],
    }
    assert (await api.ask("PUT", path, wish, "root")).status_code == 200
    assert (await api.get(path)).json()["devices"][0]["per_node"] == 4
    assert [p["name"] for p in (await api.get("/api/v1/node-pools?cluster=local")).json()["items"]] == ["gpu-t4"]
    wrong = await api.ask("PUT", path, {**wish, "devices": [{"vendor": "nobody", "model": "x"}]}, "root")
    assert wrong.status_code == 422
    assert wrong.json()["problems"][0]["field"] == "devices[0].vendor"
    assert (await api.ask("DELETE", path, None, "root")).status_code == 204


async def test_validate_tells_every_problem_with_its_place(api: Api) -> None:
    text = "appname: hello\ncomponents:\n  web:\n    type: web\n    port: 99999\n    replicsa: 2\n"
    answer = await api.post("/api/v1/validate", {"app_yaml": text, "file": "deploy/app.yaml"})
    assert answer.status_code == 200
    found = answer.json()
    assert found["ok"] is False
    assert [(p["file"], p["line"], p["field"]) for p in found["problems"]] == [
        ("deploy/app.yaml", 5, "components.web.port"),
        ("deploy/app.yaml", 6, "components.web.replicsa"),
    ]
    pool = "appname: hello\ncomponents: {web: {type: web, image: x, node_pool: moon}}\n"
    alone = (await api.post("/api/v1/validate", {"app_yaml": pool})).json()
    within = (await api.post("/api/v1/validate", {"app_yaml": pool, "product_line": "demo"})).json()
    assert (alone["ok"], within["ok"]) == (True, False)
    hidden = await api.post("/api/v1/validate", {"app_yaml": pool, "product_line": "other"})
    assert hidden.status_code == 404
    of_app = (await api.post("/api/v1/validate", {"app_yaml": pool, "app": "own-dora"})).json()
    assert of_app["ok"] is False


NAMED = "appname: hello\ncomponents: {w: {type: daemon, image: 'r/w:1', files: {/x/a: {source: ./deploy/a.conf}}}}\n"


@pytest.mark.parametrize("within", [{}, {"product_line": "demo"}, {"app": "own-dora"}])
async def test_validate_reads_the_files_that_are_sent_and_says_when_none_are(api: Api, within: dict[str, str]) -> None:
    async def told(**more: object) -> list[tuple[str, str]]:
        answer = await api.post("/api/v1/validate", {"app_yaml": NAMED, **within, **more})
        assert answer.status_code == 200, answer.text
        found = answer.json()["problems"]
        return [(p["severity"], f"{p['message']} {p['hint']}".strip()) for p in found if "source" in p["field"]]

    unread = "no file of the repository is read here: it is not checked. A push reads it."
    assert await told() == [("warning", unread)]
    assert await told(files={"deploy/a.conf": "a2V5ID0gMQo="}) == []
    assert await told(files={}) == [("error", 'there is no file "./deploy/a.conf" beside app.yaml.')]


@pytest.mark.parametrize("content", ["abc", "a=b=", "ä", "YQ", "YQ==\n"])
async def test_a_file_that_is_no_base64_is_refused(api: Api, content: str) -> None:
    for path in ("/api/v1/validate", "/api/v1/apps/own-dora/diff"):
        answer = await api.post(path, {"app_yaml": NAMED, "files": {"deploy/a.conf": content}}, "root")
        assert answer.status_code in (400, 422), answer.text
        assert "files" in answer.text


async def test_probes_answer_without_a_credential_and_name_nobody(api: Api) -> None:
    assert (await api.get("/livez", "")).text == "ok\n"
    ready = await api.get("/readyz?verbose", "")
    words = r"\[\+\] database: ok, tables of revision \w+\n\[\+\] disk: ok, [\d.]+ GiB free\n\[\+\] key ring: ok\n"
    words += r"\[\+\] controllers: 1 alive: test\nok\n"
    assert re.fullmatch(words, ready.text), ready.text
    metrics = (await api.get("/metrics", "")).text
    assert 'mcd_build_info{revision="source",version="0.1.0"} 1.0' in metrics
    await api.get("/api/v1/apps/own-dora")
    metrics = (await api.get("/metrics", "")).text
    assert 'route="/api/v1/apps/{app}"' in metrics
    assert "own-dora" not in metrics


async def test_not_ready_without_a_database_and_still_alive(api: Api) -> None:
    path = api.world.runtime.settings.data / "mcd.db"
    await api.world.runtime.db.close()
    for file in path.parent.glob("mcd.db*"):
        file.unlink()
    ready = await api.get("/readyz", "")
    assert ready.status_code == 503
    assert ready.headers["Retry-After"]
    assert (await api.get("/livez", "")).status_code == 200
    answer = await api.get("/api/v1/apps")
    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable"
