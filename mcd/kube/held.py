"""One object in a watch cache: small while nobody asks for it, whole when somebody does.

What an object is known by stands beside it, so that nothing has to be unpacked to find it. It must not be altered.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import orjson

from mcd.objects import INSTANCE, Object

FAST = 1
"""Level of compression: a dict takes 12 KiB with its managedFields, its JSON 2.7, compressed at the first level 0.9 and
at the sixth as much."""


@dataclass(frozen=True, slots=True)
class Held:
    """`app`: namespace and name of the App that its label names, the latter empty where there is none."""

    version: str
    app: tuple[str, str]
    _content: Object | bytes

    @property
    def object(self) -> Object:
        """The object as last seen."""
        if isinstance(self._content, bytes):
            found: Object = orjson.loads(zlib.decompress(self._content))
            return found
        return self._content


def held(obj: Object, *, packed: bool) -> Held:
    """`packed` for what is looked at by itself now and then; what is gone through by the thousand is not."""
    meta = obj["metadata"]
    app = (str(meta.get("namespace", "")), str((meta.get("labels") or {}).get(INSTANCE, "")))
    content = zlib.compress(orjson.dumps(obj), FAST) if packed else obj
    return Held(str(meta.get("resourceVersion", "")), app, content)
