"""The command against the real application: real API, store and controllers, a cluster in memory."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mcd.errors import Code
from mcd.kube.cluster import KubeError, KubeReason
from mcd.model import ConditionType, Noun
from mcd.objects import Ref
from mcd.store import leases, reads
from tests.cli.conftest import PASSWORD, Mcd, Platform, Ran, signed_in
from tests.controllers.world import ADMIN

TWO = "web: {type: web, image: 'registry.test/x:1'}\nworker: {type: daemon, image: 'registry.test/x:1', command: run}"
NOBODY = {"MCD_SERVER": "", "MCD_TOKEN": ""}


def data(told: Ran) -> dict[str, object]:
    assert told.code == 0, told.err
    found: dict[str, object] = json.loads(told.out)
    assert found["schema"] == "mcd/v1"
    return found


# --- signing in -----------------------------------------------------------------------------------------------------


def test_a_password_becomes_a_token_that_works_and_is_taken_back(here: Mcd, platform: Platform, tmp_path: Path) -> None:
    told = here("login", platform.url, "-n", "dora", "--password-stdin", stdin=PASSWORD + "\n")
    assert told.code == 0, told.err
    file = tmp_path / "config" / "contexts.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in file.read_text()
    token = json.loads(file.read_text())["contexts"][platform.url.removeprefix("http://")]["token"]
    assert token not in told.out + told.err
    assert "dora" in here("whoami").out
    again = here("login", "-n", "dora", "--password-stdin", stdin=PASSWORD + "\n")
    assert again.code == 0, again.err
    assert here("whoami", env={"MCD_SERVER": platform.url, "MCD_TOKEN": token}).code == 4, "the old token still works"
    token = json.loads(file.read_text())["contexts"][platform.url.removeprefix("http://")]["token"]
    assert here("logout").code == 0
    assert here("whoami", env={"MCD_SERVER": platform.url, "MCD_TOKEN": token}).code == 4, "a copy of it still works"
    told = here("whoami")
    assert (told.code, told.err.count("\n")) == (4, 1)
    assert "mcd login" in told.err


def test_a_wrong_password_is_refused_and_stores_nothing(here: Mcd, platform: Platform, tmp_path: Path) -> None:
    told = here("login", platform.url, "-n", "dora", "--password-stdin", stdin="wr0ng\n")
    assert (told.code, told.out, told.err.count("\n")) == (4, "", 1)
    assert "wr0ng" not in told.err
    assert not (tmp_path / "config").exists()


def test_a_token_can_be_given_and_a_wrong_one_is_not_kept(here: Mcd, platform: Platform, tmp_path: Path) -> None:
    assert here("login", platform.url, "--token", "-", stdin="mcd_pat_x_y\n").code == 4
    assert not (tmp_path / "config").exists()
    assert here("login", platform.url, "--token", "-", stdin=platform.tokens["vera"] + "\n").code == 0
    assert here("whoami", "-o", "name").out == "person/vera\n"


# --- looking --------------------------------------------------------------------------------------------------------


def test_apps_are_listed_with_what_runs_of_them(dora: Mcd, platform: Platform) -> None:
    platform.deployed("lister")
    told = dora("app", "list")
    assert told.code == 0, told.err
    row = next(line for line in told.out.splitlines() if line.startswith("lister"))
    assert row.split()[:3] == ["lister", "demo", "ready"]
    assert "app/lister" in dora("app", "list", "-o", "name").out.split()
    assert {"name": "lister"}.items() <= next(
        i for i in data(dora("app", "list", "-o", "json"))["items"] if i["name"] == "lister"
    ).items()  # type: ignore[attr-defined]
    nina = signed_in(dora, platform, "nina")
    assert data(nina("app", "list", "-o", "json"))["items"] == []


def test_a_list_of_apps_is_narrowed_and_an_empty_one_says_by_what(dora: Mcd, platform: Platform) -> None:
    platform.deployed("narrow")
    assert dora("app", "create", "unborn", "-p", "demo").code == 0
    only = dora("app", "list", "--state", "undeployed", "--cluster", "local", "-p", "demo", "-o", "name")
    assert "app/unborn" in only.out.split()
    assert "app/narrow" not in only.out.split()
    row = next(line for line in dora("app", "list").out.splitlines() if line.startswith("unborn"))
    assert row.split()[:3] == ["unborn", "demo", "undeployed"]
    told = dora("app", "list", "--state", "unknown", "-p", "demo")
    assert (told.code, told.out) == (0, "")
    assert told.err == "no App that you may see is in product line demo in state unknown.\n"
    assert (none := dora("app", "list", "--state", "unknown", "-o", "name")).code == 0
    assert none.out == ""
    assert data(dora("app", "list", "--state", "unknown", "-o", "json"))["items"] == []
    assert dora("app", "list", "--cluster", "ghost").code == 3
    wrong = dora("app", "list", "--state", "happy")
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)
    assert "stalled" in wrong.err


def test_status_says_each_component_and_its_address(dora: Mcd, platform: Platform, tmp_path: Path) -> None:
    platform.deployed("seer", TWO)
    told = dora("status", "seer")
    assert told.code == 0, told.err
    assert "seer in demo\nready (Rollout 1, Release 1" in told.out
    assert [line.split()[:4] for line in told.out.splitlines() if line.startswith(("web", "worker"))] == [
        ["web", "web", "healthy", "1/1"],
        ["worker", "daemon", "healthy", "1/1"],
    ]
    assert "http://seer.apps.localhost" in told.out
    assert dora("open", "seer").out.startswith("http://seer.apps.localhost")
    (tmp_path / "work" / "app.yaml").write_text("appname: seer\n")
    assert dora("status").out.startswith("seer in demo"), "the folder's App was not taken"


def test_what_nobody_may_see_is_not_found(dora: Mcd, platform: Platform) -> None:
    platform.deployed("hidden")
    nina = signed_in(dora, platform, "nina")
    for words in (["status", "hidden"], ["status", "never-was"], ["history", "hidden"], ["delete", "hidden", "-y"]):
        told = nina(*words)
        assert (told.code, told.out, told.err.count("\n")) == (3, "", 1), words
    assert dora("delete", "hidden", "-y").code == 4, "a developer deleted an App"
    assert dora("status", "../../whoami").code in (2, 3)


def test_rows_of_every_noun_can_be_listed_and_shown(root: Mcd, platform: Platform) -> None:
    platform.deployed("rows")
    for words in (
        ["release", "list", "rows"], ["release", "show", "1", "-a", "rows"], ["rollout", "list", "rows"],
        ["rollout", "show", "1", "-a", "rows"], ["settings", "show", "rows"], ["settings", "history", "rows"],
        ["product-line", "list"], ["product-line", "show", "demo"], ["member", "list", "-p", "demo"],
        ["cluster", "list"], ["cluster", "show", "local"], ["person", "list"], ["person", "show", "dora"],
        ["token", "list"], ["events", "rows"], ["app", "show", "rows"], ["history", "rows"],
    ):  # fmt: skip
        table, names = root(*words), root(*words, "-o", "name")
        assert table.code == 0, f"{words}: {table.err}"
        assert table.out.strip(), f"{words} shows nothing"
        assert all("/" in line for line in names.out.splitlines()), words


def test_doctor_names_what_is_wrong_and_the_next_step(root: Mcd, platform: Platform) -> None:
    told = root("doctor", env={"MCD_TOKEN": ""})
    assert told.code == 1
    line = next(line for line in told.out.splitlines() if line.startswith("problem"))
    assert "sign-in" in line
    assert "mcd login" in line
    checks = json.loads(root("doctor", "-o", "json").out)["checks"]
    assert {"server", "sign-in", "cluster local", "git", "database"} <= {
        c["name"] for c in checks if c["state"] == "ok"
    }


def test_doctor_counts_the_apps_that_stand_still_and_says_what_should_be_mended(root: Mcd, platform: Platform) -> None:
    """An App that its people must mend, and keys that others may read, are warnings: the server does what it should."""

    async def foreign() -> None:
        named = {"name": "kept-web", "namespace": "demo"}
        spec = {"ports": [{"name": "http", "port": 81}]}
        platform.world.kube.person({"apiVersion": "v1", "kind": "Service", "metadata": named, "spec": spec}, "kubectl")
        await platform.world.push("appname: kept\ncomponents: {web: {type: web, image: 'registry.test/x:1'}}\n", "kept")

    async def stalled() -> bool:
        live = await platform.world.live("kept")
        return live is not None and live.state.is_now(ConditionType.STALLED)

    platform.inside(foreign)
    with platform.hurry():
        platform.until(lambda: platform.inside(stalled))
    keys = platform.world.runtime.settings.keys_file
    keys.chmod(0o644)
    try:
        table, told = root("doctor"), root("doctor", "-o", "json")
    finally:
        keys.chmod(0o600)
    checks = {c["name"]: c for c in json.loads(told.out)["checks"]}
    # The clock of this world stands, so that its tokens have expired for the command's.
    assert {name for name, c in checks.items() if c["state"] == "problem"} <= {"token"}, table.out
    assert re.fullmatch(r"1 of \d+ stand still: 0 stalled, 1 held", checks["apps"]["message"])
    assert checks["app kept"]["message"].startswith("held: NotOurs: Service/kept-web")
    assert "mcd status kept" in checks["app kept"]["next_step"]
    assert "mode 0644" in checks["key ring"]["message"]
    assert {checks[name]["state"] for name in ("apps", "app kept", "key ring")} == {"warning"}
    assert "revision" in checks["database"]["message"]
    assert "GiB free" in checks["disk"]["message"]
    assert "warning" in table.out


def test_doctor_says_since_when_a_cluster_is_away(root: Mcd, platform: Platform) -> None:
    def refuse(verb: str, ref: Ref) -> KubeError:
        return KubeError(Code.UNAVAILABLE, KubeReason.UNREACHABLE, "the cluster cannot be reached: no route.")

    async def wake() -> None:
        async with platform.world.runtime.db.writing() as tx:
            await leases.wake(tx, Noun.CLUSTER, ["local"], platform.world.runtime.now())

    async def up() -> bool:
        async with platform.world.runtime.db.reading() as tx:
            return (await reads.cluster(ADMIN, tx, "local")).state.is_now(ConditionType.READY)

    platform.world.kube.faults.refuse = refuse
    try:
        platform.inside(wake)
        platform.until(lambda: not platform.inside(up))
        told = root("doctor")
    finally:
        platform.world.kube.faults.refuse = None
        platform.inside(wake)
        platform.until(lambda: platform.inside(up))
    assert told.code == 1
    line = next(line for line in told.out.splitlines() if "cluster local" in line)
    assert re.search(r"not ready since \d{4}-\d\d-\d\dT[^ ]+ \(.+\): Unreachable: ", line), line
    assert "no route" in line


# --- deploying ------------------------------------------------------------------------------------------------------


def test_what_runs_already_is_said_and_nothing_is_wished(dora: Mcd, platform: Platform) -> None:
    platform.deployed("same")
    told = dora("deploy", "same", "--wait")
    assert told.code == 0, told.err
    assert "runs this already" in told.out
    assert len(dora("history", "same", "-o", "name").out.splitlines()) == 1


def test_a_restart_is_watched_until_it_is_ready(dora: Mcd, platform: Platform) -> None:
    platform.deployed("again", TWO)
    with platform.hurry():
        told = dora("restart", "again", "-c", "web", "--wait")
    assert told.code == 0, told.err
    assert told.out.splitlines()[-1] == "Rollout 2 of again is Ready"
    assert "Deployment/again-web: configured" in told.err
    assert "worker: healthy" in told.err
    assert "Deployment/again-worker: configured" not in told.err


def test_a_deploy_that_is_not_in_time_exits_124_and_goes_on(dora: Mcd, platform: Platform) -> None:
    platform.deployed("slow")
    platform.world.pods_run = False
    try:
        platform.inside(
            lambda: platform.world.push("appname: slow\ncomponents:\n  web: {type: web, image: 'r.test/x:2'}\n", "slow")
        )
        told = dora("deploy", "slow", "--wait", "--timeout", "2s")
        assert told.code == 124, told.err
        assert "It goes on: `mcd status slow -w`" in told.err.splitlines()[-1]
    finally:
        platform.world.pods_run = True
    with platform.hurry():
        platform.until(lambda: platform.is_ready("slow"))


def test_ctrl_c_stops_watching_and_says_that_the_deploy_goes_on(dora: Mcd, platform: Platform) -> None:
    platform.deployed("cut")
    platform.world.pods_run = False
    try:
        env = {k: v for k, v in os.environ.items() if not k.startswith("MCD_")}
        env |= {"MCD_SERVER": platform.url, "MCD_TOKEN": platform.tokens["dora"]}
        process = subprocess.Popen(
            [sys.executable, "-m", "mcd", "restart", "cut", "--wait"],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stderr
        first = process.stderr.readline()  # it watches now
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
    finally:
        platform.world.pods_run = True
    assert process.returncode == 130
    assert rest.splitlines()[-1] == "mcd: stopped watching. The deploy goes on: `mcd status cut -w` watches it again."
    assert "Traceback" not in first + rest
    with platform.hurry():
        platform.until(lambda: platform.is_ready("cut"))


def test_a_server_that_goes_away_while_watching_is_waited_for(dora: Mcd, platform: Platform) -> None:
    """The connection breaks in the middle; the watch takes it up again and ends with the truth."""
    import socket
    import threading
    from urllib.parse import urlsplit

    platform.deployed("lossy")
    target = urlsplit(platform.url)
    listener = socket.create_server(("127.0.0.1", 0))
    cuts: list[int] = []

    def pump(a: socket.socket, b: socket.socket, limit: int) -> None:
        sent = 0
        try:
            while chunk := a.recv(4096):
                b.sendall(chunk)
                sent += len(chunk)
                if limit and sent > limit:
                    cuts.append(sent)
                    break
        except OSError:
            pass
        for one in (a, b):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def accept() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection((target.hostname, target.port))
            limit = 2500 if len(cuts) < 2 else 0
            pumps = [
                threading.Thread(target=pump, args=(near, far, 0)),
                threading.Thread(target=pump, args=(far, near, limit)),
            ]
            for one in pumps:
                one.daemon = True
                one.start()
            for one in pumps:
                one.join()
            near.close()
            far.close()

    threads = [threading.Thread(target=accept, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        with platform.hurry():
            told = dora(
                "restart",
                "lossy",
                "-c",
                "web",
                "--wait",
                env={"MCD_SERVER": f"http://127.0.0.1:{listener.getsockname()[1]}"},
            )
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in threads:
            thread.join(10)
    assert cuts, "nothing was cut"
    assert told.code == 0, told.err
    assert told.out.splitlines()[-1] == "Rollout 2 of lossy is Ready"


def test_diff_names_the_objects_that_a_push_of_the_working_file_writes(
    dora: Mcd, platform: Platform, tmp_path: Path
) -> None:
    platform.deployed("differ", TWO)
    before = platform.world.written
    (tmp_path / "work" / "app.yaml").write_text(
        "appname: differ\ncomponents:\n  web: {type: web, image: 'registry.test/x:2'}\n  extra: {type: daemon, image: "
        "'r.test/y:1', command: run}\n"
    )
    told = dora("diff")
    assert told.code == 0, told.err
    named = {line.split()[1].rstrip(":"): line.split()[0] for line in told.out.splitlines() if not line.startswith(" ")}
    assert named["Deployment/differ-web"] == "configured"
    assert named["Deployment/differ-extra"] == "created"
    assert named["Deployment/differ-worker"] == "deleted"
    assert '+ spec.template.spec.containers[web].image: "registry.test/x:2"' in told.out
    assert platform.world.written == before, "a diff wrote"


def test_diff_of_a_wrong_file_says_every_problem_with_its_line(dora: Mcd, platform: Platform, tmp_path: Path) -> None:
    platform.deployed("wrongly")
    (tmp_path / "work" / "app.yaml").write_text(
        "appname: wrongly\ncomponents:\n  web: {type: web, port: 99999, replica: 2}\n"
    )
    told = dora("diff")
    assert told.code == 2
    assert told.out == ""
    assert "app.yaml:3:26: components.web.port: 99999 is not a port." in told.err
    assert 'there is no "replica" here. Did you mean "replicas"?' in told.err


def test_settings_and_secrets_are_kept_and_no_value_comes_back(dora: Mcd, platform: Platform) -> None:
    platform.deployed("tuned")
    olaf = signed_in(dora, platform, "olaf")
    with platform.hurry():
        told = dora("scale", "tuned", "web=2", "--wait")
        assert told.code == 0, told.err
    assert "web=2" in dora("settings", "show", "tuned").out
    assert olaf("settings", "set", "tuned", "components.web.replicas=3").code == 0
    assert olaf("settings", "unset", "components.web.replicas", "-a", "tuned").code == 0
    assert [i["values"] for i in data(dora("settings", "history", "tuned", "-o", "json"))["items"]][:2] == [  # type: ignore[attr-defined]
        {},
        {"components": {"web": {"replicas": 3}}},
    ]
    assert olaf("secret", "set", "tuned", "payment", "--from-stdin", stdin="TOKEN=s3cr3t\n").code == 0
    told = dora("secret", "list", "tuned", "-o", "json")
    assert "s3cr3t" not in told.out
    assert [(i["name"], i["keys"]) for i in data(told)["items"]] == [("payment", ["TOKEN"])]  # type: ignore[attr-defined]
    assert olaf("secret", "unset", "tuned", "payment").code == 0


def test_a_rollback_runs_the_pair_before(dora: Mcd, platform: Platform) -> None:
    platform.deployed("back")
    platform.deployed("back", "web: {type: web, image: 'registry.test/x:2'}")
    with platform.hurry():
        told = dora("rollback", "back", "--wait")
    assert told.code == 0, told.err
    assert "back to Rollout 1: Release 1" in told.err
    newest = data(dora("history", "back", "-o", "json"))["items"][0]  # type: ignore[index]
    assert (newest["release"], newest["trigger"], newest["live"]) == (1, "rollback", True)
    shown = dora("status", "back").out
    assert "Release 2 (" in shown
    assert ") is not live: Rollout 2: Rollout 3 (Release 1, rollback by dora) took its place." in shown


def test_an_app_is_deleted_only_with_its_name_or_yes(dora: Mcd, platform: Platform) -> None:
    platform.deployed("doomed")
    olaf = signed_in(dora, platform, "olaf")
    told = olaf("delete", "doomed")
    assert (told.code, "Say -y" in told.err) == (2, True)
    assert dora("status", "doomed").code == 0
    with platform.hurry():
        told = olaf("delete", "doomed", "-y", "--wait")
    assert (told.code, told.out) == (0, "doomed is gone\n")
    assert dora("status", "doomed").code == 3


# --- pods -----------------------------------------------------------------------------------------------------------


def pod_of(dora: Mcd, platform: Platform, app: str) -> str:
    return next(ref.name for ref in platform.world.kube.objects() if ref.kind == "Pod" and ref.name.startswith(app))


def test_logs_are_shown_with_their_pod_and_limited(dora: Mcd, platform: Platform) -> None:
    platform.deployed("teller")
    pod = pod_of(dora, platform, "teller")
    platform.world.kube.set_logs("demo", pod, "web", [b"one", "zwei \u00fc".encode(), b"\x1b[31mthree"])
    told = dora("logs", "teller")
    assert told.out == f"{pod} web one\n{pod} web zwei ü\n{pod} web \x1b[31mthree\n", (
        "a pipe gets the bytes as they were"
    )
    assert dora("logs", "teller/web", "--pod", pod, "--tail", "1").out == "\x1b[31mthree\n"
    told = dora("logs", "teller/nothing")
    assert (told.code, told.err.count("\n")) == (3, 1)
    vera = signed_in(dora, platform, "vera")
    assert vera("logs", "teller").code == 4


def test_the_exit_code_of_a_command_in_a_pod_is_the_exit_code(dora: Mcd, platform: Platform) -> None:
    platform.deployed("runner")
    asked: list[list[str]] = []

    def answer(command: object) -> tuple[bytes, bytes, int]:
        asked.append(list(command))  # type: ignore[call-overload]
        return b"out\xff\n", b"err\n", 7

    platform.world.kube.set_commands(answer)
    process = subprocess.run(
        [sys.executable, "-m", "mcd", "exec", "runner/web", "--", "prog", "-a", "--wait", "--", "x y"],
        env={**os.environ, "MCD_SERVER": platform.url, "MCD_TOKEN": platform.tokens["dora"]},
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (process.returncode, process.stdout, process.stderr) == (7, b"out\xff\n", b"err\n")
    assert asked == [["prog", "-a", "--wait", "--", "x y"]]
    told = signed_in(dora, platform, "vera")("exec", "runner", "--", "id")
    assert (told.code, told.err.count("\n")) == (4, 1)
    assert dora("exec", "never-was", "--", "id").code == 3


def test_events_are_listed_oldest_first_and_followed(dora: Mcd, platform: Platform) -> None:
    platform.deployed("heard")
    told = dora("events", "heard", "-o", "json")
    numbers = [i["sequence"] for i in data(told)["items"]]  # type: ignore[attr-defined]
    assert numbers == sorted(numbers)
    env = {**os.environ, "MCD_SERVER": platform.url, "MCD_TOKEN": platform.tokens["dora"]}
    process = subprocess.Popen(
        [sys.executable, "-m", "mcd", "events", "heard", "-f"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    for _ in numbers:
        process.stdout.readline()
    platform.inside(
        lambda: platform.world.push("appname: heard\ncomponents:\n  web: {type: web, image: 'r.test/x:9'}\n", "heard")
    )
    line = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert " pushed " in line
    assert process.returncode == 130


# --- the platform itself --------------------------------------------------------------------------------------------


def test_a_product_line_is_made_changed_and_deleted(root: Mcd, platform: Platform) -> None:
    assert (
        root("product-line", "create", "second", "--cluster", "local", "--quota", "cpu=4", "--quota", "pods=10").code
        == 0
    )
    assert root("product-line", "set", "second", "--quota", "cpu=8").code == 0
    assert data(root("product-line", "show", "second", "-o", "json"))["wishes"] == {"quota": {"cpu": "8", "pods": 10}}
    assert root("member", "add", "nina", "--role", "viewer", "-p", "second").code == 0
    assert "nina" in root("member", "list", "-p", "second").out
    assert root("member", "remove", "nina", "-p", "second").code == 0
    told = root("product-line", "delete", "second", "-y")
    assert told.code == 0, told.err
    assert signed_in(root, platform, "dora")("product-line", "create", "third", "--cluster", "local").code == 4


def test_a_pool_is_set_from_a_file_and_a_wrong_one_is_refused(root: Mcd, platform: Platform, tmp_path: Path) -> None:
    file = tmp_path / "pool.yaml"
    file.write_text("labels: {mcd.internal/node-pool: gpu}\ndevices: [{vendor: nvidia, model: T4, per_node: 4}]\n")
    told = root("node-pool", "set", "gpu", "--cluster", "local", "-f", str(file))
    assert told.code == 0, told.err
    assert "4 x nvidia T4" in root("node-pool", "list", "--cluster", "local").out
    file.write_text("labels: {a: b}\ncolour: red\n")
    told = root("node-pool", "set", "other", "--cluster", "local", "-f", str(file))
    assert (told.code, told.err.count("\n")) == (2, 1)
    assert "colour" in told.err
    assert root("node-pool", "delete", "gpu", "--cluster", "local", "-y").code == 0


@pytest.mark.parametrize("password", ["short", ""])
def test_a_person_needs_a_real_password_and_it_is_in_no_message(root: Mcd, password: str) -> None:
    told = root("person", "create", "zoe", "--password-stdin", stdin=password + "\n")
    assert (told.code, told.err.count("\n")) == (2, 1)
    assert not password or password not in told.err


def test_a_token_is_printed_alone_on_stdout_and_can_be_revoked(dora: Mcd) -> None:
    told = dora("token", "create", "ci", "--scope", "read", "--days", "1")
    assert told.code == 0, told.err
    token = told.out.strip()
    assert token.startswith("mcd_pat_")
    assert token not in told.err
    assert dora("whoami", env={"MCD_TOKEN": token}).code == 0
    assert dora("deploy", "never-was", env={"MCD_TOKEN": token}).code in (3, 4)
    number = token.split("_")[2]
    assert dora("token", "revoke", number).code == 0
    assert dora("whoami", env={"MCD_TOKEN": token}).code == 4
