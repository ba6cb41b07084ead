"""One lane of the rig: a bare API server behind the fault proxy, an MCD of its own, a played kubelet, and the database.

A campaign starts it once; each case begins with an empty namespace and a fresh copy of the database. MCD runs with the
rights of the chart, as the ServiceAccount that the chart gives it. It must not judge: `oracles.py` does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import yaml

from mcd.model import Actor
from mcd.settings import Environment
from mcd.store import intents
from mcd.store.installation import identity
from mcd.store.keyring import create_keyring, read_keyring
from mcd.store.migrate import migrate
from mcd.store.session import Database
from scripts.cluster import processes
from scripts.cluster.api import Api as ApiServer
from scripts.cluster.bare import RENDERED, Bare, bare
from tests.acceptance.witness import Witness
from tests.rig import kubelet
from tests.rig.hooks import Board
from tests.rig.kubelet import Api, Kubelet
from tests.rig.proxy import Proxy
from tests.rig.zygote import Zygote

T = TypeVar("T")

ADMIN = Actor("p0", "admin", admin=True)
CLUSTER, LINE, APP = "c0", "rig", "hello"
USER = "mcd-chart"
TREE = Path(__file__).resolve().parents[2]
SETTLED_WITHIN = 60.0
"""Seconds in which everything must be as it was wished, on a busy machine."""
LEASE = 5.0
LOOKED_AT = (("product_line", "gone_at IS NULL"), ("release", "true"), ("rollout", "live"))
"""Tables of what is made true, and which of their rows."""


class Unsettled(Exception):
    """It did not come to rest in time."""


@dataclass
class Lane:
    """What one case works with. `data` is MCD's folder, made anew for each case."""

    servers: Bare
    proxy: Proxy
    zygote: Zygote
    api: Api
    kubelet: Kubelet
    folder: Path
    pid: int = 0
    killed_at: float = 0.0
    case: int = 0
    settings: dict[str, str] = field(default_factory=dict)
    """More of MCD's settings."""
    times: dict[str, Any] = field(default_factory=dict)
    """Waits of MCD that are shortened in this case, so that an hour passes in a second: `module.NAME` → seconds."""

    # --- one case -----------------------------------------------------------------------------------------------------

    @property
    def data(self) -> Path:
        return self.folder / f"case-{self.case}"

    @property
    def board(self) -> Board:
        return Board.open(self.data / "board")

    @property
    def witness(self) -> Witness:
        return Witness(self.servers.audit_log(CLUSTER))

    @property
    def commits(self) -> list[str]:
        """What the counted commits of this case wrote, one after the other."""
        file = self.data / "board.commits"
        return file.read_text().splitlines() if file.exists() else []

    async def fresh(self) -> None:
        """Nothing is left of the case before: no process, no namespace, no rule, no data."""
        await self.killed()
        self.proxy.clear()
        self.proxy.hang_up()
        self.proxy.journal.clear()
        self.proxy.dead = False
        self.times.clear()
        self.settings.clear()
        self.kubelet.failing.clear()
        self.kubelet.paused = False
        await self._namespace_gone()
        shutil.rmtree(self.data, ignore_errors=True)
        self.case += 1
        shutil.copytree(self.folder / "template", self.data)

    async def _namespace_gone(self) -> None:
        path = f"/api/v1/namespaces/{LINE}"
        status, _ = await self.api.send("GET", path)
        if status == 404:
            return
        await kubelet.empty(self.api, LINE)
        await self.api.send("DELETE", path)
        await kubelet.end_namespace(self.api, {"metadata": {"name": LINE}})

        async def gone() -> bool:
            status, _ = await self.api.send("GET", path)
            return status == 404

        await self.until(gone, 20.0, "the namespace of the case before is gone")

    # --- processes ----------------------------------------------------------------------------------------------------

    async def start(self, *words: str, **settings: str) -> int:
        """`mcd serve controllers` (or WORDS) on this case's data. Returns when it was started, not when it is ready."""
        env = {
            "MCD_DATA": str(self.data), "MCD_LEASE": f"{LEASE:g}", "MCD_LOG_LEVEL": "info",
            "MCD_RIG_BOARD": str(self.data / "board"), "MCD_RIG_TIMES": json.dumps(self.times),
            **self.settings, **settings,
        }  # fmt: skip
        self.proxy.dead = False
        self.pid = await self.zygote.start(env, self.data / "mcd.log", *(words or ("controllers",)))
        return self.pid

    async def start_as(self, user: str) -> int:
        """A controller with a name, and a user at the cluster, of its own; two of them share the work. Its pid."""
        tokens = self.data / user
        tokens.mkdir(exist_ok=True)
        (tokens / CLUSTER).write_text(self.servers.token(CLUSTER, user))
        return await self.start(MCD_HOLDER=user, MCD_CLUSTER_TOKENS=str(tokens))

    def kill(self) -> None:
        """SIGKILL, and nothing that the process had under way reaches the API server any more."""
        self.proxy.dead = True
        self.killed_at = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    async def killed(self) -> None:
        """Kills what runs, and returns when it is gone."""
        if self.pid:
            self.kill()
            await self.died()

    async def died(self, seconds: float = 10.0) -> None:
        """Returns when the process is gone and no write of it is under way. Raises TimeoutError."""
        await self.zygote.ended(self.pid, seconds)
        self.proxy.dead = True
        self.pid = 0
        await self.proxy.quiet()

    @property
    def alive(self) -> bool:
        return bool(self.pid) and self.zygote.alive(self.pid)

    async def api_server_dies(self) -> None:
        """SIGKILL of the API server; returns when another one on the same etcd is ready."""
        cluster, pid = self.servers.named(CLUSTER), self.servers.pid(CLUSTER)
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().rstrip("\0").split("\0")
        server = ApiServer(cluster.folder, cluster.port("api"))

        def ready() -> str:
            status, answer = server.get("/readyz")
            return "" if status == 200 else f"{status} {answer}"

        again = processes.Component(cluster.component("kube-apiserver"), tuple(command), ready, ready_seconds=120.0)
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(processes.stop, self.servers.home, again.name)
        await asyncio.to_thread(processes.start, self.servers.home, again)
        await asyncio.to_thread(processes.wait_ready, self.servers.home, again)

    # --- the database -------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def database(self, data: Path | None = None) -> AsyncIterator[Database]:
        """Wishes and questions, through the product's own doors; `data` is the folder of another installation."""
        data = data or self.data
        db = Database(Environment(data=data).database, read_keyring(data / "keys.json"))
        try:
            yield db
        finally:
            await db.close()

    def rows(self, sql: str, **given: Any) -> list[dict[str, Any]]:
        """A question to the file itself, whoever runs."""
        with contextlib.closing(sqlite3.connect(f"file:{self.data / 'mcd.db'}?mode=ro", uri=True, timeout=10)) as file:
            file.row_factory = sqlite3.Row
            return [dict(row) for row in file.execute(sql, given)]

    def at_work(self) -> bool:
        """Whether a row is due now, or somebody holds it. What was just made due is not forgotten by whoever is at work
        on it: the row is due again afterwards."""
        now = _written(time.time())
        return any(
            row["lease_token"] or (row["next_run_at"] is not None and row["next_run_at"] <= now)
            for table, chosen in LOOKED_AT
            for row in self.rows(f"SELECT next_run_at, lease_token FROM {table} WHERE {chosen}")
        )

    def resting(self, horizon: float = 0.0) -> bool:
        """Nobody holds a row, none is due within `horizon` seconds, every App and line is ready, stalled or gone."""
        soon = _written(time.time() + horizon)
        for table, chosen in LOOKED_AT:
            for row in self.rows(f"SELECT * FROM {table} WHERE {chosen}"):
                due = row["next_run_at"] is not None and row["next_run_at"] <= soon
                if (
                    due
                    or row["lease_token"]
                    or row["observed_generation"] != row["generation"]
                    or _says(row, "Reconciling")
                ):
                    return False
        going = "SELECT count(*) AS n FROM {} WHERE deleted_at IS NOT NULL AND gone_at IS NULL"
        return not any(self.rows(going.format(table))[0]["n"] for table in ("app", "product_line"))

    def stalled(self) -> bool:
        """Whether something waits for a person."""
        rows = [row for table, chosen in LOOKED_AT for row in self.rows(f"SELECT * FROM {table} WHERE {chosen}")]
        return any(_says(row, "Stalled") for row in rows)

    async def settled(self, seconds: float = SETTLED_WITHIN, *, expect: Callable[[], bool] | None = None) -> None:
        """Returns when MCD rests, twice in a row (and `expect` holds). Raises Unsettled with what it says."""
        calm = 0

        async def look() -> bool:
            nonlocal calm
            if self.pid and not self.alive:
                raise Unsettled(f"mcd ended by itself: {self.last_words()}")
            calm = calm + 1 if self.resting(0.5) and (expect is None or expect()) else 0
            return calm >= 2

        await self.until(look, seconds, "rest")

    async def until(self, look: Callable[[], Awaitable[bool]], seconds: float, what: str) -> None:
        """Asks again and again until it is so. Raises Unsettled."""
        deadline = time.monotonic() + seconds
        while not await look():
            if time.monotonic() > deadline:
                raise Unsettled(f"not within {seconds:g} s: {what}: {self.said()}")
            await asyncio.sleep(0.02)

    def said(self) -> str:
        """What MCD says of everything, what is not ready first, for a person who looks for the reason."""
        told: list[tuple[bool, str]] = []
        going = "SELECT name FROM {} WHERE deleted_at IS NOT NULL AND gone_at IS NULL"
        for table in ("app", "product_line"):
            told += [(False, f"{table} {row['name']} is going") for row in self.rows(going.format(table))]
        for table, live in (("product_line", ""), ("release", ""), ("rollout", "WHERE live")):
            for row in self.rows(f"SELECT conditions, next_run_at, lease_token FROM {table} {live}"):
                found = [c for c in json.loads(row["conditions"]) if c["message"]]
                said = " ".join(f"{c['type']} {c['reason']}: {c['message']}" for c in found)
                words = f"{table}, due {row['next_run_at']}, leased {bool(row['lease_token'])}: {said}"
                told.append((_says(row, "Ready") and not row["lease_token"], words))
        return " | ".join(words for _, words in sorted(told, key=lambda one: one[0]))[:1500]

    def last_words(self) -> str:
        log = self.data / "mcd.log"
        return " / ".join(log.read_text(errors="replace").strip().splitlines()[-3:]) if log.exists() else "nothing"


def _written(moment: float) -> str:
    """A moment of the clock as the database writes it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _says(row: Mapping[str, Any], condition: str) -> bool:
    return any(each["type"] == condition and each["status"] for each in json.loads(row["conditions"]))


def _kubeconfig(servers: Bare, url: str, user: str) -> str:
    given = yaml.safe_load(servers.kubeconfig(CLUSTER, user).read_text())
    given["clusters"][0]["cluster"]["server"] = url
    return str(yaml.safe_dump(given))


async def made_up(folder: Path, servers: Bare, proxy: Proxy) -> None:
    """A database with one cluster and one product line wished, that no controller has seen."""
    folder.mkdir()
    await asyncio.to_thread(migrate, f"sqlite:///{folder / 'mcd.db'}")
    db = Database(Environment(data=folder).database, create_keyring(folder / "keys.json"))
    now = datetime.now(UTC)
    # Made once, so that all cases write the same owner.
    await identity(db)
    facts: dict[str, Any] = {"base_domain": "apps.rig.test", "gateway": {"name": "public", "namespace": "mcd-gateway"}}
    facts["storage"] = {"default": "standard", "shared": "shared"}
    try:
        async with db.writing() as tx:
            await intents.create_cluster(
                ADMIN, tx, now, CLUSTER, kubeconfig=_kubeconfig(servers, proxy.url, USER), facts=facts
            )
        async with db.writing() as tx:
            await intents.create_product_line(ADMIN, tx, now, LINE, cluster=CLUSTER)
    finally:
        await db.close()


@contextlib.asynccontextmanager
async def lane(tree: Path = TREE, settings: Mapping[str, str] | None = None) -> AsyncIterator[Lane]:
    """Starts everything, and takes it away at the end. `tree` is the checkout whose MCD runs."""
    folder = Path(tempfile.mkdtemp(prefix="mcd-rig-", dir="/tmp"))
    try:
        async with contextlib.AsyncExitStack() as later:
            zygote = Zygote(tree)
            opening = asyncio.create_task(zygote.open())
            servers_of = bare(folder / "servers", [CLUSTER], groups=RENDERED)
            servers = await asyncio.to_thread(servers_of.__enter__)
            later.callback(servers_of.__exit__, None, None, None)
            await opening
            later.push_async_callback(zygote.close)
            proxy = Proxy(servers.server(CLUSTER), servers.named(CLUSTER).folder)
            await later.enter_async_context(proxy.running())
            admin = Api(servers.server(CLUSTER), servers.authority(CLUSTER), servers.token(CLUSTER, "admin"))
            await later.enter_async_context(admin.open())
            played = await later.enter_async_context(Kubelet(admin).running())
            await made_up(folder / "template", servers, proxy)
            yield Lane(servers, proxy, zygote, admin, played, folder, settings=dict(settings or {}))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
