"""What must hold after anything: the end as in the undisturbed run, nothing made twice, nothing of others touched.

The witness is the audit log, and the live objects are read without MCD's client. It must not cause anything but one
forced look at everything (`quiet`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mcd.model import Noun
from mcd.objects import KEPT, MANAGED_BY, OWNER
from mcd.store import leases
from tests.acceptance.witness import Fact, counted, named
from tests.rig import kubelet
from tests.rig.kubelet import Object
from tests.rig.lane import APP, LINE, USER, Lane

WHO = "system:serviceaccount:mcd-system:mcd-controller"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")
_VOLATILE = ("uid", "resourceVersion", "creationTimestamp", "managedFields")
_HASHED = re.compile(r"hash|/rollout$|restarted", re.IGNORECASE)
_TOLD = ("pushed", "release_ready", "release_failed", "rollout_requested", "rollout_superseded", "ready", "deleted")
FOREIGN = ("person-notes", "person-spoofed")

assert USER == "mcd-chart"


@dataclass(frozen=True)
class End:
    """How it all stands, without what differs from run to run."""

    objects: Mapping[str, Any]
    rows: Mapping[str, Any]


@dataclass
class Verdict:
    """What is wrong, in words; empty when all is right."""

    bad: list[str] = field(default_factory=list)

    def must(self, right: bool, words: str) -> None:
        if not right:
            self.bad.append(words[:2000])


# --- how it stands ----------------------------------------------------------------------------------------------------


def key(obj: Mapping[str, Any]) -> str:
    return f"{obj['kind']}/{obj['metadata']['name']}"


async def everything(lane: Lane) -> list[Object]:
    """What is live in the namespace, and the namespace."""
    status, namespace = await lane.api.send("GET", f"/api/v1/namespaces/{LINE}")
    return await kubelet.live(lane.api, LINE) + ([namespace] if status == 200 else [])


def ours(objects: Iterable[Object]) -> list[Object]:
    """What MCD says that it made: its label, and its name as the owner."""
    return [
        obj
        for obj in objects
        if (obj["metadata"].get("labels") or {}).get(MANAGED_BY) == "mcd"
        and (obj["metadata"].get("annotations") or {}).get(OWNER)
    ]


async def end(lane: Lane) -> End:
    live = await everything(lane)
    return End({key(obj): _masked(obj) for obj in live}, _rows(lane))


def _masked(obj: Object) -> Any:
    meta = {name: value for name, value in obj["metadata"].items() if name not in _VOLATILE}
    meta["managers"] = sorted({f"{m['manager']} {m['operation']}" for m in obj["metadata"].get("managedFields", ())})
    annotations = {k: "?" if _HASHED.search(k) else v for k, v in (meta.get("annotations") or {}).items()}
    whole = {**{k: v for k, v in obj.items() if k != "status"}, "metadata": {**meta, "annotations": annotations}}
    if obj["kind"] == "Service":
        # The API server draws them.
        whole["spec"] = {k: v for k, v in whole["spec"].items() if k not in ("clusterIP", "clusterIPs")}
    return json.loads(_TIME.sub("TIME", json.dumps(whole, sort_keys=True)))


def _rows(lane: Lane) -> dict[str, Any]:
    def said(row: Mapping[str, Any]) -> str:
        return ", ".join(f"{c['type']}={c['status']} {c['reason']}" for c in json.loads(row["conditions"]))

    rollouts = lane.rows("SELECT * FROM rollout ORDER BY number")
    # On a machine that is busy a cluster may be away for a moment, fault or none.
    told = Counter(row["kind"] for row in lane.rows("SELECT kind FROM event WHERE noun <> 'cluster'"))
    return {
        "apps": [(row["name"], row["gone_at"] is not None) for row in lane.rows("SELECT * FROM app")],
        "lines": [
            (row["name"], said(row), row["gone_at"] is not None) for row in lane.rows("SELECT * FROM product_line")
        ],
        "releases": [(row["number"], said(row)) for row in lane.rows("SELECT * FROM release ORDER BY number")],
        "rollouts": [
            (
                row["number"],
                row["release"],
                row["settings"],
                row["trigger"],
                row["live"],
                said(row) if row["live"] else "",
            )
            for row in rollouts
        ],
        "inventory": sorted(f"{row['kind']}/{row['name']}" for row in lane.rows("SELECT * FROM inventory")),
        "events": {kind: told[kind] for kind in _TOLD},
    }


# --- what was done ----------------------------------------------------------------------------------------------------


def by_us(lane: Lane, mark: int) -> list[Fact]:
    """What MCD wrote since a mark, anywhere."""
    return [fact for fact in lane.witness.since(mark) if fact.user == WHO and fact.is_write]


def made_and_deleted(facts: Sequence[Fact]) -> tuple[dict[str, int], dict[str, int]]:
    # A delete that is sent twice names the same UID: the second one finds what is going already, or nothing.
    deleted = {(f.resource, f.name, f.uid or f.at): f for f in facts if f.verb == "delete"}
    return counted([f for f in facts if f.made], named), counted(deleted.values(), named)


# --- the people beside ------------------------------------------------------------------------------------------------


async def people(lane: Lane) -> None:
    """Objects of others in the namespace; one bears our labels and is not ours."""
    spoofed = {MANAGED_BY: "mcd", "app.kubernetes.io/instance": APP}
    for name, labels in zip(FOREIGN, ({}, spoofed), strict=True):
        body = {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": LINE, "labels": labels},
            "data": {"a": "b"},
        }  # fmt: skip
        await lane.api.ok("POST", f"/api/v1/namespaces/{LINE}/configmaps", body)


def untouched(live: Iterable[Object]) -> dict[str, str]:
    """Foreign object → UID and version."""
    return {
        obj["metadata"]["name"]: f"{obj['metadata']['uid']} {obj['metadata']['resourceVersion']}"
        for obj in live
        if obj["metadata"]["name"] in FOREIGN
    }


# --- judgements -------------------------------------------------------------------------------------------------------


def _claimed(lane: Lane, live: Iterable[Object]) -> list[Object]:
    """What has to be in an inventory: all of ours, but what holds data of an App that is gone. That is unclaimed."""
    gone = bool(lane.rows("SELECT 1 FROM app WHERE gone_at IS NOT NULL"))
    return [obj for obj in ours(live) if not (gone and obj["kind"] in KEPT)]


async def named_before_made(lane: Lane, verdict: Verdict) -> None:
    """At the very moment of a death: whatever is live of ours is in the inventory (I02, I03)."""
    known = {f"{row['kind']}/{row['name']}" for row in lane.rows("SELECT kind, name FROM inventory")}
    strange = sorted({key(obj) for obj in _claimed(lane, await everything(lane))} - known)
    verdict.must(not strange, f"I03: live and in no inventory when it died: {', '.join(strange)}")


async def judged_end(lane: Lane, verdict: Verdict, reference: End, *, events: bool = True, rows: bool = True) -> None:
    """The end as the undisturbed run's, and the inventory true to what lives (I02). Without `events`, how often
    something was told may differ, and a Rollout that a person asked for again counts as the one before it. Without
    `rows` only what is live is compared."""
    found = await end(lane)
    if not events:
        found, reference = _roughly(found), _roughly(reference)
    both = {"objects": (found.objects, reference.objects), "rows": (found.rows, reference.rows)}
    for word, (now, then) in both.items():
        if word == "rows" and not rows:
            continue
        differ = sorted(k for k in {*now, *then} if now.get(k) != then.get(k))
        told = "; ".join(_apart(k, now.get(k), then.get(k)) for k in differ[:4])
        verdict.must(not differ, f"end: {len(differ)} {word} differ: {told}")
    live = {key(obj): obj["metadata"]["uid"] for obj in _claimed(lane, await everything(lane))}
    uids = {f"{row['kind']}/{row['name']}": row["uid"] for row in lane.rows("SELECT * FROM inventory")}
    verdict.must(set(live) <= set(uids), f"I02: in no inventory: {sorted(set(live) - set(uids))}")
    wrong = sorted(k for k in live if uids.get(k) not in (None, live[k]))
    verdict.must(not wrong, f"I02: the inventory has other UIDs: {wrong}")


def _roughly(end: End) -> End:
    objects = {}
    for name, obj in end.objects.items():
        meta = {k: v for k, v in obj["metadata"].items() if k not in ("generation", "managers")}
        objects[name] = {**obj, "metadata": meta}
    rows = {word: value for word, value in end.rows.items() if word not in ("events", "rollouts")}
    live = [row for row in end.rows["rollouts"] if row[4]]
    return End(objects, {**rows, "live": [(row[1], row[5]) for row in live]})


def judged_writes(
    lane: Lane, verdict: Verdict, facts: Sequence[Fact], reference: Sequence[Fact], *, exactly: bool = True
) -> None:
    """Each object made and deleted as often as without a fault (once), all in its namespace (I05), deletes with the UID
    (I04); not `exactly`: none more often."""
    for word, now, then in zip(("made", "deleted"), made_and_deleted(facts), made_and_deleted(reference), strict=True):
        differ = sorted(k for k in {*now, *then} if _other(now.get(k, 0), then.get(k, 0), exactly=exactly))
        told = ", ".join(f"{k} {now.get(k, 0)} times instead of {then.get(k, 0)}" for k in differ[:5])
        verdict.must(not differ, f"counts: {word}: {told}")
    outside = sorted({str(f) for f in facts if f.namespace != LINE})
    verdict.must(not outside, f"I05: written elsewhere: {outside}")
    blind = [
        str(e.asked)
        for e in lane.proxy.journal
        if e.asked.verb == "delete" and b'"preconditions":{"uid":"' not in e.body
    ]
    verdict.must(not blind, f"I04: deleted without a UID: {blind}")


def _other(now: int, then: int, *, exactly: bool) -> bool:
    return now != then if exactly else now > then


def agree(lane: Lane, verdict: Verdict, facts: Sequence[Fact], since: int = 0) -> None:
    """The journal and the audit log tell of the same writes; where they differ, the rig is wrong."""
    told = Counter(
        f"{e.asked.verb} {e.asked.resource}/{e.asked.name} {e.code}"
        for e in lane.proxy.journal[since:]
        if e.asked.is_write and 200 <= e.code < 300 and e.did != "twice"
    )
    seen = Counter(f"{f.verb} {f.resource}/{f.name} {f.code}" for f in facts)
    if not any(e.did == "twice" for e in lane.proxy.journal):
        verdict.must(told == seen, f"rig: journal and witness differ: {dict(told - seen)} {dict(seen - told)}")


async def judged_others(lane: Lane, verdict: Verdict, before: Mapping[str, str]) -> None:
    after = untouched(await everything(lane))
    verdict.must(after == dict(before), f"I01: of others: {before} became {after}")


async def woken(lane: Lane, apps: Sequence[str] = (APP,)) -> None:
    """The product line and the Apps are due now, as after a hint."""
    async with lane.database() as db, db.writing() as tx:
        now = datetime.now(UTC)
        await leases.wake(tx, Noun.PRODUCT_LINE, [LINE], now)
        await leases.wake(tx, Noun.ROLLOUT, apps, now)


async def quiet(lane: Lane, verdict: Verdict, times: int = 1, apps: Sequence[str] = (APP,)) -> None:
    """Everything is looked at again, and nothing is written (I27)."""
    mark, since = lane.witness.mark(), len(lane.proxy.journal)
    for _ in range(times):
        await woken(lane, apps)
        await lane.settled()
    facts = by_us(lane, mark)
    verdict.must(not facts, f"I27: written at rest: {[str(f) for f in facts][:5]}")
    tried = [f"{e.asked} {e.code}" for e in lane.proxy.journal[since:] if e.asked.is_write]
    verdict.must(not tried, f"I27: tried to write at rest: {tried[:5]}")


def _apart(place: str, now: Any, then: Any) -> str:
    """Where two values differ, and how."""
    if isinstance(now, dict) and isinstance(then, dict):
        keys = sorted(k for k in {*now, *then} if now.get(k) != then.get(k))
        return ", ".join(_apart(f"{place}.{k}", now.get(k), then.get(k)) for k in keys[:3])
    return f"{place}: {_short(now)} instead of {_short(then)}"


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return text if len(text) < 300 else text[:300] + "…"
