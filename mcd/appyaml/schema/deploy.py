"""`deploy` (app-yaml 3.3): which pushes deploy the App.

It must not know a push (deploys.py).
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema import patterns
from mcd.appyaml.schema.fields import BAD, Json, Kind, either, items, key, refused_shape
from mcd.appyaml.schema.values import BOOLEAN
from mcd.appyaml.text.nodes import Items, Node, Path, Scalar
from mcd.appyaml.text.problems import Report
from mcd.errors import echo

_LONGEST = 255
_JSON: Json = {"type": "string", "minLength": 1, "maxLength": _LONGEST}


def _read_glob(report: Report, node: Node, path: Path) -> Any:
    """A glob of names in git: release/*, v*."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a name or a glob like release/*")
    word = node.text
    if not word or len(word) > _LONGEST or not word.isprintable() or " " in word:
        hint = "Write a name or a glob like release/*."
        report.refuse("value.format", node.place, path, f'"{echo(word)}" is not a name in git.', hint)
        return BAD
    return BAD if _excludes(report, node, path) else word


def _read_path_glob(report: Report, node: Node, path: Path) -> Any:
    """A glob of files, from the root of the repository."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a path or a glob like src/**")
    word = node.text
    wrong = not word or word.startswith("/") or ".." in word.split("/") or "\\" in word
    if wrong or len(word) > _LONGEST or not word.isprintable():
        hint = "Write it from the root of the repository, without .. and backslash, like src/**."
        report.refuse("path.not_allowed", node.place, path, f'"{echo(word)}" is not a path here.', hint)
        return BAD
    return BAD if _excludes(report, node, path) else word


def _excludes(report: Report, node: Scalar, path: Path) -> bool:
    if not node.text.startswith("!"):
        return False
    hint = "Write what does."
    report.refuse("value.format", node.place, path, f'"{echo(node.text)}": what does not count cannot be said.', hint)
    return True


_GLOBS = items(either("glob", _read_glob, [{**_JSON, "pattern": patterns.GLOB}]), most=50, single=True)
_PATHS = items(either("glob", _read_path_glob, [{**_JSON, "pattern": patterns.PATH_GLOB}]), most=100)


def _read_paths(report: Report, node: Node, path: Path) -> Any:
    if type(node) is Items and not node.items:
        hint = "Write a glob like src/**, or remove paths: then every file does."
        report.refuse("value.range", node.place, path, "no file would count.", hint)
        return BAD
    return _PATHS.read(report, node, path)


@record
class Deploy:
    """`deploy`: which pushes deploy the App. `branch` is None where only the repository knows: its default branch."""

    branch: tuple[str, ...] | None = key(
        _GLOBS,
        "Branches that are deployed, by name or glob: * stops at /, ** does not. [] is none of them.",
        default="the repository's default branch",
        effect="a push to one of them makes a Rollout",
        example="[main, release/*]",
    )
    tags: tuple[str, ...] = key(
        _GLOBS,
        "Tags that are deployed, by name or glob. What is deployed is the commit of the tag.",
        value=(),
        default="none",
        effect="a push of one of them makes a Rollout",
        example="v*",
    )
    paths: tuple[str, ...] = key(
        Kind("list of glob", _read_paths, lambda: {**_PATHS.json(), "minItems": 1}, many=True),
        "Only a push that changed one of these files is deployed. app.yaml itself always counts.",
        value=(),
        default="everything",
        limits="from the root of the repository; ** is any number of folders",
        effect="a push that changed none of them ends as ignored",
        example="[src/**, Dockerfile]",
    )
    auto: bool = key(
        BOOLEAN,
        "false: the Release waits until a person deploys it.",
        value=True,
        effect="whether the Release, once ready, makes a Rollout by itself",
        example="false",
    )
