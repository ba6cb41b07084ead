"""The default that people read, on the page and from `mcd explain`, is what is taken when they write nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from mcd.appyaml.compiler import NO_CONTEXT, Source, check, compile_app, render_line
from mcd.appyaml.schema.app import App
from mcd.appyaml.schema.document import entries
from mcd.appyaml.schema.fields import NOTHING, Kind, as_written, attributes_of, key, keys_of
from mcd.appyaml.schema.values import duration
from mcd.appyaml.text.nodes import Map
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.reader import decode, read
from mcd.objects import Object

SMALL = """
appname: shop
components:
  web: {type: web, image: nginx:1.29.3}
  tick: {type: cron, schedule: "@daily", image: nginx:1.29.3}
"""


def models() -> set[type]:
    inner = {entry.key.kind.model for entry in entries()}
    return {App, *(model for model in inner if model is not None)}


def taken() -> list[tuple[str, Kind, str, Any]]:
    """Each key that has a value without being written: its name, kind, shown default and that value."""
    found = []
    for model in sorted(models(), key=lambda m: m.__name__):
        fields = {field.name: field for field in dataclasses.fields(model)}
        for word, name in attributes_of(model).items():
            known, field = keys_of(model)[word], fields[name]
            factory: Any = field.default_factory
            made = factory() if field.default is dataclasses.MISSING else field.default
            if made is not None and not known.required:
                found.append((f"{model.__name__}.{word}", known.kind, known.default, made))
    return found


@pytest.mark.parametrize(("where", "kind", "shown", "value"), taken(), ids=[where for where, *_ in taken()])
def test_the_shown_default_read_as_if_it_were_written_is_the_value(
    where: str, kind: Kind, shown: str, value: Any
) -> None:
    if as_written(kind, value) in NOTHING:
        return  # words say what nothing means
    report = Report("app.yaml")
    source = decode(f"it: {shown}\n", report)
    assert source is not None
    root = read(source, report)
    assert isinstance(root, Map)
    got = kind.read(report, root.entries["it"][1], ("it",))
    assert report.found == []
    assert as_written(kind, got) == as_written(kind, value) == shown


def test_a_default_in_words_beside_a_value_is_refused() -> None:
    with pytest.raises(TypeError, match="the default is 15m: it cannot be called 10m as well"):
        key(duration(10, 3600), "A run.", value=900, default="10m")


def test_the_value_of_nothing_written_may_be_said_in_words() -> None:
    in_words = {where for where, kind, shown, value in taken() if as_written(kind, value) != shown}
    assert {"Component.resources", "Component.limits", "Gpu.model", "Deploy.tags"} <= in_words


def shown(where: str) -> str:
    (entry,) = [entry for entry in entries() if entry.where == where]
    return entry.key.default


def objects() -> dict[str, Object]:
    compiled = compile_app(check(SMALL, "app.yaml"), NO_CONTEXT, Source("0" * 40))
    line = [o for o in render_line(NO_CONTEXT) if o["kind"] == "LimitRange"]
    return {o["kind"]: o for o in (*compiled.objects, *line)}


def test_what_the_compiler_fills_in_is_what_is_shown() -> None:
    made = objects()
    pod = made["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    asked = container["resources"]["requests"]
    wanted = {
        "components.NAME.resources.cpu": asked["cpu"],
        "components.NAME.resources.memory": asked["memory"],
        "components.NAME.resources.disk": asked["ephemeral-storage"],
        "components.NAME.resources": f"cpu {asked['cpu']}, memory {asked['memory']}, disk {asked['ephemeral-storage']}",
        "components.NAME.port": f"{container['ports'][0]['containerPort']} on a web",
        "components.NAME.replicas": str(made["Deployment"]["spec"]["replicas"]),
        "components.NAME.user": str(pod["securityContext"]["runAsUser"]),
    }
    assert {where: shown(where) for where in wanted} == wanted
    probe, rolling = container["readinessProbe"], made["Deployment"]["spec"]["strategy"]["rollingUpdate"]
    for word, field in (("period", "periodSeconds"), ("timeout", "timeoutSeconds")):
        assert shown(f"components.NAME.health.readiness.{word}").partition(" ")[0] == f"{probe[field]}s"
    assert shown("components.NAME.rollout.max_surge").startswith(f"{rolling['maxSurge']};")
    assert shown("components.NAME.rollout.max_unavailable").startswith(f"{rolling['maxUnavailable']};")
    assert shown("components.NAME.start_within") == "10m"
    assert made["CronJob"]["spec"]["startingDeadlineSeconds"] == 600


def test_a_pod_that_says_nothing_gets_the_same_from_its_namespace() -> None:
    made = objects()
    asked = made["Deployment"]["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]
    (limits,) = made["LimitRange"]["spec"]["limits"]
    assert limits["default"] == {"ephemeral-storage": asked["ephemeral-storage"], "memory": asked["memory"]}
    assert {word: limits["defaultRequest"][word] for word in ("cpu", "memory")} == {
        word: asked[word] for word in ("cpu", "memory")
    }
