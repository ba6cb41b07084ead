"""What an installation sets about builds reaches the builder."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from mcd.build import dockerfile, images
from mcd.errors import McdError
from mcd.runtime import _builder
from mcd.settings import Environment


def resolved(monkeypatch: pytest.MonkeyPatch, folder: Path, registries: str) -> str:
    """The reference that a build fetches for an image of another registry."""
    monkeypatch.setenv("MCD_BUILD_REGISTRIES", registries)
    builder = _builder(Environment(data=folder, registry="127.0.0.1:5000", builder="buildah"))
    (use,) = dockerfile.uses(dockerfile.stages(dockerfile.read("FROM registry.example.com:5000/team/x:1"), {}))
    sources = getattr(builder, "_sources")  # noqa: B009 - there is no public way without running a build
    assert isinstance(sources, images.Sources)
    return sources.resolve(use)


def test_a_registry_that_is_named_is_open_to_builds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = resolved(monkeypatch, tmp_path, " registry.example.com:5000  other.example.com ")
    assert said == "registry.example.com:5000/team/x:1"


@pytest.mark.parametrize("registries", ["", "registry.example.com", "registry.example.com:50"])
def test_another_one_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, registries: str) -> None:
    with pytest.raises(McdError, match="cannot be fetched here"):
        resolved(monkeypatch, tmp_path, registries)


@pytest.mark.parametrize("word", ["https://registry.example.com", "registry.example.com/team", "a,b", "x:y"])
def test_what_names_no_registry_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, word: str
) -> None:
    monkeypatch.setenv("MCD_BUILD_REGISTRIES", word)
    with pytest.raises(ValidationError, match="is not a registry"):
        Environment(data=tmp_path)
