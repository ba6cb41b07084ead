"""`build` (app-yaml 3.2): how the image of the App is made.

It must not know how an image is built.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema.fields import BAD, either, items, key, mapping
from mcd.appyaml.schema.shapes import (
    ANY,
    INSIDE_PATH,
    WORDS,
    Words,
    check_variable,
)
from mcd.appyaml.schema.values import choice, text
from mcd.appyaml.text.nodes import Items, Node, Path
from mcd.appyaml.text.problems import Report

NATIVE = "linux/amd64"
_SOME = items(choice((NATIVE, "linux/arm64")), most=2)


def _read_platforms(report: Report, node: Node, path: Path) -> Any:
    if type(node) is Items and not node.items:
        report.refuse("value.format", node.place, path, "it is empty.", "Write one, or remove the key.")
        return BAD
    return _SOME.read(report, node, path)


PLATFORMS = either(_SOME.name, _read_platforms, [{**_SOME.json(), "minItems": 1}])


@record
class Build:
    """`build`: how the image of the App is made."""

    context: str = key(
        INSIDE_PATH,
        "Folder sent to the builder.",
        value=".",
        limits="relative to the folder of app.yaml",
        effect="context of the build",
        example="src",
    )
    dockerfile: str = key(
        INSIDE_PATH,
        "The Dockerfile, inside context. Without one, runtime has a default.",
        value="Dockerfile",
        effect="file of the build",
        example="deploy/Dockerfile",
    )
    target: str | None = key(
        text(shape=re.compile(r"[A-Za-z0-9_.-]{1,128}"), what="a stage", hint="Write the name behind AS."),
        "Stage of a Dockerfile with several.",
        default="the last stage",
        effect="target of the build",
        example="runtime",
    )
    args: Mapping[str, str] = key(
        mapping(ANY, name=check_variable, most=100, nouns="arguments"),
        "Build arguments. Templates: .App .Commit .Branch .Tag.",
        value=dict,
        effect="build arguments; MCD_COMMIT is always added",
        example="{PIP_EXTRA: dev}",
    )
    platforms: tuple[str, ...] = key(
        PLATFORMS,
        "What the image runs on.",
        value=("linux/amd64",),
        effect="one image index; checked against the pools",
        example="[linux/amd64]",
    )
    prepare: Words | None = key(
        WORDS,
        "Runs before the build in the checkout. A text is split like a shell would, but no shell runs.",
        default="make docker-build-prepare if the Makefile has that target",
        effect="first step of the build",
        example="make generate",
    )
    ci: str | None = key(
        INSIDE_PATH,
        "A workflow file (workflow, job with needs, step) that replaces the default flow.",
        default="none: an image is built on each push",
        limits="relative to the folder of app.yaml",
        effect="CI",
        example="ci/flow.yaml",
    )
