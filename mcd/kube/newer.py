"""Notices that the cluster runs a Rollout which the database does not know, because a backup of it was restored.

Pure. Each object that a Rollout writes carries its number and when it was asked for; nothing is written for the sake of
the mark, so an object that no Rollout had to change keeps an older one. It must not decide what to do about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mcd.kube.cluster import FIELD_MANAGER
from mcd.kube.fields import applied_tree, node_at
from mcd.model import Known, Rollout
from mcd.objects import COMMIT, OWNER, ROLLOUT, Object, Ref, ref_of

_PATH = ("f:metadata", "f:annotations", f"f:{ROLLOUT}")
_IS_COMMIT = re.compile(r"[0-9a-f]{7,40}")


@dataclass(frozen=True, slots=True)
class Newer:
    """The newest Rollout that an object was written for, and the objects that are newer: those of that Rollout first,
    of them the workloads. `commits` are what the objects name, each once, in the same order."""

    number: int
    at: datetime
    refs: tuple[Ref, ...]
    commits: tuple[str, ...] = ()

    @property
    def ref(self) -> Ref:
        return self.refs[0]

    @property
    def others(self) -> int:
        return len(self.refs) - 1


def signed(obj: Object, rollout: Rollout) -> Object:
    """The object with the mark of the Rollout that it is written for. Its hash stays: the mark is not of the wish."""
    meta = obj["metadata"]
    annotations = {**(meta.get("annotations") or {}), ROLLOUT: f"{rollout.number}@{rollout.created_at.isoformat()}"}
    return {**obj, "metadata": {**meta, "annotations": annotations}}


def newer(live: Iterable[Object], known: Known, owner: str) -> Newer | None:
    """What is marked by a Rollout that is not in the database and was asked for after a person last said there what is
    to run. Numbers alone say nothing: after a restore they are given a second time."""
    found = []
    for obj in live:
        mark = _mark(obj, owner)
        if mark is not None and known.asked_at is not None and mark[1] > known.asked_at and mark not in known.since:
            found.append((mark[1], mark[0], _commit(obj), ref_of(obj)))
    if not found:
        return None
    # Of one Rollout first what names its commit: the workload, which tells a person more than its Service.
    found.sort(key=lambda one: (one[0], one[1], one[2] != "", one[3]), reverse=True)
    at, number, *_ = found[0]
    commits = dict.fromkeys(commit for *_, commit, _ in found if commit)
    return Newer(number, at, tuple(ref for *_, ref in found), tuple(commits))


def _commit(live: Object) -> str:
    """The commit that an object says it is of. It ends in a command that a person copies: nothing but a commit."""
    text = (live["metadata"].get("annotations") or {}).get(COMMIT)
    return text if isinstance(text, str) and _IS_COMMIT.fullmatch(text) else ""


def _mark(live: Mapping[str, Any], owner: str) -> tuple[int, datetime] | None:
    """Only a mark that we wrote ourselves, by the word of the API server, on an object of this installation: anybody
    else's could keep an App from being deployed."""
    annotations = live["metadata"].get("annotations") or {}
    text = annotations.get(ROLLOUT)
    if not isinstance(text, str) or annotations.get(OWNER) != owner:
        return None
    if node_at(applied_tree(live, FIELD_MANAGER), _PATH) is None:
        return None
    number, _, asked = text.partition("@")
    try:
        at = datetime.fromisoformat(asked)
        return (int(number), at) if at.tzinfo is not None else None
    except ValueError:
        return None
