"""Files of a container: what is read, measured, delivered and never shown."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from mcd.appyaml.compiler import (
    NO_CONTEXT,
    Compiled,
    Context,
    Source,
    check,
    compile_app,
    source_paths,
    template_digests,
)
from mcd.appyaml.context import ProductLineFacts, SecretFacts, SettingsFacts
from mcd.appyaml.render.files import placeholders, secret_files
from mcd.appyaml.schema.files import LARGEST_FILE, LARGEST_FILES
from tests.appyaml.cases_on_disk import COMMIT
from tests.cost import costs_under


def compiled(text: str, context: Context = NO_CONTEXT, **files: bytes) -> Compiled:
    return compile_app(check(text, "app.yaml"), context, Source(COMMIT, files=files))


def told(got: Compiled) -> list[str]:
    return [f"{problem.code} {problem}" for problem in got.problems]


def one(got: Compiled, kind: str, name: str) -> Any:
    return next(o for o in got.objects if (o["kind"], o["metadata"]["name"]) == (kind, name))


ONE = "appname: hello\ncomponents: {w: {type: daemon, files: {/x/f: {source: f}}}}\n"


def test_a_file_may_have_512_kib_and_not_a_byte_more() -> None:
    assert compiled(ONE, f=b"x" * LARGEST_FILE).ok
    assert told(compiled(ONE, f=b"x" * (LARGEST_FILE + 1))) == [
        'file.too_large app.yaml:2:55: components.w.files["/x/f"].source: it has more than 512 KiB. '
        "Make it smaller, or put it into the image."
    ]


def test_what_a_template_makes_of_a_file_is_measured_too() -> None:
    text = (
        "appname: hello\nenv: {A: '{{ .App | indent 9999 }}'}\n"
        "components: {w: {type: daemon, files: {/x/f: {template: true, content: '%s'}}}}\n"
    )
    assert compiled(text % ("{{ .Env.A }}" * 52)).ok
    assert [line.split()[0] for line in told(compiled(text % ("{{ .Env.A }}" * 53)))] == ["file.too_large"]
    assert [line.split()[0] for line in told(compiled(text % ("{{ .Env.A }}" * 105)))] == ["template.limit"]


def test_all_files_of_a_component_may_have_900_kib_together_wherever_they_come_from() -> None:
    text = (
        "appname: hello\nfiles: {/x/top: {source: a}}\n"
        "components:\n  w: {type: daemon, files: {/x/own: {source: b}}}\n  v: {type: daemon}\n"
    )
    half = LARGEST_FILES // 2
    assert compiled(text, a=b"x" * half, b=b"\xff" * half).ok
    assert told(compiled(text, a=b"x" * half, b=b"\xff" * (half + 1))) == [
        "file.too_large app.yaml:4:28: components.w.files: all files together have more than 900 KiB. "
        "Make them smaller, or put some into the image."
    ]


def test_files_that_are_too_much_already_are_not_made() -> None:
    one = f'/x/f%d: {{template: true, content: "{"{{ .Env.A }}" * 52}"}}\n        '
    files = "".join(one % number for number in range(200))
    head = "appname: hello\nenv: {A: '{{ .App | indent 9999 }}'}\n"
    text = head + "components:\n  w:\n    type: daemon\n    files:\n        " + files
    assert costs_under(0.5, lambda: compiled(text))
    got = told(compiled(text))
    assert [line.split(": ", 2)[0] for line in got] == ["file.too_large app.yaml:7:9"]


def test_the_files_of_all_components_come_to_16_mib_together_and_no_more() -> None:
    text = "appname: hello\nenv: {A: '{{ .App | indent 9999 }}'}\nfiles:\n  /x/f: {template: true, content: '%s'}\n"
    text = text % ("{{ .Env.A }}" * 50) + "components:\n"
    few = "".join(f"  c{number:02}: {{type: daemon}}\n" for number in range(32))
    many = "".join(f"  c{number:02}: {{type: daemon}}\n" for number in range(40))
    assert compiled(text + few).ok
    assert told(compiled(text + many)) == [
        'template.limit app.yaml:4:35: files["/x/f"].content: more than 16 MiB comes out of the templates of all '
        "components. Use less."
    ]


def test_the_paths_of_all_environments_are_named_once_and_none_outside_the_folder() -> None:
    text = """
appname: hello
files: {/x/a: {source: ./a}, /x/b: {source: b//c}, /x/out: {source: ../out}, /x/abs: {source: /etc/passwd}}
components:
  w:
    type: daemon
    files: {/x/d: {source: d}, /x/a: {source: a}, /x/text: source, /x/source: {content: source}}
    sidecars: {s: {image: "x:1", files: {/x/s: {source: s}}}}
environments:
  demo:
    files: {/x/e: {source: e}}
    components: {w: {files: {/x/f: {source: f}}}, v: {type: daemon, files: {/x/g: {source: g}}}}
"""
    assert source_paths(check(text, "app.yaml")) == ("a", "b/c", "d", "e", "f", "g", "s")
    assert source_paths(check("appname: hello\ncomponents: {w: {type: daemon}}\n", "app.yaml")) == ()
    assert source_paths(check("- a list", "app.yaml")) == ()


def test_whatever_is_called_files_is_not_taken_for_the_key() -> None:
    text = """
name: hello
services:
  - {name: files, type: daemon, files: {/x/a: {source: a}}, sidecars: {s: {image: "x:1", files: {/x/s: {source: s}}}}}
environments:
  files:
    services: [{name: files, files: {/x/e: {source: e}}}, {name: v, type: daemon, files: {/x/v: {source: v}}}]
    files: {/x/top: {source: top}}
"""
    assert source_paths(check(text, "app.yaml")) == ("a", "e", "s", "top", "v")
    assert not [p for p in compiled(text, a=b"1", s=b"2").problems if p.code != "alias"]


def test_what_is_called_source_elsewhere_names_no_file() -> None:
    text = "appname: hello\ncomponents:\n  w: {type: daemon, env: {source: a}, files: {source: {source: ../a}}}\n"
    assert source_paths(check(text, "app.yaml")) == ()


def test_binary_files_arrive_byte_for_byte_and_text_as_it_is() -> None:
    data = bytes(range(256))
    held = one(compiled(ONE, f=data), "ConfigMap", "hello-w-files")
    assert [base64.b64decode(value) for value in held["binaryData"].values()] == [data]
    assert "data" not in held
    held = one(compiled(ONE, f="\ufeffä\r\n\t€".encode()), "ConfigMap", "hello-w-files")
    assert list(held["data"].values()) == ["\ufeffä\r\n\t€"]


def test_a_changed_file_restarts_exactly_the_pods_that_read_it() -> None:
    text = "appname: hello\ncomponents:\n  a: {type: daemon, files: {/x/f: {source: f}}}\n  b: {type: daemon}\n"
    before, after = compiled(text, f=b"1"), compiled(text, f=b"2")
    assert template_digests(before)["a"] != template_digests(after)["a"]
    assert template_digests(before)["b"] == template_digests(after)["b"]


def test_the_checksum_is_the_one_of_the_page() -> None:
    got = compiled(ONE, f=b"x")
    data = one(got, "ConfigMap", "hello-w-files")["data"]
    said = json.dumps({"files": {"data": data}, "secrets": {}}, sort_keys=True, separators=(",", ":"))
    annotations = one(got, "Deployment", "hello-w")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["mcd.internal/checksum"] == hashlib.sha256(said.encode()).hexdigest()[:16]


SECRET = """
appname: hello
env: {P: {secret: pay/token}, TRAP: "<<secret:hello-secret-other/key>>"}
components:
  w: {type: daemon, files: {/x/f: {template: true, source: f}}}
"""
KNOWN = Context(settings=SettingsFacts(secrets={"pay": SecretFacts(("token",), "3")}))


def test_a_text_with_a_secret_is_in_no_object_and_in_pieces_for_whoever_knows_the_value() -> None:
    got = compiled(SECRET, KNOWN, f=b"a={{ .Env.P }}\nb={{ .Env.TRAP }}\n")
    assert not any(o["kind"] in ("ConfigMap", "Secret") for o in got.objects)
    assert got.spec is not None
    (pieces,) = secret_files(got.spec.components[0]).values()
    # What only looks like a placeholder stays a text: nobody reads a secret by writing its name.
    assert pieces == ("a=", ("hello-secret-pay", "token"), "\nb=<<secret:hello-secret-other/key>>\n")
    assert placeholders(pieces).startswith("a=<<secret:hello-secret-pay/token>>\n")
    (volume,) = one(got, "Deployment", "hello-w")["spec"]["template"]["spec"]["volumes"]
    assert [list(source) for source in volume["projected"]["sources"]] == [["secret"]]
    assert {need.name: need.source for need in got.secrets} == {
        "hello-secret-pay": "settings",
        "hello-w-secfiles": "files",
    }


def test_another_text_or_another_value_of_such_a_file_restarts_its_pods() -> None:
    first = compiled(SECRET, KNOWN, f=b"a={{ .Env.P }}\n")
    text = compiled(SECRET, KNOWN, f=b"b={{ .Env.P }}\n")
    newer = Context(settings=SettingsFacts(secrets={"pay": SecretFacts(("token",), "4")}))
    value = compiled(SECRET, newer, f=b"a={{ .Env.P }}\n")
    assert len({template_digests(each)["w"] for each in (first, text, value)}) == 3


def test_the_same_file_of_a_component_and_of_its_sidecar_has_two_keys() -> None:
    text = """
appname: hello
components:
  w: {type: daemon, files: {/x/f: a}, sidecars: {s: {image: "x:1", files: {/x/f: b}}}}
"""
    got = compiled(text)
    assert sorted(one(got, "ConfigMap", "hello-w-files")["data"].values()) == ["a", "b"]
    pod = one(got, "Deployment", "hello-w")["spec"]["template"]["spec"]
    assert [volume["name"] for volume in pod["volumes"]] == ["files", "files-s"]
    mounts = {c["name"]: c["volumeMounts"] for c in (*pod["containers"], *pod["initContainers"])}
    assert {name: [m["name"] for m in mount] for name, mount in mounts.items()} == {"w": ["files"], "s": ["files-s"]}


def test_a_config_map_of_settings_wins_over_the_one_of_the_product_line() -> None:
    text = "appname: hello\ncomponents: {w: {type: daemon, files: {/x/f: {config: a/b}}}}\n"
    line = ProductLineFacts(configs={"a": {"b": "line"}})
    both = Context(product_line=line, settings=SettingsFacts(configs={"a": {"b": "settings"}}))
    for context, wanted in ((Context(product_line=line), "line"), (both, "settings")):
        held = one(compiled(text, context), "ConfigMap", "hello-w-files")
        assert list(held["data"].values()) == [wanted]


@pytest.mark.parametrize("length", [100, 253, 400])
def test_a_long_file_name_is_still_a_key(length: int) -> None:
    name = "x" * min(length, 490)
    got = compiled(f"appname: hello\ncomponents: {{w: {{type: daemon, files: {{/{name}: a}}}}}}\n")
    (key,) = one(got, "ConfigMap", "hello-w-files")["data"]
    assert len(key) <= 253
