"""A bare watch client, and one that takes edits back: what to see and to heal costs at the least. It knows no MCD.

`python -m bench.watcher` reads a line of JSON from stdin: {"targets": [{name, server, ca, token, paths, wanted}]}. Each
event is a line: [monotonic seconds, target, type, kind, namespace, name, version, generation, image]. `wanted` maps a
path to a body: an object of it that somebody else changed or deleted is applied again.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from typing import Any

import aiohttp

FORCE, _KIND = "?fieldManager=bare&force=true", {"Content-Type": "application/apply-patch+yaml"}


def _path(collection: str, meta: dict[str, Any]) -> str:
    root, _, plural = collection.partition("?")[0].rpartition("/")
    return f"{root}/namespaces/{meta['namespace']}/{plural}/{meta['name']}"


def _image(obj: dict[str, Any]) -> str:
    pod = obj.get("spec", {}).get("template", {}).get("spec", {})
    return str(pod["containers"][0]["image"]) if pod else ""


async def _target(target: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {target['token']}"}
    connector = aiohttp.TCPConnector(limit=0, ssl=ssl.create_default_context(cafile=target["ca"]))
    wanted, mine, healing = target["wanted"], set[str](), set[asyncio.Future[None]]()
    async with aiohttp.ClientSession(target["server"], connector=connector, headers=headers) as http:

        async def heal(path: str) -> None:
            try:
                async with http.patch(path + FORCE, data=wanted[path], headers=_KIND) as answer:
                    mine.add(json.loads(await answer.read())["metadata"]["resourceVersion"])
            except aiohttp.ClientError:
                await heal(path)

        def take(at: float, collection: str, event: dict[str, Any]) -> str:
            obj, meta = event["object"], event["object"]["metadata"]
            if event["type"] == "ERROR":
                return ""  # listed again
            version, path = str(meta["resourceVersion"]), _path(collection, meta)
            if path in wanted and event["type"] != "ADDED" and version not in mine:
                healing.add(task := asyncio.ensure_future(heal(path)))
                task.add_done_callback(healing.discard)
            names = (event["type"], obj["kind"], meta["namespace"], meta["name"])
            print(json.dumps((at, target["name"], *names, version, meta.get("generation", 0), _image(obj))), flush=True)
            return version

        async def follow(collection: str, version: str = "") -> None:
            while True:
                try:
                    if not version:
                        async with http.get(collection) as answer:
                            version = json.loads(await answer.read())["metadata"]["resourceVersion"]
                        print(json.dumps((time.monotonic(), target["name"], "LISTED", collection)), flush=True)
                    watch = f"{collection}&watch=1&resourceVersion={version}"
                    async with http.get(watch, read_bufsize=2**22, timeout=None) as answer:
                        async for line in answer.content:
                            version = take(time.monotonic(), collection, json.loads(line))
                except aiohttp.ClientError:
                    await asyncio.sleep(0.01)

        await asyncio.gather(*(follow(collection) for collection in target["paths"]))


async def _all() -> None:
    await asyncio.gather(*map(_target, json.loads(sys.stdin.readline())["targets"]))


if __name__ == "__main__":
    asyncio.run(_all())
