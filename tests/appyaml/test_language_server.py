"""What a person sees in an editor: the real yaml-language-server with `mcd schema`, asked at ten places and more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcd.appyaml.schema import editor as for_editors
from scripts import editor_server
from tests.appyaml.language_server import Editor, editor

FIRST = "# yaml-language-server: $schema=app.schema.json\n"
"""The line that `mcd init` writes."""

GOOD = """\
appname: shop
owners: [alice]
components:
  web:
    type: web
    replicas: 2
    health: /healthz
    resources:
      memory: 512Mi
      gpu: T4:1
    rollout: {strategy: canary}
  clean:
    type: cron
    schedule: "@daily"
environments:
  site-9:
    components:
      web: {replicas: ~}
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    if why := editor_server.lacking():
        pytest.skip(f"no yaml-language-server: {why}")
    program = editor_server.install()
    folder = tmp_path_factory.mktemp("editor")
    (folder / "app.schema.json").write_text(json.dumps(for_editors.json_schema()))
    with editor(program, folder) as running:
        yield running


def offered(session: Editor, text: str) -> list[str]:
    """What is offered where `|` stands."""
    before, _, after = (FIRST + text).partition("|")
    session.open(before + after)
    line = before.count("\n")
    return [str(item["label"]) for item in session.complete(line, len(before.rpartition("\n")[2]))]


def shown(session: Editor, text: str, word: str) -> str:
    """What is shown over the first place of a word."""
    session.open(FIRST + text)
    before = (FIRST + text).partition(word)[0]
    return session.hover(before.count("\n"), len(before.rpartition("\n")[2]) + 1)


def marked(session: Editor, text: str) -> list[tuple[int, str]]:
    """What is underlined: the line of the text, from 1, and what is said."""
    return [(d["range"]["start"]["line"], d["message"]) for d in session.open(FIRST + text)]


# --- completion -------------------------------------------------------------------------------------------------------


def test_at_the_top_every_key_is_offered_that_is_not_there_yet(session: Editor) -> None:
    words = offered(session, "appname: shop\ncomponents: {web: {type: web}}\n|")
    assert {"infra", "env", "permdir", "environments", "alerts"} <= set(words)
    assert not {"appname", "components", "name", "services"} & set(words)


def test_in_a_component_only_the_keys_of_its_type_are_offered(session: Editor) -> None:
    web = offered(session, "appname: shop\ncomponents:\n  web:\n    type: web\n    |\n")
    assert {"port", "domains", "health", "rollout"} <= set(web)
    assert not {"schedule", "timezone", "trigger", "headless", "type"} & set(web)
    cron = offered(session, "appname: shop\ncomponents:\n  c:\n    type: cron\n    |\n")
    assert {"schedule", "concurrency", "retries"} <= set(cron)
    assert not {"port", "replicas", "health"} & set(cron)


def test_the_words_of_a_type_are_offered(session: Editor) -> None:
    words = offered(session, "appname: shop\ncomponents:\n  web:\n    type: |\n")
    assert {"web", "service", "daemon", "cron", "job"} <= set(words)


def test_inside_a_mapping_its_keys_are_offered(session: Editor) -> None:
    text = "appname: shop\ncomponents:\n  web:\n    type: web\n    resources:\n      gpu:\n        |\n"
    assert {"count", "model", "memory", "vendor", "mig"} <= set(offered(session, text))


def test_inside_an_environment_the_keys_are_offered_that_may_differ(session: Editor) -> None:
    words = offered(session, "appname: shop\ncomponents: {web: {type: web}}\nenvironments:\n  site-9:\n    |\n")
    assert {"env", "components", "infra"} <= set(words)
    assert not {"deploy", "appname", "build"} & set(words)


# --- hover ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("replicas", "How many pods; 0 is stopped. For web, service, daemon. Default: 1. Limits: 0 to 500."),
        ("gpu", "Devices: 2, T4, T4:2 or a mapping."),
        ("owners", "User names; they get the alerts."),
        ("schedule", "Five fields (minute hour day month weekday) or @hourly"),
    ],
)
def test_over_a_key_its_meaning_default_and_limits_are_shown(session: Editor, word: str, said: str) -> None:
    assert said in shown(session, GOOD, word)


# --- what is underlined -----------------------------------------------------------------------------------------------


def test_nothing_is_underlined_in_a_good_file(session: Editor) -> None:
    assert marked(session, GOOD) == []


def test_a_misspelt_key_is_underlined_once(session: Editor) -> None:
    wrong = GOOD.replace("replicas: 2", "replica: 2")
    assert marked(session, wrong) == [(6, "Property replica is not allowed.")]


def test_a_wrong_word_is_underlined_with_the_right_ones(session: Editor) -> None:
    ((line, said),) = marked(session, GOOD.replace("strategy: canary", "strategy: canry"))
    assert line == 11
    assert said == 'Value is not accepted. Valid values: "rolling", "recreate", "canary".'


def test_a_key_of_another_type_is_underlined(session: Editor) -> None:
    wrong = GOOD.replace('schedule: "@daily"', 'schedule: "@daily"\n    port: 80')
    assert marked(session, wrong) == [(15, "Property port is not allowed.")]


def test_a_missing_key_is_underlined(session: Editor) -> None:
    ((_, said),) = marked(session, GOOD.replace("appname: shop\n", ""))
    assert said == 'Missing property "appname".'


def test_what_may_not_differ_is_underlined_in_an_environment(session: Editor) -> None:
    wrong = GOOD.replace("site-9:\n", "site-9:\n    deploy: {auto: true}\n")
    assert marked(session, wrong) == [(17, "Property deploy is not allowed.")]


# --- the lock ---------------------------------------------------------------------------------------------------------


def test_the_lock_has_names_versions_and_hashes_and_no_host() -> None:
    text = (editor_server.LOCKED / "package-lock.json").read_text()
    assert "://" not in text
    packages = json.loads(text)["packages"]
    assert len(packages) > 5
    for path, facts in packages.items():
        assert not path or (facts["version"] and facts["integrity"].startswith("sha512-")), path
    wanted = json.loads((editor_server.LOCKED / "package.json").read_text())["dependencies"]
    assert packages[""]["dependencies"] == wanted


def test_another_lock_is_another_folder_of_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = editor_server.folder()
    (tmp_path / "package-lock.json").write_text("{}")
    monkeypatch.setattr(editor_server, "LOCKED", tmp_path)
    assert editor_server.folder() != before
