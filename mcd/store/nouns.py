"""Rows become the frozen nouns of `model/`, and what hangs on them becomes JSON and back.

One function for each noun, whatever joined its row. Nothing is read or decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table

from mcd.errors import Problem, Severity
from mcd.model import (
    Action,
    App,
    Change,
    Cluster,
    ComponentHealth,
    Condition,
    ConditionType,
    Device,
    Event,
    EventKind,
    Footprint,
    Heal,
    HealthState,
    InventoryEntry,
    NodePool,
    NodeRow,
    Noun,
    Person,
    ProductLine,
    Reason,
    Reconciled,
    Release,
    Rollout,
    Scope,
    Serves,
    Serving,
    Settings,
    Token,
    Trigger,
)
from mcd.model.why import Saying, Told, as_json, of_json, told_by
from mcd.objects import Ref

Row = Mapping[str, Any]


def labelled(table: Table, prefix: str) -> list[ColumnElement[Any]]:
    """The columns of a table under names that do not clash in a join; `picked` takes them back out."""
    return [column.label(f"{prefix}__{column.name}") for column in table.c]


def picked(row: Row, prefix: str) -> dict[str, Any]:
    start = f"{prefix}__"
    return {name[len(start) :]: value for name, value in row.items() if name.startswith(start)}


# --- parts ----------------------------------------------------------------------------------------------------------


def state_of(row: Row) -> Reconciled:
    return Reconciled(
        generation=row["generation"],
        observed_generation=row["observed_generation"],
        conditions=tuple(_condition(c) for c in row["conditions"]),
        deleted_at=row["deleted_at"],
    )


def _condition(data: Row) -> Condition:
    return Condition(
        type=ConditionType(data["type"]),
        status=data["status"],
        reason=Reason(data["reason"]),
        message=said_of(data["message"], data.get(TOLD)),
        observed_generation=data["observed_generation"],
        last_transition=datetime.fromisoformat(data["last_transition"]),
    )


def conditions_json(conditions: Iterable[Condition]) -> list[dict[str, Any]]:
    return [
        {
            "type": c.type.value,
            "status": c.status,
            "reason": c.reason.value,
            "message": c.message,
            "observed_generation": c.observed_generation,
            "last_transition": c.last_transition.isoformat(),
            **told_json(c.message),
        }
        for c in conditions
    ]


TOLD = "told"
"""Beside a sentence that was written down: what it says, for readers of another language."""


def told_json(words: str) -> dict[str, Any]:
    """What stands beside a sentence that knows what it says; nothing beside another one."""
    parts = told_by(words)
    return {TOLD: [as_json(one) for one in parts]} if parts else {}


def said_of(words: str, written: Any) -> str:
    """A sentence as it was written down. Without what it says, or with a word that only a newer version knows, it is
    text."""
    parts = _told_of(written or ())
    return Saying(words, parts) if parts and len(parts) == len(written) else words


def footprint_of(data: Row | None) -> Footprint | None:
    """None: it was never compiled."""
    if data is None:
        return None
    components = {name: Serving(kind, dict(ports)) for name, (kind, ports) in data["components"].items()}
    return Footprint(
        components=components,
        calls=data["calls"],
        beside=tuple(data["beside"]),
        hosts=tuple((host, path) for host, path in data["hosts"]),
        names={kind: tuple(names) for kind, names in data["names"].items()},
    )


def footprint_json(found: Footprint) -> dict[str, Any]:
    """Ports are pairs: the first one counts, and a database may sort the keys of a mapping."""
    components = found.components.items()
    return {
        "components": {name: [one.type, [list(port) for port in one.ports.items()]] for name, one in components},
        "calls": dict(found.calls),
        "beside": list(found.beside),
        "hosts": [list(host) for host in found.hosts],
        "names": {kind: list(names) for kind, names in found.names.items()},
    }


def serves_of(data: Row) -> Serves:
    return Serves(
        kubernetes=data.get("kubernetes", ""),
        kinds=frozenset(data.get("kinds", ())),
        storage_classes=tuple(data.get("storage_classes", ())),
        regex_headers=data.get("regex_headers", True),
        unseen=frozenset(data.get("unseen", ())),
        unseen_since=datetime.fromisoformat(data["unseen_since"]) if data.get("unseen_since") else None,
        unseen_reads=data.get("unseen_reads", 0),
        simulated=frozenset(data.get("simulated", ())),
    )


def serves_json(serves: Serves) -> dict[str, Any]:
    return {
        "kubernetes": serves.kubernetes,
        "kinds": sorted(serves.kinds),
        "storage_classes": list(serves.storage_classes),
        "regex_headers": serves.regex_headers,
        "unseen": sorted(serves.unseen),
        "unseen_since": serves.unseen_since.isoformat() if serves.unseen_since else None,
        "unseen_reads": serves.unseen_reads,
        **({"simulated": sorted(serves.simulated)} if serves.simulated else {}),
    }


def ref_json(ref: Ref) -> dict[str, str]:
    return {"api_version": ref.api_version, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}


def ref_of(row: Row) -> Ref:
    return Ref(row["api_version"], row["kind"], row["namespace"], row["name"])


def entry_of(row: Row) -> InventoryEntry:
    return InventoryEntry(ref=ref_of(row), uid=row["uid"], applied=row["applied"])


def health_json(health: ComponentHealth) -> dict[str, Any]:
    whole = {**asdict(health), "state": health.state.value, "reason": health.reason.value}
    del whole["again_in"], whole["unseen"]
    whole["told"] = [as_json(one) for one in health.told]
    whole["nodes"] = [{**asdict(row), "why": [as_json(one) for one in row.why]} for row in health.nodes]
    return whole


def health_of(data: Row) -> ComponentHealth:
    """What an older version wrote down has no `told`; of what a newer one did, unknown words are left out."""
    fields = {**data, "state": HealthState(data["state"]), "reason": Reason(data["reason"])}
    fields["told"] = _told_of(data.get("told") or ())
    fields["message"] = said_of(data["message"], data.get("told"))
    fields["nodes"] = tuple(NodeRow(**{**row, "why": _told_of(row["why"])}) for row in data.get("nodes") or ())
    return ComponentHealth(**{**fields, "evidence": tuple(data["evidence"])})


def _told_of(written: Iterable[Mapping[str, Any]]) -> tuple[Told, ...]:
    return tuple(one for each in written if (one := of_json(each)) is not None)


def change_json(change: Change) -> dict[str, Any]:
    return {
        "ref": ref_json(change.ref),
        "action": change.action.value,
        "detail": change.detail,
        "healed_from": change.healed_from,
        "reason": change.reason.value if change.reason else None,
    }


def change_of(data: Row) -> Change:
    return Change(
        ref=ref_of(data["ref"]),
        action=Action(data["action"]),
        detail=data["detail"],
        healed_from=data["healed_from"],
        reason=Reason(data["reason"]) if data["reason"] else None,
    )


def heal_json(heal: Heal) -> dict[str, Any]:
    return {"ref": ref_json(heal.ref), "field": heal.field, "manager": heal.manager, "at": heal.at.isoformat()}


def heal_of(data: Row) -> Heal:
    return Heal(
        ref=ref_of(data["ref"]),
        field=data["field"],
        manager=data["manager"],
        at=datetime.fromisoformat(data["at"]),
    )


def problem_of(data: Row) -> Problem:
    return Problem(**{**data, "severity": Severity(data["severity"])})


# --- nouns ----------------------------------------------------------------------------------------------------------


def cluster_of(row: Row) -> Cluster:
    return Cluster(
        id=row["id"],
        name=row["name"],
        idc=row["idc"],
        facts=row["facts"],
        serves=serves_of(row["serves"]),
        seen_at=row["seen_at"],
        state=state_of(row),
    )


def pool_of(row: Row, cluster: str, dedicated_to: str | None) -> NodePool:
    return NodePool(
        id=row["id"],
        name=row["name"],
        cluster=cluster,
        labels=row["labels"],
        taints=tuple(row["taints"]),
        runtime_class=row["runtime_class"],
        arch=row["arch"],
        capacity=row["capacity"],
        devices=tuple(Device(**{**d, "mig": tuple(d.get("mig", ()))}) for d in row["devices"]),
        dedicated_to=dedicated_to,
        oversell=row["oversell"],
    )


TAKE_OVER = "take_over"
"""Beside a product line's wishes, in the same column: it stands until they change again."""


def line_of(row: Row, cluster: str) -> ProductLine:
    return ProductLine(
        id=row["id"],
        name=row["name"],
        cluster=cluster,
        namespace=row["namespace"],
        wishes={word: value for word, value in row["wishes"].items() if word != TAKE_OVER},
        state=state_of(row),
        take_over=bool(row["wishes"].get(TAKE_OVER)),
    )


def app_of(row: Row, line: str) -> App:
    return App(
        id=row["id"],
        name=row["name"],
        product_line=line,
        repository=row["repository"],
        path=row["path"],
        branch=row["branch"],
        created_at=row["created_at"],
        deleted_at=row["deleted_at"],
        generation=row["generation"],
    )


def release_of(row: Row, app: str, files: Mapping[str, bytes | None] | None = None) -> Release:
    """`files` are those that it is frozen with, where they were read."""
    return Release(
        id=row["id"],
        app=app,
        number=row["number"],
        commit=row["commit"],
        branch=row["branch"],
        tag=row["tag"],
        author=row["author"],
        title=row["title"],
        app_yaml=row["app_yaml"],
        images=row["images"],
        deploys=row["deploys"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        state=state_of(row),
        ignored=row["ignored"],
        files=files or {},
        footprint=footprint_of(row["footprint"]),
    )


def settings_of(row: Row, app: str) -> Settings:
    return Settings(
        app=app,
        revision=row["revision"],
        values=row["values"],
        created_at=row["created_at"],
        created_by=row["created_by"],
    )


def rollout_of(row: Row, app: str) -> Rollout:
    return Rollout(
        id=row["id"],
        app=app,
        number=row["number"],
        release=row["release"],
        settings=row["settings"],
        trigger=Trigger(row["trigger"]),
        take_over=row["take_over"],
        restarts=row["restarts"],
        confirmed_prune=row["confirmed_prune"],
        commits=row["commits"],
        digests=row["digests"],
        live=row["live"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        state=state_of(row),
        ready_at=row["ready_at"],
    )


def person_of(row: Row, default_product_line: str | None) -> Person:
    return Person(
        id=row["id"],
        name=row["name"],
        admin=row["admin"],
        default_product_line=default_product_line,
        disabled=row["disabled_at"] is not None,
        created_at=row["created_at"],
    )


def token_of(row: Row, person: str) -> Token:
    return Token(
        id=row["id"],
        person=person,
        name=row["name"],
        scope=Scope(row["scope"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
    )


_NOT_SHOWN = frozenset({TOLD, "evidence"})
"""Of an Event's data. An older version wrote there what a program said before it died, which is for who may read logs;
it stands with the Rollout too."""


def event_of(row: Row) -> Event:
    return Event(
        sequence=row["sequence"],
        at=row["at"],
        noun=Noun(row["noun"]),
        name=row["name"],
        product_line=row["product_line"],
        app=row["app"],
        kind=EventKind(row["kind"]),
        actor=row["actor"],
        message=said_of(row["message"], row["data"].get(TOLD)),
        data={word: value for word, value in row["data"].items() if word not in _NOT_SHOWN},
    )
