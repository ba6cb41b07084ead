"""One object in a watch cache: small while nobody asks for it, whole when somebody does.

What an object is known by stands beside it, so that nothing has to be unpacked to find it. It must not be altered.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from hashlib import blake2b

import orjson

from mcd.objects import INSTANCE, Object, Ref
from mcd.packed import Alike


@dataclass(frozen=True, slots=True)
class Held:
    """`app`: namespace and name of the App that its label names, the latter empty where there is none."""

    version: str
    app: tuple[str, str]
    _content: Object | bytes
    _alike: Alike | None

    @property
    def object(self) -> Object:
        """The object as last seen."""
        if isinstance(self._content, bytes):
            assert self._alike is not None
            found: Object = orjson.loads(self._alike.whole(self._content))
            return found
        return self._content

    @property
    def digest(self) -> bytes:
        """Of the whole object as it is kept, however it is packed: the same in another process, and another one as soon
        as anything of it is."""
        content, alike = self._content, self._alike
        whole = alike.whole(content) if alike is not None and isinstance(content, bytes) else orjson.dumps(content)
        return blake2b(whole, digest_size=16).digest()


def held(obj: Object, alike: Alike | None) -> Held:
    """`alike`: of its kind, for what is looked at by itself now and then. What is gone through by the thousand is not
    packed."""
    meta = obj["metadata"]
    # A Namespace is of what is in it.
    namespace = meta["name"] if obj["kind"] == "Namespace" else meta.get("namespace", "")
    app = (_once(namespace), _once((meta.get("labels") or {}).get(INSTANCE, "")))
    content = alike.packed(orjson.dumps(obj)) if alike is not None else obj
    return Held(str(meta.get("resourceVersion", "")), app, content, alike)


def known_as(obj: Object) -> Ref:
    """As `ref_of`, to be kept for as long as the object: the words that many have in common are there once."""
    meta = obj["metadata"]
    return Ref(_once(obj["apiVersion"]), _once(obj["kind"]), _once(meta.get("namespace", "")), meta["name"])


def _once(word: object) -> str:
    return sys.intern(str(word))
