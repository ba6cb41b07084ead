"""The table of words is whole: every state and part in both languages, with the same parameters, and reachable."""

from __future__ import annotations

import ast
import copy
import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import mcd
from mcd.appyaml.compiler import check
from mcd.errors import Severity
from mcd.kube.answers import refusal
from mcd.kube.apply import reason_for
from mcd.kube.cluster import KubeError
from mcd.kube.decision import and_others
from mcd.kube.explain import explain_condition
from mcd.kube.explain.patterns import PATTERNS
from mcd.kube.explain.platform import as_saying
from mcd.kube.memory import MemoryCluster
from mcd.kube.verdict import outcome_of
from mcd.model import Role, Stalled, Trigger
from mcd.model.named import ROLES, TRIGGERS
from mcd.model.why import (
    SAID,
    WORDS,
    Family,
    Language,
    Note,
    Phrase,
    Why,
    as_json,
    headline,
    in_language,
    of_json,
    patch,
    say,
    sentence,
    step,
    text,
    told,
    told_by,
    whole,
)
from mcd.model.why.said import names_in
from mcd.objects import ref_of
from tests.kube.given import Held, config, deployment, edit_image, obj, settle

CHINESE = re.compile(r"[\u4e00-\u9fff]")
ONLY_PARAMETERS = {Note.TEXT, Note.AMOUNT, Note.SAID, Note.MEANWHILE, Note.ENDED, Note.ALL_OF_IT, Note.TAKEN_BY,
                   Note.GOT_CODE, Note.ASKED, Note.WHOLE, Note.ABOUT, Note.LISTED, Note.COUNTED, Note.SUMMARY,
                   Note.OBJECT_SAYS, Note.COMMAND_IS, Note.OBJECTS_WRITTEN, Note.OF_BRANCH, Note.SEEN_AT}  # fmt: skip


def test_every_word_of_the_enums_has_its_words() -> None:
    assert set(WORDS) == set(Why)
    assert set(SAID) == set(Note)
    assert not {w.value for w in Why} & {n.value for n in Note}, "what is written down names one of them"


@pytest.mark.parametrize("why", list(Why))
def test_a_state_is_told_in_both_languages_with_the_same_parameters(why: Why) -> None:
    words = WORDS[why]
    for phrase in (words.sentence, words.step):
        assert names_in(phrase.en) == names_in(phrase.zh) or _only_counts(phrase), phrase
        assert bool(phrase.en) == bool(phrase.zh)
    if words.sentence.zh != "{what}" and why not in (Why.READY, Why.STOPPED, Why.PROGRESSING, Why.OTHER):
        assert CHINESE.search(words.sentence.zh)
    if words.step.en:
        assert CHINESE.search(words.step.zh)
        assert words.step.en.endswith(".")
        assert words.step.zh.endswith("。")


def _only_counts(phrase: Phrase) -> bool:
    """Chinese has one form where English has two."""
    return names_in(phrase.zh) <= names_in(phrase.en)


@pytest.mark.parametrize("note", list(Note))
def test_a_part_is_told_in_both_languages(note: Note) -> None:
    phrase = SAID[note]
    assert names_in(phrase.en) == names_in(phrase.zh) or phrase.en == "{said}" or _only_counts(phrase)
    if note not in ONLY_PARAMETERS:
        assert CHINESE.search(phrase.zh), phrase


def test_what_is_wrong_has_a_step() -> None:
    """But for what goes on by itself, or says it all in its own words."""
    without = {why for why, words in WORDS.items() if not words.step.en and words.family is not Family.WELL}
    assert without == {Why.SCHEDULER_WAITS, Why.SCALER_FAILS, Why.WAITS, Why.OTHER}


def test_every_state_is_told_by_somebody() -> None:
    """A state that no code names is a promise that nobody keeps."""
    named = set()
    for path in Path(mcd.__file__).parent.rglob("*.py"):
        if path.parent.name == "why":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in ("Why", "Note")
            ):
                named.add((node.value.id, node.attr))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Part":
                named.add(("Note", node.attr))
    assert {w.name for w in Why} - {name for kind, name in named if kind == "Why"} == set()
    assert {n.name for n in Note} - {name for kind, name in named if kind == "Note"} <= {"TEXT"}


TELLS = {"append", "_tell", "EventNote", "Ready", "Waiting", "Stalled", "fresh", "fresh_conditions", "quarantined",
         "say", "say_once", "tell", "_tell_made"}  # fmt: skip
OF_ITS_REASON = {
    # What stands in these conditions is told by their reason, which has a sentence of its own (`as_saying`).
    ("decision.py", "ask"), ("rollouts.py", "_compile"), ("releases.py", "_compile"),
}  # fmt: skip


def test_what_mcd_says_of_itself_is_written_with_what_it_says() -> None:
    """A sentence that is put together where it is said is English for ever: `say` takes it from the table."""
    here = Path(mcd.__file__).parent
    loose = []
    for path in (*(here / "store").rglob("*.py"), *(here / "controllers").rglob("*.py"), here / "kube/decision.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                name = (path.name, function.name)
                loose += [f"{path.name}:{line}" for line in _loose(function) if name not in OF_ITS_REASON]
    assert loose == []


def _loose(function: ast.AST) -> Iterator[int]:
    for node in ast.walk(function):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called == "say" and isinstance(node.func, ast.Name):
            continue
        for argument in node.args if called in TELLS else ():
            text = isinstance(argument, ast.Constant) and isinstance(argument.value, str) and " " in argument.value
            if text or isinstance(argument, ast.JoinedStr):
                yield node.lineno


def test_every_closed_word_has_its_place_in_a_sentence() -> None:
    assert set(TRIGGERS) == set(Trigger)
    assert set(ROLES) == set(Role)
    for word, note in {**TRIGGERS, **ROLES}.items():
        assert say(note) == word.value


def test_a_sentence_goes_on_knowing_what_it_says() -> None:
    silent = say(Note.CLUSTER_SILENT, name="north", said="it refuses the connection.")
    one = say(Note.LINE_NOT_READY, name="demo", said=silent)
    assert one == f'product line "demo" is not ready. {silent}'
    assert in_language(one, Language.ZH).startswith("产品线 “demo” 还没有就绪。集群 “north” 没有响应：")
    assert in_language(one, Language.EN) == one
    assert in_language("web: it died", Language.ZH) == "web: it died", "an older version wrote it down"
    assert pickle.loads(pickle.dumps(one)).told == one.told


ENDING: dict[str, object] = {
    "kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403,
    "message": 'configmaps "shop-web-files" is forbidden: unable to create new content in namespace demo because it is '
    "being terminated",
    "details": {"name": "shop-web-files", "kind": "configmaps", "causes": [
        {"reason": "NamespaceTerminating", "message": "namespace demo is being terminated",
         "field": "metadata.namespace"}
    ]},
}  # fmt: skip


async def test_a_namespace_that_goes_has_its_name_in_both_languages_whichever_cluster_says_so() -> None:
    """The words of a real API server that MCD tells on name no namespace: "is" was taken for one."""
    cluster = MemoryCluster()
    space = obj("v1", "Namespace", "demo")
    del space["metadata"]["namespace"]
    cluster.person({**space, "metadata": {**space["metadata"], "finalizers": ["example.com/hold"]}})
    cluster.person_deletes(ref_of(space))
    wanted = config("shop-web-files", namespace="demo")
    with pytest.raises(KubeError) as refused:
        await cluster.apply(wanted)
    real = refusal(str(ref_of(wanted)), 403, json.dumps(ENDING).encode())
    assert str(refused.value) == str(real)
    one = explain_condition("shop", reason_for(real), str(real), "demo").told
    assert sentence(one) == "the namespace demo is being deleted in the cluster."
    assert sentence(one, Language.ZH) == "集群正在删除命名空间 demo。"
    assert str(real) == as_saying(reason_for(real), str(real)), "without a name nothing is made up"


async def test_what_is_held_and_what_is_refused_goes_on_knowing_what_it_says_through_a_pass() -> None:
    """Nothing looks for names in the English sentence again: it is told with them, in both languages."""
    cluster, fence, wanted = MemoryCluster(), Held(), deployment()
    cluster.person(wanted, manager="kubectl")
    told_of = [outcome_of(await settle(cluster, [wanted], fence))]
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [wanted], fence)
    other = copy.deepcopy(wanted)
    other["spec"]["selector"]["matchLabels"] = {"another": "one"}
    told_of.append(outcome_of(await settle(cluster, [other], fence)))
    cluster.edit(ref_of(wanted), edit_image, manager="rancher")
    told_of.append(outcome_of(await settle(cluster, [wanted], fence, yielded={ref_of(wanted)})))
    seen = []
    for stop in told_of:
        assert isinstance(stop, Stalled)
        cause = explain_condition("shop", stop.reason, stop.message, "default")
        assert str(stop.message) in sentence(cause.told), "the English is what was written down"
        seen.append(sentence(cause.told, Language.ZH))
    assert seen == [
        "Deployment/shop-web 没有被改动：它已存在，由 “kubectl” 创建，不属于 MCD。请删除它，或用 --take-over 接管它。",
        "Deployment/shop-web：字段 spec.selector 在对象创建后不能修改。请删除这个对象，或重命名组件。",
        "Deployment/shop-web 没有被改动：“rancher” 和 “mcd” 反复修改同样的字段"
        "（spec.template.spec.containers[web].image），MCD 已停手。请停掉 rancher，或把这些字段让给它；然后重新部署。",
    ]


def test_a_sentence_that_nobody_knows_is_told_whole_with_how_many_others_there_are() -> None:
    assert and_others("it is refused.", 2) == "it is refused. And 2 more."
    assert told_by(and_others("it is refused.", 2)) == ()
    known = and_others(say(Note.INSTALL_IT), 1)
    assert in_language(known, Language.ZH) == "请集群管理员安装它。另有 1 个。"


def test_one_and_many_are_told_apart() -> None:
    assert sentence(told(Note.OLD_SERVE, old=1)) == "1 old pod goes on serving"
    assert sentence(told(Note.OLD_SERVE, old=2)) == "2 old pods go on serving"
    assert sentence(told(Note.OLD_SERVE, old=2), Language.ZH) == "2 个旧 pod 继续提供服务"


def test_braces_of_a_log_are_words_and_no_template() -> None:
    assert sentence(text("{0} {app.__class__} {}")) == "{0} {app.__class__} {}"
    nested = told(Why.PROBE_OTHER, which=text("{x}"), asked="", said="{said}", component="web")
    assert "{x}" in sentence(nested)
    assert "{said}" in sentence(nested)


def test_a_parameter_that_is_missing_does_not_hide_the_rest() -> None:
    assert sentence(told(Why.QUOTA)) == "the quota of the product line is used up: ?."
    assert step(told(Why.FIELD_FIGHT)) == "Stop the other manager, then `mcd deploy ?`."


def test_what_is_told_is_written_down_and_read_again() -> None:
    one = told(Why.DEVICES_BUSY, what=told(Note.TAKEN_BY, holders=(told(Note.HELD_BY, count="4", who="a"),)), n=3)
    assert of_json(as_json(one)) == one
    assert of_json({"key": "nobody-knows"}) is None
    assert of_json({}) is None


def test_the_whole_says_what_to_do_last() -> None:
    parts = [told(Why.OUT_OF_MEMORY, who="", at="", code="137", again="", where="components.web"), text("1 old pod.")]
    words = whole(parts)
    assert words.startswith("the program was killed because")
    assert words.endswith("1 old pod. Raise components.web.resources.memory, or use less.")
    assert headline(parts) == parts[0]
    assert whole([]) == ""


def test_patches_are_lines_of_app_yaml_and_not_for_sidecars() -> None:
    one = told(Why.OUT_OF_MEMORY, component="web", more="128Mi")
    assert patch(one) == "components:\n  web:\n    resources: {memory: 128Mi}"
    assert patch(told(Why.OUT_OF_MEMORY, component="web", more="128Mi", beside="nginx")) == ""
    assert patch(text("x")) == ""


def test_the_patterns_are_one_list_without_a_second_meaning() -> None:
    kinds = [(p.said, p.words) for p in PATTERNS]
    assert len(kinds) == len(set(kinds))
    for pattern in PATTERNS:
        re.compile(pattern.words, re.IGNORECASE)
    assert {p.why for p in PATTERNS} <= set(WORDS)


def test_a_port_that_nothing_listens_on_changes_no_check() -> None:
    """The right port is known to the program only, and a made-up `health` would be one more thing that is wrong."""
    assert [patch(told(why, component="web")) for why in (Why.NOTHING_LISTENS, Why.PROBE_OTHER)] == ["", ""]
    for why in (Why.HTTP_CODE, Why.PROBE_TIMEOUT):
        lines = patch(told(why, component="web"))
        assert lines.startswith("components:\n  web:\n    health: ")
        assert "port:" not in lines


FILLED = {"NAME:TAG": "shop:2", "PROGRAM": "./shop", "/PATH": "/ready", "PORT": "8080", "POOL": "general",
          "CPU": "500m", "MEMORY": "1Gi", "SIZE": "20Gi"}  # fmt: skip
ABSENT = {"type": "web", "image": "shop:1"}


@pytest.mark.parametrize("why", [why for why, words in WORDS.items() if words.patch])
def test_a_patch_is_lines_that_app_yaml_knows(why: Why) -> None:
    """With its words in capitals filled in, beside the rest of a component."""
    lines = patch(told(why, component="web", more="128Mi"))
    for words, value in FILLED.items():
        lines = lines.replace(words, value)
    assert not re.search(r"\b[A-Z]{3,}\b", lines), "a word that nobody filled in"
    changes = yaml.safe_load(lines)
    web = {**ABSENT, **changes.get("components", {}).get("web", {})}
    kinds = (
        {"type": "job"} if "timeout" in web else {"type": "cron", "schedule": "0 3 * * *"} if "suspend" in web else {}
    )
    text = yaml.safe_dump({"appname": "shop", **changes, "components": {"web": {**web, **kinds}}})
    assert [str(p) for p in check(text, "app.yaml").problems if p.severity is Severity.ERROR] == []
