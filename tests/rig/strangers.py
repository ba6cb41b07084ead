"""Faults F28, F39 and F59: another API server answers than before, one that lags behind, or one that is not to be
trusted; another control plane wants the same.

Each is a block around the change; at its end the right server answers again. What must hold is judged elsewhere.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mcd.store import intents, reads
from tests.rig import stale
from tests.rig.lane import ADMIN, APP, CLUSTER, LEASE, LINE, Unsettled, made_up
from tests.rig.rules import Asked, Elsewhere
from tests.rig.scene import Scene
from tests.rig.workloads import SHAPES

SECOND = "mcd-b"
"""A user at the cluster of its own, with the rights of the chart."""


@contextlib.asynccontextmanager
async def f28(scene: Scene) -> AsyncIterator[None]:
    """Watches, and half the time all reads, are answered by a server that stopped hearing of changes before the change
    of the case. Writes reach the right one: what is decided from an old view is decided with old versions and UIDs."""
    reads = scene.dice.random() < 0.5
    proxy = scene.lane.proxy

    def behind(what: Asked) -> bool:
        return what.verb == "watch" or (reads and bool(what.resource) and what.verb in ("get", "list"))

    async with stale.second(scene.lane) as server:
        since = len(proxy.journal)
        scene.on(Elsewhere(server.url), chosen=behind)
        proxy.hang_up()

        async def opened() -> bool:
            watches = [e for e in proxy.journal[since:] if e.asked.verb == "watch" and e.did and e.told == 200]
            return {"deployments", "services"} <= {e.asked.resource for e in watches}

        await scene.lane.until(opened, 30.0, "the watches are those of the server that will lag")
        await scene.lane.settled(scene.patience)
        server.freeze()
        yield
        await scene.lasts(4.0)
        server.thaw()
        proxy.clear()
        proxy.hang_up()
    scene.notes.append("reads too" if reads else "watches")


@contextlib.asynccontextmanager
async def f59(scene: Scene) -> AsyncIterator[None]:
    """A second control plane, with a database and a name of its own, is told to have the same product line and the same
    App in the same cluster: it says whose they are and touches nothing, and the first goes on."""
    one = scene.lane
    data, mark = one.data / "second", one.witness.mark()
    await made_up(data, one.servers, one.proxy)
    (data / "tokens").mkdir()
    (data / "tokens" / CLUSTER).write_text(one.servers.token(CLUSTER, SECOND))
    env = {"MCD_DATA": str(data), "MCD_LEASE": f"{LEASE:g}", "MCD_CLUSTER_TOKENS": str(data / "tokens")}
    pid = await one.zygote.start(env, data / "mcd.log", "controllers")
    try:
        async with one.database(data) as db:
            now = datetime.datetime.now(datetime.UTC)
            async with db.writing() as tx:
                await intents.create_app(ADMIN, tx, now, APP, product_line=LINE)
                await intents.push(
                    ADMIN, tx, now, APP, commit="5" * 40, branch="main", app_yaml=SHAPES["plain"].second,
                )  # fmt: skip
            yield
            said = ""

            async def told() -> bool:
                nonlocal said
                async with db.reading() as tx:
                    line = await reads.product_line(ADMIN, tx, LINE)
                said = str(line.state.conditions)
                return "NotOurs" in said

            with contextlib.suppress(Unsettled):
                await one.until(told, 30.0, "the second says whose it is")
            scene.verdict.must("NotOurs" in said, f"F59: the second says: {said}")
            await scene.looked()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        await one.zygote.ended(pid)
    wrote = [str(f) for f in one.witness.since(mark) if f.user == SECOND and f.is_write and 200 <= f.code < 300]
    scene.verdict.must(not wrote, f"F59: the second wrote: {wrote[:5]}")


WRONG = ("expired", "of another authority", "of another host")


@contextlib.asynccontextmanager
async def f39(scene: Scene) -> AsyncIterator[None]:
    """The certificate is not the right one for a while: nothing is sent, and it is said why."""
    how = scene.dice.choice(WRONG)
    folder, proxy = scene.lane.servers.named(CLUSTER).folder, scene.lane.proxy
    forged(folder, scene.lane.data, how)
    proxy.present(scene.lane.data / "wrong.crt", scene.lane.data / "wrong.key")
    proxy.part()
    since = len(proxy.journal)
    try:
        yield

        async def told() -> bool:
            return "TLS certificate" in scene.lane.said()

        await scene.lane.until(told, 20.0, "it is said that the certificate is wrong")
        await scene.lasts(2.0)
        asked = [str(e.asked) for e in proxy.journal[since:]]
        scene.verdict.must(not asked, f"F39: asked a server whose certificate is {how}: {asked[:5]}")
    finally:
        proxy.present(folder / "server.crt", folder / "server.key")
        proxy.part()
    scene.notes.append(how)


def forged(folder: Path, target: Path, how: str) -> None:
    """Writes wrong.crt and wrong.key: a certificate like the server's, but for what is wrong with it."""
    authority = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    assert isinstance(authority, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes()).subject
    key, now, day = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC), datetime.timedelta(1)
    address = "10.9.9.9" if how == "of another host" else "127.0.0.1"
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 9 * day)
        .not_valid_after(now - day if how == "expired" else now + 9 * day)
        .add_extension(names, critical=False)
        .sign(key if how == "of another authority" else authority, hashes.SHA256())
    )
    (target / "wrong.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (target / "wrong.key").touch(mode=0o600)
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (target / "wrong.key").write_bytes(key.private_bytes(*plain))
