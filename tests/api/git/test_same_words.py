"""A broken app.yaml is told in the same bytes by `git push`, by the API and by `mcd validate`."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.api.git.world import Clone, Site, refused

ROOT = Path(__file__).parents[3]

SHAPED = """\
appname: shop
owners: alice
components:
  web: {type: web, image: nginx:1, port: 99999, replica: 2, "b\u00f6se\\n": 1, instances: 2}
  夜: {type: cron}
  job: {type: job, replicas: 2, timeout: 30}
"""
SYNTAX = "appname: shop\ncomponents:\n  web: {type: web, command: @run}\n"
MANY = "appname: shop\ncomponents: {web: {type: web, image: nginx:1}}\n" + "".join(f"k{n}: 1\n" for n in range(130))


def validate(clone: Clone, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mcd", "validate", *words],
        cwd=clone.folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LC_ALL": "C"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("text", [SHAPED, SYNTAX, MANY], ids=["shaped", "syntax", "many"])
async def test_push_api_and_validate_say_the_same_bytes(here: Site, text: str) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": text})
    said = await asyncio.to_thread(validate, clone)
    assert said.returncode == 1
    lines = said.stdout.splitlines()
    assert len(lines) > (100 if text is MANY else 0)

    pushed = [line.removeprefix("remote: ").rstrip() for line in await refused(here, clone)]
    start = pushed.index(lines[0])
    assert pushed[start : start + len(lines)] == lines

    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {here.tokens['alice']}"}) as client:
        answer = await client.post(f"{here.url}/api/v1/validate", json={"app_yaml": text, "file": "app.yaml"})
    assert answer.status_code == 200
    (of_the_command,) = json.loads((await asyncio.to_thread(validate, clone, "-o", "json")).stdout)["files"]
    assert answer.json()["problems"] == of_the_command["problems"]
    assert [list(problem) for problem in answer.json()["problems"]] == [list(p) for p in of_the_command["problems"]]


async def test_a_refusal_of_the_api_is_printed_as_validate_prints_it(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": MANY})
    wanted = (await asyncio.to_thread(validate, clone)).stdout
    words = [sys.executable, "-m", "mcd", "diff", "shop", "-f", "app.yaml", "-p", "demo"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "MCD_CONFIG_HOME": str(clone.folder / ".mcd")}
    environment |= {"MCD_SERVER": here.url, "MCD_TOKEN": here.tokens["alice"], "LC_ALL": "C.UTF-8"}
    process = await asyncio.create_subprocess_exec(
        *words, cwd=clone.folder, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, told = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2
    assert told.decode().startswith(wanted)
