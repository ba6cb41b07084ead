"""Bad machines: a taken port, no Go, no network, a full disk. Each is one line that says what to do.

Everything happens in folders and namespaces of its own, and is taken away.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.acceptance import apps, refused, stage
from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.server import environment
from tests.acceptance.world import Ran, World, typed

DISK_MIB = 24


def _made(world: World, *words: str, path: str = "", prefix: tuple[str, ...] = (), **more: str) -> Ran:
    """`make up` (its program) in a home of its own, which is looked at and taken away."""
    home = Path(tempfile.mkdtemp(prefix="mcd-bad-", dir="/tmp"))
    env = environment({"MCD_CLUSTER_HOME": str(home / "cluster"), "MCD_CONFIG_HOME": str(home / "config"), **more})
    if path:
        env["PATH"] = path
    try:
        command = [*prefix, str(world.bin / "python"), "-m", *(words or ("scripts.up",))]
        ran = typed(command, env, world.checkout, None, 60)
        left = list((home / "cluster" / "run").glob("*.pid"))
        if left:
            raise Miss(f"something was started and left: {left}")
        return ran
    finally:
        # By its own means, in case something runs after all.
        typed([str(world.bin / "python"), "-m", "scripts.up", "--reset"], env, world.checkout, None, 60)
        shutil.rmtree(home, ignore_errors=True)


def port_taken(world: World) -> Seen:
    mark = world.witness.mark()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ran = _made(world, MCD_GATEWAY_PORT=str(port), MCD_NODE="sim")
    return refused.by_command(world, ran, mark, 1, f"port {port}", "taken")


def mcd_port_taken(world: World) -> Seen:
    """The port that `mcd serve` itself wants. It is looked at before anything else: there is no database here."""
    mark = world.witness.mark()
    with socket.create_server(("127.0.0.1", 0)) as other, tempfile.TemporaryDirectory() as folder:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        env = environment({"MCD_DATA": folder, "MCD_LISTEN": listen})
        ran = typed([str(world.bin / "mcd"), "serve"], env, world.work, None, 30)
    return refused.by_command(world, ran, mark, 6, listen, "taken")


def no_go(world: World) -> Seen:
    """An empty cache, and a PATH with all programs of the system but Go."""
    mark = world.witness.mark()
    with tempfile.TemporaryDirectory() as folder:
        programs = Path(folder) / "bin"
        programs.mkdir()
        for name in ("sh", "git", "ip", "apt-get", "docker-registry", "buildah", "crun", "skopeo", "mmdebstrap", "env"):
            if found := shutil.which(name):
                (programs / name).symlink_to(found)
        # A Go where its own instructions put it is found without the PATH: hidden by a mount of nothing.
        prefix = _hidden(Path("/usr/local/go"))
        ran = _made(world, "scripts.cluster", "build", "--node", "sim", path=str(programs), prefix=prefix,
                    MCD_CACHE=str(Path(folder) / "cache"))  # fmt: skip
    return refused.by_command(world, ran, mark, 1, "Go")


def _hidden(folder: Path) -> tuple[str, ...]:
    if not folder.exists():
        return ()
    unshare, sh = shutil.which("unshare"), shutil.which("sh")
    mount = shutil.which("mount")
    return (str(unshare), "-m", str(sh), "-c", f'{mount} -t tmpfs none {folder} && exec "$@"', "sh")


def no_network(world: World) -> Seen:
    """A network namespace with nothing in it, an empty cache."""
    mark = world.witness.mark()
    with tempfile.TemporaryDirectory(prefix="mcd-bad-", dir="/tmp") as folder:
        more = {"MCD_CACHE": str(Path(folder) / "cache"), "GOFLAGS": "-modcacherw",
                "GOMODCACHE": str(Path(folder) / "modules")}  # fmt: skip
        ran = _made(world, "scripts.cluster", "build", "--node", "sim", prefix=("unshare", "-n"), **more)
    return refused.by_command(world, ran, mark, 1, "no network")


@contextlib.contextmanager
def _small_disk() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mcd-disk-", dir="/tmp"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "none", folder], check=True, timeout=10)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=False, timeout=10)
        folder.rmdir()


def disk_full(world: World) -> Seen:
    """MCD's data on a disk that fills up: refused in one line; what was told before is still there, and all goes on
    when there is room."""
    with _small_disk() as disk, stage.beside(world.cluster, of=world, MCD_DATA=str(disk), MCD_BUILDER="none") as own:
        app = "acc-disk"
        folder = own.repository(app, {"app.yaml": apps.played(own, app, ["web"])})
        own.push(folder, app).ok()
        own.ready(app)
        filler = disk / "filler"
        _fill(filler)
        mark = own.witness.mark()
        (folder / "large.bin").write_bytes(bytes(range(256)) * 4096 * 8)
        own.commit(folder, "does not fit")
        ran = own.push(folder, app, seconds=60)
        if ran.code == 0:
            raise Miss("a push was taken though the disk is full")
        seen = refused.by_command(own, ran, mark, 1, "remote:", "disk of MCD is full", "nothing was stored")
        if "! [remote rejected]" not in ran.text:
            raise Miss(f"git does not show it as a refusal of MCD's: {ran.text.strip()[-400:]}")
        wish = own.mcd("settings", "set", app, "components.web.replicas=2")
        refused.by_command(own, wish, mark, 6, "full")
        status = own.mcd("status", app).ok()
        filler.unlink()
        apps.edit(folder, "app.yaml", 'STEP: "1"', 'STEP: "2"')
        (folder / "large.bin").unlink()
        own.commit(folder, "fits")
        own.push(folder, app).ok()
        own.ready(app, release=2)
        return Seen(f"{seen.line}; mcd settings set: {wish.said}; mcd status: {status.out.splitlines()[1]}; "
                    "with room again the next push is Ready", 0)  # fmt: skip


def _fill(file: Path) -> None:
    """Fills the disk to the last block."""
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as out:
        while True:
            out.write(bytes(4096))


def start_on_full_disk(world: World) -> Seen:
    mark = world.witness.mark()
    with _small_disk() as disk:
        _fill(disk / "filler")
        env = environment({"MCD_DATA": str(disk / "data"), "MCD_LISTEN": "127.0.0.1:0"})
        ran = typed([str(world.bin / "mcd"), "admin", "migrate"], env, world.work, None, 60)
    return refused.by_command(world, ran, mark, 6, "disk")


CHECKS = (
    Check("bad.port", "make up with MCD_GATEWAY_PORT of another program", "one line with the port, nothing started",
          port_taken, 90, in_slice=True),
    Check("bad.port-of-mcd", "mcd serve with MCD_LISTEN of another program", "one line with the address, exit 6",
          mcd_port_taken, 60, in_slice=True),
    Check("bad.no-go", "python -m scripts.cluster build: empty cache, no Go", "one line: install Go, exit 1", no_go, 60,
          in_slice=True),
    Check("bad.no-network", "unshare -n python -m scripts.cluster build: empty cache", "one line: no network, exit 1",
          no_network, 90, in_slice=True),
    Check("bad.disk", f"git push; mcd settings set; MCD_DATA on a full disk of {DISK_MIB} MiB",
          "one line each, no 5xx page; nothing lost; goes on with room", disk_full, 180),
    Check("bad.disk-at-start", "mcd admin migrate on a full disk", "one line, exit 6", start_on_full_disk, 60,
          in_slice=True),
)  # fmt: skip
