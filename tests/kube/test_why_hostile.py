"""What a cluster, an annotation or a program says is data: bounded, on one line, without a control character, escaped
where it is printed; and what nobody knows is shown in its own words."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mcd.api.why import explain_health
from mcd.kube.explain import Seen, explain, explain_condition, with_last_lines
from mcd.kube.explain.facts import EVIDENCE_LINES, WORDS_LIMIT, evidence
from mcd.kube.health import Found, health
from mcd.kube.look import told_with
from mcd.model import HealthState, Reason
from mcd.model.why import Language, Note, Why
from mcd.objects import Object
from mcd.store.nouns import health_json
from tests.capture.expected import cases
from tests.capture.judge import FOLDER, component_health, from_yaml
from tests.kube.judged import NOW, event, judged, pod, waiting, workload

NASTY = "\x1b[31mred\x07\u202e\x00<script>alert(1)</script>&\"'{0}{app.__class__}%s\r\nsecond line\u2028third"
HUGE = "x" * 10_000_000


def everything(words: str) -> list[tuple[Object, tuple[Object, ...], Object]]:
    """Pods, events and workloads that say these words wherever a cluster may."""
    died = {"reason": "Error", "exitCode": 3, "message": words, "finishedAt": words}
    unplaced = pod(None)
    unplaced["status"]["conditions"][0] = {"type": "PodScheduled", "status": "False", "message": words}
    refused = {"type": "ReplicaFailure", "status": "True", "message": f"pods is forbidden: exceeded quota: {words}"}
    denied = f'admission webhook "{words}" denied the request: {words}'
    claimed = pod(None)
    claimed["spec"]["volumes"] = [{"persistentVolumeClaim": {"claimName": "data"}}]
    lost = event("ProvisioningFailed", words, "data")
    lost["involvedObject"] = {"kind": "PersistentVolumeClaim", "name": "data"}
    strange = event("Strange", words)
    strange["type"] = "Warning"
    renamed = pod(waiting("ImagePullBackOff", words))
    renamed["status"]["containerStatuses"][0]["image"] = words
    renamed["metadata"]["labels"] = {"app.kubernetes.io/instance": words}
    running = pod({"state": {"running": {}}, "restartCount": 0})
    creating = pod({"state": {"waiting": {"reason": "ContainerCreating"}}})
    return [
        (pod(waiting("ErrImagePull", words)), (), workload()),
        (renamed, (event("BackOff", f"Back-off pulling image {words}"),), workload()),
        (pod(waiting("CreateContainerConfigError", f'secret "{words}" not found {words}')), (), workload()),
        (pod(waiting("RunContainerError", words)), (), workload()),
        (pod(waiting(words, words)), (), workload()),
        (pod(waiting("CrashLoopBackOff", words, restarts=3, last=died)), (), workload()),
        (unplaced, (), workload()),
        (running, (event("Unhealthy", f"{words} probe failed: {words}"),), workload()),
        (creating, (event("FailedMount", words),), workload()),
        (creating, (strange,), workload()),
        (claimed, (lost,), workload()),
        (pod(None, phase="Failed", reason=words, message=words), (), workload()),
        (running, (), workload(conditions=[refused])),
        (running, (), workload(conditions=[{**refused, "message": denied}])),
    ]


@pytest.mark.parametrize("number", range(14))
@pytest.mark.parametrize("language", list(Language))
def test_nasty_words_come_out_bounded_and_printable(number: int, language: Language) -> None:
    broken, events, work = everything(NASTY)[number]
    found = judged(broken, events=events, work=work)
    told = explain_health("shop", found, language)
    for text in (told.sentence, told.step, *told.beside, *told.evidence, *(n.why for n in told.nodes)):
        assert all(c.isprintable() for c in text), repr(text)
        assert len(text) < 1500
    assert len(told.evidence) <= EVIDENCE_LINES
    assert len(json.dumps(health_json(found))) < 40_000


@pytest.mark.parametrize("number", range(14))
def test_ten_megabytes_are_as_short_and_nearly_as_quick_as_ten_bytes(number: int) -> None:
    broken, events, work = everything(HUGE)[number]
    began = time.perf_counter()
    found = judged(broken, events=events, work=work)
    assert time.perf_counter() - began < 2, "a line of a program must not stop the platform"
    assert len(found.message) < 3000
    assert all(len(line) <= WORDS_LIMIT for line in found.evidence)
    assert len(json.dumps(health_json(found))) < 40_000


def test_lines_without_end_are_cut_from_the_end_that_says_least() -> None:
    lines = evidence("\n".join(f"line {n}" for n in range(100_000)))
    assert len(lines) == EVIDENCE_LINES
    assert lines[-1] == "line 99999"
    assert evidence("a" * 50_000_000 + "\nlast")[-1] == "last"


def test_an_unknown_state_says_so_in_the_words_of_the_cluster() -> None:
    found = judged(pod(waiting("QuantumNotEntangled", "the qubit is elsewhere")))
    told = explain_health("shop", found)
    assert (told.why, found.state) == (Why.UNKNOWN, HealthState.PROGRESSING)
    assert told.sentence == (
        "MCD does not know this state; in the cluster's own words: QuantumNotEntangled: the qubit is elsewhere."
    )
    assert told.evidence == ("the qubit is elsewhere",)
    assert "the qubit is elsewhere" in explain_health("shop", found, Language.ZH).sentence


def test_an_unknown_warning_of_a_pod_is_shown_and_a_known_one_is_no_mystery() -> None:
    creating = pod({"state": {"waiting": {"reason": "ContainerCreating"}}})
    warned: dict[str, Any] = {**event("FailedCreatePodSandBox", "no address is left"), "type": "Warning"}
    assert explain_health("shop", judged(creating, events=(warned,))).why is Why.UNKNOWN
    known: dict[str, Any] = {**event("BackOff", "Back-off restarting"), "type": "Warning"}
    assert explain_health("shop", judged(creating, events=(known,))).why is Why.PROGRESSING
    normal: dict[str, Any] = {**event("Scheduled", "to a node"), "type": "Normal"}
    assert explain_health("shop", judged(creating, events=(normal,))).why is Why.PROGRESSING


def test_what_a_program_said_at_last_decides_only_of_what_it_died_of() -> None:
    crash = pod(waiting("CrashLoopBackOff", "back-off 20s", restarts=3, last={"exitCode": 1, "reason": "Error"}))
    seen = Seen([crash])
    cause = explain("web", seen)
    assert cause is not None
    found = health("web", "Deployment", Found(workload(), seen=seen), NOW)
    lines = ("sh: can't create /x: Read-only file system",)
    better = told_with(found, cause, with_last_lines(cause, lines), lines)
    assert explain_health("shop", better).why is Why.READ_ONLY_FILES
    assert better.message.startswith("the program writes to a file system that is read-only")
    assert with_last_lines(cause, ("once: No space left on device", *["fine"] * 20)) == cause, "that was long ago"
    killed = pod(waiting("CrashLoopBackOff", restarts=3, last={"exitCode": 137, "reason": "OOMKilled"}))
    oom = explain("web", Seen([killed]))
    assert oom is not None
    assert with_last_lines(oom, lines) == oom


def test_the_time_of_the_next_try_is_told_where_the_cluster_names_it() -> None:
    last = {"exitCode": 1, "reason": "Error", "finishedAt": "2026-11-22T11:59:50Z"}
    said = "back-off 1m20s restarting failed container=web"
    found = judged(pod(waiting("CrashLoopBackOff", said, restarts=3, last=last)))
    assert "exit 1, 3 restarts so far; the next try comes at 12:01:10 UTC." in found.message
    assert "next try" not in judged(pod(waiting("CrashLoopBackOff", "?", restarts=3, last=last))).message


def test_a_condition_without_words_of_its_own_is_told_as_it_is() -> None:
    cause = explain_condition("shop", Reason.RETRYING, NASTY * 100)
    assert cause.why is Why.OTHER
    assert cause.message.startswith("Retrying: ")
    assert len(cause.message) < 1500
    assert all(c.isprintable() for c in cause.message)
    assert Note.TEXT


ZONE = re.compile(r"(?<=\dT)(\d\d:\d\d:\d\d(?:\.\d+)?)Z")
REPLACED = Path(__file__).parent / "captured" / "replaced"


@pytest.mark.parametrize("case", cases())
def test_a_time_without_a_zone_ends_no_pass(case: str) -> None:
    """Whoever may write a status can write one. All of one state, as if nobody had written a zone."""
    text = ZONE.sub(r"\1", (FOLDER / case / "objects.yaml").read_text(encoding="utf-8"))
    assert component_health(from_yaml(text)).message


@pytest.mark.parametrize("moment", sorted(REPLACED.glob("*.json")), ids=lambda path: path.stem)
def test_pods_that_are_replaced_without_a_zone_in_their_times_end_no_pass(moment: Path) -> None:
    doc = json.loads(ZONE.sub(r"\1", moment.read_text(encoding="utf-8")))
    doc["workload"]["status"]["conditions"] = [
        {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
        {"type": "Available", "status": "False", "lastTransitionTime": "2026-11-22T11:00:00"},
    ]
    found = Found(doc["workload"], doc["replica_sets"], seen=Seen(doc["pods"], doc["events"]))
    assert health("web", "Deployment", found, datetime.fromisoformat(doc["now"])).message
