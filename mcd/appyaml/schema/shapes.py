"""The short forms of app.yaml: values that may be written as a word, a number or a list as well as a mapping.

Each function reads one node into the schema's own type. It must not compare two keys with one another.
"""

from __future__ import annotations

import re
from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema import patterns
from mcd.appyaml.schema.fields import BAD, Json, Kind, either, refuse_null, refused_shape
from mcd.appyaml.schema.values import text
from mcd.appyaml.text import scalars
from mcd.appyaml.text.nodes import Items, Map, Node, Path, Place, Scalar
from mcd.appyaml.text.problems import Report
from mcd.errors import echo
from mcd.objects import is_name, is_reserved

COMPONENT_NAME = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
PORT_NAME = COMPONENT_NAME
REFERENCE = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,200}[a-z0-9])?/(?!\.\.|\.$)[A-Za-z0-9._-]{1,253}")
"""Name and key of a secret or a config map, as Kubernetes takes them."""
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
IMAGE = re.compile(
    r"(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?\.)*[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?::[0-9]{1,5})?/)?"
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
"""An image reference: host and port, path, tag, digest."""

_PERCENT = re.compile(r"(\d{1,3})%", re.ASCII)
_NAMESPACE = text(
    shape=re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"),
    what="a namespace",
    code="name.invalid",
    hint="Use a-z, 0-9 and -, at most 63 characters.",
)


@record
class Words:
    """A command: a text that is still to be split, or the words of a list."""

    text: str | None = None
    words: tuple[str, ...] = ()


@record
class PortNumber:
    """One port: its number and protocol (TCP, UDP)."""

    port: int
    protocol: str = "TCP"


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────


def check_app_name(report: Report, place: Place, path: Path, name: str) -> bool:
    """2 to 40 characters, no `--`, nothing that belongs to the platform."""
    if not is_name(name):
        hint = 'Use a-z, 0-9 and single "-", 2 to 40 characters, a letter first.'
        report.refuse("name.invalid", place, path, f'"{echo(name)}" is not a name for an App.', hint)
        return False
    return not _reserved(report, place, path, name)


def _reserved(report: Report, place: Place, path: Path, name: str) -> bool:
    if is_reserved(name):
        report.refuse("name.reserved", place, path, f'"{echo(name)}" belongs to the platform.', "Choose another.")
        return True
    return False


def read_line_name(report: Report, node: Node, path: Path) -> Any:
    """The name of a product line: it becomes that of a namespace, so none of the cluster's own."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a name")
    if not is_name(node.text):
        hint = 'Use a-z, 0-9 and single "-", 2 to 40 characters, a letter first.'
        report.refuse("name.invalid", node.place, path, f'"{echo(node.text)}" is not a name of a product line.', hint)
        return BAD
    return BAD if _reserved(report, node.place, path, node.text) else node.text


def read_namespace(report: Report, node: Node, path: Path) -> Any:
    """A namespace of a product line."""
    name = _NAMESPACE.read(report, node, path)
    return BAD if name is BAD or _reserved(report, node.place, path, name) else name


def read_app_name(report: Report, node: Node, path: Path) -> Any:
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a name")
    return node.text if check_app_name(report, node.place, path, node.text) else BAD


def check_component_name(report: Report, place: Place, path: Path, name: str) -> bool:
    """At most 30 characters, no `--`, and no name that an object of ours already has."""
    if not COMPONENT_NAME.fullmatch(name) or "--" in name or len(name) > 30:
        hint = 'Use a-z, 0-9 and single "-", at most 30 characters, a letter first.'
        report.refuse("name.invalid", place, path, f'"{echo(name)}" is not a name for a component.', hint)
        return False
    if name == "egress" or name.endswith(("-canary", "-peers")):
        report.refuse("name.reserved", place, path, f'"{name}" belongs to the platform.', "Choose another.")
        return False
    return True


def check_port_name(report: Report, place: Place, path: Path, name: str) -> bool:
    if not PORT_NAME.fullmatch(name) or "--" in name or len(name) > 15:
        hint = 'Use a-z, 0-9 and single "-", at most 15 characters, a letter first.'
        report.refuse("name.invalid", place, path, f'"{echo(name)}" is not a name for a port.', hint)
        return False
    return True


def check_variable(report: Report, place: Place, path: Path, name: str) -> bool:
    if not VARIABLE.fullmatch(name) or len(name) > 128:
        hint = "Use letters, digits and _, at most 128, no digit first."
        report.refuse("name.invalid", place, path, f'"{echo(name)}" is not a name for a variable.', hint)
        return False
    for prefix in ("MCD_", "KUBERNETES_"):
        if name.startswith(prefix):
            report.refuse("env.reserved", place, path, f"{prefix} names belong to the platform.", "Choose another.")
            return False
    return True


# ── paths ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _has_dots(value: str) -> bool:
    return ".." in value.split("/")


def _as_it_prints(value: str) -> str:
    return "" if value.isprintable() else "Use characters that can be seen."


def inside(value: str) -> bool:
    """Whether a path lies below the folder of app.yaml."""
    if not value or value[0] == "/" or len(value) > 500:
        return False
    return not (_has_dots(value) or "\\" in value or _of_git(value)) and value.isprintable()


def _of_git(value: str) -> bool:
    """Whether a path leads into the folder in which git keeps its own, tokens among it: no commit holds it."""
    return ".git" in value.lower().split("/")


def read_inside_path(report: Report, node: Node, path: Path) -> Any:
    """A path of the repository, relative to the folder of app.yaml."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a path")
    value = node.text
    if not inside(value):
        hint = _as_it_prints(value) or "Write one below the folder of app.yaml, without .. and backslash."
        if _of_git(value):
            hint = "Nothing of .git belongs to a commit."
        report.refuse("path.not_allowed", node.place, path, f'"{echo(value)}" is not a path here.', hint)
        return BAD
    return value


def absolute(value: str) -> bool:
    return value.startswith("/") and not _has_dots(value) and value.isprintable() and len(value) <= 500


def read_absolute_path(report: Report, node: Node, path: Path) -> Any:
    """A path in the container."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a path")
    if not absolute(node.text):
        hint = _as_it_prints(node.text) or "Write it from /, without .. in it."
        report.refuse("path.not_allowed", node.place, path, f'"{echo(node.text)}" is not an absolute path.', hint)
        return BAD
    return node.text


def check_mount(report: Report, place: Place, path: Path, value: str) -> bool:
    """A folder that may be mounted: absolute, and none that the kernel or the image's root needs."""
    hint = "Choose another."
    doubtful = "//" in value or ":" in value or "." in value.split("/") or (value.endswith("/") and value != "/")
    if doubtful or not absolute(value):
        hint = _as_it_prints(value) or "Write it from /, without . and .. and : in it, no / at the end."
        report.refuse("path.not_allowed", place, path, f'"{echo(value)}" is not an absolute path.', hint)
        return False
    if value == "/" or value in _KERNEL or value.startswith(tuple(f"{p}/" for p in _KERNEL)):
        report.refuse("path.not_allowed", place, path, f'"{echo(value)}" belongs to the system.', hint)
        return False
    return True


_KERNEL = ("/proc", "/sys", "/dev")
_URL_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
_URL = re.compile(rf"{_URL_PATH.pattern}(?:\?[!\"$-~]*)?")
"""A path and what may stand behind its question mark: no blank, nothing that does not print, no #."""


def read_url_path(report: Report, node: Node, path: Path) -> Any:
    """The path of a URL, as probes ask for it."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a path like /healthz")
    if not _URL.fullmatch(node.text) or len(node.text) > 200:
        hint = "Write a blank as %20." if " " in node.text.strip() else "Write it like /healthz."
        report.refuse("value.format", node.place, path, f'"{echo(node.text)}" is not a path.', hint)
        return BAD
    return node.text


def read_route_path(report: Report, node: Node, path: Path) -> Any:
    """A path prefix of a domain: begins with `/`, ends without one."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a path like /api")
    value = node.text
    good = _URL_PATH.fullmatch(value) and len(value) <= 200 and not _has_dots(value)
    if not good or "//" in value or (value.endswith("/") and value != "/"):
        hint = "Write it like /api, no / at the end."
        report.refuse("value.format", node.place, path, f'"{echo(value)}" is not a path prefix.', hint)
        return BAD
    return value


def moving(image: str) -> bool:
    """Whether a reference has no tag or `latest`, so that it is another image tomorrow."""
    if "@" in image:
        return False
    _, colon, tag = image.rpartition("/")[2].partition(":")
    return not colon or tag == "latest"


# ── words, ports, per cent ───────────────────────────────────────────────────────────────────────────────────────


def read_words(report: Report, node: Node, path: Path) -> Any:
    """A command or its arguments: a text, or a list of words."""
    if type(node) is Scalar:
        if not node.text.strip():
            report.refuse("value.format", node.place, path, "it is empty.", "Write the program, or remove the key.")
            return BAD
        _refuse_controls(report, node, path)
        return Words(text=node.text)
    if type(node) is not Items:
        return refused_shape(report, node, path, "a text or a list")
    words = []
    for number, item in enumerate(node.items):
        if type(item) is not Scalar:
            refused_shape(report, item, (*path, number), "text")
        elif item.null:
            refuse_null(report, item.place, (*path, number))
        else:
            _refuse_controls(report, item, (*path, number))
        words.append(item.text if type(item) is Scalar else "")
    if not node.items:
        report.refuse("value.format", node.place, path, "it is empty.", "Write the program, or remove the key.")
        return BAD
    return Words(words=tuple(words))


def _refuse_controls(report: Report, node: Scalar, path: Path) -> None:
    if wrong := scalars.controlled(node.text):
        report.refuse(wrong.code, node.place, path, wrong.message, wrong.hint)


_TEXT_JSON: Json = {"type": ["string", "number", "boolean"], "pattern": patterns.TEXT}
_COMMAND: Json = {**_TEXT_JSON, "pattern": patterns.WORDS}
URL_JSON: Json = {"type": "string", "pattern": patterns.URL, "maxLength": 200}

WORDS = either("text or list", read_words, [_COMMAND, {"type": "array", "items": _TEXT_JSON, "minItems": 1}])
INSIDE_PATH = either("path", read_inside_path, [{"type": "string", "pattern": patterns.INSIDE, "maxLength": 500}])
ABSOLUTE_PATH = either("path", read_absolute_path, [{"type": "string", "pattern": patterns.ABSOLUTE, "maxLength": 500}])
URL_PATH = either("path", read_url_path, [URL_JSON])
ROUTE_PATH = either("path", read_route_path, [{"type": "string", "pattern": patterns.ROUTE, "maxLength": 200}])
_NAME_JSON: Json = {"type": "string", "pattern": patterns.NAMES["check_app_name"]}
NAME = either("name", read_app_name, [_NAME_JSON])
LINE_NAME = either("name", read_line_name, [_NAME_JSON])
NAMESPACE = either("name", read_namespace, [{"type": "string"}])
ANY: Kind = text()


def is_switch(node: Scalar) -> bool:
    """Whether `true` or `false` stands here, in quotes or not."""
    return node.text.lower() in ("true", "false")


def read_true(report: Report, node: Scalar, path: Path) -> None:
    """The short form `true` of something that is there or is not; whoever wants none leaves the key out."""
    said = scalars.boolean(node)
    if isinstance(said, scalars.Wrong):
        report.refuse(said.code, node.place, path, said.message, said.hint)
    elif not said:
        report.refuse("schema.type", node.place, path, "false asks for nothing.", "Remove it, or write true.")


def read_share(report: Report, node: Node, path: Path) -> Any:
    """A whole number of pods, or a share of them in per cent."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a number or per cent")
    if found := _PERCENT.fullmatch(node.text):
        if int(found[1]) > 100:
            report.refuse("value.range", node.place, path, f"{node.text} is out of range.", "Use 0% to 100%.")
            return BAD
        return f"{int(found[1])}%"
    number = scalars.integer(node, 0, 500)
    if isinstance(number, scalars.Wrong):
        report.refuse(number.code, node.place, path, number.message, number.hint)
        return BAD
    return number


SHARE = either(
    "integer or per cent",
    read_share,
    [
        {"type": "integer", "minimum": 0, "maximum": 500},
        {"type": "string", "pattern": f"^0*(?:{patterns.up_to(100)}%|{patterns.up_to(500)})$"},
    ],
)


def read_user(report: Report, node: Node, path: Path) -> Any:
    """A uid, or `image`."""
    if type(node) is Scalar and node.text == "image":
        return "image"
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a uid or image")
    if node.text.isidentifier():
        hint = "Write a number like 1000, or image for the user that the image names."
        if node.text == "root":
            hint = "Write 0, which only a baseline product line allows, or a number like 1000."
        report.refuse("value.number", node.place, path, f'"{echo(node.text)}" is a name, not a uid.', hint)
        return BAD
    number = scalars.integer(node, 0, 2_147_483_647)
    if isinstance(number, scalars.Wrong):
        report.refuse(number.code, node.place, path, number.message, number.hint)
        return BAD
    return number


USER = either(
    "integer or image",
    read_user,
    [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^([0-9]+|image)$"}],
)


def read_version(report: Report, node: Node, path: Path) -> Any:
    """The version of the file's own schema: 1."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "1")
    number = scalars.integer(node, 1, 1_000_000)
    if isinstance(number, scalars.Wrong):
        report.refuse(number.code, node.place, path, number.message, number.hint)
        return BAD
    if number != 1:
        message = f"version {number} is newer than this mcd, which reads 1."
        report.refuse("schema.version", node.place, path, message, "Update mcd.")
        return BAD
    return number


VERSION = either("integer", read_version, [{"enum": [1, "1"]}])


def read_port(report: Report, node: Node, path: Path, long: Any) -> Any:
    """`9000`, or `{port, protocol}` read by `long`."""
    if type(node) is Map:
        return long(report, node, path)
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a port number")
    number = scalars.integer(node, 1, 65535, port=True)
    if isinstance(number, scalars.Wrong):
        report.refuse(number.code, node.place, path, number.message, number.hint)
        return BAD
    return PortNumber(number)
