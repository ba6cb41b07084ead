"""What people say about clusters, pools and product lines, read by the very code that reads a context file.

A wrong word is refused when it is wished, with its field, and not when the next App is compiled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mcd.appyaml.context import read_context
from mcd.errors import Code, McdError, Problem, has_errors
from mcd.kube.kubeconfig import parse_kubeconfig

_NOT_YOURS = {
    "cluster": ("name",),
    "product_line": ("name", "namespace", "secrets"),
}
"""Keys of the context file that are not people's to say: MCD knows them itself."""


def check_cluster(facts: Mapping[str, Any] | None, kubeconfig: str | None) -> None:
    """Raises McdError(invalid): with all problems of the facts, or for a kubeconfig that is not safe (T18)."""
    if facts is not None:
        _check("cluster", "facts", facts)
    if kubeconfig is not None:
        parse_kubeconfig(kubeconfig)


def check_line(wishes: Mapping[str, Any]) -> None:
    """Raises McdError(invalid) with all problems. A null takes a wish away and is not looked at."""
    _check("product_line", "wishes", {word: value for word, value in wishes.items() if value is not None})


def check_pool(written: Mapping[str, Any]) -> None:
    """`written` is one entry of `node_pools` of the context file. Raises McdError(invalid) with all problems."""
    _refuse(_problems({"node_pools": [written]}, "node_pools[0]", ""))


def _check(word: str, field: str, value: Mapping[str, Any]) -> None:
    for name in _NOT_YOURS[word]:
        if name in value:
            raise McdError(Code.INVALID, f"{field}.{name} is not said here.", "Leave it out.")
    _refuse(_problems({word: value}, word, field))


def _problems(context: Mapping[str, Any], root: str, field: str) -> list[Problem]:
    _, found = read_context(json.dumps(context), "body")
    return [replace(p, line=0, column=0, field=_renamed(p.field, root, field)) for p in found]


def _renamed(path: str, root: str, field: str) -> str:
    rest = path.removeprefix(root)
    return (field + rest) if field else rest.removeprefix(".")


def _refuse(problems: list[Problem]) -> None:
    if not has_errors(problems):
        return
    first = problems[0]
    raise McdError(Code.INVALID, f"{first.field}: {first.message}", first.hint, problems=problems)
