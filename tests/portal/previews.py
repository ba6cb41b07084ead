"""Forms of the portal as a browser without scripts sends them: fill in, read the preview, confirm it."""

from __future__ import annotations

import re
from html import unescape

import httpx

from tests.portal.browsing import Site

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
_CONFIRM = re.compile(r'<form method="post" action="([^"]*)" class="confirm">(.*?)</form>', re.S)


class Preview:
    """What was answered to a form."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.status = answer.status_code
        self.text = answer.text
        found = _CONFIRM.search(answer.text)
        self.action = unescape(found[1]) if found else ""
        self.fields = [(n, unescape(v)) for n, v in _HIDDEN.findall(found[2])] if found else []

    @property
    def digest(self) -> str:
        return dict(self.fields)["digest"]

    def says(self, text: str) -> bool:
        return text.casefold() in unescape(self.text).casefold()


async def send(site: Site, path: str, fields: list[tuple[str, str]] | dict[str, str], person: str = "dora") -> Preview:
    pairs = list(fields.items()) if isinstance(fields, dict) else fields
    body = str(httpx.QueryParams(pairs))
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
    async with site.api.as_(person, **headers) as client:
        return Preview(await client.post(path, content=body))


async def confirm(site: Site, preview: Preview, person: str = "dora", **more: str) -> Preview:
    return await send(site, preview.action, [*preview.fields, *more.items()], person)


async def get(site: Site, path: str, person: str = "dora", status: int = 200) -> str:
    async with site.api.as_(person, Accept="text/html") as client:
        answer = await client.get(path)
    assert answer.status_code == status, f"{path}: {answer.status_code}: {answer.text[:500]}"
    return unescape(answer.text)
