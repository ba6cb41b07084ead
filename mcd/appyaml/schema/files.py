"""`files` (app-yaml 3.8): a text, a file of the repository, a config map or a secret as a file in the container.

It must not know what a file contains (resolve/files.py).
"""

from __future__ import annotations

import re
from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema.expand import into
from mcd.appyaml.schema.fields import BAD, Json, Kind, key, mapping, read_model, refused_shape
from mcd.appyaml.schema.shapes import INSIDE_PATH, REFERENCE, check_mount
from mcd.appyaml.schema.values import BOOLEAN, text
from mcd.appyaml.text.nodes import Map, Node, Path, Scalar
from mcd.appyaml.text.problems import Report
from mcd.errors import echo

SOURCES = ("content", "source", "config", "secret")
_ONE = f"required, one of {', '.join(SOURCES)}"
LARGEST_FILE = 512 * 1024
LARGEST_FILES = 900 * 1024
"""Bytes of one file and of all files of a component: one ConfigMap holds them, and Kubernetes takes no larger one."""

_MODE = re.compile(r"0[0-7]{3}")


def _read_mode(report: Report, node: Node, path: Path) -> Any:
    """Permissions as people write them, in octal digits: a YAML 1.1 reader would take 0400 for 256."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, 'a mode like "0444"')
    if not _MODE.fullmatch(node.text):
        hint = "Write four octal digits like 0444."
        report.refuse("value.format", node.place, path, f'"{echo(node.text)}" is not a mode.', hint)
        return BAD
    mode = int(node.text, 8)
    if mode < 0o400:
        report.refuse("value.range", node.place, path, f"{node.text} is out of range.", "Use 0400 to 0777.")
        return BAD
    return mode


_TEXT: Json = {"type": ["string", "number", "boolean"]}
_PLAIN_MODE: Json = {"type": "integer", "minimum": 256, "maximum": 777}
"""0400 without quotes is 256 to one editor and 400 to another."""
_MODES: Json = {"anyOf": [{"type": "string", "pattern": "^0[4-7][0-7]{2}$"}, _PLAIN_MODE]}
MODE = Kind("octal text", _read_mode, lambda: dict(_MODES), written=lambda mode: f'"{mode:04o}"')


@record
class File:
    """One entry of `files`: what a file contains. Exactly one of content, source, config and secret."""

    content: str | None = key(
        text(controls=True),
        "The text itself.",
        default=_ONE,
        effect="ConfigMap <base>-files",
        example='"level=info\\n"',
    )
    source: str | None = key(
        INSIDE_PATH,
        "A file of the repository at the same commit, relative to app.yaml. It may be binary.",
        limits="512 KiB",
        default=_ONE,
        effect="ConfigMap <base>-files",
        example="deploy/nginx.conf",
    )
    config: str | None = key(
        text(shape=REFERENCE, what="a config map and a key", hint="Write name/key."),
        "A config map that the portal holds for the App, else for the product line.",
        default=_ONE,
        effect="its text, in ConfigMap <base>-files",
        example="site/labels.json",
    )
    secret: str | None = key(
        text(shape=REFERENCE, what="a secret", hint="Write name/key."),
        "A secret that the portal holds for the App, else for the product line.",
        default=_ONE,
        effect="projected from that Secret",
        example="payment/token",
    )
    mode: int = key(
        MODE,
        "Who may read, write and run it.",
        value=0o444,
        limits="0400 to 0777, octal",
        effect="items[].mode",
        example='"0400"',
    )
    template: bool = key(
        BOOLEAN,
        "Expands {{ … }} in it; a file that names a secret variable is delivered as a Secret.",
        value=False,
        limits="not with secret; what comes out has at most 1 MiB",
        effect="the text",
        example="true",
    )


def _read_file(report: Report, node: Node, path: Path) -> Any:
    if type(node) is Scalar:
        return File(content=node.text)
    if type(node) is not Map:
        return refused_shape(report, node, path, "text or {content: …}")
    got = read_model(report, node, path, File)
    written = [word for word in SOURCES if word in node.entries]
    if len(written) != 1:
        code = "exclusive" if written else "schema.missing"
        report.refuse(code, node.key or node.place, path, f"write one of {', '.join(SOURCES)}.")
        return BAD
    if got.secret is not None and got.template:
        place = node.entries["template"][0]
        report.refuse("exclusive", place, (*path, "template"), "a secret is never expanded.", "Remove it.")
    return got if getattr(got, written[0]) is not None else BAD


def _says_another_source(before: Map, after: Map) -> bool:
    """Whether an environment's entry names another source than the file's: it is then another file (app-yaml 4.2)."""
    wanted = {word for word in SOURCES if word in after.entries}
    return not wanted <= before.entries.keys()


def _json() -> Json:
    return {"anyOf": [_TEXT, {"$ref": "#/$defs/File"}]}


FILE = Kind("text or mapping", _read_file, _json, File, expand=into("content"), whole=_says_another_source)
FILES = mapping(FILE, name=check_mount, most=500, nouns="files")


def beside(written: str) -> str:
    """The one way to write a path below the folder of app.yaml: `./deploy//x` is `deploy/x`."""
    return "/".join(step for step in written.split("/") if step not in ("", "."))
