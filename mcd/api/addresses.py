"""Where a web answers, as URLs that people can open: one way to say it for pushes and for status.

Pure: it reads what was compiled and does not look whether anything answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from mcd.appyaml.compiler import ComponentSpec

_PORTS = {80: "http", 443: "https"}
"""The ports that a URL leaves out, with their scheme; another port is spoken to in HTTP."""


def urls(components: Iterable[ComponentSpec], port: int) -> list[str]:
    """Each address once, in the order of the file, at the gateway's port as people reach it. A host with `tls` has a
    listener of its own on 443."""
    suffix = "" if port in _PORTS else f":{port}"
    found = [
        f"{'https' if tls else _PORTS.get(port, 'http')}://{host}{'' if tls else suffix}/{path.removeprefix('/')}"
        for web in (component.web for component in components)
        if web is not None
        for host, path, tls in ((web.domain, "/", None), *((h.host, h.path, h.tls) for h in web.hosts))
        if host
    ]
    return [url for url in dict.fromkeys(found) if urlsplit(url).scheme in ("http", "https")]
