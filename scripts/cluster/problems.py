"""The one error of the local cluster: a line that says what, where and what to do.

It must not carry a stack trace or a secret to a person.
"""

from __future__ import annotations

import re

_USERINFO = re.compile(r"://[^/@\s]+@")


class ClusterProblem(Exception):
    """Something a person has to know about or mend. `detail` holds the last lines of a log, oldest first."""

    def __init__(self, message: str, detail: tuple[str, ...] = ()) -> None:
        super().__init__(masked(message))
        self.detail = tuple(masked(line) for line in detail)


def masked(text: str) -> str:
    """`text` without the user and password of any URL: package proxies are often given with one."""
    return _USERINFO.sub("://***@", text)
