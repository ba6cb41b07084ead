"""`build` (app-yaml 3.2): how the image of the App is made.

It must not know how an image is built.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mcd.appyaml.record import record
from mcd.appyaml.schema.fields import (
    choice,
    items,
    key,
    mapping,
    text,
)
from mcd.appyaml.schema.shapes import (
    ANY,
    INSIDE_PATH,
    check_variable,
    later,
)


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
        items(choice(("linux/amd64", "linux/arm64")), most=2),
        "What the image runs on.",
        value=("linux/amd64",),
        effect="one image index; checked against the pools",
        example="[linux/amd64]",
    )
    prepare: str | None = later("A command that runs before the build in the checkout.")
    ci: str | None = later("A workflow file that replaces the default flow.")
