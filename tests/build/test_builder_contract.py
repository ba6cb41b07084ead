"""The contract of Builder, on real buildah and a real registry."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import tarfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mcd.build.buildah import Buildah, BuildLimits
from mcd.build.storage import Keep
from mcd.errors import Code, McdError
from tests.build.conftest import Workshop
from tests.servers.registry import free_port

PINNED = re.compile(r"127\.0\.0\.1:\d+/apps/x@sha256:[0-9a-f]{64}")


async def refusal(workshop: Workshop, text: str, files: dict[str, str] | None = None, **more: object) -> McdError:
    with pytest.raises(McdError) as caught:
        await workshop.build(text, files, **more)
    assert "\n" not in str(caught.value)
    return caught.value


def unpacked(image: str, folder: Path) -> tuple[dict[str, bytes], str]:
    """Every file of every layer, and the whole configuration as text."""
    subprocess.run(
        ["skopeo", "copy", "--src-tls-verify=false", f"docker://{image}", f"dir:{folder}"],
        check=True,
        capture_output=True,
    )
    files: dict[str, bytes] = {}
    manifest = json.loads((folder / "manifest.json").read_text())
    for layer in manifest["layers"]:
        with tarfile.open(folder / layer["digest"].partition(":")[2]) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isfile() else None
                files[member.name] = content.read() if content else b""
    return files, (folder / manifest["config"]["digest"].partition(":")[2]).read_text()


def running(mark: str) -> list[int]:
    """Processes of this machine with `mark` in their command line."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark in (folder / "cmdline").read_text().split("\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


async def until(what: Callable[[], bool], seconds: float, why: str) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, why
        await asyncio.sleep(0.02)


async def test_an_image_is_pushed_and_pinned_by_digest(workshop: Workshop, tmp_path: Path) -> None:
    image = await workshop.build("FROM scratch\nCOPY a /a\n", {"a": "hello"})
    assert PINNED.fullmatch(image)
    assert await workshop.builder.exists(image)
    files, _ = unpacked(image, tmp_path / "out")
    assert files["a"] == b"hello"


async def test_an_image_that_nobody_pushed_does_not_exist(workshop: Workshop) -> None:
    assert not await workshop.builder.exists(f"{workshop.host}/apps/x@sha256:{'0' * 64}")
    assert not await workshop.builder.exists(f"{workshop.host}/never/pushed@sha256:{'0' * 64}")


async def test_arguments_target_and_commit_reach_the_build(workshop: Workshop, tmp_path: Path) -> None:
    text = (
        "ARG BASE=nothing\nFROM mcd/$BASE AS one\nARG MCD_COMMIT\nARG WORD\nRUN echo $MCD_COMMIT $WORD > /said\n"
        "FROM scratch AS two\nCOPY --from=one /said /said\nFROM scratch\nCOPY nothing /\n"
    )
    arguments = {"BASE": "static", "WORD": "a b $(id)"}
    image = await workshop.build(text, target="two", args=arguments, commit="abc123")
    files, _ = unpacked(image, tmp_path / "out")
    assert files["said"] == b"abc123 a b $(id)\n"


async def test_a_dockerfile_given_as_text_is_used_instead_of_a_file(workshop: Workshop, tmp_path: Path) -> None:
    image = await workshop.build("FROM nowhere\n", {"a": "x"}, dockerfile_text="FROM mcd/static\nCOPY a /b\n")
    assert unpacked(image, tmp_path / "out")[0]["b"] == b"x"


async def test_a_failing_step_is_told_with_line_code_and_last_words(workshop: Workshop) -> None:
    error = await refusal(workshop, "FROM mcd/static\n\nRUN echo first; \\\n  echo the reason >&2; sleep 0.5; exit 7\n")
    assert error.code is Code.INVALID
    assert str(error).startswith("Dockerfile:3: step 2 of 2 (RUN echo first;")
    assert 'ended with exit code 7. Last lines: "first / the reason".' in str(error)


async def test_a_quick_failure_is_not_told_without_its_words(workshop: Workshop) -> None:
    """buildah loses them now and then on a busy machine."""
    for number in range(3):
        error = await refusal(workshop, f"FROM mcd/static\nRUN echo reason {number}; exit 1\n")
        assert f'Last lines: "reason {number}".' in str(error)


async def test_a_step_that_says_nothing_is_said_to(workshop: Workshop) -> None:
    error = await refusal(workshop, "FROM mcd/static\nRUN false\n")
    assert str(error).startswith("Dockerfile:2: step 2 of 2 (RUN false) ended with exit code 1. It said nothing.")


async def test_a_missing_file_is_named(workshop: Workshop) -> None:
    error = await refusal(workshop, "FROM scratch\nCOPY nothere /\n")
    assert "Dockerfile:2: step 2 of 2 (COPY nothere /): there is no" in str(error)


@pytest.mark.parametrize("image", ["python:3.11", "dir:/etc", "127.0.0.1:1/x", "unreachable.invalid/x"])
async def test_an_image_from_elsewhere_is_refused_before_anything_runs(workshop: Workshop, image: str) -> None:
    error = await refusal(workshop, f"FROM mcd/static\nRUN echo begun\nFROM {image}\n")
    assert error.code is Code.INVALID
    assert str(error).startswith("Dockerfile:3: ")
    assert workshop.log == []


async def test_a_base_that_the_registry_lacks_is_unavailable_and_says_how_to_make_it(workshop: Workshop) -> None:
    error = await refusal(workshop, "FROM mcd/node24\n")
    assert error.code is Code.UNAVAILABLE
    assert "Dockerfile:1: the base image" in str(error)


async def test_a_build_over_its_time_is_stopped_with_everything_it_started(workshop: Workshop) -> None:
    error = await refusal(workshop, "FROM mcd/static\nRUN sleep 61234 & sleep 61235\n", timeout=6.0)
    assert error.code is Code.TOO_LARGE
    assert "longer than 6 s and was stopped at STEP 2/2: RUN sleep" in str(error)
    assert running("61234") == running("61235") == []


async def test_a_cancelled_build_leaves_no_process_and_the_next_one_works(workshop: Workshop) -> None:
    task = asyncio.create_task(workshop.build("FROM mcd/static\nRUN sleep 61236\n"))
    await until(lambda: bool(running("61236")), 20, "the build did not begin")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running("61236") == []
    assert await workshop.build("FROM mcd/static\nRUN true\n")


KILLED = """
import asyncio, sys
from pathlib import Path
from mcd.build.buildah import Buildah
from mcd.build.builder import BuildRequest
async def log(line): pass
root, host, context = sys.argv[1:]
asyncio.run(Buildah(Path(root), host).build(BuildRequest(Path(context), "Dockerfile", host + "/apps/x", "k"), log))
"""


async def test_a_build_whose_process_was_killed_trips_nobody(workshop: Workshop, store: Path) -> None:
    request = workshop.request("FROM mcd/static\nRUN sleep 61237\n")
    command = ["python", "-c", KILLED, str(store), workshop.host, str(request.context)]
    process = await asyncio.create_subprocess_exec(*command, start_new_session=True)
    await until(lambda: bool(running("61237")), 20, "the build did not begin")
    process.kill()
    await process.wait()
    await until(lambda: not running("61237"), 5, "the killed build runs on")
    assert len(list((store / "running").iterdir())) == 1
    assert await workshop.build("FROM mcd/static\nRUN true\n")
    assert list((store / "running").iterdir()) == []
    listing = subprocess.run(
        workshop.builder._storage.command("containers", "--quiet"), capture_output=True, check=True
    )
    assert listing.stdout == b""
    assert str(store) not in Path("/proc/mounts").read_text()


async def test_builds_side_by_side_do_not_mix(workshop: Workshop, store: Path, tmp_path: Path) -> None:
    other = Workshop(store, workshop.host, tmp_path)
    text = "FROM mcd/static\nARG N\nRUN echo $N > /n; sleep 0.3; cat /n > /m\n"
    requests = [workshop.request(text, args={"N": str(n)}) for n in range(4)]
    made = await asyncio.gather(*(one.run(r) for one, r in zip([workshop, other] * 2, requests, strict=True)))
    assert [unpacked(image, tmp_path / f"out{n}")[0]["m"] for n, image in enumerate(made)] == [
        b"0\n",
        b"1\n",
        b"2\n",
        b"3\n",
    ]


async def test_the_machines_index_is_seen_by_the_build_and_is_in_no_layer(workshop: Workshop, tmp_path: Path) -> None:
    text = "FROM mcd/static\nRUN grep -q not-in-[a]ny-layer /etc/pip.conf && grep -q not-in-[a]ny-layer /root/.npmrc\n"
    image = await workshop.build(text)
    files, config = unpacked(image, tmp_path / "out")
    for name, content in files.items():
        assert b"not-in-any-layer" not in content, name
    assert "not-in-any-layer" not in config
    assert files.get("etc/pip.conf", b"") == b""


async def test_nothing_of_our_environment_reaches_a_build(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCD_SECRET_KEYS", "hunter2")
    await workshop.build("FROM mcd/static\nRUN env; cat /proc/1/environ /proc/$$/environ || true\n")
    assert "hunter2" not in "\n".join(workshop.log)
    assert any(line.startswith("PATH=") for line in workshop.log)


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")
async def test_a_build_sees_no_device_and_no_process_of_the_machine(workshop: Workshop) -> None:
    text = (
        f"FROM mcd/static\nRUN find /dev -type b; ls /dev; ps -o pid | wc -l; kill -9 {os.getpid()} || echo no such\n"
    )
    await workshop.build(text)
    said = workshop.log[workshop.log.index(next(line for line in workshop.log if "RUN find" in line)) + 1 :]
    assert not [line for line in said if line.startswith("/dev/")]
    assert {"null", "urandom", "shm"} <= set(said)
    assert not {"kvm", "fuse", "mem", "kmsg", "loop0"} & set(said)
    assert "no such" in said


async def test_a_build_cannot_leave_its_folder(workshop: Workshop) -> None:
    await workshop.build("FROM mcd/static\nRUN grep CapEff /proc/self/status; chroot / true || echo held\n")
    assert "held" in workshop.log
    bits = int(next(line for line in workshop.log if line.startswith("CapEff")).split()[1], 16)
    for number, name in ((18, "sys_chroot"), (21, "sys_admin"), (19, "sys_ptrace"), (27, "mknod"), (13, "net_raw")):
        assert not bits >> number & 1, name


async def test_a_flood_of_output_is_cut_and_the_reason_still_told(workshop: Workshop) -> None:
    text = "FROM mcd/static\nRUN yes 01234567890123456789 | head -c 20000000; echo the end; sleep 1; exit 3\n"
    error = await refusal(workshop, text)
    assert sum(len(line) + 1 for line in workshop.log) < 8 * 1024 * 1024 + 1000
    assert "not kept" in workshop.log[-1]
    assert "Dockerfile:2: step 2 of 2 (RUN yes" in str(error)
    assert 'the end".' in str(error)


async def test_control_characters_do_not_reach_the_log(workshop: Workshop) -> None:
    await workshop.build(r"FROM mcd/static" + "\n" + r"RUN printf '\033[31mred\033[0m\007 bell\n'" + "\n")
    assert "red� bell" in workshop.log


async def test_an_image_over_the_limit_is_not_pushed(workshop: Workshop) -> None:
    builder = replace(workshop.builder, limits=BuildLimits(image=100_000))
    workshop.builder = builder
    error = await refusal(workshop, "FROM mcd/static\nRUN true\n", repository=f"{workshop.host}/apps/large")
    assert error.code is Code.TOO_LARGE
    assert not await builder.exists(f"{workshop.host}/apps/large:1")


async def test_without_disk_a_build_does_not_begin(workshop: Workshop) -> None:
    workshop.builder = replace(workshop.builder, limits=BuildLimits(free=1 << 60))
    error = await refusal(workshop, "FROM scratch\n")
    assert error.code is Code.UNAVAILABLE
    assert "disk is almost full" in str(error)


async def test_a_disk_that_fills_up_stops_the_build(workshop: Workshop) -> None:
    free = os.statvfs(workshop.builder.root).f_bavail * os.statvfs(workshop.builder.root).f_frsize
    workshop.builder = replace(workshop.builder, limits=BuildLimits(free=free - 200_000_000))
    error = await refusal(workshop, "FROM mcd/static\nRUN dd if=/dev/zero of=/fill bs=1M count=700; sleep 61238\n")
    assert error.code is Code.UNAVAILABLE
    assert running("61238") == []


async def test_a_registry_that_is_down_is_said_at_once(workshop: Workshop) -> None:
    gone = f"127.0.0.1:{free_port()}"
    error = await refusal(workshop, "FROM scratch\nCOPY Dockerfile /\n", repository=f"{gone}/x")
    assert (error.code, error.reason) == (Code.UNAVAILABLE, "BuildUnavailable")
    assert f"the registry {gone} does not answer" in str(error)
    with pytest.raises(McdError, match="does not answer"):
        await workshop.builder.exists(f"{gone}/x@sha256:{'0' * 64}")


async def test_without_buildah_the_refusal_says_what_to_install(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = await refusal(workshop, "FROM scratch\n")
    assert (error.code, error.reason) == (Code.UNAVAILABLE, "BuildUnavailable")
    assert "buildah is not installed" in str(error)


@pytest.mark.parametrize("name", ["Dockerfile", "../Dockerfile", "/etc/hostname", "folder", "gone\0", "nothere"])
async def test_a_dockerfile_outside_the_context_is_not_read(workshop: Workshop, tmp_path: Path, name: str) -> None:
    request = workshop.request("FROM scratch\n", {"folder/x": ""})
    (request.context / "Dockerfile").unlink()
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (request.context / "Dockerfile").symlink_to(tmp_path / "Dockerfile")
    with pytest.raises(McdError, match="in the build context"):
        await workshop.run(replace(request, dockerfile=name))


async def test_a_hostile_argument_name_is_refused(workshop: Workshop) -> None:
    assert "is no build argument" in str(await refusal(workshop, "FROM scratch\n", args={"--volume=/:/host": "x"}))


@pytest.mark.parametrize("driver", ["overlay", "vfs"])
async def test_a_rebuild_with_one_changed_file_uses_the_cache(
    workshop: Workshop, tmp_path: Path, driver: str, record_property: Callable[[str, object], None]
) -> None:
    workshop.builder = Buildah(tmp_path / "own", workshop.host, workshop.builder.machine, drivers=(driver,))
    text = "FROM mcd/static\nCOPY list /app/\nRUN echo installing\nCOPY . /app\n"
    await workshop.build(text, {"list": "a", "app": "1"})
    workshop.log.clear()
    began = time.monotonic()
    await workshop.build(text, {"list": "a", "app": "2"})
    record_property(f"cached_rebuild_{driver}_seconds", round(time.monotonic() - began, 2))
    assert "installing" not in workshop.log


async def test_old_images_are_forgotten_and_the_store_still_works(workshop: Workshop, tmp_path: Path) -> None:
    now = time.time()
    builder = Buildah(tmp_path / "own", workshop.host, workshop.builder.machine, keep=Keep(seconds=86400))
    workshop.builder = builder
    await workshop.build("FROM mcd/static\nRUN echo 1 > /x\n")
    assert len(await builder._storage.images()) > 1
    builder._storage.clock = lambda: now + 2 * 86400
    await workshop.build("FROM scratch\nCOPY Dockerfile /\n")
    assert len(await builder._storage.images()) == 1
    builder._storage.keep = Keep(size=1)
    builder._storage.clock = lambda: now + 3 * 86400
    assert await workshop.build("FROM mcd/static\nRUN echo 1 > /x\n")


def test_bases_are_named_for_runtimes(tmp_path: Path) -> None:
    assert Buildah(tmp_path, "r:5").bases()["python3.11"] == "r:5/base/python3.11"
