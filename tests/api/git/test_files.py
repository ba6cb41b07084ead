"""Files of the repository that app.yaml names: read at the pushed commit, kept with the Release, and then git is not
asked for them any more."""

from __future__ import annotations

import shutil
from typing import Any

import httpx

from mcd.appyaml.live import desired
from mcd.infra.catalog import KINDS
from mcd.model import Noun, RolloutItem
from mcd.store import intents, reads, work
from tests.api.git.world import APP_YAML, READY, Site, carried_out, pushed, refused
from tests.store.world import ADMIN

NAMED = """appname: shop
components:
  web:
    type: web
    image: nginx:1
    port: 8080
    files:
      /etc/app/a.conf: {source: deploy/a.conf}
      /etc/app/logo: {source: ./logo.bin}
      /etc/app/greeting: {source: deploy/greeting.txt, template: true}
environments:
  elsewhere:
    components:
      web:
        files: {/etc/app/a.conf: {source: deploy/elsewhere.conf}}
"""
BINARY = bytes(range(256)) + b"\0\xff"
FILES: dict[str, str | bytes] = {
    "app.yaml": NAMED,
    "deploy/a.conf": "key = 1\n",
    "logo.bin": BINARY,
    "deploy/greeting.txt": "hello {{ .App }}\n",
    "deploy/elsewhere.conf": "other\n",
}


async def item(here: Site) -> RolloutItem:
    """The live Rollout as the loop is given it."""
    async with here.world.db.reading() as tx:
        live = await reads.live_rollout(ADMIN, tx, "shop")
        assert live is not None
        found = (await work.load(tx, Noun.ROLLOUT, [live.id], sparing=True))[live.id]
    assert isinstance(found, RolloutItem)
    return found


def config(item: RolloutItem) -> dict[str, Any]:
    wanted = desired(item, KINDS, item.rollout, item.previous)
    assert not wanted.problems, wanted.problems
    (found,) = [o for o in wanted.objects if o["kind"] == "ConfigMap" and o["metadata"]["name"].endswith("-files")]
    return found


async def test_files_are_in_the_objects_also_when_git_is_gone(here: Site) -> None:
    clone = here.clone()
    clone.commit(FILES)
    await pushed(here, clone)
    shutil.rmtree(here.repositories / "shop.git")
    found = await item(here)
    assert found.release.files == {
        "deploy/a.conf": b"key = 1\n",
        "logo.bin": BINARY,
        "deploy/greeting.txt": b"hello {{ .App }}\n",
        "deploy/elsewhere.conf": b"other\n",
    }
    made = config(found)
    assert sorted(made["data"].values()) == ["hello shop\n", "key = 1\n"]
    assert len(made["binaryData"]) == 1


async def test_a_changed_file_alone_is_another_template_and_the_old_release_keeps_its_own(here: Site) -> None:
    clone = here.clone()
    clone.commit(FILES)
    await pushed(here, clone)
    before = await item(here)
    clone.commit({"deploy/a.conf": "key = 2\n"})
    await pushed(here, clone)
    after = await item(here)
    assert "key = 2\n" in config(after)["data"].values()
    assert "key = 1\n" in config(before)["data"].values()
    assert await ask(here, "rollouts", {"release": 1, "settings": 0, "rollback": True})
    await here.finished(Noun.ROLLOUT, READY)
    assert config(await item(here))["data"] == config(before)["data"]


async def ask(here: Site, path: str, wish: dict[str, object]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {here.tokens['alice']}"}
    async with httpx.AsyncClient(base_url=here.url, headers=headers) as client:
        answer = await client.post(f"/api/v1/apps/shop/{path}", json=wish)
    assert answer.status_code in (200, 202), answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_what_is_no_file_of_the_commit_is_missing_at_its_place(here: Site) -> None:
    clone = here.clone()
    (clone.folder / "deploy").mkdir()
    (clone.folder / "deploy" / "a.conf").symlink_to("/etc/passwd")
    (clone.folder / "logo.bin").mkdir()
    (clone.folder / "logo.bin" / "inside").write_text("x")
    clone.commit({"app.yaml": NAMED, "deploy/elsewhere.conf": "x"})
    lines = await refused(here, clone)
    told = [line.removeprefix("remote: ").strip() for line in lines if "beside app.yaml" in line]
    assert told == [
        f'app.yaml:{line}: components.web.files["{path}"].source: there is no file "{source}" beside app.yaml.'
        for line, path, source in (
            ("8:33", "/etc/app/a.conf", "deploy/a.conf"),
            ("9:31", "/etc/app/logo", "./logo.bin"),
            ("10:35", "/etc/app/greeting", "deploy/greeting.txt"),
        )
    ]


async def test_a_file_that_is_too_large_is_refused_at_its_place_and_one_of_the_limit_is_not(here: Site) -> None:
    clone = here.clone()
    clone.commit({**FILES, "logo.bin": bytes(512 * 1024)})
    await pushed(here, clone)
    clone.commit({"logo.bin": bytes(512 * 1024 + 1)})
    lines = await refused(here, clone)
    (told,) = [line for line in lines if "512 KiB" in line]
    assert 'app.yaml:9:31: components.web.files["/etc/app/logo"].source: it has more than 512 KiB.' in told


async def test_too_many_files_are_refused_in_one_line(here: Site) -> None:
    clone = here.clone()
    names = [f"f{number}" for number in range(33)]
    each = "".join(f"  c{n}: {{type: daemon, image: 'b:1', files: {{/x/f: {{source: {n}}}}}}}\n" for n in names)
    clone.commit({"app.yaml": f"appname: shop\ncomponents:\n{each}", **{n: bytes(512 * 1024) for n in names}})
    lines = await refused(here, clone)
    assert any("app.yaml names files of more than 16 MiB together" in line for line in lines)


async def test_app_yaml_in_a_folder_reads_beside_itself(here: Site) -> None:
    async with here.world.db.writing() as tx:
        await intents.create_app(ADMIN, tx, here.world.now, "shop", product_line="demo", path="svc/app.yaml")
    clone = here.clone()
    text = APP_YAML.replace("port: 8080", "port: 8080, files: {/x/f: {source: deploy/f}}")
    clone.commit({"svc/app.yaml": text, "svc/deploy/f": "beside", "deploy/f": "at the root"})
    await pushed(here, clone)
    assert (await item(here)).release.files == {"deploy/f": b"beside"}


async def test_a_commit_that_a_person_names_brings_its_files(here: Site) -> None:
    clone = here.clone()
    old = clone.commit({**FILES, "deploy/a.conf": "old\n"})
    clone.commit(FILES)
    await pushed(here, clone)
    await ask(here, "rollouts", {"commit": old})
    await carried_out(here)
    assert "old\n" in config(await item(here))["data"].values()


async def test_a_release_that_was_only_kept_has_its_files_when_somebody_deploys_it(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    await pushed(here, clone)
    clone.commit(FILES)
    assert (await clone.tried("push", here.remote(), "main:try")).code == 0
    await ask(here, "rollouts", {"release": 2})
    await carried_out(here)
    assert "key = 1\n" in config(await item(here))["data"].values()
