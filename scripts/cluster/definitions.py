"""Custom resource definitions: taken from the projects' own Go modules, checked against pinned sums, kept in the cache.

They are not copied into the repository. It must not apply anything: it returns the text to apply.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.cluster import places, state
from scripts.cluster.problems import ClusterProblem
from scripts.cluster.progress import Line


@dataclass(frozen=True)
class Source:
    """A module that holds definitions: its version, Go's checksum of it, the folder in it."""

    module: str
    version: str
    checksum: str
    folder: str


SOURCES = (
    Source(
        "sigs.k8s.io/gateway-api",
        "v1.6.3",
        "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
        "config/crd/standard",
    ),
    Source(
        "github.com/kedacore/keda/v2",
        "v2.21.0",
        "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
        "config/crd/bases",
    ),
    Source(
        "github.com/prometheus-operator/prometheus-operator",
        "v0.85.0",
        "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
        "example/prometheus-operator-crd",
    ),
    Source(
        "github.com/cert-manager/cert-manager",
        "v1.21.2",
        "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=",
        "deploy/crds",
    ),
)


def version() -> str:
    """A short hash of all sources: another set of versions is another file in the cache."""
    return hashlib.sha256(repr(SOURCES).encode()).hexdigest()[:12]


def file() -> Path:
    """Where the YAML text of all definitions is, once it was fetched."""
    return places.cache() / f"definitions-{version()}.yaml"


def ensure(line: Line) -> str:
    """The YAML text of all definitions, fetched once.

    Raises:
        ClusterProblem: not in the cache, and no Go or no network; or a module is not what was pinned.
    """
    if not file().is_file():
        line.say("fetching the resource definitions of Gateway API, KEDA, Prometheus operator and cert-manager")
        state.write(file(), "".join(_read(each) for each in SOURCES), 0o644)
    return file().read_text()


def _read(source: Source) -> str:
    files = sorted((_download(source) / source.folder).glob("*.yaml"))
    if not files:
        raise ClusterProblem(f"{source.module} {source.version} has no definitions in {source.folder}.")
    return "".join(f"---\n{file.read_text().removeprefix('---')}\n" for file in files)


def _download(source: Source) -> Path:
    go = shutil.which("go") or "/usr/local/go/bin/go"
    what = f"{source.module}@{source.version}"
    try:
        done = subprocess.run(
            [go, "mod", "download", "-json", what],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
            cwd=places.cache(),
            env={**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off"},
        )
    except FileNotFoundError:
        raise ClusterProblem(f"no Go on the PATH, and {what} is not in {places.cache()}. Install Go.") from None
    answer = json.loads(done.stdout) if done.stdout.strip() else {}
    if "Dir" not in answer:
        said = str(answer.get("Error") or done.stderr).strip().splitlines()
        raise ClusterProblem(f"{what}: cannot be downloaded. Check the network and GOPROXY.", tuple(said[-2:]))
    if answer.get("Sum") != source.checksum:
        raise ClusterProblem(f"{what}: its checksum is {answer.get('Sum')}, not the pinned one. Do not use it.")
    return Path(answer["Dir"])


_NAME = re.compile(r"^  name: \"?([a-z0-9]+)\.([a-z0-9.-]+)\"?$", re.MULTILINE)
"""The name of a definition: its resource and its group."""


def unserved(get: Callable[[str], tuple[int, Any]], text: str) -> str:
    """Which resources of these definitions the API server does not list yet, in words; empty: it lists all. A group is
    there with the first of its resources, and who asks then takes the others for what this cluster does not have."""
    wanted = set(_NAME.findall(text))
    served = set()
    for group in {group for _, group in wanted}:
        _, found = get(f"/apis/{group}")
        for version in found.get("versions", ()) if isinstance(found, dict) else ():
            _, listed = get(f"/apis/{version['groupVersion']}")
            if isinstance(listed, dict):
                served |= {(each["name"], group) for each in listed.get("resources", ())}
    lacking = sorted(".".join(each) for each in wanted - served)
    more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
    return f"{', '.join(lacking[:3])}{more} not served" if lacking else ""
