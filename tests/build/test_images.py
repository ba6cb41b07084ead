"""Where images may come from, and what a person is told when they may not."""

from __future__ import annotations

import pytest

from mcd.build import dockerfile, images
from mcd.errors import McdError

HERE = images.Sources("127.0.0.1:5000", frozenset({"registry.example.com"}))
DIGEST = "sha256:" + "a" * 64


def resolve(line: str) -> str:
    (use,) = dockerfile.uses(dockerfile.stages(dockerfile.read(line), {}))
    return HERE.resolve(use)


def refusal(line: str) -> str:
    with pytest.raises(McdError) as caught:
        resolve(line)
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "reference"),
    [
        ("mcd/python3.11", "127.0.0.1:5000/base/python3.11"),
        ("mcd/static:2", "127.0.0.1:5000/base/static:2"),
        ("127.0.0.1:5000/team/x:1", "127.0.0.1:5000/team/x:1"),
        (f"127.0.0.1:5000/x@{DIGEST}", f"127.0.0.1:5000/x@{DIGEST}"),
        ("registry.example.com/a/b", "registry.example.com/a/b"),
    ],
)
def test_our_bases_and_allowed_registries_are_fetched(written: str, reference: str) -> None:
    assert resolve(f"FROM {written}") == reference


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "FROM python:3.11",
            "Dockerfile:1: FROM python:3.11 cannot be fetched here. Use FROM mcd/python3.11 or, without a Dockerfile, "
            "runtime: python3.11.",
        ),
        ("FROM docker.io/library/node:20-alpine AS x", "Use FROM mcd/node24"),
        ("FROM golang", "Use one of mcd/debian12"),
        ("FROM 127.0.0.1:6000/x", "FROM 127.0.0.1:6000/x cannot be fetched here."),
        ("FROM mcd/pyton3.11", 'there is no base image "mcd/pyton3.11". Did you mean "mcd/python3.11"?'),
        ("FROM mcd/static:..", "is no tag"),
        ("FROM scratch\nCOPY --from=busybox /x /y", "Dockerfile:2: COPY from busybox cannot be fetched here."),
    ],
)
def test_what_cannot_be_fetched_is_refused_with_our_base(line: str, said: str) -> None:
    assert said in refusal(line)


@pytest.mark.parametrize(
    "written",
    [
        "dir:/etc",
        "oci-archive:/x",
        "docker-archive:/x.tar",
        "containers-storage:x",
        "oci:/a:b",
        "docker://x/y",
        "../x",
        "/etc",
        "a//b",
        "A/b",
        "x@sha256:1",
        "x:",
        "http://h/x",
        "127.0.0.1:5000/../x",
        "127.0.0.1:5000",
        "-x",
    ],
)
def test_a_transport_or_path_never_reaches_the_builder(written: str) -> None:
    if not written.startswith("-"):
        with pytest.raises(McdError):
            resolve(f"FROM {written}")
    parsed = images.parse(written)
    assert parsed is None or parsed.host in ("docker.io", "docker", "oci")


def test_runtimes_find_the_nearest_base() -> None:
    assert (
        images.runtime_base("python")
        == images.runtime_base("python3")
        == images.runtime_base("python3.11")
        == "python3.11"
    )
    assert images.runtime_base("static") == "static"
    assert images.runtime_base("node").startswith("node")


@pytest.mark.parametrize("runtime", ["python3.12", "python31", "java", "", "Python", "python3.11.2", "x\n"])
def test_a_runtime_without_a_base_names_those_that_there_are(runtime: str) -> None:
    with pytest.raises(McdError, match="there is no base image for runtime") as caught:
        images.runtime_base(runtime)
    assert "python3.11" in caught.value.hint
