"""The base images: made once, served from the cache afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcd.build import dockerfile
from mcd.build.images import BASES, RUNTIMES
from mcd.build.runtimes import default_dockerfile
from scripts.bases.recipes import recipes
from tests.build.test_builder_contract import unpacked
from tests.servers.registry import free_port, registry, required

ROOT = Path(__file__).resolve().parents[2]


def test_every_base_has_a_recipe_that_we_can_read_and_parents_come_first() -> None:
    made = recipes()
    assert tuple(one.name for one in made) == BASES
    seen: set[str] = set()
    for one in made:
        stages = dockerfile.stages(dockerfile.read((one.folder / "Dockerfile").read_text(), one.name), {})
        assert [use.image for use in dockerfile.uses(stages)] == ([f"mcd/{one.parent}"] if one.parent else [])
        assert not one.parent or one.parent in seen
        seen.add(one.name)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_has_a_default_dockerfile_on_its_base(runtime: str) -> None:
    text = default_dockerfile(runtime, ["app.py", "index.js", "index.html"])
    assert text.startswith(f"FROM mcd/{runtime}\n")


def make(host: str, cache: Path) -> str:
    """Makes the one base that needs no network; answers what was said."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.bases", "--registry", host, "--only", "static"],
        cwd=ROOT, env={**os.environ, "MCD_CACHE": str(cache)}, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    return f"{done.returncode} {done.stderr}"


def test_a_base_is_made_once_and_then_comes_from_the_cache(tmp_path: Path) -> None:
    required("buildah", "skopeo", "busybox")
    with registry() as first:
        said = make(first, tmp_path)
        assert said.startswith("0 making base image static: 0s so far, about 5s left")
        assert "static is in the registry" in said
        assert make(first, tmp_path) == "0 "
        files, config = unpacked(f"{first}/base/static:latest", tmp_path / "image")
        assert {"bin/busybox", "bin/serve", "etc/passwd"} <= set(files)
        assert '"User":"10001"' in config
    with registry() as second:
        assert make(second, tmp_path) == "0 base image static is in the registry\n"
    tars = [file.name for file in (tmp_path / "bases").iterdir()]
    assert len(tars) == 2
    assert "work" not in tars


def test_a_registry_that_is_down_is_one_line(tmp_path: Path) -> None:
    required("buildah", "skopeo", "busybox")
    host = f"127.0.0.1:{free_port()}"
    expected = f"1 base images: the registry {host} does not answer. Start it, or correct MCD_REGISTRY.\n"
    assert make(host, tmp_path) == expected
