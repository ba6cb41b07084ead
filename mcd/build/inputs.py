"""Says whether two builds would make the same image: one digest over everything that goes in.

Pure. It must leave out what changes with every commit and not with the image: MCD_COMMIT, tag and repository.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

COMMIT = "MCD_COMMIT"
"""The build argument that is always there and never counts."""
_VERSION = 1


def digest(
    tree: str, dockerfile: str, target: str = "", args: Mapping[str, str] | None = None, extra: Sequence[str] = ()
) -> str:
    """`sha256:…` of the inputs of a build: `tree` is the digest of the context without app.yaml, `dockerfile` the path
    in it or the whole text of a default one, `extra` whatever else decides (prepare, platforms), in order."""
    counted = {name: value for name, value in (args or {}).items() if name != COMMIT}
    whole = json.dumps([_VERSION, tree, dockerfile, target, counted, list(extra)], sort_keys=True, ensure_ascii=True)
    return "sha256:" + hashlib.sha256(whole.encode("ascii")).hexdigest()
