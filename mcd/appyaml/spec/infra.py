"""What an App needs beside its own pods, with nothing left open: a database, a queue, a bucket.

Whoever makes a Claim, a scaler or a rule of the network for it reads it here. Frozen values only; it must not know how
any of it is made, and holds no credential.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcd.appyaml.record import record


@record
class InfraSpec:
    """One entry of `infra`. `type` is the kind's own name, never an alias; `version` is empty for the kind's default.

    `secret` is the Secret object that holds the credentials, `words` its keys; a pod reads word `w` as variable
    `PREFIX_W`. `credentials` is the version of that Secret. `namespace` and `port` say where it runs, None while nobody
    knows. `options` are the keys that only some kinds have: database, bucket, access.
    """

    name: str
    type: str
    prefix: str
    secret: str
    words: tuple[str, ...]
    version: str
    plan: str
    ha: bool
    isolation: str
    options: Mapping[str, str]
    params: Mapping[str, Any]
    namespace: str | None = None
    port: int | None = None
    credentials: str = "0"

    def variable(self, word: str) -> str:
        """`MYSQL_HOST` of the word `host`."""
        return f"{self.prefix}_{word.upper()}"
