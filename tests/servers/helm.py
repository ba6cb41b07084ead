"""Helm for tests: the real one, which renders and judges the chart as it would for a person.

It is a program and no server. It must not know which values are good.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import helm as helm_script

CHART = Path(__file__).resolve().parents[2] / "charts" / "mcd"
IMAGE = {"image": {"repository": "registry.example.com/mcd"}}
"""The one value that has no default."""


def helm() -> Path:
    """Skips with a reason where it is missing, unless MCD_REQUIRE says that nothing may be skipped."""
    program = helm_script.found()
    if program is None and os.environ.get("MCD_REQUIRE") == "all":
        pytest.fail("helm must be there: MCD_REQUIRE=all. Run `make servers`.")
    if program is None:
        pytest.skip("there is no helm: `make servers` fetches it")
    return program


def run(*words: str, values: Mapping[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    """`helm WORDS --values …`, with folders of its own and no cluster."""
    with tempfile.TemporaryDirectory(prefix="mcd-helm-") as folder:
        file = Path(folder) / "values.yaml"
        file.write_text(yaml.safe_dump({**IMAGE, **(values or {})}), "utf-8")
        own = {f"HELM_{name}_HOME": folder for name in ("CACHE", "CONFIG", "DATA")}
        environment = {**os.environ, **own, "KUBECONFIG": "/dev/null", "HOME": folder}
        return subprocess.run(
            [str(helm()), *words, "--values", str(file)],
            env=environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip


def rendered(
    values: Mapping[str, Any] | None = None, *, name: str = "own", namespace: str = "mcd-system"
) -> list[dict[str, Any]]:
    """Every object that `helm install NAME` would make, hooks and test included. Fails with what Helm said."""
    text = _template(json.dumps(values or {}, sort_keys=True), name, namespace)
    return [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]


@functools.cache
def _template(values: str, name: str, namespace: str) -> str:
    done = run("template", name, str(CHART), "--namespace", namespace, values=json.loads(values))
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(values: Mapping[str, Any]) -> str:
    """What Helm says of values that it does not take."""
    done = run("template", "own", str(CHART), values=values)
    assert done.returncode != 0, "these values are taken"
    return done.stderr.strip()
