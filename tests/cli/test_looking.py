"""What the commands that only look say of the real application: status, lists, doctor."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mcd.cli.output import Form
from mcd.cli.remote.status import show
from mcd.errors import Code
from mcd.kube.cluster import KubeError, KubeReason
from mcd.model import ConditionType, Noun, Reason
from mcd.objects import Ref
from mcd.store import leases, reads
from tests.cli.conftest import TWO, Mcd, Platform, data, signed_in
from tests.controllers.world import ADMIN


def test_apps_are_listed_with_what_runs_of_them(dora: Mcd, platform: Platform) -> None:
    platform.deployed("lister")
    told = dora("app", "list")
    assert told.code == 0, told.err
    row = next(line for line in told.out.splitlines() if line.startswith("lister"))
    assert row.split()[:3] == ["lister", "demo", "ready"]
    assert "app/lister" in dora("app", "list", "-o", "name").out.split()
    items: Any = data(dora("app", "list", "-o", "json"))["items"]
    assert [item for item in items if item["name"] == "lister"]
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


def test_old_pods_are_not_counted_as_those_that_were_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """A version that crashes beside the old one that serves has none ready; what is stopped is so in one word."""
    words = {"message": "m.", "urls": [], "evidence": []}
    crash = {"component": "web", "type": "web", "state": "failed", "reason": "CrashLooping", **words}
    off = {"component": "api", "type": "service", "state": "stopped", "reason": "Ready", **words}
    components = [{**crash, "ready": 0, "desired": 1, "old": 1}, {**off, "ready": 0, "desired": 0, "old": 0}]
    show({"app": {"name": "shop", "product_line": "demo"}, "components": components}, Form.TABLE)
    rows = [re.split(r"  +", line) for line in capsys.readouterr().out.splitlines() if line.endswith("m.")]
    assert rows == [
        ["web", "web", "failed: CrashLooping", "0/1 (1 old)", "m."],
        ["api", "service", "stopped", "0/0", "m."],
    ]


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


def test_doctor_counts_the_apps_that_are_not_well_and_says_what_should_be_mended(root: Mcd, platform: Platform) -> None:
    """An App that its people must mend, and keys that others may read, are warnings: the server does what it should."""

    names = ["kept", *(f"kept-{n}" for n in range(6))]

    async def foreign() -> None:
        for name in names:
            named = {"name": f"{name}-web", "namespace": "demo"}
            spec = {"ports": [{"name": "http", "port": 81}]}
            foreign = {"apiVersion": "v1", "kind": "Service", "metadata": named, "spec": spec}
            platform.world.kube.person(foreign, "kubectl")
            text = f"appname: {name}\ncomponents: {{web: {{type: web, image: 'registry.test/x:1'}}}}\n"
            await platform.world.push(text, name)

    async def stalled() -> bool:
        lives = [await platform.world.live(name) for name in names]
        return all(live is not None and live.state.is_now(ConditionType.STALLED) for live in lives)

    platform.inside(foreign)
    with platform.hurry():
        platform.until(lambda: platform.inside(stalled))
    keys = platform.world.runtime.settings.keys_file
    keys.chmod(0o644)
    try:
        table, told = root("doctor"), root("doctor", "-o", "json")
    finally:
        keys.chmod(0o600)
    every = json.loads(told.out)["checks"]
    checks = {c["name"]: c for c in reversed(every)}
    # The clock of this world stands, so that its tokens have expired for the command's.
    assert {name for name, c in checks.items() if c["state"] == "problem"} <= {"token"}, table.out
    counted = r"\d+ of \d+ are not well: \d+ stalled, 7 held, \d+ unknown, \d+ waiting"
    assert re.fullmatch(counted, checks["apps"]["message"])
    kept = checks["app kept"]
    assert re.match(r"in demo: held for \d+ \S.*: NotOurs: Service/kept-web", kept["message"])
    live = data(root("app", "show", "kept", "-o", "json"))["live"]
    assert isinstance(live, dict)
    assert (kept["product_line"], kept["since"]) == ("demo", live["since"])
    assert re.fullmatch(r"2026-\d\d-\d\dT[\d:.]+Z", kept["since"])
    # What is not listed is a command away, and the command lists all of them.
    (more,) = [c["message"] for c in every if re.match(r"and \d+ more held", c["message"])]
    assert more.startswith("and 2 more held (mcd ")
    command = more.partition("(mcd ")[2].rstrip(")").split()
    assert sorted(root(*command, "-o", "name").out.split()) == sorted(f"app/{name}" for name in names)
    assert more in table.out
    status = root("status", "kept")
    assert re.search(rf"\n  held for \d+ \S.*, since {kept['since']}\n", status.out)
    assert "held: NotOurs" in root("app", "list", "--state", "held").out
    assert "mcd status kept" in checks["app kept"]["next_step"]
    assert "mode 0644" in checks["key ring"]["message"]
    assert {checks[name]["state"] for name in ("apps", "app kept", "key ring")} == {"warning"}
    assert "revision" in checks["database"]["message"]
    assert "GiB free" in checks["disk"]["message"]
    assert "warning" in table.out


def test_doctor_names_an_app_that_waits_for_minutes(root: Mcd, platform: Platform) -> None:
    """The clock of this world stands months behind that of the command: whatever is on its way waits for long."""

    async def going() -> bool:
        live = await platform.world.live("slow")
        reconciling = live.state.condition(ConditionType.RECONCILING) if live is not None else None
        return reconciling is not None and reconciling.status and reconciling.reason is Reason.PROGRESSING

    platform.world.pods_run = False
    try:
        text = "appname: slow\ncomponents: {web: {type: web, image: 'registry.test/x:1'}}\n"
        platform.inside(lambda: platform.world.push(text, "slow"))
        platform.until(lambda: platform.inside(going))
        told = root("doctor").out
    finally:
        platform.world.pods_run = True
    (line,) = [line for line in told.splitlines() if "app slow" in line]
    assert re.search(r"warning +app slow +in demo: progressing for .+: Progressing: web: ", line), line
    assert re.search(r"\d+ of \d+ are not well: .*, [1-9]\d* waiting", told), told


def test_doctor_says_since_when_a_cluster_is_away(root: Mcd, platform: Platform) -> None:
    def refuse(verb: str, ref: Ref) -> KubeError:
        return KubeError(Code.UNAVAILABLE, KubeReason.UNREACHABLE, "the cluster cannot be reached: no route.")

    async def wake() -> None:
        async with platform.world.runtime.db.writing() as tx:
            await leases.wake(tx, Noun.CLUSTER, ["local"], platform.world.runtime.now())

    async def up() -> bool:
        async with platform.world.runtime.db.reading() as tx:
            return (await reads.cluster(ADMIN, tx, "local")).state.is_now(ConditionType.READY)

    platform.deployed("afar")
    platform.world.kube.faults.refuse = refuse
    try:
        platform.inside(wake)
        platform.until(lambda: not platform.inside(up))
        told, listed = root("doctor"), root("app", "list", "--state", "unknown", "-o", "name").out.split()
        shown, checks = root("app", "show", "afar", "-o", "json"), root("doctor", "-o", "json")
        cluster = root("cluster", "show", "local")
    finally:
        platform.world.kube.faults.refuse = None
        platform.inside(wake)
        platform.until(lambda: platform.inside(up))
    assert told.code == 1
    line = next(line for line in told.out.splitlines() if "cluster local" in line)
    assert re.search(r"not ready since \d{4}-\d\d-\d\dT[^ ]+ \(.+\): Unreachable: ", line), line
    assert "no route" in line
    assert told.out.count("no route") == 1, "not once more for each App of the cluster"
    since = re.search(r"^since: +not ready for .+, since (\S+)$", cluster.out, re.MULTILINE)
    assert since is not None, cluster.out
    assert since[1] in line, "doctor and cluster show tell one since"
    assert "next: see that its API server runs" in cluster.err
    # Its Apps are told as well: nobody can say how they are.
    assert "app/afar" in listed
    apps = [c for c in json.loads(checks.out)["checks"] if c["name"].startswith("app ") and "unknown" in c["message"]]
    assert len(apps) == min(5, len(listed))
    assert all(re.match(r"in demo: unknown for .*: Unreachable: It was ready", c["message"]) for c in apps)
    live = json.loads(shown.out)["live"]
    assert live["since"] == live["away_since"] == apps[0]["since"]


def test_what_mcd_knows_of_a_product_line_renders_without_a_server_as_a_push_would(
    dora: Mcd, platform: Platform, tmp_path: Path
) -> None:
    """Without it nothing of the cluster "local" is known, though there is a real one of that name."""
    folder, text = tmp_path / "work", "appname: alike\ncomponents: {web: {type: web, image: 'registry.test/x:1'}}\n"
    (folder / "app.yaml").write_text(text)
    assert dora("render").err == ""
    bare = dora("export", "out", "--image", "r.test/x:1")
    assert "has neither Gateway API nor Ingress" in bare.err
    (folder / "app.yaml").write_text(text.replace("x:1'", "x:1', resources: {gpu: T4}"))
    for told in (bare, dora("render")):
        assert "no --context: this is for a cluster of which nothing is known" in told.err
        assert "`mcd product-line context NAME > context.yaml`" in told.err
    (folder / "app.yaml").write_text(text)
    told = dora("product-line", "context", "demo")
    assert told.code == 0, told.err
    (folder / "context.yaml").write_text(told.out)
    known = dora("render", "--context", "context.yaml")
    assert (known.code, "no --context" in known.err) == (0, False), known.err
    assert "kind: HTTPRoute" in known.out
    nina = signed_in(dora, platform, "nina")
    assert nina("product-line", "context", "demo").code == 3
