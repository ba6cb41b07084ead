"""What Apps have to do with one another: who calls whom, who serves which host, and what is true around an App.

Two tables follow the footprints of what runs and of what is on its way: `host` has one owner for each host and path of
a cluster, `dependency` says who calls whom. Whoever calls holds the lock on the App's row; nothing here compiles.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, bindparam, delete, func, insert, select, tuple_, update

from mcd.errors import Code, McdError, echo
from mcd.model import Actor, Caller, ConditionType, Facts, Footprint, Neighbour, Verb
from mcd.model.facts import Host
from mcd.store import tables as t
from mcd.store.authorize import may
from mcd.store.nouns import Row, footprint_json, footprint_of, state_of
from mcd.store.question import Command, OfMany, Question
from mcd.store.tx import Tx

EVERY_LINE = "*"
"""In `release.sees`: who pushed it is an admin."""


@dataclass(frozen=True, slots=True)
class Around:
    """Whose facts are asked for. `footprint` says which Apps, hosts and names it is about; `sees` whether Apps of a
    product line may be told of."""

    app_id: str
    app: str
    line: str
    cluster_id: str
    cluster: str
    namespace: str
    footprint: Footprint
    sees: Callable[[str], bool]


def sight(actor: Actor) -> list[str]:
    """The product lines that the person may see, as a Release keeps them: who comes later and compiles it again, the
    loop above all, sees what its pusher saw, and no more."""
    if actor.admin and may(actor, Verb.READ, None):
        return [EVERY_LINE]
    return sorted(line for line in actor.roles if may(actor, Verb.READ, line))


def seen_with(sight: Sequence[str]) -> Callable[[str], bool]:
    return lambda line: EVERY_LINE in sight or line in sight


# --- what is asked --------------------------------------------------------------------------------------------------


async def facts(tx: Tx, asked: Sequence[Around]) -> list[Facts]:
    """The facts of each, in a few queries whatever their number, and in none that none of them needs."""
    others = await _others(tx, {name for one in asked for name in one.footprint.apps})
    callers = await _callers(tx, asked)
    hosts = await _hosts(tx, asked)
    names = await _names(tx, asked)
    return [
        Facts(
            apps=_known(one, others),
            callers=tuple(callers[one.app_id]),
            hosts=hosts[one.app_id],
            names=names[one.app_id],
        )
        for one in asked
    ]


def _known(one: Around, others: Mapping[str, Neighbour]) -> dict[str, Neighbour] | None:
    """Those that the file names and whose product line its pusher sees. None, not empty, for a file that names none: so
    it is while nobody knows yet what a file names, and the compiler is asked the same before and after (ADR 23)."""
    named = one.footprint.apps
    if not named:
        return None
    return {name: others[name] for name in named if name in others and _may_know(one, others[name].product_line)}


def _may_know(one: Around, line: str) -> bool:
    return line == one.line or one.sees(line)


def _placed(*columns: Any) -> Any:
    """A query of Apps that are there, with their place."""
    return (
        select(
            t.app.c.id, t.app.c.name, t.product_line.c.name.label("line"), t.product_line.c.namespace,
            t.product_line.c.cluster_id, t.cluster.c.name.label("cluster"), *columns,
        )
        .join(t.product_line, t.product_line.c.id == t.app.c.product_line_id)
        .join(t.cluster, t.cluster.c.id == t.product_line.c.cluster_id)
        .where(t.app.c.gone_at.is_(None))
    )  # fmt: skip


async def _others(tx: Tx, names: Iterable[str]) -> dict[str, Neighbour]:
    """Those that are there and stay, as what runs of them says; else as the newest that was compiled."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    rows = await tx.rows(_placed().where(t.app.c.name.in_(wanted), t.app.c.deleted_at.is_(None)))
    ids = [row["id"] for row in rows]
    table = t.release
    runs = (t.rollout.c.app_id == table.c.app_id) & (t.rollout.c.release == table.c.number) & t.rollout.c.live
    live = await tx.rows(select(table.c.app_id, table.c.footprint).join(t.rollout, runs).where(table.c.app_id.in_(ids)))
    prints = {row["app_id"]: footprint_of(row["footprint"]) for row in live}
    newest = (
        select(table.c.app_id, func.max(table.c.number))
        .where(table.c.app_id.in_([i for i in ids if prints.get(i) is None]), table.c.compiled)
        .group_by(table.c.app_id)
    )
    rest = select(table.c.app_id, table.c.footprint).where(tuple_(table.c.app_id, table.c.number).in_(newest))
    for row in await tx.rows(rest):
        prints[row["app_id"]] = footprint_of(row["footprint"])
    return {
        row["name"]: Neighbour(
            row["line"],
            row["namespace"],
            row["cluster"],
            found.components if (found := prints.get(row["id"])) else None,
        )
        for row in rows
    }


_CALLING = OfMany(
    lambda among: (
        _placed(t.dependency.c.called, t.dependency.c.component)
        .join(t.dependency, t.dependency.c.app_id == t.app.c.id)
        .where(among(t.dependency.c.called, "called"), t.dependency.c.seen, t.app.c.deleted_at.is_(None))
        .order_by(t.app.c.name)
    )
)


async def _callers(tx: Tx, asked: Sequence[Around]) -> dict[str, list[Caller]]:
    """App id → those of other product lines of its cluster that may call it, by name."""
    found: dict[str, list[Caller]] = defaultdict(list)
    if not asked:
        return found
    by_name = {one.app: one for one in asked}
    for row in await tx.ask_of(_CALLING, called=sorted(by_name)):
        one = by_name[row["called"]]
        if row["line"] != one.line and row["cluster_id"] == one.cluster_id:
            found[one.app_id].append(Caller(row["name"], row["namespace"], row["component"]))
    return found


_SERVED = OfMany(
    lambda among: (
        _placed(t.host.c.cluster_id.label("where"), t.host.c.host, t.host.c.path)
        .join(t.host, t.host.c.app_id == t.app.c.id)
        .where(among(t.host.c.host, "host"))
    )
)


async def _hosts(tx: Tx, asked: Sequence[Around]) -> dict[str, dict[Host, str]]:
    """App id → what others serve of what it wants. An App of another product line is not named."""
    found: dict[str, dict[Host, str]] = defaultdict(dict)
    wanted = sorted({host for one in asked for host, _ in one.footprint.hosts})
    if not wanted:
        return found
    by_host: dict[tuple[str, Host], Row] = {}
    for part in _parts(wanted):
        for row in await tx.ask_of(_SERVED, host=part):
            by_host[row["where"], (row["host"], row["path"])] = row
    for one in asked:
        for host in one.footprint.hosts:
            owner = by_host.get((one.cluster_id, host))
            if owner is not None and owner["id"] != one.app_id:
                found[one.app_id][host] = owner["name"] if owner["line"] == one.line else ""
    return found


_OWNED = OfMany(
    lambda among: select(
        t.inventory.c.owner_id, t.inventory.c.cluster_id, t.inventory.c.kind, t.inventory.c.namespace,
        t.inventory.c.name, t.app.c.name.label("app"),
    )
    .join(t.app, t.app.c.id == t.inventory.c.owner_id)
    .where(among(t.inventory.c.cluster_id, "cluster"), among(t.inventory.c.name, "name"))
)  # fmt: skip


async def _names(tx: Tx, asked: Sequence[Around]) -> dict[str, dict[str, str]]:
    """App id → object names that other Apps of its namespace have, for objects of the same kind."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    wanted = sorted({name for one in asked for names in one.footprint.names.values() for name in names})
    if not wanted:
        return found
    clusters = sorted({one.cluster_id for one in asked})
    by_name: dict[str, list[Row]] = defaultdict(list)
    for part in _parts(wanted):
        for row in await tx.ask_of(_OWNED, cluster=clusters, name=part):
            by_name[row["name"]].append(row)
    for one in asked:
        for kind, names in one.footprint.names.items():
            for entry in (entry for name in names for entry in by_name[name] if entry["kind"] == kind):
                here = (entry["cluster_id"], entry["namespace"]) == (one.cluster_id, one.namespace)
                if here and entry["owner_id"] != one.app_id:
                    found[one.app_id][entry["name"]] = entry["app"]
    return found


def _parts(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many at a time as a statement may have parameters, with room for others."""
    for start in range(0, len(values), 10_000):
        yield values[start : start + 10_000]


CALLERS = Question(
    select(t.app.c.name, t.product_line.c.name.label("line"))
    .join(t.product_line, t.product_line.c.id == t.app.c.product_line_id)
    .join(t.dependency, t.dependency.c.app_id == t.app.c.id)
    .where(t.dependency.c.called == bindparam("called"), t.app.c.gone_at.is_(None), t.app.c.deleted_at.is_(None))
    .order_by(t.app.c.name)
)
"""App and product line of everybody that calls an App, by name."""


async def callers_of(tx: Tx, name: str) -> list[tuple[str, str]]:
    """App and product line of everybody that calls an App, by name."""
    return [(app, line) for app, line in (await tx.asked(CALLERS, {"called": name})).raw]


# --- what is kept ---------------------------------------------------------------------------------------------------


async def settle(tx: Tx, app_id: str) -> None:
    """The rows of an App as its Releases have them that run, or are on their way. A host that another App has stays
    that one's: of two that want one at the same moment, the second finds it taken when the first is through."""
    held = [footprint_of(row["footprint"]) for row in await _counting(tx, app_id)]
    prints = [one for one in held if one is not None]
    await claim(tx, app_id, {host for one in prints for host in one.hosts})
    await _keep_dependencies(tx, app_id)


_HOSTS = Question(select(t.host.c.host, t.host.c.path).where(t.host.c.app_id == bindparam("app")))
_PLACE = Question(
    select(t.product_line.c.cluster_id)
    .join(t.app, t.app.c.product_line_id == t.product_line.c.id)
    .where(t.app.c.id == bindparam("app"))
)
_TAKE = Command(
    lambda into: into(t.host)
    .values(
        cluster_id=bindparam("cluster"), host=bindparam("host"), path=bindparam("path"), app_id=bindparam("app")
    )
    .on_conflict_do_nothing()
)  # fmt: skip


async def claim(tx: Tx, app_id: str, wanted: set[Host], *, give_up: bool = True) -> None:
    """Takes what is free of these hosts. `give_up`: whatever else the App has is free again."""
    table = t.host
    held = {(row["host"], row["path"]) for row in await tx.ask(_HOSTS, app=app_id)}
    if missing := sorted(wanted - held):
        place = await tx.ask_one(_PLACE, app=app_id)
        assert place is not None
        # In one order everywhere, and before anything is given up: two Apps that swap hosts never wait in a circle.
        for host, path in missing:
            await tx.told(_TAKE, {"cluster": place["cluster_id"], "host": host, "path": path, "app": app_id})
    stale = sorted(held - wanted) if give_up else []
    if stale:
        mine_too = tuple_(table.c.host, table.c.path).in_(stale)
        await tx.run(delete(table).where(table.c.app_id == app_id, mine_too))


_WANTED = OfMany(
    lambda among: (
        select(t.release.c.app_id, t.release.c.footprint)
        .join(t.rollout, (t.rollout.c.app_id == t.release.c.app_id) & (t.rollout.c.release == t.release.c.number))
        .where(among(t.rollout.c.id, "rollout"), t.release.c.compiled)
    )
)


async def claim_of(tx: Tx, rollouts: Sequence[str]) -> None:
    """What is free of the hosts of these Rollouts, before a pass: a host that its owner gave up since goes to who wants
    it."""
    for row in await tx.ask_of(_WANTED, rollout=rollouts):
        found = footprint_of(row["footprint"])
        if found is not None and found.hosts:
            await claim(tx, row["app_id"], set(found.hosts), give_up=False)


async def refuse_taken(tx: Tx, app: Row, release_id: str) -> None:
    """Raises McdError(conflict) when another App has a host that this Release wants. `app` has its product line's name
    as `line`."""
    row = await tx.row(select(t.release.c.footprint).where(t.release.c.id == release_id))
    found = footprint_of(row["footprint"]) if row is not None else None
    if found is None or not found.hosts:
        return
    line = await tx.row(select(t.product_line).where(t.product_line.c.id == app["product_line_id"]))
    assert line is not None
    one = Around(
        app["id"], app["name"], line["name"], line["cluster_id"], "", line["namespace"], found, lambda _: False
    )
    for (host, path), owner in sorted((await _hosts(tx, [one]))[app["id"]].items()):
        whose = f'App "{owner}"' if owner else "an App of another product line"
        said = f"{echo(host)}{echo(path)} already belongs to {whose}."
        raise McdError(Code.CONFLICT, said, "Use another host or path.", reason="HostTaken")


async def forget(tx: Tx, app_id: str) -> None:
    """Of an App that is gone."""
    await tx.run(delete(t.host).where(t.host.c.app_id == app_id))
    await tx.run(delete(t.dependency).where(t.dependency.c.app_id == app_id))


async def note(tx: Tx, app_id: str, number: int, found: Footprint) -> None:
    """What a pass found when it compiled a Release."""
    row = await tx.ask_one(_PRINT, app=app_id, number=number)
    assert row is not None
    if row["footprint"] != (new := footprint_json(found)):
        await tx.told(_PRINTED, {"release": row["id"], "print": new})
        await settle(tx, app_id)


_PRINT = Question(
    select(t.release.c.id, t.release.c.footprint).where(
        t.release.c.app_id == bindparam("app"), t.release.c.number == bindparam("number")
    )
)
_PRINTED = Command(
    update(t.release)
    .where(t.release.c.id == bindparam("release"))
    .values(footprint=bindparam("print"), compiled=True)
)  # fmt: skip


_STATE = ("generation", "observed_generation", "conditions", "deleted_at")
_LIVE = Question(
    select(t.rollout.c.release, t.rollout.c.ready_at).where(t.rollout.c.app_id == bindparam("app"), t.LIVE)
)
_GOOD = Question(
    select(t.rollout.c.release)
    .where(t.rollout.c.app_id == bindparam("app"), t.rollout.c.ready_at.is_not(None))
    .order_by(t.rollout.c.number.desc())
    .limit(1)
)
_MAYBE_COUNTING = Question(
    select(t.release.c.number, t.release.c.footprint, *(t.release.c[name] for name in _STATE)).where(
        t.release.c.app_id == bindparam("app"),
        t.release.c.number.in_((bindparam("live", type_=Integer), bindparam("good", type_=Integer)))
        | (
            t.release.c.compiled & t.release.c.deploys & t.release.c.ready_at.is_(None)
            & t.release.c.next_run_at.is_not(None)
        ),
    )
)  # fmt: skip
"""What runs, and what may be on its way."""


async def _counting(tx: Tx, app_id: str) -> list[Row]:
    """The Releases whose hosts are the App's: what runs, what ran well before it until it does too, what is on its way
    to run."""
    live = await tx.ask_one(_LIVE, app=app_id)
    numbers = [] if live is None else [live["release"]]
    if live is not None and live["ready_at"] is None:
        numbers += [row["release"] for row in await tx.ask(_GOOD, app=app_id)]
    rows = await tx.ask(_MAYBE_COUNTING, app=app_id, live=(numbers or [0])[0], good=(numbers or [0])[-1])
    return [row for row in rows if row["number"] in numbers or not state_of(row).is_now(ConditionType.STALLED)]


_RUNS = Question(
    select(t.release.c.footprint, t.release.c.sees)
    .join(
        t.rollout,
        (t.rollout.c.app_id == t.release.c.app_id) & (t.rollout.c.release == t.release.c.number) & t.LIVE,
    )
    .where(t.release.c.app_id == bindparam("app"))
)
_DEPENDENCIES = Question(select(t.dependency).where(t.dependency.c.app_id == bindparam("app")))


async def _keep_dependencies(tx: Tx, app_id: str) -> None:
    """Those of what runs."""
    row = await tx.ask_one(_RUNS, app=app_id)
    found = footprint_of(row["footprint"]) if row is not None else None
    calls: Mapping[str, str] = found.calls if found is not None else {}
    lines = await _lines_of(tx, calls)
    sees = seen_with(row["sees"]) if row is not None else seen_with(())
    wanted = {name: (component, name in lines and sees(lines[name])) for name, component in calls.items()}
    table = t.dependency
    rows = await tx.ask(_DEPENDENCIES, app=app_id)
    if {one["called"]: (one["component"], one["seen"]) for one in rows} == wanted:
        return
    await tx.run(delete(table).where(table.c.app_id == app_id))
    many = [
        {"app_id": app_id, "called": name, "component": component, "seen": seen}
        for name, (component, seen) in sorted(wanted.items())
    ]
    await tx.run(insert(table), many)


async def _lines_of(tx: Tx, names: Iterable[str]) -> dict[str, str]:
    wanted = sorted(names)
    if not wanted:
        return {}
    return {row["name"]: row["line"] for row in await tx.rows(_placed().where(t.app.c.name.in_(wanted)))}
