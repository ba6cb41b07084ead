"""Deploying by the command against the real application: watched, left, refused, rehearsed, put back."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

from mcd.store import intents
from tests.cli.conftest import TWO, Mcd, Platform, data, signed_in
from tests.controllers.world import ADMIN


def test_deploy_means_the_newest_release_that_its_push_did_not_ignore(dora: Mcd, platform: Platform) -> None:
    platform.deployed("picky")
    why = "branch try is not the default branch (main)."

    async def push() -> None:
        async with platform.world.runtime.db.writing() as tx:
            await intents.push(
                ADMIN, tx, platform.world.clock(), "picky",
                commit="e" * 40, branch="try", ignored=why,
                app_yaml="appname: picky\ncomponents:\n  web: {type: web, image: 'r.test/x:9'}\n",
            )  # fmt: skip

    platform.inside(push)
    listed = dora("release", "list", "picky", "-o", "wide").out.splitlines()
    assert "ignored" in listed[1]
    assert why in listed[1]
    assert "runs this already" in dora("deploy", "picky").out
    shown = data(dora("release", "show", "2", "-a", "picky", "-o", "json"))
    assert (shown["state"], shown["reason"], shown["ignored"]) == ("ignored", "Ignored", why)
    with platform.hurry():
        told = dora("deploy", "picky", "--release", "2", "--wait")
    assert told.code == 0, told.err
    assert told.out.splitlines()[-1] == "Rollout 2 of picky is Ready"


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
    told = olaf("settings", "set", "tuned", "components.web.replicas=3")
    assert told.code == 0
    assert told.out.splitlines()[-1] == "Rollout 3 of tuned is requested (Release 1, Settings 2)"
    with platform.hurry():
        told = olaf("settings", "unset", "components.web.replicas", "-a", "tuned", "--wait")
    assert (told.code, told.out.splitlines()[-1]) == (0, "Rollout 4 of tuned is Ready")
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
    assert ") is not live: Release 1 was chosen over it by dora (Rollout 3, rollback)." in shown


def test_a_second_rollback_does_not_bring_back_what_was_never_ready(dora: Mcd, platform: Platform) -> None:
    for image in (1, 2):
        platform.deployed("fled", f"web: {{type: web, image: 'registry.test/x:{image}'}}")
    platform.world.pods_run = False
    try:
        broken = "appname: fled\ncomponents:\n  web: {type: web, port: 9999, image: 'registry.test/x:3'}\n"
        platform.inside(lambda: platform.world.push(broken, "fled"))
        platform.until(lambda: data(dora("status", "fled", "-o", "json"))["rollout"]["release"] == 3)  # type: ignore[index]
    finally:
        with platform.hurry():
            first = dora("rollback", "fled")
            platform.world.pods_run = True
            platform.until(lambda: platform.is_ready("fled", 2))
    assert "back to Rollout 2: Release 2" in first.err
    assert "(Release 1, Settings 0)" in dora("rollback", "fled", "--dry-run").err
    with platform.hurry():
        second = dora("rollback", "fled", "--wait")
    assert second.code == 0, second.err
    assert "back to Rollout 1: Release 1" in second.err, "Release 3 was never Ready"
    third = dora("rollback", "fled")
    assert (third.code, third.out) == (3, "")
    assert "fled has nothing to go back to: nothing else was Ready before." in third.err
    told = dora("rollback", "fled", "--to", "3", "--dry-run")
    assert "warning: Rollout 3 was never Ready" in told.err


def test_what_the_brake_holds_is_continued_by_the_command_that_is_printed(dora: Mcd, platform: Platform) -> None:
    """Never by one that would deploy the newest Release, which is the opposite way."""
    platform.deployed("turned", "web: {type: web, image: 'r.test/x:1'}")
    platform.deployed("turned", "web: {type: web, image: 'r.test/x:1'}\n" + "\n".join(
        f"w{n}: {{type: service, port: 90, image: 'r.test/x:1'}}" for n in range(3)
    ))  # fmt: skip
    shown = dora("diff", "turned", "--release", "1").err
    command = re.search(r"`(mcd deploy turned --release 1 --confirm [0-9a-f]+)`", shown)
    assert command is not None, shown
    assert "rollback" not in dora("rollback", "turned", "--dry-run").err, "a way back needs no confirmation"
    held = dora("deploy", "turned", "--release", "1", "--wait")
    assert held.code == 1
    said = dora("status", "turned")
    printed = re.search(r"`mcd (deploy turned --confirm [0-9a-f]+)`", said.out)
    assert printed is not None, said.out
    assert printed[0] in held.err.replace("\n", " ")
    assert "web        web   healthy" in said.out
    with platform.hurry():
        told = dora(*printed[1].split(), "--wait")
    assert told.code == 0, told.err
    newest = data(dora("history", "turned", "-o", "json"))["items"][0]  # type: ignore[index]
    assert (newest["release"], newest["state"]) == (1, "ready")
    refused = dora(*printed[1].split())
    assert (refused.code, "no Rollout waits for a confirmation now" in refused.err) == (5, True), refused.err


def test_a_rollback_goes_back_to_the_settings_that_an_app_begins_with(dora: Mcd, platform: Platform) -> None:
    platform.deployed("unscaled")
    with platform.hurry():
        assert dora("scale", "unscaled", "web=2", "--wait").code == 0
        told = dora("rollback", "unscaled", "--yes", "--wait")
    assert told.code == 0, told.err
    newest = data(dora("history", "unscaled", "-o", "json"))["items"][0]  # type: ignore[index]
    assert (newest["release"], newest["settings"], newest["trigger"]) == (1, 0, "rollback")
    waits = "Settings 1 are saved and do not run yet: the next push runs them, or `mcd deploy unscaled --release 1`"
    assert waits in dora("status", "unscaled").out


def test_a_rollback_takes_no_settings_back_unasked(dora: Mcd, platform: Platform) -> None:
    """Three pods became one, and a PodDisruptionBudget went with them."""
    platform.deployed("kept")
    with platform.hurry():
        assert dora("scale", "kept", "web=3", "--wait").code == 0
    platform.deployed("kept", "web: {type: web, image: 'registry.test/x:2'}")
    shown = dora("rollback", "kept", "--to", "1", "--dry-run").err
    assert "Settings 0: components.web.replicas: 3 becomes as app.yaml says." in shown
    refused = dora("rollback", "kept", "--to", "1")
    assert (refused.code, refused.out) == (2, "")
    assert "components.web.replicas: 3 becomes as app.yaml says. There is no terminal to ask on." in refused.err
    assert "--yes" in refused.err
    assert "--keep-settings" in refused.err
    assert data(dora("history", "kept", "-o", "json"))["items"][0]["release"] == 2  # type: ignore[index]
    asked = at_a_terminal(platform, "dora", ["rollback", "kept", "--to", "1"], "n\n")
    assert "Rollout 1 ran with Settings 0; Settings 1 run now:" in asked
    assert "  components.web.replicas: 3 becomes as app.yaml says" in asked
    assert "nothing was changed." in asked
    assert data(dora("history", "kept", "-o", "json"))["items"][0]["release"] == 2  # type: ignore[index]
    with platform.hurry():
        told = dora("rollback", "kept", "--to", "1", "--keep-settings", "--wait")
    assert told.code == 0, told.err
    assert "back to Rollout 1: Release 1, Settings 1." in told.err
    assert "web 3/3" in dora("history", "kept", "-o", "wide").out


def at_a_terminal(platform: Platform, person: str, words: list[str], typed: str) -> str:
    """What a person sees who types this at a terminal, and answers so when asked."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("MCD_")}
    env |= {"MCD_SERVER": platform.url, "MCD_TOKEN": platform.tokens[person], "NO_COLOR": "1"}
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "mcd", *words], env=env, stdin=theirs, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        os.write(ours, typed.encode())
        said, _ = process.communicate(timeout=60)
    finally:
        os.close(ours)
        os.close(theirs)
    return said


def test_a_viewer_is_refused_before_anything_is_told_or_asked(dora: Mcd, platform: Platform) -> None:
    platform.deployed("looked")
    with platform.hurry():
        assert dora("scale", "looked", "web=2", "--wait").code == 0
    platform.deployed("looked", "web: {type: web, image: 'registry.test/x:2'}")
    vera = signed_in(dora, platform, "vera")
    for more in ([], ["--to", "1"], ["--dry-run"]):
        told = vera("rollback", "looked", *more)
        assert (told.code, told.out) == (4, ""), told
        assert told.err.startswith('mcd: app "looked": you may not deploy'), told.err
        assert len(told.err.splitlines()) == 1, told.err


def test_scale_says_beforehand_that_pods_that_run_are_replaced(dora: Mcd, platform: Platform) -> None:
    platform.deployed("spread")
    replaced = "web: the pods that run are replaced, one after the other."
    before = platform.world.written
    shown = dora("scale", "spread", "web=3", "--dry-run")
    assert shown.code == 0, shown.err
    assert "topologySpreadConstraints" in shown.out
    assert replaced in shown.err
    assert "Settings 1: components.web.replicas: as app.yaml says becomes 3." in shown.err
    assert platform.world.written == before, "a dry run wrote"
    with platform.hurry():
        told = dora("scale", "spread", "web=3", "--wait")
        assert told.code == 0, told.err
        assert told.err.splitlines()[0].endswith(replaced)
        again = dora("scale", "spread", "web=4", "--wait")
    assert replaced not in again.err, "from three to four the template is the same"
    assert dora("scale", "spread", "nope=1", "--dry-run").code == 2


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
