"""The worked examples of the specification (6.14, 6.17), copied from it, come out exactly."""

from __future__ import annotations

from pathlib import Path

import yaml

from mcd.appyaml.compiler import NO_CONTEXT, Source, check, compile_app
from mcd.appyaml.context import read_context
from mcd.objects import to_yaml
from tests.appyaml.cases_on_disk import COMMIT, CONTEXT_OF_THE_PAGE

PAGE = Path(__file__).parent / "page"
TWO_LINES = "appname: hello\ncomponents: {web: {type: web, port: 8080}}\n"


def test_the_two_lines_become_exactly_the_six_objects_of_the_page() -> None:
    wanted = list(yaml.safe_load_all((PAGE / "minimal.yaml").read_text()))
    compiled = compile_app(check(TWO_LINES, "app.yaml"), NO_CONTEXT, Source(COMMIT))
    assert [o["kind"] for o in compiled.objects] == [
        "ServiceAccount",
        "NetworkPolicy",
        "Service",
        "Deployment",
        "HTTPRoute",
        "PrometheusRule",
    ]
    assert list(compiled.objects) == wanted
    assert to_yaml(compiled.objects) == to_yaml(wanted)
    assert compiled.problems == ()


def test_the_gpu_service_gets_exactly_the_pod_of_the_page() -> None:
    context, problems = read_context(CONTEXT_OF_THE_PAGE.read_bytes(), "context.yaml")
    assert problems == ()
    assert context is not None
    compiled = compile_app(check((PAGE / "gpu-app.yaml").read_bytes(), "app.yaml"), context, Source(COMMIT))
    assert compiled.problems == ()
    deployment = next(o for o in compiled.objects if o["kind"] == "Deployment")
    assert deployment["spec"]["template"]["spec"] == yaml.safe_load((PAGE / "gpu-pod.yaml").read_text())
